package system

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"postern/internal/posterntest"
	"postern/test/size"
)

// limitFiles lets a running process have no more than so many files open.
func (p *process) limitFiles(count uint64) {
	p.t.Helper()
	limit := syscall.Rlimit{Cur: count, Max: count}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(p.cmd.Process.Pid), syscall.RLIMIT_NOFILE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		p.t.Fatalf("limit the files of %s: %v", p.name, errno)
	}
}

// alive fails the test if a process has ended.
func (p *process) alive() {
	p.t.Helper()
	select {
	case err := <-p.done:
		p.done = nil
		p.t.Errorf("%s has ended: %v", p.name, err)
	default:
	}
}

// reader is a client on one connection of its own, which it may leave unread.
type reader struct {
	*tls.Conn
	in *bufio.Reader
}

func (s *site) dial(cookie, path string) (*reader, error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: posterntest.Patience}, "tcp", s.Address(), &tls.Config{ServerName: "wiki.test.localhost", RootCAs: s.Roots})
	if err != nil {
		return nil, err
	}
	r := &reader{conn, bufio.NewReaderSize(conn, 512)}
	return r, r.ask(s, cookie, path)
}

func (r *reader) ask(s *site, cookie, path string) error {
	_, err := fmt.Fprintf(r, "GET %s HTTP/1.1\r\nHost: wiki.test.localhost:%d\r\nCookie: %s\r\n\r\n", path, s.Port(), cookie)
	return err
}

// answer reads an answer whole.
func (r *reader) answer() (status int, body string, err error) {
	if err := r.SetReadDeadline(time.Now().Add(2 * posterntest.Patience)); err != nil {
		return 0, "", err
	}
	res, err := http.ReadResponse(r.in, nil)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// scarce is a site with an application that answers at once, when it is let, or very much.
type scarce struct {
	*site
	cookie string
	hold   chan struct{} // closed when /held may answer
	held   atomic.Int64  // requests at /held
}

// smallBuffers gives connections whose kernel keeps little of what is written. Of thousands it would keep all that it has for TCP,
// which is one for all of the machine: the test's end of each would hold up service and connector.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if socket, ok := conn.(*net.TCPConn); ok {
		_ = socket.SetWriteBuffer(64 << 10) // best effort
	}
	return conn, err
}

func newScarce(t *testing.T) *scarce {
	t.Helper()
	s := &scarce{site: newSite(t, ""), hold: make(chan struct{})}
	s.connect()
	block := bytes.Repeat([]byte("x"), 1<<20)
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/held":
			s.held.Add(1)
			select {
			case <-s.hold:
			case <-r.Context().Done():
			}
		case "/large":
			w.Header().Set("Content-Length", strconv.Itoa(64*len(block)))
			for range 64 {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
			return
		}
		io.WriteString(w, "page")
	}))
	backend.Listener = smallBuffers{backend.Listener}
	backend.Start()
	t.Cleanup(func() {
		backend.CloseClientConnections()
		backend.Close()
	})
	s.Assign(s.Publish("wiki", backend.URL+"/"), s.User("ada"))
	s.cookie = s.signedIn(t)
	return s
}

// signedIn gives ada's cookies at the application.
func (s *scarce) signedIn(t *testing.T) string {
	t.Helper()
	var b *posterntest.Browser
	s.Await("ada to be let in", func() bool {
		b = s.Browser()
		return b.SignIn(s.URL("wiki", "/"), "ada").StatusCode == http.StatusOK
	})
	at, err := http.NewRequest(http.MethodGet, s.URL("wiki", "/"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, c := range b.Jar.Cookies(at.URL) {
		list = append(list, c.Name+"="+c.Value)
	}
	return strings.Join(list, "; ")
}

// served says whether somebody new is served.
func (s *scarce) served() bool {
	r, err := s.dial(s.cookie, "/")
	if err != nil {
		return false
	}
	defer r.Close()
	status, body, err := r.answer()
	return err == nil && status == http.StatusOK && body == "page"
}

// TestFewFiles gives service and connector 256 open files and asks for more: who is connected is served, who comes too many
// waits or is refused, neither program ends, and afterwards all are served.
func TestFewFiles(t *testing.T) {
	s := newScarce(t)
	s.service.limitFiles(256)
	s.connectors[0].limitFiles(256)
	canary, err := s.dial(s.cookie, "/")
	if err != nil {
		t.Fatal(err)
	}
	defer canary.Close()
	if status, _, err := canary.answer(); err != nil || status != http.StatusOK {
		t.Fatal(status, err)
	}
	var crowd []net.Conn
	for range 600 { // who says nothing, until no file is left
		conn, err := net.DialTimeout("tcp", s.Address(), posterntest.Patience)
		if err != nil {
			break // the queue of the system is full
		}
		crowd = append(crowd, conn)
		if len(crowd)%20 == 0 {
			if err := canary.ask(s.site, s.cookie, "/"); err != nil {
				t.Fatal(err)
			}
			if status, body, err := canary.answer(); err != nil || status != http.StatusOK || body != "page" {
				t.Fatalf("beside %d connections the canary got %d %q, %v", len(crowd), status, body, err)
			}
		}
	}
	for _, conn := range crowd {
		conn.Close()
	}
	s.service.alive()
	s.Await("new clients to be served again", s.served)
	s.crowdOfRequests(t)
	s.service.alive()
	s.connectors[0].alive()
	s.Await("new clients to be served again", s.served)
}

// crowdOfRequests asks for more at once than the connector can connect to the backend for.
func (s *scarce) crowdOfRequests(t *testing.T) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.Roots}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.Address())
		},
	}}
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	answered := func(status int) { mu.Lock(); defer mu.Unlock(); statuses[status]++ }
	refused := func() int { mu.Lock(); defer mu.Unlock(); return statuses[503] + statuses[502] }
	const count = 400
	for range count {
		all.Go(func() {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL("wiki", "/held"), nil)
			req.Header.Set("Cookie", s.cookie)
			res, err := client.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
			answered(res.StatusCode)
		})
	}
	s.Await("all to be under way or refused", func() bool { return int(s.held.Load())+refused() >= count })
	close(s.hold)
	all.Wait()
	t.Logf("answers by status: %v", statuses)
	if statuses[200] == 0 || statuses[503] == 0 || statuses[200]+statuses[503] != count {
		t.Errorf("answers by status: %v", statuses)
	}
}

// TestLittleMemory gives the service 256 MiB and many clients who ask for much and read nothing: it takes no more than that,
// serves who reads, and afterwards all.
func TestLittleMemory(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "200MiB")
	s := newScarce(t)
	const limit = 256 << 20
	count := size.Of(300, 1000)
	var crowd []*reader
	defer func() {
		for _, r := range crowd {
			r.Close()
		}
	}()
	most, refused := int64(0), 0
	for range count {
		r, err := s.dial(s.cookie, "/large")
		if err != nil {
			refused++
			continue
		}
		crowd = append(crowd, r)
		if len(crowd)%50 == 0 {
			most = max(most, s.service.memory())
			if !s.served() {
				t.Errorf("beside %d slow readers nobody was served", len(crowd))
			}
		}
	}
	most = max(most, s.service.memory())
	if most > limit {
		t.Errorf("the service took %d MiB", most>>20)
	}
	s.service.alive()
	t.Logf("%d slow readers, %d refused; at most %d MiB", len(crowd), refused, most>>20)
	for _, r := range crowd {
		r.Close()
	}
	s.Await("new clients to be served", s.served)
}
