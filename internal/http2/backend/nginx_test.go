package backend

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// nginx starts one that serves a directory with HTTP/2 on a socket of its own, until the test ends.
func nginx(t *testing.T, dir string) (socket string) {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("nginx is missing")
		}
		fmt.Println("NOT RUN: nginx is missing")
		return ""
	}
	socket = filepath.Join(dir, "socket")
	config := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr; worker_rlimit_nofile 1024;
events { worker_connections 100; }
http {
  access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  http2_max_concurrent_streams 16; client_max_body_size 0;
  server { listen unix:%[1]s/socket http2; root %[1]s/www; location /small { client_max_body_size 1k; } location /no { return 403; } }
}
`, dir)
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-p", dir, "-c", filepath.Join(dir, "conf"))
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has nothing to lose
		_ = cmd.Wait()
	})
	eventually(t, "nginx listens", func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return socket
}

// TestNginx: another program's HTTP/2 understands ours and is understood: files of many sizes at once, and answers before the request
// has ended.
func TestNginx(t *testing.T) {
	dir, err := os.MkdirTemp("", "nginx") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Mkdir(filepath.Join(dir, "www"), 0o700); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for i, size := range []int{0, 1, 1000, 16_384, 65_535, 65_536, 1_000_000, 3 << 20} {
		data := make([]byte, size)
		_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(data)
		name := fmt.Sprint("f", i)
		files[name] = data
		if err := os.WriteFile(filepath.Join(dir, "www", name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	socket := nginx(t, dir)
	if socket == "" {
		return
	}
	budget := NewBudget(8 << 20)
	var conns sync.WaitGroup
	for range 4 {
		conns.Go(func() {
			raw, err := net.Dial("unix", socket)
			if err != nil {
				t.Error(err)
				return
			}
			c := dial(t, raw, Config{Budget: budget})
			var requests sync.WaitGroup
			for name, data := range files {
				requests.Go(func() { fetch(t, c, name, data) })
				requests.Go(func() { early(t, c) })
			}
			requests.Wait()
			c.Close()
		})
	}
	conns.Wait()
	if budget.left.Load() != 8<<20 {
		t.Errorf("%d of the budget are left", budget.left.Load())
	}
}

// fetch gets a file, again as long as nginx did not look at the request.
func fetch(t *testing.T, c *Conn, name string, want []byte) {
	for !c.Gone() {
		s, err := c.Open(get("/" + name))
		if err == ErrUnusable {
			<-time.After(time.Millisecond) // there are as many requests as nginx allows at once: until there is room
			continue
		}
		if err != nil {
			t.Error(err)
			return
		}
		h, body, err := whole(s)
		s.Close()
		if Unprocessed(err) {
			continue
		}
		if err != nil || h.Status != 200 || h.Length != int64(len(want)) || !bytes.Equal([]byte(body), want) {
			t.Errorf("%s: %d bytes, %v", name, len(body), err)
		}
		return
	}
	t.Errorf("%s: the connection is gone", name)
}

// early sends a body that nginx does not want, and gets its answer.
func early(t *testing.T, c *Conn) {
	for _, path := range []string{"/small", "/no"} {
		r := post(-1)
		r.Path = path
		s, err := c.Open(r)
		for err == ErrUnusable && !c.Gone() {
			<-time.After(time.Millisecond)
			s, err = c.Open(r)
		}
		if err != nil {
			t.Error(err)
			return
		}
		go func() {
			_, err := io.Copy(struct{ io.Writer }{s}, io.LimitReader(zeros{}, 1<<20))
			if err == nil {
				_ = s.CloseWrite(nil)
			}
		}()
		h, _, err := whole(s)
		if err != nil || h.Status/100 != 4 {
			t.Errorf("%s: %+v, %v", path, h, err)
		}
		s.Close()
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
