//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"postern/internal/posterntest"
	"postern/test/size"
)

// rate is how many requests the load has each second.
var rate = size.Of(60, 200)

// outcome is a request that was answered, or was not.
type outcome struct {
	method, id string
	began      time.Time
	took       time.Duration
	by         string // the host of the connector
	wrong      string // empty: it was answered as it should
}

// load sends requests at a rate, whatever becomes of those before: three in four may be repeated, one must not; some take a while.
type load struct {
	f       *fleet
	clients []*http.Client
	stop    context.CancelFunc
	all     sync.WaitGroup
	done    atomic.Int64

	mu    sync.Mutex // guards the fields below
	under map[string]time.Time
	list  []outcome
}

func (f *fleet) startLoad() *load {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{f: f, stop: cancel, under: map[string]time.Time{}}
	for i := range 6 {
		browser := f.newUser()
		if i%2 == 0 {
			browser = browser.WithoutHTTP2()
		}
		browser.Jar, browser.Timeout = f.user.Jar, time.Minute
		l.clients = append(l.clients, browser.Client)
	}
	l.all.Go(func() { l.run(ctx) })
	f.t.Cleanup(l.end)
	return l
}

func (l *load) run(ctx context.Context) {
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		l.all.Go(func() { l.one(n) })
	}
}

func (l *load) one(n int) {
	o := outcome{method: http.MethodGet, id: fmt.Sprint(n), began: time.Now()}
	target, body := "https://"+appHost+"/?id="+o.id, io.Reader(nil)
	if n%4 == 3 {
		o.method, body = http.MethodPost, strings.NewReader("once")
	}
	if n%5 == 0 {
		target += "&wait=300ms"
	}
	l.mu.Lock()
	l.under[o.id] = o.began
	l.mu.Unlock()
	req, err := http.NewRequest(o.method, target, body)
	if err == nil {
		var resp *http.Response
		if resp, err = l.clients[n%len(l.clients)].Do(req); err == nil {
			var text []byte
			text, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			o.by = resp.Header.Get("By")
			if resp.StatusCode != http.StatusOK || string(text) != pageText {
				o.wrong = fmt.Sprintf("%s: %.300s", resp.Status, text)
			}
		}
	}
	if err != nil {
		o.wrong = err.Error()
	}
	o.took = time.Since(o.began)
	l.mu.Lock()
	l.list = append(l.list, o)
	delete(l.under, o.id)
	l.mu.Unlock()
	l.done.Add(1)
}

func (l *load) end() { l.stop(); l.all.Wait() }

// more waits until so many more requests are over.
func (l *load) more(times int) {
	l.f.t.Helper()
	from := l.done.Load()
	l.f.system.Await("requests to be over", func() bool { return l.done.Load() >= from+int64(times) })
}

// settled waits until every request that began before now is over.
func (l *load) settled() {
	l.f.t.Helper()
	now, deadline := time.Now(), time.Now().Add(90*time.Second)
	for l.oldest().Before(now) {
		if time.Now().After(deadline) {
			l.f.t.Fatal("requests are not over")
		}
		<-time.After(20 * time.Millisecond)
	}
}

// oldest gives when the oldest request that is under way began; now if there is none.
func (l *load) oldest() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := time.Now()
	for _, began := range l.under {
		if began.Before(oldest) {
			oldest = began
		}
	}
	return oldest
}

// summary is what became of requests.
type summary struct {
	all, failed     int
	by              map[string]int
	worst           outcome // the slowest that was answered
	wrong           []outcome
	p50, p99, slow  time.Duration
	failedRepeating int // failed although they might have been repeated
}

// since sums up the requests that began since a moment.
func (l *load) since(began time.Time) summary {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := summary{by: map[string]int{}}
	var times []time.Duration
	for _, o := range l.list {
		if o.began.Before(began) {
			continue
		}
		s.all++
		if o.wrong != "" {
			s.failed++
			s.wrong = append(s.wrong, o)
			if o.method == http.MethodGet {
				s.failedRepeating++
			}
			continue
		}
		s.by[o.by]++
		times = append(times, o.took)
		if o.took > s.worst.took {
			s.worst = o
		}
	}
	if len(times) > 0 {
		slices.Sort(times)
		s.p50, s.p99, s.slow = times[len(times)/2], times[len(times)*99/100], times[len(times)-1]
	}
	return s
}

func (s summary) String() string {
	var who []string
	for host, n := range s.by {
		who = append(who, fmt.Sprintf("%s %d", host, n))
	}
	sort.Strings(who)
	return fmt.Sprintf("%d requests, %d failed (%d that may be repeated), p50 %v, p99 %v, slowest %v (%s); by %s", s.all, s.failed, s.failedRepeating,
		s.p50.Round(time.Millisecond), s.p99.Round(time.Millisecond), s.slow.Round(time.Millisecond), s.worst.method, strings.Join(who, ", "))
}

// expectNoneFailed says which requests failed since a moment.
func (l *load) expectNoneFailed(what string, since time.Time) {
	l.f.t.Helper()
	s := l.since(since)
	l.f.t.Logf("%s: %v", what, s)
	for i, o := range s.wrong {
		if i < 5 {
			l.f.t.Errorf("%s: %s %s after %v: %s", what, o.method, o.id, o.took.Round(time.Millisecond), o.wrong)
		}
	}
}

// A ws is a WebSocket that somebody holds. A lively one says something all the time.
type ws struct {
	conn *websocket.Conn
	by   string
	said atomic.Int64
	over chan struct{} // closed when it is over
	err  error         // why; read after over
	done time.Time
}

// openSocket opens a WebSocket of ada's.
func (f *fleet) openSocket(lively bool) *ws {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), posterntest.Patience)
	defer cancel()
	browser := f.newUser().WithoutHTTP2()
	browser.Jar, browser.Timeout = f.user.Jar, 0
	conn, _, err := websocket.Dial(ctx, "wss://"+appHost+"/socket", &websocket.DialOptions{HTTPClient: browser.Client})
	if err != nil {
		f.t.Fatalf("open a WebSocket: %v", err)
	}
	f.t.Cleanup(func() { _ = conn.CloseNow() })
	_, host, err := conn.Read(ctx)
	if err != nil {
		f.t.Fatalf("a new WebSocket: %v", err)
	}
	w := &ws{conn: conn, by: string(host), over: make(chan struct{})}
	go w.run(lively)
	return w
}

// run ends with the connection, which the test closes at the latest.
func (w *ws) run(lively bool) {
	defer close(w.over)
	for {
		if lively {
			<-time.After(tick)
			w.err = w.conn.Write(context.Background(), websocket.MessageText, []byte("hello"))
		}
		if w.err == nil {
			_, _, w.err = w.conn.Read(context.Background())
		}
		if w.err != nil {
			w.done = time.Now()
			return
		}
		w.said.Add(1)
	}
}

// alive waits until it was answered twice more, or is over.
func (w *ws) alive(f *fleet) bool {
	f.t.Helper()
	before := w.said.Load()
	f.system.Await("a WebSocket to be answered", func() bool { return w.said.Load() > before+1 || w.ended() })
	return !w.ended()
}

func (w *ws) ended() bool {
	select {
	case <-w.over:
		return true
	default:
		return false
	}
}

// code gives the code with which it was closed, once it is over.
func (w *ws) code(f *fleet) websocket.StatusCode {
	f.t.Helper()
	select {
	case <-w.over:
		return websocket.CloseStatus(w.err)
	case <-time.After(2 * time.Minute): // a drain takes its time
		f.t.Fatalf("a WebSocket by %s is not closed", w.by)
		return 0
	}
}

// socketBy opens WebSockets until one goes by a connector.
func (f *fleet) socketBy(m *member, lively bool) *ws {
	f.t.Helper()
	for range 50 {
		w := f.openSocket(lively)
		if w.by == m.host.Addr() {
			return w
		}
		defer w.conn.CloseNow() // not before: the others are to be the busier ones
	}
	f.t.Fatalf("no WebSocket goes by %s", m.name)
	return nil
}

// A long is an answer that goes on.
type long struct {
	by   string
	read atomic.Int64
	over chan struct{}
	err  error // nil: it ended as it should; read after over
	stop func() error
}

// follow begins an answer that goes on, and reads it all the time.
func (f *fleet) follow(path string) *long {
	f.t.Helper()
	browser := f.newUser()
	browser.Jar, browser.Timeout = f.user.Jar, 0
	resp, err := browser.Get("https://" + appHost + path)
	if err != nil || resp.StatusCode != http.StatusOK {
		f.t.Fatalf("%s: %v %v", path, resp, err)
	}
	l := &long{by: resp.Header.Get("By"), over: make(chan struct{}), stop: resp.Body.Close}
	f.t.Cleanup(func() { _ = resp.Body.Close() })
	go func() { // ends with the body, which the test closes at the latest
		defer close(l.over)
		buffer := make([]byte, 64<<10)
		for l.err == nil {
			var n int
			n, l.err = resp.Body.Read(buffer)
			l.read.Add(int64(n))
		}
		if errors.Is(l.err, io.EOF) {
			l.err = nil
		}
	}()
	return l
}

// followBy begins answers until one goes by a connector.
func (f *fleet) followBy(m *member, path string) *long {
	f.t.Helper()
	for range 50 {
		l := f.follow(path)
		if l.by == m.host.Addr() {
			return l
		}
		defer func() { _ = l.stop() }() // not before: the others are to be the busier ones
	}
	f.t.Fatalf("no %s goes by %s", path, m.name)
	return nil
}

// goesOn waits until more of it came, and says if it ended.
func (l *long) goesOn(f *fleet, what string) {
	f.t.Helper()
	before := l.read.Load()
	f.system.Await("more of "+what, func() bool {
		select {
		case <-l.over:
			return true
		default:
			return l.read.Load() > before
		}
	})
	select {
	case <-l.over:
		f.t.Errorf("%s by %s ended: %v", what, l.by, l.err)
	default:
	}
}
