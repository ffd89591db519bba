package proxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"postern/internal/client/flow"
	"postern/internal/fault"
	"postern/internal/wire"
)

// maxHead bounds the head of a request, in bytes.
const maxHead = 16 << 10

// ServeHTTP serves a proxy of HTTP on a listener until ctx ends: CONNECT (RFC 9110, section 9.3.6), and requests for http:// URLs.
func ServeHTTP(ctx context.Context, l net.Listener, cfg Config) error {
	cfg = cfg.withDefaults()
	return cfg.serve(ctx, l, cfg.http)
}

// httpError is a request that cannot be served, with its status.
type httpError struct {
	status int
	text   string
}

func (e *httpError) Error() string { return e.text }

func httpErrorf(status int, format string, args ...any) error {
	return &httpError{status, fmt.Sprintf(format, args...)}
}

func (c Config) http(ctx context.Context, conn *net.TCPConn) {
	a := c.ask(conn)
	r, err := readHTTP(a.in)
	if err == nil && c.User != nil && !c.admits(r.header.Get("Proxy-Authorization")) {
		err = httpErrorf(http.StatusProxyAuthRequired, "this proxy wants a user and a password")
	}
	if err != nil {
		c.Log.Info("HTTP proxy request refused", "from", conn.RemoteAddr(), "error", err)
		if wrong, ok := errors.AsType[*httpError](err); ok {
			answerHTTP(conn, wrong.status, wrong.text)
		}
		return
	}
	c.asked(a)
	f, err := c.open(ctx, c.wants(r.to, conn))
	if err != nil {
		answerHTTP(conn, statusOf(err), err.Error())
		return
	}
	if r.method != http.MethodConnect {
		c.once(a, r, f)
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connected\r\n\r\n"); err != nil {
		f.Close()
		return
	}
	c.carry(a, f)
}

// httpRequest is what a program asks of the proxy.
type httpRequest struct {
	method  string
	to      flow.To
	target  *url.URL // of another method than CONNECT
	version string
	header  http.Header
}

// readHTTP reads the head of a request.
func readHTTP(in *bufio.Reader) (r httpRequest, err error) {
	head, err := readHead(in)
	if err != nil {
		return r, err
	}
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	method, rest, _ := strings.Cut(string(line), " ")
	target, version, ok := strings.Cut(rest, " ")
	if !ok || !isToken(method) || version != "HTTP/1.1" && version != "HTTP/1.0" {
		return r, httpErrorf(http.StatusBadRequest, "it is not a request of HTTP/1.1")
	}
	header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(fields))).ReadMIMEHeader()
	if err != nil {
		return r, httpErrorf(http.StatusBadRequest, "the head of the request cannot be read")
	}
	r = httpRequest{method: method, version: version, header: http.Header(header)}
	if method != http.MethodConnect {
		return r, r.plain(target)
	}
	r.to, err = httpTarget(target)
	return r, err
}

func httpTarget(target string) (flow.To, error) {
	host, port, err := net.SplitHostPort(target)
	number, numberErr := strconv.ParseUint(port, 10, 16)
	if err != nil || numberErr != nil {
		return flow.To{}, httpErrorf(http.StatusBadRequest, "the target %q is not HOST:PORT", fault.Readable(target))
	}
	to, err := flow.Parse(flow.TCP, host, uint16(number))
	if err != nil {
		return to, httpErrorf(http.StatusBadRequest, "%s", err)
	}
	return to, nil
}

// isToken tells whether a text is a token (RFC 9110, section 5.6.2).
func isToken(text string) bool {
	other := func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", c))
	}
	return text != "" && !strings.ContainsFunc(text, other)
}

// readHead reads to the empty line, which it gives with it.
func readHead(in *bufio.Reader) ([]byte, error) {
	var head []byte
	for {
		line, err := in.ReadSlice('\n')
		head = append(head, line...)
		if len(head) > maxHead {
			return nil, httpErrorf(http.StatusRequestHeaderFieldsTooLarge, "the head of the request is longer than %d bytes", maxHead)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return nil, err
		}
		if string(line) == "\r\n" && len(head) > len(line) {
			return head, nil
		}
	}
}

func (c Config) admits(authorization string) bool {
	scheme, text, _ := strings.Cut(authorization, " ")
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || !strings.EqualFold(scheme, "Basic") {
		return false
	}
	name, password, _ := strings.Cut(string(decoded), ":")
	return c.User.is(name, password)
}

// answerHTTP refuses a request with a sentence.
func answerHTTP(out io.Writer, status int, text string) {
	text = strings.ToValidUTF8(strings.Map(onOneLine, text), "?") + "\n"
	extra := ""
	if status == http.StatusProxyAuthRequired {
		extra = "Proxy-Authenticate: Basic realm=\"postern-client\"\r\n"
	}
	_, _ = fmt.Fprintf(out, "HTTP/1.1 %d %s\r\n%sContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, http.StatusText(status), extra, len(text), text) // whoever is gone is not told
}

// onOneLine keeps what others chose within a line.
func onOneLine(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}

// statusOf gives the status that says best why a flow could not be opened.
func statusOf(err error) int {
	refusal := refusalOf(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	case refusal == nil && fault.Is(err, fault.KindForbidden):
		return http.StatusForbidden
	case refusal == nil:
		return http.StatusServiceUnavailable
	case refusal.Phase == wire.PhaseDecide, refusal.Phase == wire.PhaseGrant, refusal.Phase == wire.PhaseLocal, refusal.Phase == wire.PhaseTarget:
		return http.StatusForbidden
	case refusal.Timeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}
