package posterntest

import (
	"context"
	"html"
	"net/url"
	"path/filepath"
	"regexp"
	"sync"

	"postern/internal/client"
	"postern/internal/uplink"
)

// Device is somebody's device with a client that runs in the test's process.
type Device struct {
	*client.Client
	ID    string
	State string // its directory

	stop func() error
}

// Device signs a user of the service in with the client, as the user does in a browser, and runs the client until the test ends.
func (s *System) Device(user string, changes ...func(*client.Config)) *Device {
	s.T.Helper()
	d := &Device{State: filepath.Join(s.T.TempDir(), "client")}
	d.ID = s.SignInDevice(user, d.State, nil).Device
	s.RunDevice(d, changes...)
	return d
}

// SignInDevice signs a user in with the client of a state directory.
func (s *System) SignInDevice(user, state string, change func(*client.SignIn)) client.SignedIn {
	s.T.Helper()
	in := client.SignIn{
		State: must(client.OpenState(state))(s.T), URL: s.PortalURL, CA: s.RootsPEM, Host: testHost,
		Dialer:  s.Dialer(),
		Browser: func(address string) { s.Allow(user, address) },
	}
	if change != nil {
		change(&in)
	}
	return must(client.Login(s.T.Context(), in))(s.T)
}

var hiddenRequest = regexp.MustCompile(`name="request" value="([^"]*)"`)

// Allow is what a user does whom a program sends to an address in the browser: sign in, and allow it.
func (s *System) Allow(user, address string) {
	s.T.Helper()
	browser := s.Browser()
	browser.Post(s.PortalURL+"/sign-in", url.Values{"name": {user}, "password": {Password}})
	browser.Allow(address)
}

// Allow is what somebody does who is signed in in the browser.
func (b *Browser) Allow(address string) {
	b.t.Helper()
	page := b.Go(address)
	field := hiddenRequest.FindStringSubmatch(page.Text)
	if field == nil {
		b.t.Errorf("%s led to no question but to %s: %s", address, page.Request.URL, page.Status)
		return
	}
	// The program's page closes when it has the answer.
	b.Post(b.sys.PortalURL+"/oauth/authorize", url.Values{"request": {html.UnescapeString(field[1])}, "answer": {"allow"}})
}

// RunDevice runs the client of a device, again after Stop.
func (s *System) RunDevice(d *Device, changes ...func(*client.Config)) {
	s.T.Helper()
	cfg := client.Config{
		State: must(client.OpenState(d.State))(s.T), Host: testHost, Log: s.Log, Gateways: 2, Dialer: s.Dialer(),
	}
	for _, change := range changes {
		change(&cfg)
	}
	d.Client = must(client.New(cfg))(s.T)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	d.stop = sync.OnceValue(func() error { cancel(); return <-done })
	s.T.Cleanup(func() {
		if err := d.stop(); err != nil {
			s.T.Errorf("the client of device %s ended: %v", d.ID, err)
		}
	})
}

// Stop stops the client and waits for its end.
func (d *Device) Stop() error { return d.stop() }

// Dialer gives the way out of a program of the test, which waits for a machine that is slow.
func (s *System) Dialer() *uplink.Dialer {
	s.T.Helper()
	return must(uplink.New(uplink.Config{Proxy: uplink.Direct, Timeout: Patience}))(s.T)
}
