package security

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"postern/internal/posterntest"
)

// raw is a connection that requests follow each other on.
type raw struct {
	t    *testing.T
	w    *world
	app  string
	conn net.Conn
	in   *bufio.Reader
}

func newRaw(t *testing.T, w *world, app string) *raw {
	r := &raw{t: t, w: w, app: app}
	r.open()
	return r
}

func (r *raw) open() {
	r.conn = r.w.dial(r.t, r.app)
	r.in = bufio.NewReader(r.conn)
}

// ask sends a request and gives the status.
func (r *raw) ask(request string) int {
	r.t.Helper()
	check(r.t, r.conn.SetDeadline(time.Now().Add(posterntest.Patience))) // many requests in a row may take longer
	if _, err := io.WriteString(r.conn, request); err != nil {
		r.t.Fatal(err)
	}
	resp := must(http.ReadResponse(r.in, nil))(r.t)
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if resp.Close {
		r.conn.Close()
		r.open()
	}
	return resp.StatusCode
}
