package client_test

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/client"
	"postern/internal/client/flow"
	"postern/internal/posterntest"
	"postern/internal/posterntest/idp"
	"postern/internal/service"
	"postern/test/size"
)

// elsewhere is a world whose user signs in at an OpenID provider.
type elsewhere struct {
	*world
	idp   *idp.Provider
	up    api.Upstream
	ahead *atomic.Int64 // of the clocks of the service and of the provider
}

func newElsewhere(t *testing.T) *elsewhere {
	t.Helper()
	e := &elsewhere{idp: idp.New(t), ahead: new(atomic.Int64)}
	e.world = newWorld(t, posterntest.With(func(c *service.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(e.ahead.Load())) }
	}))
	e.Roots.AppendCertsFromPEM([]byte(e.idp.CA()))
	ctx := t.Context()
	group := must(e.API.Groups.Create(ctx, api.GroupInput{Name: "Staff"}))(t)
	e.up = must(e.API.Upstreams.Create(ctx, api.UpstreamCreate{Secret: idp.Secret, UpstreamInput: api.UpstreamInput{Name: "Example", Kind: "oidc", Default: true,
		Mapping: &api.UpstreamMapping{Groups: []api.UpstreamGroup{{From: "employees", To: group.ID}}},
		OIDC:    &api.UpstreamOIDC{Issuer: e.idp.Issuer(), ClientID: idp.ClientID, AllowLoopback: true, CA: e.idp.CA()}}}))(t)
	must(e.API.Assignments.Create(ctx, api.AssignmentInput{Application: e.app.ID, Group: group.ID}))(t)
	e.AwaitSnapshot(func(snap *access.Snapshot) bool { return len(snap.Assignments) == 2 })
	return e
}

// employee has somebody be the one to sign in at the provider next, as such or refused by it.
func (e *elsewhere) employee(refused bool) {
	e.idp.Put(idp.User{Subject: "42", Refused: refused, Claims: map[string]any{"preferred_username": "eve", "groups": []string{"employees"}}})
}

// device signs eve in at the provider, in a browser, and has her allow the client, which opens a flow.
func (e *elsewhere) device() (*posterntest.Device, *flow.Flow) {
	e.T.Helper()
	e.employee(false)
	d := &posterntest.Device{State: filepath.Join(e.T.TempDir(), "client")}
	d.ID = e.SignInDevice("eve", d.State, func(in *client.SignIn) {
		in.Browser = func(address string) {
			browser := e.Browser()
			browser.Go(e.PortalURL + "/sign-in")
			browser.Allow(address)
		}
	}).Device
	e.RunDevice(d)
	e.ready(d, 1)
	return d, must(d.Open(e.T.Context(), to(e.T, flow.TCP, "127.0.0.1", e.tcp.port)))(e.T)
}

// isCut waits until a flow is reset and the client says that somebody has to sign in.
func (e *elsewhere) isCut(d *posterntest.Device, f *flow.Flow) {
	e.T.Helper()
	_ = f.Stream.SetReadDeadline(time.Now().Add(patience))
	if _, err := f.Stream.Read(make([]byte, 1)); !isReset(err) {
		e.T.Errorf("the flow ended with %v", err)
	}
	e.Await("the client to be signed out", func() bool { return d.Status().State == client.StateSignedOut })
	if why := strings.Join(d.Status().Why, "; "); !strings.Contains(why, "postern-client login") {
		e.T.Errorf("signed out: %s", why)
	}
}

// TestBackChannelLogoutCutsFlows: what the provider ends is cut on the device within seconds, whether it names the user or the session.
func TestBackChannelLogoutCutsFlows(t *testing.T) {
	within := size.Within(5 * time.Second)
	e := newElsewhere(t)
	for _, name := range []string{"sub", "sid"} {
		before := e.idp.Sessions("42")
		d, f := e.device()
		named := map[string]any{"sub": "42"}
		if name == "sid" {
			named = map[string]any{"sid": slices.DeleteFunc(e.idp.Sessions("42"), func(id string) bool { return slices.Contains(before, id) })[0]}
		}
		since := time.Now()
		resp := must(e.idp.Post(e.Browser().Client, e.PortalURL+"/upstreams/"+e.up.ID+"/logout", e.idp.LogoutToken(named)))(t)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
		e.isCut(d, f)
		if took := time.Since(since); took > within {
			t.Errorf("named by %s: cut after %s", name, took)
		}
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestRefusedByTheProvider: who is disabled at a provider that tells nobody is found out when it is asked anew, and the flows are cut.
func TestRefusedByTheProvider(t *testing.T) {
	e := newElsewhere(t)
	d, f := e.device()
	e.employee(true)
	for first := range 2 { // a token is good for ten minutes of the service's clock
		e.idp.Ahead(time.Duration(e.ahead.Add(int64(8 * time.Minute))))
		if err := d.Reshow(t.Context()); err != nil && first == 0 { // the second time it may have been found out already
			t.Fatal(err)
		}
	}
	e.isCut(d, f)
}
