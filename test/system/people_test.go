package system

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// people are requests at a steady rate, whatever becomes of those before.
type people struct {
	cancel context.CancelFunc
	all    sync.WaitGroup

	mu   sync.Mutex // guards list
	list []visit
}

// A visit is one request of theirs that is over.
type visit struct {
	began  time.Time
	took   time.Duration
	status int
	text   string
}

// people has a client ask for pages, one after each such time, until end.
func (s *site) people(c client, each time.Duration) *people {
	ctx, cancel := context.WithCancel(s.t.Context())
	f := &people{cancel: cancel}
	f.all.Go(func() {
		tick := time.NewTicker(each)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			f.all.Go(func() {
				v := visit{began: time.Now()}
				v.status, v.text = s.get(c, "/")
				v.took = time.Since(v.began)
				f.mu.Lock()
				defer f.mu.Unlock()
				f.list = append(f.list, v)
			})
		}
	})
	return f
}

func (f *people) end() { f.cancel(); f.all.Wait() }

// went is how requests went.
type went struct {
	all, failed    int
	p50, p99, slow time.Duration // of those that were served
	first          time.Duration // after which the first that began since was served
	lastFailed     time.Duration // after which the last one began that was not
	why            string        // it was not
}

func (w went) String() string {
	return fmt.Sprintf("%d requests, %d failed, p50 %v, p99 %v, slowest %v", w.all, w.failed, w.p50.Round(10*time.Microsecond),
		w.p99.Round(10*time.Microsecond), w.slow.Round(10*time.Microsecond))
}

// since tells how those went that began since a moment and are over.
func (f *people) since(moment time.Time) (w went) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var times []time.Duration
	for _, v := range f.list {
		after := v.began.Sub(moment)
		if after < 0 {
			continue
		}
		w.all++
		if v.status != http.StatusOK {
			w.failed++
			if after >= w.lastFailed {
				w.lastFailed, w.why = after, fmt.Sprintf("%d %.300s", v.status, v.text)
			}
			continue
		}
		if over := after + v.took; len(times) == 0 || over < w.first {
			w.first = over
		}
		times = append(times, v.took)
	}
	if len(times) > 0 {
		slices.Sort(times)
		w.p50, w.p99, w.slow = times[len(times)/2], times[len(times)*99/100], times[len(times)-1]
	}
	return w
}
