package client

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestCaptivePortal: a network that answers for the service is told from a service, whatever that answers, and from nobody.
func TestCaptivePortal(t *testing.T) {
	for name, test := range map[string]struct {
		status   int
		location string
		want     string
	}{
		"sent to a page of the network": {302, "http://login.hotel.example/?from=x", "http://login.hotel.example/?from=x"},
		"by its own status":             {511, "", "http://access.test/"},
		"the service":                   {308, "https://ACCESS.test/", ""},
		"a page":                        {200, "", ""},
		"sent to a page without a name": {302, "/login", ""},
		"sent nowhere":                  {302, "", ""},
		"away":                          {503, "", ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if test.location != "" {
				w.Header().Set("Location", test.location)
			}
			w.WriteHeader(test.status)
		}))
		asked := ""
		got := captivePortal(t.Context(), "https://access.test:8443", func(ctx context.Context, address string) (net.Conn, error) {
			asked = address
			return (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
		})
		server.Close()
		if got != test.want || asked != "access.test:80" {
			t.Errorf("%s: %q by %s, want %q", name, got, asked, test.want)
		}
	}
	refuses := func(context.Context, string) (net.Conn, error) { return nil, net.ErrClosed }
	if got := captivePortal(t.Context(), "https://access.test", refuses); got != "" {
		t.Errorf("nobody is there: %q", got)
	}
}
