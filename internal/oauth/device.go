package oauth

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"postern/internal/fault"
)

// Code is what a person needs to sign in a program elsewhere.
type Code struct {
	Code     string // to be typed
	Address  string // where
	Complete string // the same address with the code in it
	Expires  time.Time
}

// Device signs in by a code that a person types on another device. show is given it.
func (c *Client) Device(ctx context.Context, ask Ask, show func(Code)) (Tokens, error) {
	var begun struct {
		Device   string `json:"device_code"`
		User     string `json:"user_code"`
		Address  string `json:"verification_uri"`
		Complete string `json:"verification_uri_complete"`
		Expires  int    `json:"expires_in"`
		Interval int    `json:"interval"`
	}
	form := url.Values{}
	for name, value := range map[string]string{"resource": ask.Resource, "device_name": ask.Name} {
		if value != "" {
			form.Set(name, value)
		}
	}
	if err := c.post(ctx, c.at.Device, form, &begun); err != nil {
		return Tokens{}, err
	}
	if begun.Device == "" || begun.User == "" || begun.User != plain(begun.User) || begun.Expires <= 0 {
		return Tokens{}, fault.New(fault.KindUpstream, "%s gave no code", c.issuer)
	}
	// A person is sent there: it must be the service's own page.
	for _, address := range []string{begun.Address, begun.Complete} {
		if address != plain(address) || !strings.HasPrefix(address, c.issuer+"/") && (address != "" || begun.Address == "") {
			return Tokens{}, fault.New(fault.KindUpstream, "%s names a page that is not its own: %q", c.issuer, plain(address))
		}
	}
	life := time.Duration(min(begun.Expires, maxSeconds)) * time.Second
	ctx, cancel := context.WithTimeout(ctx, life)
	defer cancel()
	show(Code{Code: begun.User, Address: begun.Address, Complete: begun.Complete, Expires: time.Now().Add(life)})
	return c.poll(ctx, begun.Device, time.Duration(min(max(begun.Interval, 1), maxInterval))*time.Second)
}

// poll asks until somebody has answered. It slows down when it is told to, and goes on when the
// service is away for a moment (RFC 8628, section 3.5).
func (c *Client) poll(ctx context.Context, device string, interval time.Duration) (Tokens, error) {
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return Tokens{}, waited(ctx, "nobody allowed the sign-in")
		}
		got, err := c.tokens(ctx, url.Values{"grant_type": {grantDevice}, "device_code": {device}})
		code, _ := errors.AsType[Error](err)
		switch {
		case err == nil:
			return got, nil
		case ctx.Err() != nil:
			return Tokens{}, waited(ctx, "nobody allowed the sign-in")
		case code == "slow_down":
			interval += 5 * time.Second
		case code == "access_denied":
			return Tokens{}, fault.Forbidden("the sign-in was refused")
		case code != "authorization_pending" && !fault.Is(err, fault.KindUnavailable):
			return Tokens{}, err
		}
		timer.Reset(interval)
	}
}
