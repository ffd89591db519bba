package client

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"postern/internal/fault"
)

const (
	captiveWithin = 3 * time.Second
	captiveEvery  = 30 * time.Second // between two looks while no gateway is reached
)

// captivePortal tells whether the network wants somebody to sign in at a page of its own first: then it answers plain HTTP in the place of the
// service, which sends everybody to its own https address and nowhere else. It gives that page, or the service's plain address where the network
// says no more (RFC 6585, section 6); empty: nothing speaks for it.
func captivePortal(ctx context.Context, service string, dial func(ctx context.Context, address string) (net.Conn, error)) string {
	u, err := url.Parse(service)
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, captiveWithin)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, address string) (net.Conn, error) { return dial(ctx, address) }}
	defer transport.CloseIdleConnections()
	plain := "http://" + u.Hostname() + "/"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, plain, nil)
	if err != nil {
		return ""
	}
	response, err := transport.RoundTrip(req)
	if err != nil {
		return "" // nobody answers
	}
	_ = response.Body.Close() // nobody reads it
	if response.StatusCode == http.StatusNetworkAuthenticationRequired {
		return plain
	}
	where, err := response.Location()
	if response.StatusCode/100 != 3 || err != nil || strings.EqualFold(where.Hostname(), u.Hostname()) {
		return ""
	}
	return fault.Readable(where.String())
}

// lookForCaptive notes whether the network wants a sign-in of its own, now that no gateway is reached.
func (c *Client) lookForCaptive() {
	id := c.current.Load()
	c.mu.Lock()
	due := id != nil && time.Since(c.captiveLooked) >= captiveEvery
	if due {
		c.captiveLooked = time.Now()
	}
	c.mu.Unlock()
	if !due {
		return
	}
	page := captivePortal(context.Background(), id.cred.Connection.ServiceURL, c.cfg.Dialer.Dial)
	c.mu.Lock()
	defer c.mu.Unlock()
	if page != "" && page != c.captive {
		c.log.Warn("the network wants somebody to sign in first", "page", page)
	}
	c.captive = page
}

// captiveWhy says so in a sentence.
func captiveWhy(page string) string {
	return fmt.Sprintf("this network wants you to sign in first: open %s in a browser", page)
}
