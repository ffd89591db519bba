package http1_test

import (
	"bytes"
	"io"
	"testing"

	"postern/internal/http1"
)

// browser is what a browser sends with every request.
var browser = []byte("GET /wiki/Main_Page?useskin=vector HTTP/1.1\r\nHost: wiki.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\n" +
	"Cookie: __Host-postern=abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz; theme=dark\r\nUpgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n" +
	"Sec-Fetch-Site: none\r\nSec-Fetch-User: ?1\r\nPriority: u=0, i\r\n\r\n")

// endless gives the same message again and again.
type endless struct {
	message []byte
	at      int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.message[e.at:])
	e.at = (e.at + n) % len(e.message)
	return n, nil
}

// BenchmarkExchange reads a browser's request, writes it on, reads a response with 1 KiB of content and writes that back: all that
// the engine does for one exchange.
func BenchmarkExchange(b *testing.B) {
	answer := append([]byte("HTTP/1.1 200 OK\r\nServer: x\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 1024\r\nCache-Control: private\r\n\r\n"),
		bytes.Repeat([]byte("x"), 1024)...)
	front, back := http1.NewReader(&endless{message: browser}, http1.Limits{}), http1.NewReader(&endless{message: answer}, http1.Limits{})
	toBack, toFront := http1.NewWriter(io.Discard), http1.NewWriter(io.Discard)
	content := make([]byte, 4096)
	var q http1.Request
	var s http1.Response
	b.ReportAllocs()
	for b.Loop() {
		if err := front.Request(&q); err != nil {
			b.Fatal(err)
		}
		toBack.RequestLine("GET", string(q.Target))
		for i := range q.Fields {
			toBack.Field(q.Fields[i].Name, q.Fields[i].Value)
		}
		toBack.EndHead(q.Length, false)
		if err := toBack.Flush(); err != nil {
			b.Fatal(err)
		}
		if err := back.Response(&s, http1.Asked{}); err != nil {
			b.Fatal(err)
		}
		toFront.StatusLine(s.Status)
		for i := range s.Fields {
			if f := &s.Fields[i]; !f.Is("content-length") {
				toFront.Field(f.Name, f.Value)
			}
		}
		toFront.EndHead(s.Length, true)
		body := back.ResponseBody(&s)
		for !body.Done() {
			n, err := body.Read(content)
			if err != nil {
				b.Fatal(err)
			}
			toFront.Write(content[:n])
		}
		if err := toFront.Flush(); err != nil {
			b.Fatal(err)
		}
	}
}
