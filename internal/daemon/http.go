package daemon

import (
	"context"
	"errors"
	"net"
	"net/http"
)

// ServeHTTP is a task for Run: it serves a listener until ctx ends, and then cuts what is open.
func ServeHTTP(ctx context.Context, server *http.Server, l net.Listener) error {
	defer context.AfterFunc(ctx, func() { _ = server.Close() })() // it closes the listener, which nothing else needs
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
