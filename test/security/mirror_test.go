package security

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// mirror is a backend that reads what it gets to the letter, tells each request who it was, and answers some of them
// as a hostile or broken application does.
type mirror struct {
	url string

	mu   sync.Mutex     // guards the fields below
	seen map[string]int // requests by their id
	odd  []string       // what no request of ours looks like
	open map[net.Conn]struct{}
}

func newMirror(t *testing.T) *mirror {
	t.Helper()
	listener := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	e := &mirror{url: "http://" + listener.Addr().String() + "/", seen: map[string]int{}, open: map[net.Conn]struct{}{}}
	var each sync.WaitGroup
	each.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			e.keep(conn)
			each.Go(func() { defer e.forget(conn); e.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		e.hangUp()
		each.Wait()
	})
	return e
}

func (e *mirror) keep(c net.Conn) { e.mu.Lock(); defer e.mu.Unlock(); e.open[c] = struct{}{} }

func (e *mirror) forget(c net.Conn) {
	c.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.open, c)
}

func (e *mirror) hangUp() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.open {
		c.Close()
	}
}

func (e *mirror) oddly(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.odd) < 20 {
		e.odd = append(e.odd, fmt.Sprintf(format, args...))
	}
}

// asked is a request as the backend understood it.
type asked struct {
	method, kind, id, body string
}

func (e *mirror) serve(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		r, err := e.read(in)
		if err != nil {
			return
		}
		e.mu.Lock()
		e.seen[r.id]++
		e.mu.Unlock()
		answer, more := r.answer()
		if _, err := io.WriteString(conn, answer); err != nil || !more {
			return
		}
	}
}

// read reads one request. What is ambiguous in it is noted: nothing of that kind may leave a gateway.
func (e *mirror) read(in *bufio.Reader) (asked, error) {
	line, err := e.line(in)
	if err != nil {
		return asked{}, err
	}
	method, rest, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(rest, " ")
	path := strings.Split(target, "/") // "", kind, id
	if target == "/" {
		path = []string{"", "", ""} // of somebody who signs in
	}
	if version != "HTTP/1.1" || len(path) != 3 {
		e.oddly("the request line %q", line)
		return asked{}, errors.New("odd")
	}
	r := asked{method: method, kind: path[1], id: path[2]}
	var lengths, codings []string
	for {
		if line, err = e.line(in); err != nil {
			return r, err
		}
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t\r\x00") || strings.ContainsAny(value, "\r\x00") {
			e.oddly("%s: the header line %q", target, line)
		}
		switch value = strings.Trim(value, " \t"); textproto.CanonicalMIMEHeaderKey(name) {
		case "Content-Length":
			lengths = append(lengths, value)
		case "Transfer-Encoding":
			codings = append(codings, value)
		}
	}
	switch {
	case len(lengths)+len(codings) > 1:
		e.oddly("%s: lengths %q, codings %q", target, lengths, codings)
		return r, errors.New("odd")
	case len(lengths) == 1:
		n, err := strconv.ParseUint(lengths[0], 10, 31)
		if err != nil || strconv.FormatUint(n, 10) != lengths[0] {
			e.oddly("%s: the length %q", target, lengths[0])
			return r, errors.New("odd")
		}
		r.body, err = exactly(in, int(n))
		return r, err
	case len(codings) == 1:
		r.body, err = e.chunked(in, target, codings[0])
	}
	return r, err
}

// line reads one that ends in CRLF, as all must.
func (e *mirror) line(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		if line != "" {
			e.oddly("half a line %q", line)
		}
		return "", err
	}
	if !strings.HasSuffix(line, "\r\n") {
		e.oddly("a line without CR: %q", line)
	}
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), nil
}

func exactly(in *bufio.Reader, n int) (string, error) {
	body := make([]byte, n)
	_, err := io.ReadFull(in, body)
	return string(body), err
}

func (e *mirror) chunked(in *bufio.Reader, target, coding string) (body string, err error) {
	if coding != "chunked" {
		e.oddly("%s: the coding %q", target, coding)
		return "", errors.New("odd")
	}
	for {
		line, err := e.line(in)
		if err != nil {
			return body, err
		}
		n, err := strconv.ParseUint(line, 16, 31) // no extension is passed on
		if err != nil {
			e.oddly("%s: the size %q of a chunk", target, line)
			return body, err
		}
		if n == 0 {
			break
		}
		part, err := exactly(in, int(n)+2)
		if err != nil {
			return body, err
		}
		body += part[:n]
	}
	for { // trailers, of which none is sent here
		line, err := e.line(in)
		if err != nil || line == "" {
			return body, err
		}
		e.oddly("%s: the trailer %q", target, line)
	}
}

// text is what tells a client that an answer is its own.
func (r *asked) text() string { return r.id + " " + r.body + " " + r.id + "\n" }

// answer gives the bytes of the answer and whether the connection goes on.
func (r *asked) answer() (text string, more bool) {
	own := r.text()
	head := "X-Id: " + r.id + "\r\n"
	if make, ok := hostileAnswers[r.kind]; ok {
		return make(head, own)
	}
	switch {
	case r.method == "HEAD":
		return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n", head, len(own)), true
	case r.kind == "chunked":
		half := len(own) / 2
		return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n",
			head, half, own[:half], len(own)-half, own[half:]), true
	case r.kind == "close":
		return "HTTP/1.1 200 OK\r\n" + head + "Connection: close\r\n\r\n" + own, false
	case r.kind == "hints":
		return fmt.Sprintf("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", head, len(own), own), true
	}
	return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", head, len(own), own), true
}

// poison is what somebody else would get if an answer's end were misunderstood.
const poison = "HTTP/1.1 200 OK\r\nX-Id: poison\r\nContent-Length: 6\r\n\r\npoison"

// hostileAnswers make the answers of a hostile or broken application, from the header line that tells whose it is, and its text.
var hostileAnswers = map[string]func(head, own string) (text string, more bool){
	"surplus": func(head, own string) (string, bool) {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", head, len(own), own) + poison, true
	},
	"nocontent": func(head, own string) (string, bool) {
		return "HTTP/1.1 204 No Content\r\n" + head + "\r\n" + poison, true
	},
	"lengths": func(head, own string) (string, bool) {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\nContent-Length: 1\r\n\r\n%s", head, len(own), own) + poison, true
	},
	"both": func(head, own string) (string, bool) {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", head, len(own), own) + poison, true
	},
	"badchunk": func(head, own string) (string, bool) {
		return "HTTP/1.1 200 OK\r\n" + head + "Transfer-Encoding: chunked\r\n\r\n0x5\r\n" + own + poison, true
	},
	"shortchunk": func(head, own string) (string, bool) {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s", head, len(own)+99, own), false
	},
	"short": func(head, own string) (string, bool) {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", head, len(own)+99, own), false
	},
	"garbage": func(string, string) (string, bool) { return "\x00\x01\x02 no HTTP at all\r\n\r\n" + poison, true },
	"version": func(head, own string) (string, bool) { return "HTTP/3.0 200 OK\r\n" + head + "\r\n" + own, false },
	"status":  func(head, own string) (string, bool) { return "HTTP/1.1 99 Low\r\n" + head + "\r\n" + own, false },
	"switch": func(head, own string) (string, bool) {
		return "HTTP/1.1 101 Switching Protocols\r\n" + head + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + poison, true
	},
	"nothing": func(string, string) (string, bool) { return "", false },
	"half":    func(head, own string) (string, bool) { return "HTTP/1.1 200 OK\r\n" + head + "Content-Le", false },
	"endless": func(head, own string) (string, bool) {
		return "HTTP/1.1 200 OK\r\n" + strings.Repeat(head, 40_000), false
	},
	"colon": func(head, own string) (string, bool) {
		return "HTTP/1.1 200 OK\r\nno colon\r\n" + head + "\r\n" + poison, true
	},
	"negative": func(head, own string) (string, bool) {
		return "HTTP/1.1 200 OK\r\n" + head + "Content-Length: -1\r\n\r\n" + poison, true
	},
}
