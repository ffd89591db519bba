package http1_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"postern/internal/field"
	"postern/internal/http1"
)

func TestWriter(t *testing.T) {
	get := func(w *http1.Writer) {
		w.RequestLine("GET", "/x?y")
		w.Field([]byte("Host"), []byte("a"))
	}
	tests := []struct {
		name string
		do   func(w *http1.Writer) error
		want string
		err  error
	}{
		{"no content", func(w *http1.Writer) error { get(w); w.EndHead(0, false); return w.End(nil) }, "GET /x?y HTTP/1.1\r\nHost: a\r\n\r\n", nil},
		{"content", func(w *http1.Writer) error {
			w.StatusLine(200)
			w.FieldText("X", "y")
			w.EndHead(2, true)
			io.WriteString(w, "ok")
			return w.End(nil)
		}, "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 2\r\n\r\nok", nil},
		{"empty content", func(w *http1.Writer) error { w.StatusLine(200); w.EndHead(0, true); return w.End(nil) }, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", nil},
		{"an answer to HEAD", func(w *http1.Writer) error {
			w.StatusLine(200)
			w.FieldText("Content-Length", "5")
			w.EndHead(0, false)
			return w.End(nil)
		}, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", nil},
		{"an unknown status", func(w *http1.Writer) error { w.StatusLine(299); w.EndHead(0, true); return w.End(nil) }, "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n", nil},
		{"chunks", func(w *http1.Writer) error {
			w.StatusLine(200)
			w.EndHead(-1, false)
			io.WriteString(w, "hello")
			io.WriteString(w, "")
			w.Write(bytes.Repeat([]byte("x"), 5000))
			return w.End(field.Fields{{Name: []byte("Sum"), Value: []byte("1")}})
		}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1388\r\n" + strings.Repeat("x", 5000) + "\r\n0\r\nSum: 1\r\n\r\n", nil},
		{"up to the end", func(w *http1.Writer) error {
			w.StatusLine(200)
			w.EndHead(-2, false)
			io.WriteString(w, "all")
			return w.End(nil)
		}, "HTTP/1.1 200 OK\r\n\r\nall", nil},
		{"too much", func(w *http1.Writer) error {
			w.StatusLine(200)
			w.EndHead(2, true)
			_, err := io.WriteString(w, "abc")
			return errors.Join(err, w.End(nil))
		}, "", http1.ErrTooLong},
		{"too little", func(w *http1.Writer) error {
			w.StatusLine(200)
			w.EndHead(2, true)
			io.WriteString(w, "a")
			return w.End(nil)
		}, "", http1.ErrTooShort},
		{"a line end in a value", func(w *http1.Writer) error {
			get(w)
			w.FieldText("X", "a\r\nb")
			w.EndHead(0, false)
			return w.End(nil)
		}, "", http1.ErrUnwritable},
		{"a line end in a name", func(w *http1.Writer) error {
			get(w)
			w.Field([]byte("X\n"), nil)
			w.EndHead(0, false)
			return w.End(nil)
		}, "", http1.ErrUnwritable},
		{"a blank in a target", func(w *http1.Writer) error { w.RequestLine("GET", "/ x"); return w.End(nil) }, "", http1.ErrUnwritable},
		{"no method", func(w *http1.Writer) error { w.RequestLine("", "/"); return w.End(nil) }, "", http1.ErrUnwritable},
		{"a status that is none", func(w *http1.Writer) error { w.StatusLine(99); return w.End(nil) }, "", http1.ErrUnwritable},
		{"two framings", func(w *http1.Writer) error {
			get(w)
			w.Field([]byte("content-LENGTH"), []byte("5"))
			w.EndHead(-1, false)
			return w.End(nil)
		}, "", http1.ErrUnwritable},
		{"a bad trailer", func(w *http1.Writer) error {
			w.StatusLine(200)
			w.EndHead(-1, false)
			return w.End(field.Fields{{Name: []byte("X"), Value: []byte("\n")}})
		}, "", http1.ErrUnwritable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			w := http1.NewWriter(&out)
			err := test.do(w)
			if !errors.Is(err, test.err) {
				t.Fatalf("got %v, want %v", err, test.err)
			}
			if flushed := w.Flush(); !errors.Is(flushed, test.err) {
				t.Errorf("Flush: %v, want %v", flushed, test.err)
			}
			if err == nil && out.String() != test.want {
				t.Errorf("got %q\nwant %q", out.String(), test.want)
			}
			if err != nil && strings.Contains(out.String(), "\r\n0\r\n\r\n") {
				t.Errorf("a broken message looks whole: %q", out.String())
			}
		})
	}
}
