package proxies

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postern/internal/connector"
	"postern/internal/posterntest"
	"postern/internal/uplink"
)

// leads is a CONNECT proxy that leads every address to one place and keeps what it was asked for. me:secret is who may use it.
type leads struct {
	address string

	mu    sync.Mutex // guards asked
	asked []string
}

func leadTo(t *testing.T, target string) *leads {
	t.Helper()
	p := &leads{}
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	p.address = l.Addr().String()
	var running sync.WaitGroup
	var open []net.Conn // guarded by p.mu
	keep := func(c net.Conn) { p.mu.Lock(); defer p.mu.Unlock(); open = append(open, c) }
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			keep(c)
			running.Go(func() { defer c.Close(); p.serve(c, target, keep) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for _, c := range open {
			c.Close()
		}
		p.mu.Unlock()
		running.Wait()
	})
	return p
}

func (p *leads) serve(c net.Conn, target string, keep func(net.Conn)) {
	request, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	p.mu.Lock()
	p.asked = append(p.asked, request.Host)
	p.mu.Unlock()
	if request.Header.Get("Proxy-Authorization") == "" || strings.HasPrefix(request.Host, "10.9.9.8:") {
		io.WriteString(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
		return
	}
	onward, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	keep(onward)
	defer onward.Close()
	io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	done := make(chan struct{})
	go func() { defer close(done); io.Copy(onward, c); onward.Close() }()
	io.Copy(c, onward)
	c.Close()
	<-done
}

func (p *leads) sawOnly(t *testing.T, hosts ...string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, asked := range p.asked {
		if !strings.Contains(strings.Join(hosts, " "), asked) {
			t.Errorf("the proxy was asked for %s", asked)
		}
	}
	if len(p.asked) == 0 {
		t.Error("the proxy was not used")
	}
}

// TestProxyBeforeApplications: with the switch applications are reached through a proxy, by their checked addresses, and the
// service is not; an error names the proxy.
func TestProxyBeforeApplications(t *testing.T) {
	w := newWorld(t)
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "behind the proxy") }))
	proxy := leadTo(t, must(url.Parse(backend.URL))(t).Host)
	rules := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(rules, []byte(posterntest.Rules+"allow 10.9.0.0/16\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	log := &logBuffer{}
	w.Connector("site", func(c *connector.Config) {
		c.Rules, c.Log = rules, log.logger()
		c.Backends = must(uplink.Backends("http://me:secret@"+proxy.address, "10.8.0.0/16"))(t)
	})
	for name, internal := range map[string]string{"far": "http://10.9.9.9:8080", "refused": "http://10.9.9.8:8080"} {
		w.Assign(w.Publish(name, internal), w.user)
	}
	page := w.Browser().SignIn(w.URL("far", "/"), "ada")
	if page.StatusCode != http.StatusOK || page.Text != "behind the proxy" {
		t.Errorf("%s\n%s", page.Status, log)
	}
	page = w.Browser().SignIn(w.URL("refused", "/"), "ada")
	if page.StatusCode != http.StatusBadGateway {
		t.Errorf("%s: %s", page.Status, page.Text)
	}
	w.Await("the connector to tell why", func() bool { return strings.Contains(log.String(), "backend-proxy-failed") })
	if text := log.String(); !strings.Contains(text, "answered 403") || strings.Contains(text, "secret") {
		t.Errorf("the log:\n%s", text)
	}
	w.carries() // the other application is on loopback
	proxy.sawOnly(t, "10.9.9.9:8080", "10.9.9.8:8080")
}

func TestBadProxyBeforeApplications(t *testing.T) {
	for _, bad := range [][2]string{{"https://x:1", ""}, {"ftp://x", ""}, {"pac:/x", ""}, {"http://x:1", "example.com"}, {"http://x:1", "10.0.0.0/99"}} {
		if _, err := uplink.Backends(bad[0], bad[1]); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if one, err := uplink.Backends(uplink.Direct, ""); one != nil || err != nil {
		t.Errorf("direct: %v", err)
	}
}
