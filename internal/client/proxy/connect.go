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
	"strconv"
	"strings"

	"postern/internal/client/flow"
	"postern/internal/fault"
	"postern/internal/wire"
)

// maxHead bounds the head of a request, in bytes.
const maxHead = 16 << 10

// ServeConnect serves HTTP CONNECT (RFC 9110, section 9.3.6) on a listener until ctx ends.
func ServeConnect(ctx context.Context, l net.Listener, cfg Config) error {
	cfg = cfg.withDefaults()
	return cfg.serve(ctx, l, cfg.connect)
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

func (c Config) connect(ctx context.Context, conn *net.TCPConn) {
	a := c.ask(conn)
	to, authorization, err := readConnect(a.in)
	if err == nil && c.User != nil && !c.admits(authorization) {
		err = httpErrorf(http.StatusProxyAuthRequired, "this proxy wants a user and a password")
	}
	if err != nil {
		c.Log.Info("CONNECT refused", "from", conn.RemoteAddr(), "error", err)
		if wrong, ok := errors.AsType[*httpError](err); ok {
			answerHTTP(conn, wrong.status, wrong.text)
		}
		return
	}
	c.asked(a)
	f, err := c.open(ctx, to)
	if err != nil {
		answerHTTP(conn, statusOf(err), err.Error())
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connected\r\n\r\n"); err != nil {
		f.Close()
		return
	}
	c.carry(a, f)
}

// readConnect reads the head of a CONNECT.
func readConnect(in *bufio.Reader) (to flow.To, authorization string, err error) {
	head, err := readHead(in)
	if err != nil {
		return to, "", err
	}
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	method, rest, _ := strings.Cut(string(line), " ")
	target, version, ok := strings.Cut(rest, " ")
	switch {
	case !ok || method == "" || !strings.HasPrefix(version, "HTTP/1."):
		return to, "", httpErrorf(http.StatusBadRequest, "it is not a request of HTTP/1.1")
	case method != http.MethodConnect:
		return to, "", httpErrorf(http.StatusMethodNotAllowed, "this proxy takes CONNECT only, not %s: have the program use it for https and other "+
			"connections, or use SOCKS", fault.Readable(method))
	}
	header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(fields))).ReadMIMEHeader()
	if err != nil {
		return to, "", httpErrorf(http.StatusBadRequest, "the head of the request cannot be read")
	}
	host, port, err := net.SplitHostPort(target)
	number, numberErr := strconv.ParseUint(port, 10, 16)
	if err != nil || numberErr != nil {
		return to, "", httpErrorf(http.StatusBadRequest, "the target %q is not HOST:PORT", fault.Readable(target))
	}
	if to, err = flow.Parse(flow.TCP, host, uint16(number)); err != nil {
		return to, "", httpErrorf(http.StatusBadRequest, "%s", err)
	}
	return to, header.Get("Proxy-Authorization"), nil
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
	text = fault.Readable(text) + "\n"
	extra := ""
	if status == http.StatusProxyAuthRequired {
		extra = "Proxy-Authenticate: Basic realm=\"postern-client\"\r\n"
	}
	if status == http.StatusMethodNotAllowed {
		extra = "Allow: CONNECT\r\n"
	}
	_, _ = fmt.Fprintf(out, "HTTP/1.1 %d %s\r\n%sContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, http.StatusText(status), extra, len(text), text) // whoever is gone is not told
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
