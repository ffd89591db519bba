package system

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"postern/internal/dial"
	"postern/internal/posterntest"
	"postern/test/size"
)

// TestInheritedSocket: with a socket that systemd holds, the service is restarted while people connect all the time, and every attempt gets a
// connection and an answer: those who come meanwhile wait in the socket.
func TestInheritedSocket(t *testing.T) {
	s := newSite(t, "")
	s.connect()
	s.publish(posterntest.NewBackend(t, http.HandlerFunc(greet)).URL)
	if err := s.service.signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	listener := must(net.Listen("tcp", s.Address()))(t)
	defer listener.Close()
	s.service.socket = must(listener.(*net.TCPListener).File())(t)
	defer s.service.socket.Close()
	s.service.start()
	s.awaitActive(1)
	var stop atomic.Bool
	var people sync.WaitGroup
	var answered, failed, worst atomic.Int64
	for i := range 6 {
		people.Go(func() {
			for !stop.Load() {
				began := time.Now()
				if err := s.comesNew([]string{s.PortalURL + "/", s.wiki("/")}[i%2]); err != nil {
					failed.Add(1)
					t.Errorf("a new connection: %v", err)
				}
				answered.Add(1)
				for took := int64(time.Since(began)); ; {
					if old := worst.Load(); took <= old || worst.CompareAndSwap(old, took) {
						break
					}
				}
			}
		})
	}
	for range size.Of(2, 10) {
		before := answered.Load()
		s.Await("people to come", func() bool { return answered.Load() > before+50 })
		if err := s.service.signal(syscall.SIGTERM); err != nil {
			t.Errorf("the service ended with %v", err)
		}
		s.service.start()
		s.awaitActive(1)
	}
	stop.Store(true)
	people.Wait()
	t.Logf("%d connections, %d without an answer, the longest took %v", answered.Load(), failed.Load(), time.Duration(worst.Load()).Round(time.Millisecond))
	s.back("the last restart", time.Now())
}

// comesNew asks for a page of ours or of an application, on a connection of its own.
func (s *site) comesNew(page string) error {
	client := http.Client{
		Timeout:       posterntest.Patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: s.Roots}, DialContext: dial.Context},
	}
	resp, err := client.Get(page)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
