package system

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/posterntest"
	"postern/test/size"
)

// What the backend does with a request of TestMarkers.
const (
	echoes      = "echo"       // answers with the body
	streams     = "stream"     // answers while the body is still on its way
	fails       = "fail"       // answers 500 with the mark
	cuts        = "cut"        // ends the connection in the middle of the answer
	hangsUp     = "hang-up"    // ends the connection without an answer
	answersSoon = "early"      // answers without having read the body
	isLeft      = "left-alone" // the client leaves at some moment
)

// marks is a backend that answers every request with the request's own marks, and notes those that
// contradict themselves.
type marks struct {
	mu    sync.Mutex // guards the fields below
	wrong []string
	seen  map[string]int // by method, what and mark
}

func (m *marks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" {
		return
	}
	parts := strings.Split(r.URL.Path, "/") // "", what, mark, size
	if len(parts) != 4 || r.Header.Get("X-Mark") != parts[2] {
		m.note("the path %s came with the mark %s", r.URL.Path, r.Header.Get("X-Mark"))
		return
	}
	what, mark := parts[1], parts[2]
	n, _ := strconv.Atoi(parts[3])
	m.mu.Lock()
	m.seen[r.Method+" "+what+" "+mark]++
	m.mu.Unlock()
	w.Header().Set("X-Mark", mark)
	w.Header().Set("X-Path", r.URL.Path)
	var body []byte
	switch what {
	case streams:
		http.NewResponseController(w).EnableFullDuplex()
		copied := &marked{mark: mark}
		io.Copy(io.MultiWriter(w, copied), r.Body)
		m.check(copied, mark)
		return
	case hangsUp:
		panic(http.ErrAbortHandler)
	case answersSoon:
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	body, err := io.ReadAll(r.Body)
	copied := &marked{mark: mark}
	copied.Write(body)
	m.check(copied, mark)
	if err != nil {
		return // the client left
	}
	if r.Method == http.MethodGet {
		body = bodyOf(mark, n)
	} else if len(body) != n {
		m.note("%s came with %d bytes, want %d", mark, len(body), n)
	}
	switch what {
	case fails:
		w.WriteHeader(http.StatusInternalServerError)
	case cuts:
		w.Write(body[:len(body)/2])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	w.Write(body)
}

func (m *marks) check(got *marked, mark string) {
	if got.wrong {
		m.note("the body of %s has something else in it", mark)
	}
}

func (m *marks) note(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wrong = append(m.wrong, fmt.Sprintf(format, args...))
}

// bodyOf gives a body of n bytes that is of this mark in every part of it.
func bodyOf(mark string, n int) []byte {
	return bytes.Repeat([]byte(mark), n/len(mark)+1)[:n]
}

// marked checks that what is written is bodyOf(mark, …), however it is cut.
type marked struct {
	mark  string
	n     int
	wrong bool
}

func (m *marked) Write(p []byte) (int, error) {
	for _, b := range p {
		m.wrong = m.wrong || b != m.mark[m.n%len(m.mark)]
		m.n++
	}
	return len(p), nil
}

// errand is one request of TestMarkers.
type errand struct {
	client client
	what   string
	method string
	mark   string
	size   int
	known  bool // the length of the upload is told
	leave  time.Duration
}

var sizes = []int{0, 1, 100, 4 << 10, 40 << 10, 300 << 10}

func newErrand(i int, clients []client) errand {
	e := errand{
		client: clients[i%len(clients)], what: echoes, method: http.MethodPost,
		mark: fmt.Sprintf("<%d.%d>", i, rand.Uint64()), size: sizes[rand.N(len(sizes))], known: rand.N(2) == 0,
	}
	if rand.N(3) == 0 {
		e.method = http.MethodGet
	}
	switch rand.N(20) {
	case 0, 1, 2:
		e.what = streams
		e.method = http.MethodPost
	case 3:
		e.what = fails
	case 4:
		e.what = cuts
	case 5:
		e.what = hangsUp
	case 6:
		e.what = answersSoon
	case 7, 8:
		e.what, e.leave = isLeft, rand.N(30*time.Millisecond)
	}
	return e
}

// run does the errand and says what is wrong with its answer, if anything.
func (e errand) run(s *site) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), posterntest.Patience)
	defer cancel()
	if e.what == isLeft {
		defer time.AfterFunc(e.leave, cancel).Stop()
	}
	var body io.Reader
	if e.method == http.MethodPost {
		body = bytes.NewReader(bodyOf(e.mark, e.size))
		if !e.known {
			body = struct{ io.Reader }{body}
		}
	}
	path := fmt.Sprintf("/%s/%s/%d", e.what, e.mark, e.size)
	req, err := http.NewRequestWithContext(ctx, e.method, s.wiki(path), body)
	if err != nil {
		return err
	}
	req.Header.Set("X-Mark", e.mark)
	resp, err := e.client.Do(req)
	if err != nil {
		return e.excuse(err)
	}
	defer resp.Body.Close()
	got := &marked{mark: e.mark}
	if resp.StatusCode == http.StatusBadGateway && resp.Header.Get("X-Mark") == "" {
		_, err := io.Copy(io.Discard, resp.Body) // the gateway's own page
		return errors.Join(e.expect(e.what == hangsUp, "the gateway's error page"), err)
	}
	if resp.Header.Get("X-Mark") != e.mark || resp.Header.Get("X-Path") != path {
		return fmt.Errorf("%s of %s got the answer to %q %q: %s", path, e.client.name, resp.Header.Get("X-Mark"), resp.Header.Get("X-Path"), resp.Status)
	}
	_, err = io.Copy(got, resp.Body)
	if got.wrong {
		return fmt.Errorf("%s of %s: something else is in the answer's body", path, e.client.name)
	}
	if err != nil {
		return e.excuse(err)
	}
	return e.complete(resp.StatusCode, got.n)
}

// complete judges an answer that looks complete.
func (e errand) complete(status, n int) error {
	want := map[string]int{fails: http.StatusInternalServerError, answersSoon: http.StatusRequestEntityTooLarge}[e.what]
	if want == 0 {
		want = http.StatusOK
	}
	size := e.size
	if e.what == answersSoon {
		size = 0
	}
	if status != want || n != size || e.what == hangsUp || e.what == cuts {
		return fmt.Errorf("%s %s of %s looks complete with status %d and %d bytes, want %d and %d", e.what, e.mark, e.client.name, status, n, want, size)
	}
	return nil
}

// excuse judges an answer that did not come or was cut.
func (e errand) excuse(err error) error {
	switch e.what {
	case isLeft, cuts:
		return nil
	case answersSoon: // the connection may end under an upload that nobody reads
		return e.expect(e.method == http.MethodPost, err.Error())
	}
	return e.expect(false, err.Error())
}

func (e errand) expect(ok bool, got string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%s %s of %s, %d bytes: %s", e.what, e.mark, e.client.name, e.size, got)
}

// TestMarkers: no answer ever reaches another request, and no request another answer.
func TestMarkers(t *testing.T) { eachWay(t, testMarkers) }

func testMarkers(t *testing.T, w way) {
	count, atOnce := size.Of(2000, 10_000), 200
	backend := &marks{seen: map[string]int{}}
	s := w.wiki(t, 2, backend.ServeHTTP)
	errands := make(chan errand)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for e := range errands {
				if err := e.run(s); err != nil {
					t.Error(err)
				}
			}
		})
	}
	began := time.Now()
	for i := range count {
		errands <- newErrand(i, s.clients)
	}
	close(errands)
	workers.Wait()
	t.Logf("%d requests, %d at a time, in %v", count, atOnce, time.Since(began).Round(time.Millisecond))
	backend.mu.Lock()
	defer backend.mu.Unlock()
	for _, wrong := range backend.wrong {
		t.Error(wrong)
	}
	for request, n := range backend.seen {
		// A GET that a kept connection did not answer is repeated, once.
		if n > 2 || n > 1 && !strings.HasPrefix(request, http.MethodGet+" "+hangsUp) {
			t.Errorf("the backend got %s %d times", request, n)
		}
	}
}
