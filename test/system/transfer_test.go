package system

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"postern/test/size"
)

// maxGrowth is how much more memory than after the warm-up a process may take, at any moment.
const maxGrowth = 64 << 20

// generated gives n bytes that are the same every time and do not repeat.
func generated(n int64) io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{1}), n) }

// transfers is a backend that sends and takes what generated gives.
func transfers(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.ParseInt(r.URL.Query().Get("n"), 10, 64)
	switch r.URL.Path {
	case "/known":
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
		io.Copy(w, generated(n))
	case "/chunked":
		io.Copy(w, generated(n))
	case "/sum":
		sum := sha256.New()
		n, err := io.Copy(sum, r.Body)
		fmt.Fprintf(w, "%d %x %v", n, sum.Sum(nil), err)
	}
}

// TestTransfer: gigabytes arrive unchanged in both directions, and no process needs memory for them.
func TestTransfer(t *testing.T) {
	amount := size.Of[int64](256<<20, 5<<30)
	s := newWiki(t, 1, transfers)
	sum := sha256.New()
	if _, err := io.Copy(sum, generated(amount)); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%d %x <nil>", amount, sum.Sum(nil))
	// A password's hash takes as much memory as a transfer may: who hashed one is no measure.
	if err := s.service.signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.service.start()
	s.awaitActive(1)
	for _, c := range s.clients { // warm-up
		s.download(c, "/known", 16<<20)
		s.upload(c, 16<<20)
	}
	memory := s.watchMemory()
	for _, c := range s.clients {
		for _, run := range []struct {
			what string
			do   func() string
		}{
			{"download, known length", func() string { return s.download(c, "/known", amount) }},
			{"download, chunked", func() string { return s.download(c, "/chunked", amount) }},
			{"upload", func() string { return s.upload(c, amount) }},
		} {
			began := time.Now()
			got := run.do()
			if got != want {
				t.Errorf("%s, %s: %s, want %s", c.name, run.what, got, want)
			}
			t.Logf("%s, %s: %s in %v", c.name, run.what, got, time.Since(began).Round(time.Millisecond))
		}
	}
	memory()
}

// download gives length, sum and error of what arrives.
func (s *site) download(c client, path string, n int64) string {
	s.t.Helper()
	resp := must(c.Get(s.wiki(fmt.Sprintf("%s?n=%d", path, n))))(s.t)
	defer resp.Body.Close()
	sum := sha256.New()
	got, err := io.Copy(sum, resp.Body)
	return fmt.Sprintf("%d %x %v", got, sum.Sum(nil), err)
}

// upload gives length, sum and error of what arrived at the backend.
func (s *site) upload(c client, n int64) string {
	s.t.Helper()
	req := must(http.NewRequestWithContext(s.t.Context(), http.MethodPut, s.wiki("/sum"), generated(n)))(s.t)
	req.ContentLength = n
	resp := must(c.Do(req))(s.t)
	defer resp.Body.Close()
	return string(must(io.ReadAll(resp.Body))(s.t))
}

// watchMemory looks at the memory of every process from now on, several times a second, until the
// returned function is called, which fails the test if one grew too much.
func (s *site) watchMemory() (end func()) {
	processes := append([]*process{s.service}, s.connectors...)
	base, peak := make([]int64, len(processes)), make([]int64, len(processes))
	for i, p := range processes {
		base[i] = p.memory()
	}
	done := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			for i, p := range processes {
				peak[i] = max(peak[i], p.memory())
			}
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	return func() {
		s.t.Helper()
		close(done)
		watch.Wait()
		for i, p := range processes {
			s.t.Logf("%s: %d MiB after the warm-up, at most %d MiB", p.name, base[i]>>20, peak[i]>>20)
			if base[i] == 0 || peak[i]-base[i] >= maxGrowth {
				s.t.Errorf("%s grew by %d MiB, want less than %d", p.name, (peak[i]-base[i])>>20, maxGrowth>>20)
			}
		}
	}
}
