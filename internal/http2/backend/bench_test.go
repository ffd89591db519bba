package backend

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkRequest is a small request and its answer of 1 KiB over one connection, 64 at once: by this package, and by net/http for comparison.
// The server takes part in both.
func BenchmarkRequest(b *testing.B) {
	answer := []byte(strings.Repeat("x", 1<<10))
	start := func(b *testing.B) *httptest.Server {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(answer) }))
		s.Config.Protocols = &http.Protocols{}
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
		b.Cleanup(s.Close)
		return s
	}
	b.Run("ours", func(b *testing.B) {
		c := dial(b, must(net.Dial("tcp", start(b).Listener.Addr().String()))(b), Config{})
		list := fields("user-agent", "bench", "accept", "*/*", "x-forwarded-for", "192.0.2.1", "x-request-id", "4fh3kd84jfh4")
		run(b, func(buffer []byte) error {
			s, err := c.Open(&Request{Method: "GET", Scheme: "http", Authority: "app.test", Path: "/", Fields: list})
			if err != nil {
				return err
			}
			defer s.Close()
			if _, err := s.Head(); err != nil {
				return err
			}
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{s}, buffer)
			return err
		})
	})
	b.Run("net-http", func(b *testing.B) {
		server := start(b)
		t := &http.Transport{Protocols: &http.Protocols{}}
		t.Protocols.SetUnencryptedHTTP2(true)
		b.Cleanup(t.CloseIdleConnections)
		run(b, func(buffer []byte) error {
			req, err := http.NewRequest("GET", server.URL, nil)
			if err != nil {
				return err
			}
			req.Header = http.Header{"User-Agent": {"bench"}, "Accept": {"*/*"}, "X-Forwarded-For": {"192.0.2.1"}, "X-Request-Id": {"4fh3kd84jfh4"}}
			res, err := t.RoundTrip(req)
			if err != nil {
				return err
			}
			defer res.Body.Close()
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, buffer)
			return err
		})
	})
}

func run(b *testing.B, request func(buffer []byte) error) {
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(p *testing.PB) {
		buffer := make([]byte, 4<<10)
		for p.Next() {
			if err := request(buffer); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
