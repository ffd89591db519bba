package gateway_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"postern/internal/access"
	"postern/internal/gateway"
	"postern/internal/wire"
)

// TestPeersComeAndGo: a gateway that comes is dialled, one that went is let go of, and what a lost one told is
// taken back.
func TestPeersComeAndGo(t *testing.T) {
	list := replicas(t, "gtw_1", "gtw_2", "gtw_3")
	c := list[2].connect("far")
	list[0].until("the connector's presence is told", func() bool { return list[0].lastPresence("con_far", "gtw_3").Tunnels == 1 })
	if echo := list[0].lastPresence("con_far", "gtw_3"); echo.Instance != "con_far" || echo.Address == "" {
		t.Errorf("told %+v", echo)
	}
	_ = c
	list[2].stop()
	<-list[2].done
	for _, w := range list[:2] {
		w.until("the tunnels with it are gone", func() bool { return w.metric("postern_gateway_peers") == 2 })
	}
	list[0].until("its connector is told to be lost", func() bool { return list[0].lastPresence("con_far", "gtw_3").Tunnels == 0 })
	list[0].until("it is said that a gateway is not reached", func() bool {
		list[0].mu.Lock()
		defer list[0].mu.Unlock()
		return slices.ContainsFunc(list[0].states, func(s wire.GatewayState) bool { return slices.Contains(s.Unreached, "gtw_3") })
	})
}

// lastPresence gives the last that was reported of a connector at a gateway.
func (p *plane) lastPresence(connector, gateway string) (last wire.Presence) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, told := range p.presence {
		if told.Connector == connector && told.Gateway == gateway {
			last = told
		}
	}
	return last
}

// TestForwardedDrain: a gateway that stops finishes what it carries for others and takes nothing new.
func TestForwardedDrain(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "begun ")
		w.(http.Flusher).Flush()
		close(begun)
		<-finish
		io.WriteString(w, "finished")
	})
	list := replicasWith(t, func(c *gateway.Config) { c.Drain = patience }, "gtw_1", "gtw_2", "gtw_3")
	b := httptest.NewServer(mux)
	t.Cleanup(b.Close)
	here := list[0]
	c := list[1].connect("far")
	app := list[1].publish("https://wiki.test/", b.URL, nil)
	here.settled()
	here.awaitFar(app)
	type answer struct {
		text string
		err  error
	}
	slow := make(chan answer, 1)
	go func() {
		res, err := here.client(nil).Do(here.signedIn("GET", "/slow", nil))
		if err != nil {
			slow <- answer{err: err}
			return
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		slow <- answer{string(text), err}
	}()
	awaitSignal(t, begun, "the slow answer begins")
	list[1].stop()
	// The connector goes to a third gateway, as it does when its gateway drains.
	c.w = list[2]
	c.dial()
	here.until("new requests go by the third gateway", func() bool {
		here.awaitFar(app)
		here.mu.Lock()
		defer here.mu.Unlock()
		return here.records[len(here.records)-1].Via == "gtw_3"
	})
	select {
	case a := <-slow:
		t.Fatalf("the slow answer ended early: %+v", a)
	case <-list[1].done:
		t.Fatal("the gateway did not wait for what it carries")
	default:
	}
	close(finish)
	if a := <-slow; a.err != nil || a.text != "begun finished" {
		t.Errorf("got %+v", a)
	}
	awaitSignal(t, list[1].done, "the gateway's end")
}

// TestForwardedDenied: what the configuration no longer allows is cut where it is carried, too.
func TestForwardedDenied(t *testing.T) {
	for name, change := range map[string]func(*access.Content){
		"application disabled": func(c *access.Content) {
			app := *c.Applications[0]
			app.Disabled, app.Version = true, app.Version+1
			c.Applications[0] = &app
		},
		"application deleted": func(c *access.Content) { c.Applications = nil },
		"connector disabled": func(c *access.Content) {
			k := *c.Connectors[0]
			k.Disabled = true
			c.Connectors[0] = &k
		},
		"connector moved": func(c *access.Content) {
			k := *c.Connectors[0]
			k.GroupID = "cgr_other"
			c.Connectors[0] = &k
		},
	} {
		t.Run(name, func(t *testing.T) {
			begun := make(chan struct{})
			mux := http.NewServeMux()
			mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
			mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, "begun ")
				w.(http.Flusher).Flush()
				close(begun)
				<-r.Context().Done()
			})
			here, there, _, _ := pair(t, mux)
			res, err := here.client(nil).Do(here.signedIn("GET", "/slow", nil))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			awaitSignal(t, begun, "the answer begins")
			there.change(change)
			if _, err := io.ReadAll(res.Body); err == nil {
				t.Error("the answer looks complete")
			}
			there.until("nothing is carried", func() bool { return there.metric("postern_gateway_forwards") == 0 })
		})
	}
}

// TestForwardedAsk: a connector is asked wherever its tunnel is.
func TestForwardedAsk(t *testing.T) {
	here, there, _, _ := pair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") }))
	for name, w := range map[string]*world{"far": here, "near": there} {
		answer, err := w.gateway.Ask(t.Context(), "con_far", wire.QuestionProbe, []byte(`"echo"`))
		if err != nil || string(answer) != `"echo"` {
			t.Errorf("%s: %s, %v", name, answer, err)
		}
	}
	if _, err := here.gateway.Ask(t.Context(), "con_nobody", wire.QuestionProbe, nil); err == nil {
		t.Error("a connector without a tunnel answers")
	}
}

// TestPeerRevoked: a gateway whose certificate is revoked loses its tunnels and gets none again.
func TestPeerRevoked(t *testing.T) {
	p := newPlane(t)
	r := &running{changed: make(chan struct{})}
	var list []*world
	var serials []string
	for _, id := range []string{"gtw_1", "gtw_2"} {
		own := p.gatewayOf(t, id)
		serials = append(serials, serialOf(own))
		list = append(list, newWorldOn(t, p, id, func(c *gateway.Config) { c.Peers, c.Keys = r, keysOf{p, own} }))
		r.add(list[len(list)-1], id)
	}
	list[0].until("tunnels", func() bool { return list[0].metric("postern_gateway_peers") == 2 })
	p.end(access.EndingCertificate, serials[1], func() { p.revoked[serials[1]] = true })
	list[0].until("no tunnels", func() bool { return list[0].metric("postern_gateway_peers") == 0 })
	list[0].until("it is refused", func() bool { return list[0].failedHandshakes() > 0 })
	if n := list[0].metric("postern_gateway_peers"); n != 0 {
		t.Errorf("%v tunnels", n)
	}
}

// TestPeerTellsTooMuch: what one gateway can make another remember is bounded.
func TestPeerTellsTooMuch(t *testing.T) {
	list := replicasWith(t, func(c *gateway.Config) { c.Limits.PeerTunnels = 1 }, "gtw_1", "gtw_2")
	list[1].connect("one")
	list[1].connect("two")
	list[0].until("one too many is counted", func() bool { return list[0].metric("postern_gateway_refused_total") > 0 })
}

// TestHold: a request waits for a connector that was here a moment ago.
func TestHold(t *testing.T) {
	here, there, c, _ := pair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") }))
	c.session.Close()
	there.until("its tunnel is gone", func() bool { return there.metric("postern_gateway_tunnels") == 0 })
	for name, w := range map[string]*world{"far": here, "near": there} {
		t.Run(name, func(t *testing.T) {
			status := make(chan int, 1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				res, err := w.client(nil).Do(w.signedIn("GET", "/", nil).WithContext(ctx))
				if err != nil {
					status <- 0
					return
				}
				res.Body.Close()
				status <- res.StatusCode
			}()
			w.until("the request waits", func() bool { return w.metric("postern_gateway_exchanges") > 0 || len(status) > 0 })
			c.dial()
			if got := <-status; got != http.StatusOK {
				t.Errorf("got %d", got)
			}
			c.session.Close()
			there.until("its tunnel is gone", func() bool { return there.metric("postern_gateway_tunnels") == 0 })
		})
	}
}
