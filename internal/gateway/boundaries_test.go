package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"postern/internal/access"
)

// TestOthersReadTheSame sends what backends get of each request of the table, and of one after it, to net/http, nginx and HAProxy,
// which pass it on: every one of them has to find the same requests in the same bytes, or to refuse. What a program between us and an
// application would read otherwise could be smuggled past it.
func TestOthersReadTheSame(t *testing.T) {
	dir := t.TempDir()
	passed := &passedOn{}
	backend := filepath.Join(dir, "backend")
	l, err := net.Listen("unix", backend)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: passed}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	others := map[string]string{"net/http": backend, "nginx": startNginx(t, dir), "HAProxy": startHAProxy(t, dir)}
	table := forwarded(t)
	for name, socket := range others {
		same := 0
		for _, text := range table {
			want := requestsIn(t, text)
			got := passed.through(t, socket, text, len(want))
			switch {
			case slices.Equal(got, want):
				same++
			case len(got) > len(want) || !slices.Equal(got, want[:len(got)]):
				t.Errorf("%s reads %q of %q, want %q", name, got, text, want)
			}
		}
		t.Logf("%s passes on %d of %d as they are, and refuses the rest", name, same, len(table))
		if same < len(table)*9/10 {
			t.Errorf("%s passes on %d of %d only: what is refused proves little", name, same, len(table))
		}
	}
}

// forwarded gives what a backend gets of each request of the table.
func forwarded(t *testing.T) []string {
	w := newWorld(t)
	backend := newRawBackend(t, func(string) (string, bool) { return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false })
	w.connect("a")
	w.publish("https://open.test/", "http://"+backend.address, func(a *access.Application) { passthrough(a) })
	var list []string
	for _, row := range rows(t, "testdata/requests.txt", 2) {
		c := w.tls("open.test")
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(c, row[1]+"GET /last HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n"); err != nil {
			t.Logf("%s: %v", row[0], err)
		}
		answers(c)
		c.Close()
		if text := backend.raw(); text != "" {
			list = append(list, text)
		}
	}
	if len(list) < 30 {
		t.Fatalf("only %d rows reach the backend", len(list))
	}
	return list
}

// requestsIn reads requests as net/http does.
func requestsIn(t *testing.T, text string) (list []string) {
	in := bufio.NewReader(bytes.NewReader([]byte(text)))
	for {
		req, err := http.ReadRequest(in)
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		list = append(list, seen(req))
	}
}

func seen(r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	return fmt.Sprintf("%s %s %q %v", r.Method, r.RequestURI, body, err)
}

// passedOn is a backend that remembers which requests it had.
type passedOn struct {
	mu   sync.Mutex // guards list
	list []string
}

func (p *passedOn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text := seen(r)
	p.mu.Lock()
	p.list = append(p.list, text)
	p.mu.Unlock()
}

// through sends text and waits for as many answers, or the end of the connection; it gives which requests came through.
func (p *passedOn) through(t *testing.T, socket, text string, answers int) []string {
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(c, text) // whoever refuses may hang up
	in := bufio.NewReader(c)
	for n := 0; n < answers; {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			break
		}
		_, _ = io.Copy(io.Discard, res.Body)
		if n++; res.StatusCode < 200 {
			n--
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.list
	p.list = nil
	return list
}

func startNginx(t *testing.T, dir string) (socket string) {
	socket = filepath.Join(dir, "nginx")
	startProxy(t, dir, socket, "nginx", fmt.Sprintf(`
daemon off; master_process off; pid %[1]s/nginx.pid; error_log stderr crit;
events {}
http {
  access_log off;
  client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  upstream backend { server unix:%[1]s/backend; }
  server {
    listen unix:%[2]s;
    underscores_in_headers on;
    location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_request_buffering off; }
  }
}`, dir, socket), "-c")
	return socket
}

func startHAProxy(t *testing.T, dir string) (socket string) {
	socket = filepath.Join(dir, "haproxy")
	startProxy(t, dir, socket, "haproxy", fmt.Sprintf(`
defaults
  mode http
  timeout client 30s
  timeout server 30s
  timeout connect 30s
frontend f
  bind unix@%[2]s
  default_backend b
backend b
  server s unix@%[1]s/backend
`, dir, socket), "-db", "-f")
	return socket
}

// startProxy starts a program that passes requests on, and waits until it listens.
func startProxy(t *testing.T, dir, socket, program, config string, args ...string) {
	file := filepath.Join(dir, program+".conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, append(args, file)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() { cancel(); <-ended })
	for deadline := time.Now().Add(patience); ; {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", program, out.String())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen", program)
		}
	}
}
