package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"postern/internal/client/flow"
	"postern/internal/fault"
)

// plain reads the target of a request for an http:// URL (RFC 9112, section 3.2.2).
func (r *httpRequest) plain(target string) error {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" {
		return httpErrorf(http.StatusBadRequest, "this is a proxy: %s %s names no host", fault.Readable(r.method), fault.Readable(target))
	}
	if u.Scheme != "http" || u.User != nil {
		return httpErrorf(http.StatusNotImplemented, "%q is not for an HTTP proxy: have the program use CONNECT for it, or SOCKS", fault.Readable(target))
	}
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), "80")
	}
	r.target = u
	r.to, err = httpTarget(address)
	return err
}

// hopByHop are the fields that are between a program and its proxy only, beside those that Connection names.
var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection"}

// head writes the request anew for the server. It asks for one answer and the end of the connection: the next request of the program may be
// for another host.
func (r *httpRequest) head() []byte {
	for _, line := range r.header.Values("Connection") {
		for name := range strings.SplitSeq(line, ",") {
			r.header.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hopByHop {
		r.header.Del(name)
	}
	r.header.Del("Host")
	var b bytes.Buffer
	b.WriteString(r.method + " " + r.target.RequestURI() + " " + r.version + "\r\nHost: " + r.target.Host + "\r\n")
	_ = r.header.Write(&b) // a buffer takes everything
	b.WriteString("Connection: close\r\n\r\n")
	return b.Bytes()
}

// body gives how many bytes follow the head; -1: until their own end says so.
func (r *httpRequest) body() int64 {
	if r.header.Get("Transfer-Encoding") != "" {
		return -1
	}
	n, err := strconv.ParseInt(r.header.Get("Content-Length"), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// once carries one request and its answer.
func (c Config) once(a *asking, r httpRequest, f *flow.Flow) {
	if _, err := f.End().Write(r.head()); err != nil {
		answerHTTP(a, http.StatusBadGateway, "the connection was cut")
		f.Close()
		return
	}
	_ = a.SetDeadline(time.Time{}) // fails on a connection that is closed, which reading then says
	near := &onceEnd{End: flow.ConnEnd(a.TCPConn), in: a.in, left: r.body()}
	if err := flow.Join(near, f.End()); err != nil {
		c.Log.Debug("HTTP request by proxy ended", "to", f.To.String(), "request", f.Request, "how", err)
	}
}

var errAnother = errors.New("the program sent another request on a connection that was to be closed")

// onceEnd is the end of a program that has one request to send, of which so many bytes are left.
type onceEnd struct {
	flow.End
	in   io.Reader
	left int64
}

func (e *onceEnd) Read(p []byte) (int, error) {
	if e.left < 0 {
		return e.in.Read(p)
	}
	n, err := e.in.Read(p)
	if e.left -= int64(n); e.left < 0 {
		return 0, errAnother
	}
	return n, err
}
