package system

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/test/size"
)

// allTraffic gives what the traffic logs tell, page by page, or nothing while a page cannot be had.
func allTraffic(ctx context.Context, client *api.Client, o api.TrafficOptions) (list []api.Traffic, incomplete []api.TrafficIncomplete, err error) {
	for page, err := range client.Traffic.Pages(ctx, o) {
		if err != nil {
			return nil, nil, err
		}
		list, incomplete = append(list, page.Items...), page.Incomplete
	}
	return list, incomplete, nil
}

// awaitTraffic waits until so many requests to the application are in the logs.
func (s *site) awaitTraffic(client *api.Client, o api.TrafficOptions, want int) (list []api.Traffic) {
	s.t.Helper()
	got := -1
	deadline := time.Now().Add(posterntest.Patience)
	s.Await(fmt.Sprintf("%d records", want), func() bool {
		var err error
		if list, _, err = allTraffic(s.t.Context(), client, o); err != nil {
			return false
		}
		got = len(list)
		if got != want && time.Now().After(deadline.Add(-time.Second)) {
			s.t.Errorf("%d records, want %d", got, want)
		}
		return got == want
	})
	return list
}

// TestTrafficOfAllGateways: whoever is asked tells of all gateways, in one order, whatever the pages; one that is gone is missing
// and comes back with what it had.
func TestTrafficOfAllGateways(t *testing.T) {
	const each = 20
	r := newReplicas(t, 3)
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "private") }))
	r.connect()
	r.publish(backend.URL)
	app, err := r.API.Applications.List(t.Context(), api.ListOptions{})
	if err != nil || len(app.Items) != 1 {
		t.Fatal(err)
	}
	of := api.TrafficOptions{Application: app.Items[0].ID, Path: "/all/", Outcome: "forwarded"}
	for n := range each {
		for i := range r.services {
			c := r.clientsAt(i)[n%2]
			r.Await("an answer", func() bool { status, _ := r.get(c, fmt.Sprintf("/all/%d/%d", i, n)); return status == 200 })
		}
	}
	for i := range r.services {
		for _, limit := range []int{7, 1000} {
			of.Limit = limit
			list := r.awaitTraffic(r.at(i), of, 3*each)
			gateways := map[string]int{}
			for n, one := range list {
				gateways[one.Gateway]++
				if n > 0 && end(one).After(end(list[n-1])) {
					t.Errorf("service %d: %s comes after %s", i, end(one), end(list[n-1]))
				}
				if one.UserName != "ada" || one.ApplicationName != "wiki" || one.ConnectorName != "site1" || one.Destination == "" || one.Status != 200 || one.Sent != 7 {
					t.Errorf("%+v", one)
				}
			}
			if len(gateways) != 3 {
				t.Errorf("service %d tells of %v", i, gateways)
			}
		}
	}
	only := of
	only.Gateway = fmt.Sprintf("127.0.0.1:%d", r.ports[1])
	if list := r.awaitTraffic(r.at(0), only, each); list[0].Path[:7] != "/all/1/" {
		t.Errorf("of the second gateway: %+v", list[0])
	}
	r.services[2].kill()
	r.awaitTraffic(r.at(0), of, 2*each)
	r.services[2].start()
	r.awaitGateways(3)
	for i := range r.services {
		list := r.awaitTraffic(r.at(i), of, 3*each)
		ids := map[string]bool{}
		for _, one := range list {
			ids[one.ID] = true
		}
		if len(ids) != 3*each {
			t.Errorf("%d ids of %d records", len(ids), 3*each)
		}
	}
	if _, err := r.at(0).Users.Erase(t.Context(), list0(t, r)); err != nil {
		t.Fatal(err)
	}
	r.Await("all gateways to forget the user", func() bool {
		list, _, err := allTraffic(t.Context(), r.at(1), api.TrafficOptions{Limit: 1000})
		return err == nil && len(list) > 3*each && !slices.ContainsFunc(list, func(one api.Traffic) bool {
			return one.UserName == "ada" || one.User != "" && (one.Client != "" || one.Path != "")
		})
	})
}

// list0 gives the id of the user ada.
func list0(t *testing.T, r *replicas) string {
	t.Helper()
	list, err := r.API.Users.List(t.Context(), api.ListOptions{Search: "ada"})
	if err != nil || len(list.Items) != 1 {
		t.Fatal(err)
	}
	return list.Items[0].ID
}

func end(one api.Traffic) time.Time {
	return one.Time.Add(time.Duration(one.Duration * float64(time.Millisecond)))
}

// measured gives a site whose metrics can be read, and how.
func measured(t *testing.T) (*site, func() map[string]float64) {
	t.Helper()
	s := newSite(t, "")
	address := fmt.Sprintf("127.0.0.1:%d", posterntest.FreePort(t))
	s.service.args = append(s.service.args, "--metrics-listen", address)
	s.service.signal(syscall.SIGTERM)
	s.service.start()
	s.Await("the service", func() bool { _, err := s.API.Me(t.Context()); return err == nil })
	return s, func() map[string]float64 {
		values := map[string]float64{}
		resp, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			return values
		}
		defer resp.Body.Close()
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			name, value, ok := strings.Cut(lines.Text(), " ")
			if n, err := strconv.ParseFloat(value, 64); ok && err == nil {
				values[name] = n
			}
		}
		return values
	}
}

// addUp says whether every request that came is over and was counted once.
func addUp(values map[string]float64) bool {
	sum := 0.0
	for _, outcome := range []string{"forwarded", "refused", "failed", "served"} {
		sum += values[`postern_gateway_outcomes_total{outcome="`+outcome+`"}`]
	}
	return sum > 0 && sum == values["postern_gateway_arrived_total"]
}

// TestTrafficLogSurvivesKills kills the service again and again while requests come: what could be read before is there, once, and
// what was acknowledged seconds before; counters add up each time.
func TestTrafficLogSurvivesKills(t *testing.T) {
	s, metrics := measured(t)
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "private") }))
	s.connect()
	s.publish(backend.URL)
	kept := map[string]bool{} // paths that were seen in the log
	for round := range size.Of(4, 40) {
		ctx, stop := context.WithCancel(t.Context())
		var users sync.WaitGroup
		var mu sync.Mutex
		answered := map[string]time.Time{}
		for u := range 4 {
			users.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					path := fmt.Sprintf("/kill/%d/%d/%d", round, u, n)
					if status, _ := s.get(s.clients[u%2], path); status == 200 {
						mu.Lock()
						answered[path] = time.Now()
						mu.Unlock()
					}
				}
			})
		}
		s.Await("some of this round in the log", func() bool {
			list, _, err := allTraffic(t.Context(), s.API, api.TrafficOptions{Path: fmt.Sprintf("/kill/%d/", round), Limit: 1000})
			for _, one := range list {
				kept[one.Path] = true
			}
			return err == nil && len(list) > 0
		})
		pause := time.NewTimer(rand.N(500 * time.Millisecond)) // any moment is a good one
		<-pause.C
		killed := time.Now()
		s.service.kill()
		stop()
		users.Wait()
		s.service.start()
		list := s.whole()
		for path := range kept {
			if list[path] != 1 {
				t.Fatalf("round %d: %s is there %d times", round, path, list[path])
			}
		}
		late := 0
		for path, at := range answered {
			switch n := list[path]; {
			case n == 0 && killed.Sub(at) > size.Of(20*time.Second, 2*time.Second):
				t.Errorf("round %d: %s was answered %v before and is not there", round, path, killed.Sub(at))
			case n == 0 && at.Before(killed):
				late++
			}
		}
		t.Logf("round %d: %d answered, %d of them not recorded", round, len(answered), late)
		s.awaitActive(1)
		s.Await("an answer", func() bool { status, _ := s.get(s.clients[0], "/after"); return status == 200 })
		s.Await("counters that add up", func() bool { return addUp(metrics()) })
	}
}

// whole waits for the log after a start and gives how often each path is in it.
func (s *site) whole() map[string]int {
	s.t.Helper()
	count := map[string]int{}
	s.Await("the log", func() bool {
		clear(count)
		list, incomplete, err := allTraffic(s.t.Context(), s.API, api.TrafficOptions{Path: "/kill/", Limit: 1000})
		for _, one := range list {
			count[one.Path]++
		}
		return err == nil && len(incomplete) == 0 && len(list) > 0
	})
	return count
}

// TestHostileRequestsAreSummedUp sends what is refused over kept connections, as fast as they go: the disk does not fill, each request
// is counted, and what a user did meanwhile is there one by one.
func TestHostileRequestsAreSummedUp(t *testing.T) {
	s, metrics := measured(t)
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "private") }))
	s.connect()
	s.publish(backend.URL)
	ctx, stop := context.WithTimeout(t.Context(), size.Of(2*time.Second, 2*time.Minute))
	defer stop()
	var all sync.WaitGroup
	sent := make([]int, 16)
	began := time.Now()
	for i := range sent {
		c := s.Browser().WithoutHTTP2().WithoutRedirects()
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				req, err := http.NewRequest(http.MethodGet, s.wiki(fmt.Sprintf("/hostile/%d/%d", i, n)), nil)
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := c.Client.Do(req) // nobody is signed in
				if err != nil {
					t.Errorf("connection %d: %v", i, err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode == 200 {
					t.Errorf("let in: %d", resp.StatusCode)
					return
				}
				sent[i]++
			}
		})
	}
	good := 0
	for ctx.Err() == nil {
		if status, _ := s.get(s.clients[0], "/good"); status == 200 {
			good++
		}
	}
	all.Wait()
	took := time.Since(began)
	s.service.signal(syscall.SIGTERM) // so that the minute under way is summed up
	s.service.start()
	total := 0
	for _, n := range sent {
		total += n
	}
	requests, records := 0, 0
	s.Await("all requests in the log", func() bool {
		list, _, err := allTraffic(t.Context(), s.API, api.TrafficOptions{Outcome: "refused", Reason: "sign-in-required", Limit: 1000})
		requests, records = 0, len(list)
		for _, one := range list {
			requests += one.Count
		}
		return err == nil && requests >= total
	})
	minutes := int(took.Minutes()) + 2
	if requests-total > 20 || records > minutes*62+20 {
		t.Errorf("%d requests were sent, the log tells of %d in %d records", total, requests, records)
	}
	s.awaitTraffic(s.API, api.TrafficOptions{Path: "/good", Outcome: "forwarded", Limit: 1000}, good)
	bytes := int64(0)
	files, err := filepath.Glob(filepath.Join(s.Dir, "service", "traffic", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if info, err := os.Stat(path); err == nil {
			bytes += info.Size()
		}
	}
	t.Logf("%d hostile requests in %v (%.0f a second) are %d records; the log has %d bytes with %d records of a user", total, took.Round(time.Second), float64(total)/took.Seconds(), records, bytes, good)
	if most := int64(minutes)*32<<10 + int64(good)*60; bytes > most {
		t.Errorf("%d bytes, more than %d", bytes, most)
	}
	s.Await("counters that add up", func() bool { return addUp(metrics()) })
}
