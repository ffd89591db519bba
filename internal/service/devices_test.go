package service_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/client"
	"postern/internal/client/flow"
	"postern/internal/fault"
	"postern/internal/posterntest"
	"postern/internal/wire"
)

const patience = 30 * time.Second

// lab is a private application on a backend that takes connections and says nothing.
type lab struct {
	*posterntest.System
	app api.Application
	to  flow.To
}

func newLab(t *testing.T) *lab {
	t.Helper()
	backend, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { backend.Close() })
	go func() { // ends with the backend
		for {
			conn, err := backend.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
		}
	}()
	port := uint16(backend.Addr().(*net.TCPAddr).Port)
	l := &lab{System: posterntest.New(t)}
	l.Connector("site")
	l.app = l.Private("lab", api.Segment{Destination: "127.0.0.1", Ports: fmt.Sprint(port)})
	if l.to, err = flow.Parse(flow.TCP, "127.0.0.1", port); err != nil {
		t.Fatal(err)
	}
	return l
}

// open waits until a device has rules with the application, and opens a flow to it.
func (l *lab) open(d *posterntest.Device) *flow.Flow {
	l.T.Helper()
	l.Await("the client to know the application", func() bool {
		s := d.Status()
		return s.State == client.StateConnected && s.Rules.Version > 0 && !s.Rules.Kept && s.Rules.Applications == 1
	})
	f, err := d.Open(l.T.Context(), l.to)
	if err != nil {
		l.T.Fatal(err)
	}
	l.T.Cleanup(f.Close)
	return f
}

// cut waits until a flow is reset, and says how long that took.
func (l *lab) cut(f *flow.Flow, since time.Time) {
	l.T.Helper()
	_ = f.Stream.SetReadDeadline(time.Now().Add(patience))
	if _, err := f.Stream.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) {
		l.T.Errorf("the flow is not cut: %v", err)
	}
	l.T.Logf("cut after %s", time.Since(since).Round(time.Millisecond))
}

// TestWhatEndsADeviceCutsItsFlows: whoever revokes it, however; and it gets no new one.
func TestWhatEndsADeviceCutsItsFlows(t *testing.T) {
	l := newLab(t)
	ctx := t.Context()
	for name, end := range map[string]func(d *posterntest.Device, user api.User) error{
		"revoked": func(d *posterntest.Device, _ api.User) error { _, err := l.API.Devices.Revoke(ctx, d.ID); return err },
		"deleted": func(d *posterntest.Device, _ api.User) error { return l.API.Devices.Delete(ctx, d.ID, 0) },
		"by-its-user": func(d *posterntest.Device, user api.User) error {
			browser := l.Browser()
			browser.Post(l.PortalURL+"/sign-in", url.Values{"name": {user.Name}, "password": {posterntest.Password}})
			browser.Post(l.PortalURL+"/account/devices/revoke", url.Values{"id": {d.ID}})
			return nil
		},
		"signed-out": func(_ *posterntest.Device, user api.User) error { return l.API.Users.RevokeSessions(ctx, user.ID) },
		"disabled": func(_ *posterntest.Device, user api.User) error {
			_, err := l.API.Users.Update(ctx, user.ID, user.Version, api.Patch{"disabled": true})
			return err
		},
		"user-deleted": func(_ *posterntest.Device, user api.User) error { return l.API.Users.Delete(ctx, user.ID, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			user := l.User(name)
			l.Assign(l.app, user)
			d := l.Device(name)
			f := l.open(d)
			since := time.Now()
			if err := end(d, user); err != nil {
				t.Fatal(err)
			}
			l.cut(f, since)
			l.Await("new flows to be refused", func() bool { _, err := d.Open(ctx, l.to); return err != nil })
			if err := d.Stop(); err != nil {
				t.Log("the client ended:", err)
			}
		})
	}
}

// TestPoliciesAskForADevice: what they ask for is held against what the device told, on new flows and on those that are open.
func TestPoliciesAskForADevice(t *testing.T) {
	l := newLab(t)
	ctx := t.Context()
	l.Assign(l.app, l.User("ada"))
	in := api.PolicyInput{Name: "Managed", Everyone: true, Applications: []string{l.app.ID}, DeviceEnrolled: true, DeviceSystems: []string{"linux", "windows", "darwin"}}
	rule, err := l.API.Policies.Create(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	d := l.Device("ada")
	f := l.open(d)
	since := time.Now()
	if rule, err = l.API.Policies.Update(ctx, rule.ID, rule.Version, api.Patch{"clientVersions": []string{"999.0"}}); err != nil {
		t.Fatal(err)
	}
	l.cut(f, since)
	l.Await("the policy to be in force", func() bool {
		_, err := d.Open(ctx, l.to)
		refusal, _ := errors.AsType[*wire.Refusal](err)
		if refusal != nil && refusal.Code == "policy-device" && !strings.Contains(refusal.Message, "999.0") {
			t.Errorf("the refusal does not say what to do: %+v", refusal)
		}
		return refusal != nil && refusal.Code == "policy-device" || fault.Is(err, fault.KindForbidden)
	})
	e, err := l.API.Explain(ctx, api.ExplainQuestion{User: must(l.API.Devices.Show(ctx, d.ID))(t).User, Application: l.app.ID, Device: d.ID})
	if err != nil || e.Allow || e.Reason != "policy-device" || !strings.Contains(e.Message, "999.0") {
		t.Errorf("explained: %+v, %v", e, err)
	}
	if _, err := l.API.Policies.Update(ctx, rule.ID, rule.Version, api.Patch{"clientVersions": []string{}}); err != nil {
		t.Fatal(err)
	}
	l.Await("the device to do again", func() bool {
		f, err := d.Open(ctx, l.to)
		if err == nil {
			f.Close()
		}
		return err == nil
	})
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
