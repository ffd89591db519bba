package http1_test

import (
	"io"
	"strings"
	"testing"

	"postern/internal/http1"
)

// TestReady: a body says that it has something exactly when reading it would not wait.
func TestReady(t *testing.T) {
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, test := range []struct {
		name, here string
		read       int // bytes, first
		want       bool
	}{
		{"nothing but the head", chunked, 0, false},
		{"a chunk", chunked + "6\r\nbegun \r\n", 0, true},
		{"a chunk that was read", chunked + "6\r\nbegun \r\n", 6, false},
		{"half a chunk", chunked + "6\r\nbeg", 0, true},
		{"half a chunk that was read", chunked + "6\r\nbeg", 3, false},
		{"two chunks", chunked + "1\r\na\r\n1\r\nb\r\n", 1, true},
		{"the next chunk's size alone", chunked + "1\r\na\r\n5\r\n", 1, false},
		{"half of a size", chunked + "1\r\na\r\n5", 1, false},
		{"the last chunk", chunked + "1\r\na\r\n0\r\n\r\n", 1, true},
		{"half of the last chunk", chunked + "1\r\na\r\n0\r\n", 1, false},
		{"trailers", chunked + "1\r\na\r\n0\r\nX: 1\r\n\r\n", 1, true},
		{"half of the trailers", chunked + "1\r\na\r\n0\r\nX: 1\r\n", 1, false},
		{"what is wrong", chunked + "1\r\na\r\nx\r\ny", 1, true},
		{"a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", 0, true},
		{"a length, all read", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", 2, true},
		{"a length, more to come", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", 2, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			end, more := io.Pipe()
			defer more.Close()
			r := http1.NewReader(io.MultiReader(strings.NewReader(test.here), end), http1.Limits{})
			var s http1.Response
			if err := r.Response(&s, http1.Asked{}); err != nil {
				t.Fatal(err)
			}
			body := r.ResponseBody(&s)
			for left := test.read; left > 0; {
				n, err := body.Read(make([]byte, left))
				if err != nil {
					t.Fatal(err)
				}
				left -= n
			}
			if got := body.Ready(); got != test.want {
				t.Errorf("ready is %v", got)
			}
		})
	}
}
