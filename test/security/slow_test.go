package security

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/test/size"
)

// What slow clients are given (docs/operations.md).
const (
	documentedHandshake = 10 * time.Second
	documentedHeader    = 10 * time.Second
	documentedFirst     = 30 * time.Second
	standstill          = 10 * time.Second // of the application's own setting
)

// A slowness is a client that begins and does not go on as it should.
type slowness struct {
	name  string
	begin func(s *slow, conn net.Conn) (net.Conn, error)
	feed  string        // sent every second
	cut   time.Duration // documented
}

// slow is an application whose exchanges may not stand still for long, and somebody who may use it.
type slow struct {
	*world
	cookie string

	cut atomic.Int64 // clients of slowhttptest that the service gave up
}

// smallBuffers gives connections whose kernel keeps little of what is written. Both ends of thousands are on this machine, and
// megabytes for each would be more than it has for all TCP: everything would stand still, whatever we do.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if socket, ok := conn.(*net.TCPConn); ok {
		err = errors.Join(err, socket.SetWriteBuffer(64<<10))
	}
	return conn, err
}

func newSlow(t *testing.T) *slow {
	t.Helper()
	s := &slow{world: &world{System: posterntest.New(t)}}
	s.connector = s.Connector("site")
	block := bytes.Repeat([]byte("slow"), 1<<18)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.URL.Path != "/large" {
			fmt.Fprint(w, "page")
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(64*len(block)))
		for range 64 {
			if _, err := w.Write(block); err != nil {
				s.cut.Add(1) // an answer that nobody read
				return
			}
		}
	}))
	server.Listener = smallBuffers{server.Listener}
	server.Start()
	t.Cleanup(server.Close)
	s.backend = &posterntest.Backend{URL: server.URL + "/"}
	s.wiki = s.Publish("wiki", s.backend.URL, func(a *api.ApplicationInput) { a.IdleTimeout = standstill.String() })
	s.Assign(s.wiki, s.User("ada"))
	cookie, _ := s.session(t, "wiki", "ada")
	s.cookie = sessionCookie + "=" + cookie
	return s
}

// says gives a client that sends bytes on the bare connection.
func says(text string) func(*slow, net.Conn) (net.Conn, error) {
	return func(_ *slow, conn net.Conn) (net.Conn, error) {
		_, err := io.WriteString(conn, text)
		return conn, err
	}
}

// asks gives a client that shakes hands and sends bytes; HOST and COOKIE stand for those of somebody who may.
func asks(text string, protocols ...string) func(*slow, net.Conn) (net.Conn, error) {
	return func(s *slow, conn net.Conn) (net.Conn, error) {
		c := tls.Client(conn, &tls.Config{ServerName: "wiki.test.localhost", RootCAs: s.Roots, NextProtos: protocols})
		_, err := io.WriteString(c, strings.NewReplacer("HOST", s.host("wiki"), "COOKIE", s.cookie).Replace(text))
		return c, err
	}
}

const clientHello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" // the beginning of one of 512 bytes

var slownesses = []slowness{
	{"nothing at all", says(""), "", documentedHandshake},
	{"half a handshake", says(clientHello), "", documentedHandshake},
	{"a handshake byte by byte", says(clientHello), "\x00", documentedHandshake},
	{"a handshake and nothing else", asks(""), "", documentedFirst},
	{"half a header", asks("GET / HTTP/1.1\r\nHost: HOST\r\n"), "", documentedHeader},
	{"a header line by line", asks("GET / HTTP/1.1\r\nHost: HOST\r\n"), "X-A: b\r\n", documentedHeader},
	{"half a preface of HTTP/2", asks(http2.ClientPreface[:10], "h2"), "", documentedHeader},
	{"a preface without settings", asks(http2.ClientPreface, "h2"), "", documentedHeader},
	{"half a body", asks("POST / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nContent-Length: 1000\r\n\r\nhalf"), "", standstill},
	{"half a chunk", asks("POST / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf"), "", standstill},
	{"a body byte by byte", asks("POST / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nTransfer-Encoding: chunked\r\n\r\n"), "1\r\nx\r\n", standstill},
}

// TestSlowClients: whoever begins and does not go on is cut in the time that is documented for it, and the others are
// served throughout.
func TestSlowClients(t *testing.T) {
	s := newSlow(t)
	each, slack := size.Of(10, 200), size.Within(5*time.Second)+10*time.Second
	abuseBy(t, s.world, each*len(slownesses), strings.TrimPrefix(s.cookie, sessionCookie+"="), func(t *testing.T) {
		many(each*len(slownesses), func(i int) {
			row := slownesses[i%len(slownesses)]
			took, err := s.linger(row)
			if err != nil || took > row.cut+slack {
				t.Errorf("%s: cut after %v, documented are %v: %v", row.name, took.Round(time.Millisecond), row.cut, err)
			}
		})
	})
}

// TestSlowCrowds: thousands that stop in the middle of the same step, from many addresses, are cut in its time, too.
func TestSlowCrowds(t *testing.T) {
	s := newSlow(t)
	count, slack := size.Of(50, 4_000), size.Within(5*time.Second)+10*time.Second
	for _, row := range slownesses {
		if row.name != "half a handshake" && row.name != "half a preface of HTTP/2" { // slowhttptest does the others
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			var early, cut atomic.Int64
			abuseBy(t, s.world, count, strings.TrimPrefix(s.cookie, sessionCookie+"="), func(t *testing.T) {
				pace := time.NewTicker(2 * time.Millisecond) // their own handshakes need this machine, too
				defer pace.Stop()
				many(count, func(i int) {
					for range size.Of(0, 1) {
						<-pace.C
					}
					dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 66, byte(1+i%64))}}
					conn, err := dialer.Dial("tcp", s.Address())
					if err != nil {
						t.Error(err)
						return
					}
					switch took, err := s.stand(row, conn); {
					case err != nil || took > row.cut+slack:
						t.Errorf("cut after %v, documented are %v: %v", took.Round(time.Millisecond), row.cut, err)
					case took < row.cut/2:
						early.Add(1)
					default:
						cut.Add(1)
					}
				})
			})
			t.Logf("%d cut in their time, %d at once as one of too many", cut.Load(), early.Load())
			if cut.Load() == 0 {
				t.Error("none got as far as where it stops")
			}
		})
	}
}

// linger is a slow client. It tells how long it was left alone.
func (s *slow) linger(row slowness) (time.Duration, error) {
	conn, err := dialStranger(s.world)
	if err != nil {
		return 0, err
	}
	return s.stand(row, conn)
}

// stand begins on a connection and does not go on. It tells how long it was left alone.
func (s *slow) stand(row slowness, raw net.Conn) (time.Duration, error) {
	defer raw.Close()
	conn, err := row.begin(s, raw)
	if err != nil {
		return 0, nil // cut already: one of too many
	}
	began := time.Now()
	closed := make(chan error, 1)
	go func() { _, err := io.Copy(io.Discard, conn); closed <- err }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	late := time.After(row.cut + 2*posterntest.Patience)
	for {
		select {
		case <-closed:
			return time.Since(began), nil
		case <-late:
			return time.Since(began), fmt.Errorf("it is not cut at all")
		case <-tick.C:
			_, _ = io.WriteString(conn, row.feed) // fails once it is cut
		}
	}
}

// TestSlowHTTPTest runs Debian's slowhttptest against the service in each of its ways.
func TestSlowHTTPTest(t *testing.T) {
	if _, err := exec.LookPath("slowhttptest"); err != nil {
		if os.Getenv("CI") == "true" || size.Full() {
			t.Fatal("slowhttptest is missing (Debian: slowhttptest)")
		}
		t.Log("NOT RUN: it needs slowhttptest (Debian: slowhttptest)")
		return
	}
	s := newSlow(t)
	// This process is the tool's way, service, connector and backend at once: of those who reach the backend it has five ends. All
	// clients come faster than the first of them are cut.
	ways := []struct {
		name, path string
		count      int
		args       []string
	}{
		{"slow headers", "/", size.Of(100, 4_000), []string{"-H", "-i", "3"}},
		{"slow bodies", "/", size.Of(100, 3_000), []string{"-B", "-i", "60", "-s", "8192"}},
		{"slow reads", "/large", size.Of(100, 3_000), []string{"-X", "-n", "60", "-z", "1", "-w", "256", "-y", "512", "-k", "1"}},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			count := way.count
			abuseBy(t, s.world, count, strings.TrimPrefix(s.cookie, sessionCookie+"="), func(t *testing.T) {
				s.cut.Store(0)
				out := s.slowhttptest(t, count, append(way.args, "-c", strconv.Itoa(count), "-r", strconv.Itoa(size.Of(20, 200)), "-l", "600", "-p", "30",
					"-j", s.cookie, "-u", s.forward(t)+way.path, "-v", "1")...)
				if !strings.Contains(out, "service available:   YES") || strings.Contains(out, "service available:   NO") {
					t.Errorf("the service was not available: %s", out)
				}
			})
		})
	}
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")

// slowhttptest runs the tool until nearly all its clients are cut and it has told of that, and gives what it said.
func (s *slow) slowhttptest(t *testing.T, count int, args ...string) string {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", `ulimit -n "$(ulimit -Hn)"; exec slowhttptest "$@"`, "sh"}, args...)...)
	path := filepath.Join(t.TempDir(), "out")
	file := must(os.Create(path))(t)
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	check(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // we end it, unless all its clients are cut before
	}()
	defer func() {
		_ = cmd.Process.Kill()
		<-ended
	}()
	late := time.After(6 * posterntest.Patience)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for s.cut.Load() < int64(count*9/10) {
		select {
		case <-tick.C:
		case <-late:
			t.Errorf("of %d clients %d were cut", count, s.cut.Load())
			return said(t, path)
		}
	}
	reports := strings.Count(said(t, path), "service available")
	s.Await("the tool's next report", func() bool {
		select {
		case <-ended: // all were cut before it was due, five seconds after the last one
			return true
		default:
			return strings.Count(said(t, path), "service available") > reports
		}
	})
	return said(t, path)
}

func said(t *testing.T, path string) string {
	t.Helper()
	return colours.ReplaceAllString(string(must(os.ReadFile(path))(t)), "")
}

// forward carries plain connections to the application over TLS: the tool names no server in its handshake and knows no names
// of hosts. What one side does not read, the other cannot write, and the end of one is the end of the other. It gives its URL.
func (s *slow) forward(t *testing.T) string {
	t.Helper()
	// Unbounded, the kernel would keep 2.4 MiB here for each client that reads by a window of 256 bytes: 3,000 of them would use up all
	// that it has for TCP, packets would be dropped everywhere, and everybody would wait for them, whatever the service does.
	listener := smallBuffers{must(net.Listen("tcp", "127.0.0.1:0"))(t)}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.carry(conn, listener.Addr().String()) })
		}
	})
	t.Cleanup(func() { listener.Close(); all.Wait() })
	return "http://" + listener.Addr().String()
}

func (s *slow) carry(conn net.Conn, own string) {
	defer conn.Close()
	raw, err := dialStranger(s.world)
	if err != nil {
		return
	}
	defer raw.Close()
	_ = raw.(*net.TCPConn).SetReadBuffer(32 << 10) // as smallBuffers
	c := tls.Client(raw, &tls.Config{ServerName: "wiki.test.localhost", RootCAs: s.Roots})
	var up sync.WaitGroup
	defer up.Wait()
	up.Go(func() {
		defer raw.Close()
		head := make([]byte, 4<<10)
		n, err := conn.Read(head) // the request line and the first headers, at once
		if err != nil {
			return
		}
		if _, err := c.Write(bytes.Replace(head[:n], []byte("Host: "+own), []byte("Host: "+s.host("wiki")), 1)); err == nil {
			_, _ = io.Copy(c, conn) // ends with either side
		}
	})
	if _, err := io.Copy(conn, c); err == nil {
		s.cut.Add(1)
	}
	conn.Close()
}
