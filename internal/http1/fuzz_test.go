package http1_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"postern/internal/http1"
)

// FuzzRequest holds what is understood of a connection against net/http: what is accepted here has the same method, target,
// fields and end there, and so has what is written from it. However the bytes come, the same is understood.
func FuzzRequest(f *testing.F) {
	for _, row := range requests {
		if len(row.raw) < 2000 {
			f.Add([]byte(row.raw))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if one, other := understood(bytes.NewReader(raw)), understood(ways["one by one"](bytes.NewReader(raw))); one != other {
			t.Fatalf("at once %q, one by one %q", one, other)
		}
		r := http1.NewReader(bytes.NewReader(raw), http1.Limits{})
		std := bufio.NewReader(bytes.NewReader(raw))
		for {
			var q http1.Request
			if r.Request(&q) != nil {
				return
			}
			body := r.RequestBody(&q)
			content, err := io.ReadAll(&body)
			if err != nil {
				return
			}
			written := bufio.NewReader(bytes.NewReader(write(t, &q, content)))
			if !sameRequest(t, &q, content, std) || !sameRequest(t, &q, content, written) {
				return
			}
		}
	})
}

// sameRequest reads a request with net/http and compares. It gives false where net/http is stricter for its own reasons.
func sameRequest(t *testing.T, q *http1.Request, content []byte, std *bufio.Reader) bool {
	t.Helper()
	if b, _ := std.Peek(2); string(b) == "\r\n" { // http.Server skips it, too, but not ReadRequest
		std.Discard(2)
	}
	theirs, err := http.ReadRequest(std)
	if err != nil {
		if known(err) {
			return false
		}
		t.Fatalf("net/http refuses %s %s: %v", q.Method, q.Target, err)
	}
	text, err := io.ReadAll(theirs.Body)
	if err != nil {
		t.Fatalf("net/http refuses the body: %v", err)
	}
	if theirs.Method != string(q.Method) || theirs.RequestURI != string(q.Target) || !bytes.Equal(text, content) {
		t.Fatalf("ours %s %s %q, theirs %s %s %q", q.Method, q.Target, content, theirs.Method, theirs.RequestURI, text)
	}
	for i := range q.Fields {
		name := string(q.Fields[i].Name)
		switch strings.ToLower(name) {
		case "host", "transfer-encoding", "content-length", "connection", "trailer":
			continue // net/http keeps them elsewhere
		}
		found := false
		for _, v := range theirs.Header[http.CanonicalHeaderKey(name)] {
			found = found || v == string(q.Fields[i].Value)
		}
		if !found {
			t.Fatalf("theirs has no %s: %q", name, q.Fields[i].Value)
		}
	}
	return true
}

// known are targets that net/url does not read, and trailers that net/http does not take: that it is stricter there makes no
// difference of meaning.
func known(err error) bool {
	for _, text := range []string{"invalid URL escape", "invalid host", "malformed MIME header", "invalid port", "bad trailer key", "invalid URI", "invalid character", "missing ']'"} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

func write(t *testing.T, q *http1.Request, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := http1.NewWriter(&out)
	w.RequestLine(string(q.Method), string(q.Target))
	for i := range q.Fields {
		if f := &q.Fields[i]; !f.Is("content-length") && !f.Is("transfer-encoding") {
			w.Field(f.Name, f.Value)
		}
	}
	w.EndHead(q.Length, false)
	w.Write(content)
	if err := w.End(nil); err != nil {
		t.Fatalf("what was read cannot be written: %v", err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// FuzzResponse does the same for responses.
func FuzzResponse(f *testing.F) {
	for _, row := range responses {
		if len(row.raw) < 2000 {
			f.Add([]byte(row.raw), row.asked.Head)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, head bool) {
		asked := http1.Asked{Head: head}
		if one, other := answered(bytes.NewReader(raw), asked), answered(ways["one by one"](bytes.NewReader(raw)), asked); one != other {
			t.Fatalf("at once %q, one by one %q", one, other)
		}
		r := http1.NewReader(bytes.NewReader(raw), http1.Limits{})
		std := bufio.NewReader(bytes.NewReader(raw))
		request := &http.Request{Method: map[bool]string{true: "HEAD", false: "GET"}[head]}
		for {
			var s http1.Response
			if r.Response(&s, asked) != nil {
				return
			}
			body := r.ResponseBody(&s)
			content, err := io.ReadAll(&body)
			if err != nil {
				return
			}
			theirs, err := http.ReadResponse(std, request)
			if err != nil {
				if known(err) {
					return
				}
				t.Fatalf("net/http refuses %d: %v", s.Status, err)
			}
			text, err := io.ReadAll(theirs.Body)
			if err != nil || theirs.StatusCode != s.Status || !bytes.Equal(text, content) {
				t.Fatalf("ours %d %q, theirs %d %q %v", s.Status, content, theirs.StatusCode, text, err)
			}
			if s.Close {
				return
			}
		}
	})
}

// FuzzChunks writes content in chunks as it likes, and reads it again.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("hello"), uint16(2))
	f.Add(bytes.Repeat([]byte("x"), 9000), uint16(4097))
	f.Fuzz(func(t *testing.T, content []byte, size uint16) {
		var out bytes.Buffer
		w := http1.NewWriter(&out)
		w.StatusLine(200)
		w.EndHead(-1, false)
		for rest := content; len(rest) > 0; {
			n := min(len(rest), int(size)+1)
			w.Write(rest[:n])
			rest = rest[n:]
		}
		if err := w.End(nil); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		if got, want := answered(bytes.NewReader(out.Bytes()), http1.Asked{}), strings.TrimSpace("200 -1 "+string(content)); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}
