package gateway

import (
	"context"
	"net"

	"net/http"
	"sort"
	"time"

	"postern/internal/field"
	"postern/internal/web"
)

// server makes the HTTP server of a face, fed by connections whose handshake is done.
func (g *Gateway) server(handler http.Handler) *http.Server {
	s := web.Server(handler, g.log)
	s.ReadHeaderTimeout = g.limits.RequestHeader
	s.ReadTimeout, s.WriteTimeout = 0, 0 // bodies are of any size: exchanges are watched instead
	s.IdleTimeout = g.limits.KeepAlive
	s.MaxHeaderBytes = g.limits.RequestHeaderBytes
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, trackedConn(c))
	}
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, _ := r.Context().Value(connKey{}).(*conn); c != nil {
			c.asked()
		}
		handler.ServeHTTP(w, r)
	})
	s.DisableGeneralOptionsHandler = true // OPTIONS * is refused like every other target without a path
	return s
}

// connKey is where the context of a request has its *conn.
type connKey struct{}

// fieldsOf gives a header as fields, sorted by name.
func fieldsOf(h http.Header) field.Fields {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	sort.Strings(names)
	list := make(field.Fields, 0, len(h))
	for _, name := range names {
		for _, value := range h[name] {
			list = append(list, field.Field{Name: []byte(name), Value: []byte(value)})
		}
	}
	return list
}

// within bounds how long writing may wait for the client; 0: not at all. An error would mean a server without
// deadlines, which ours are not.
func within(control *http.ResponseController, limit time.Duration) {
	deadline := time.Time{}
	if limit > 0 {
		deadline = time.Now().Add(limit)
	}
	_ = control.SetWriteDeadline(deadline)
}
