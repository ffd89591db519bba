package gateway_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/ca"
	"postern/internal/gateway"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// running is the list of the gateways that run.
type running struct {
	mu      sync.Mutex
	list    []access.Gateway
	changed chan struct{}
}

func (r *running) set(change func([]access.Gateway) []access.Gateway) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = change(slices.Clone(r.list))
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *running) add(w *world, id string) {
	r.set(func(list []access.Gateway) []access.Gateway {
		return append(list, access.Gateway{ID: access.ID(id), Address: w.address})
	})
}

func (r *running) RunningGateways(ctx context.Context, known []access.Gateway) ([]access.Gateway, error) {
	for {
		r.mu.Lock()
		list, changed := r.list, r.changed
		r.mu.Unlock()
		if !slices.Equal(list, known) {
			return list, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// keysOf are the plane's keys with a certificate of one gateway's own.
type keysOf struct {
	*plane
	own tls.Certificate
}

func (k keysOf) GatewayCertificate() (*tls.Certificate, error) { return &k.own, nil }

// replicas starts gateways that share a control plane and waits until each has tunnels with all others.
func replicas(t testing.TB, ids ...string) []*world {
	t.Helper()
	return replicasWith(t, func(*gateway.Config) {}, ids...)
}

func (p *plane) gatewayOf(t testing.TB, id string) tls.Certificate {
	return p.issue(t, ca.ProfileGateway, id)
}

func serialOf(c tls.Certificate) string { return fmt.Sprintf("%x", c.Leaf.SerialNumber) }

// failedHandshakes counts TLS handshakes that came to nothing.
func (w *world) failedHandshakes() (n float64) {
	families, err := w.metrics.Gather()
	if err != nil {
		w.t.Error(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			for _, label := range m.Label {
				if f.GetName() == "postern_gateway_handshakes_total" && label.GetValue() == "failed" {
					n += m.GetCounter().GetValue()
				}
			}
		}
	}
	return n
}

func replicasWith(t testing.TB, change option, ids ...string) []*world {
	t.Helper()
	p, r := newPlane(t), &running{changed: make(chan struct{})}
	var list []*world
	for _, id := range ids {
		own := p.gatewayOf(t, id)
		list = append(list, newWorldOn(t, p, id, func(c *gateway.Config) { c.Peers, c.Keys = r, keysOf{p, own} }, change))
	}
	for i, id := range ids {
		r.add(list[i], id)
	}
	for _, w := range list {
		w.until("tunnels with the other gateways", func() bool { return w.metric("postern_gateway_peers") == float64(2*(len(ids)-1)) })
	}
	return list
}

// pair gives two gateways: a user comes to the first, the connector has a tunnel to the second only.
func pair(t testing.TB, backend http.Handler) (here, there *world, c *connector, app *access.Application) {
	t.Helper()
	list := replicas(t, "gtw_1", "gtw_2")
	here, there = list[0], list[1]
	b := httptest.NewServer(backend)
	t.Cleanup(b.Close)
	c = there.connect("far")
	app = there.publish("https://wiki.test/", b.URL, nil)
	here.settled()
	here.awaitFar(app)
	return here, there, c, app
}

// awaitFar waits until the application can be reached.
func (w *world) awaitFar(*access.Application) {
	w.t.Helper()
	client := w.client(nil)
	w.until("the application is reached through the other gateway", func() bool {
		res, err := client.Do(w.signedIn("GET", "/", nil))
		if err != nil {
			return false
		}
		defer res.Body.Close()
		io.Copy(io.Discard, res.Body)
		return res.StatusCode == http.StatusOK
	})
	client.CloseIdleConnections()
}

func (w *world) signedIn(method, path string, body io.Reader) *http.Request {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, "https://wiki.test"+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Cookie", signedIn)
	return req
}

// TestForwardedWays carries each kind of exchange through the gateway that holds the tunnel.
func TestForwardedWays(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 1<<18) // 4 MiB
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") })
	mux.HandleFunc("/big", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, big) })
	mux.HandleFunc("/sum", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		io.Copy(sum, r.Body)
		fmt.Fprintf(w, "%x", sum.Sum(nil))
	})
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done() // the stream stays open until the client leaves
	})
	mux.HandleFunc("/trailer", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-End")
		io.WriteString(w, "body")
		w.Header().Set("X-End", "here")
	})
	here, there, _, _ := pair(t, mux)
	for name, change := range map[string]func(*http.Transport){"http/1.1": nil, "h2": http2} {
		t.Run(name, func(t *testing.T) {
			client := here.client(change)
			get := func(path string) string {
				res, err := client.Do(here.signedIn("GET", path, nil))
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				text, err := io.ReadAll(res.Body)
				if err != nil || res.StatusCode != http.StatusOK {
					t.Fatalf("%s: %d, %v", path, res.StatusCode, err)
				}
				if path == "/trailer" && res.Trailer.Get("X-End") != "here" {
					t.Errorf("trailers: %v", res.Trailer)
				}
				return string(text)
			}
			if got := get("/"); got != "hello" {
				t.Errorf("got %q", got)
			}
			if got := get("/big"); got != big {
				t.Errorf("got %d bytes, want %d", len(got), len(big))
			}
			get("/trailer")
			res, err := client.Do(here.signedIn("POST", "/sum", strings.NewReader(big)))
			if err != nil {
				t.Fatal(err)
			}
			sum, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if want := fmt.Sprintf("%x", sha256.Sum256([]byte(big))); string(sum) != want {
				t.Errorf("the backend got another body: %s", sum)
			}
			ctx, leave := context.WithCancel(t.Context())
			res, err = client.Do(here.signedIn("GET", "/events", nil).WithContext(ctx))
			if err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(res.Body)
			for i := range 3 {
				line, err := lines.ReadString('\n')
				if want := fmt.Sprintf("data: %d\n", i); err != nil || line != want {
					t.Fatalf("event %d: %q, %v", i, line, err)
				}
				lines.ReadString('\n')
			}
			leave()
			res.Body.Close()
		})
	}
	here.until("records say which way it went", func() bool {
		here.mu.Lock()
		defer here.mu.Unlock()
		return slices.ContainsFunc(here.records, func(r wire.Record) bool {
			return r.Gateway == "gtw_1" && r.Via == "gtw_2" && r.Connector == "con_far" && r.Path == "/big" && r.Complete
		})
	})
	there.until("what nobody needs any more has ended", func() bool { return there.metric("postern_gateway_forwards") == 0 })
}

// TestForwardedCut never makes a cut transfer look complete, whoever cut it.
func TestForwardedCut(t *testing.T) {
	started := make(chan context.Context, 1)
	gone := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
	mux.HandleFunc("/cut", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		io.WriteString(w, "part")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/chunks", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "part")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/wait", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "part")
		w.(http.Flusher).Flush()
		started <- r.Context()
		<-r.Context().Done()
		gone <- struct{}{}
	})
	here, there, c, _ := pair(t, mux)
	client := here.client(nil)
	read := func(path string, begun func()) error {
		res, err := client.Do(here.signedIn("GET", path, nil))
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if _, err := io.ReadFull(res.Body, make([]byte, len("part"))); err != nil {
			return err
		}
		begun()
		_, err = io.ReadAll(res.Body)
		return err
	}
	for _, path := range []string{"/cut", "/chunks"} {
		if err := read(path, func() {}); err == nil {
			t.Errorf("%s: a transfer that the backend cut looks complete", path)
		}
	}
	t.Run("the client leaves", func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		res, err := client.Do(here.signedIn("GET", "/wait", nil).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		<-started
		leave()
		res.Body.Close()
		awaitSignal(t, gone, "the backend hears that the client left")
	})
	t.Run("the tunnel is lost", func(t *testing.T) {
		err := read("/wait", func() { <-started; c.session.Close() })
		if err == nil {
			t.Error("a transfer whose tunnel was lost looks complete")
		}
		awaitSignal(t, gone, "the backend hears of it")
	})
	there.until("nothing is left", func() bool { return there.metric("postern_gateway_forwards") == 0 })
}

func awaitSignal(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("not in time: %s", what)
	}
}

// TestForwardedOnce refuses at the gateway that was asked to carry: it forwards nothing a second time, and decides itself.
func TestForwardedOnce(t *testing.T) {
	list := replicas(t, "gtw_1", "gtw_2", "gtw_3")
	r := newRecorder(t)
	c := list[1].connect("far")
	app := list[1].publish("https://wiki.test/", "http://"+r.address, nil)
	for _, w := range list {
		w.settled()
	}
	list[0].awaitFar(app)
	grant, _, _ := list[0].Grant(t.Context(), app.ID, nil)
	user := ada()
	ofUser, _, _ := list[0].Grant(t.Context(), app.ID, &user)
	stranger := user
	stranger.Groups = nil
	number := c.number(t, list[1])
	to := func(f wire.Forward) *wire.Forward { return &f }
	good := wire.Open{Kind: wire.KindDial, Application: string(app.ID), Version: app.Version, Grant: grant,
		Forward: to(wire.Forward{Connector: "con_far", Tunnel: number})}
	rows := []struct {
		name   string
		asked  *world
		change func(*wire.Open)
		code   string // empty: it is carried
	}{
		{"the tunnel is there", list[1], func(*wire.Open) {}, ""},
		{"the tunnel is at a third one", list[2], func(*wire.Open) {}, "tunnel-gone"},
		{"another tunnel", list[1], func(o *wire.Open) { o.Forward = to(wire.Forward{Connector: "con_far", Tunnel: 999}) }, "tunnel-gone"},
		{"another connector", list[1], func(o *wire.Open) { o.Forward = to(wire.Forward{Connector: "con_x", Tunnel: number}) }, "wrong-connector"},
		{"not forwarded", list[1], func(o *wire.Open) { o.Forward = nil }, "not-forwarded"},
		{"no such application", list[1], func(o *wire.Open) { o.Application = "app_x" }, "not-published"},
		{"no grant", list[1], func(o *wire.Open) { o.Grant = "" }, "grant-unknown"},
		{"a grant that nobody signed", list[1], func(o *wire.Open) { o.Grant = grant + "A" }, "grant-refused"},
		{"a user's grant", list[1], func(o *wire.Open) { o.Grant, o.Forward.Who = ofUser, wire.Encode(user) }, ""},
		{"a user's grant without the user", list[1], func(o *wire.Open) { o.Grant = ofUser }, "wrong-user"},
		{"a user's grant with another user", list[1], func(o *wire.Open) {
			o.Grant, o.Forward.Who = ofUser, wire.Encode(access.Principal{User: "usr_eve", Session: user.Session})
		}, "wrong-user"},
		{"a user whom the policy denies", list[1], func(o *wire.Open) { o.Grant, o.Forward.Who = ofUser, wire.Encode(stranger) }, "denied"},
		{"a newer configuration that never comes", list[1], func(o *wire.Open) { o.Forward.Version = 1 << 40 }, ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			open := good
			open.Forward = to(*good.Forward)
			row.change(&open)
			code := row.asked.openAsGateway(t, open)
			if code != row.code {
				t.Errorf("refused with %q, want %q", code, row.code)
			}
		})
	}
	t.Run("the user's session has ended", func(t *testing.T) {
		list[0].end(access.EndingSession, string(user.Session), nil)
		list[1].until("it is known", func() bool {
			open := good
			open.Grant, open.Forward = ofUser, to(*good.Forward)
			open.Forward.Who = wire.Encode(user)
			return list[1].openAsGateway(t, open) == "session-ended"
		})
	})
}

// number gives the gateway's number of the connector's tunnel: the only one is tried out.
func (c *connector) number(t *testing.T, w *world) uint64 {
	t.Helper()
	for number := range uint64(10) {
		w.mu.Lock()
		app := w.content.Applications[0].ID
		w.mu.Unlock()
		grant, _, _ := w.Grant(t.Context(), app, nil)
		code := w.openAsGateway(t, wire.Open{Kind: wire.KindDial, Application: string(app), Grant: grant,
			Forward: &wire.Forward{Connector: string(c.id), Tunnel: number}})
		if code == "" {
			return number
		}
	}
	t.Fatal("no tunnel")
	return 0
}

// openAsGateway opens a stream with a gateway's certificate, as a gateway of ours might that is wrong or in other
// hands, and gives the code of the refusal.
func (w *world) openAsGateway(t *testing.T, open wire.Open) (code string) {
	t.Helper()
	other := &connector{w: w, id: "gtw_9", cert: w.issue(t, ca.ProfileGateway, "gtw_9")}
	other.cert.Certificate = other.cert.Certificate[:1]
	other.config = w.dialTLS(&other.cert)
	s, _, err := other.open()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	st, err := s.Open(t.Context(), wire.Encode(open))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Reset(tunnel.CodeCancelled)
	_, err = st.Opened(t.Context())
	var refused *tunnel.RefusedError
	if errors.As(err, &refused) {
		refusal, err := wire.Decode[wire.Refusal](refused.Payload)
		if err != nil {
			t.Fatal(err)
		}
		return refusal.Code
	}
	if err != nil {
		t.Fatal(err)
	}
	return ""
}
