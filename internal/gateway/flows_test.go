package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
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

// A device is the other end of a device's tunnel.
type device struct {
	w *world
	*connector
}

// device enrols a device, opens its tunnel, and has ada sign in on it with the token "good".
func (w *world) device(name string) *device {
	w.t.Helper()
	d := w.stranger(name)
	w.mu.Lock()
	w.sessions["dev_"+name+" device good"] = ada()
	w.mu.Unlock()
	if _, err := d.ask(wire.QuestionSession, wire.AskSession{Token: "good"}); err != nil {
		w.t.Fatal(err)
	}
	return d
}

// stranger is one on which nobody signed in.
func (w *world) stranger(name string) *device {
	w.t.Helper()
	c := &connector{w: w, id: access.ID("dev_" + name), cert: w.issue(w.t, ca.ProfileClient, "dev_"+name)}
	c.config = w.dialTLS(&c.cert)
	s, _, err := c.open()
	if err != nil {
		w.t.Fatal(err)
	}
	c.session = s
	return &device{w, c}
}

func (d *device) ask(question string, body any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := d.session.Open(ctx, wire.Encode(wire.Open{Kind: wire.KindAsk, Question: question}))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	s.SetDeadline(time.Now().Add(patience))
	if _, err := s.Write(wire.Encode(body)); err == nil {
		s.CloseWrite()
	}
	answer, err := io.ReadAll(s)
	return answer, refusalIn(err)
}

func refusalIn(err error) error {
	var refused *tunnel.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	var r wire.Refusal
	if err := json.Unmarshal(refused.Payload, &r); err != nil {
		return err
	}
	return &r
}

// flow opens one.
func (d *device) flow(network, host string, port int, app access.ID) (*tunnel.Stream, wire.FlowOpened, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var opened wire.FlowOpened
	s, err := d.session.Open(ctx, wire.Encode(wire.Open{Kind: wire.KindFlow, Network: network, Host: host, Port: uint16(port), Application: string(app)}))
	if err != nil {
		return nil, opened, err
	}
	answer, err := s.Opened(ctx)
	if err != nil {
		s.Close()
		return nil, opened, refusalIn(err)
	}
	d.w.t.Cleanup(func() { s.Close() })
	s.SetDeadline(time.Now().Add(patience))
	opened, err = wire.Decode[wire.FlowOpened](answer)
	return s, opened, err
}

// private publishes a private application for ada's group.
func (w *world) private(name string, kind access.ApplicationKind, segments ...string) *access.Application {
	w.t.Helper()
	a := &access.Application{Meta: access.Meta{ID: access.NewID(access.PrefixApplication, time.Now()), Version: 1}, Name: name, Kind: kind, GroupID: groupID}
	for _, text := range segments {
		s, err := access.ParseSegment(text)
		if err != nil {
			w.t.Fatal(err)
		}
		a.Segments = append(a.Segments, s)
	}
	a.Defaults()
	if err := a.Validate(); err != nil {
		w.t.Fatal(err)
	}
	w.change(func(c *access.Content) {
		c.Applications = append(c.Applications, a)
		c.Assignments = append(c.Assignments, &access.Assignment{Application: a.ID, Group: "grp_staff"})
	})
	w.settled()
	return a
}

// flows gives the records of flows.
func (p *plane) flows() []wire.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.records), func(r wire.Record) bool { return r.Protocol != "tcp" && r.Protocol != "udp" })
}

// echoing is a server that gives back what it gets, and ends when its client does.
func echoing(t testing.TB) int {
	return serveTCP(t, func(c *net.TCPConn) { io.Copy(struct{ io.Writer }{c}, c); c.CloseWrite() })
}

func serveTCP(t testing.TB, serve func(*net.TCPConn)) int {
	l := listen(t)
	var each sync.WaitGroup
	each.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			each.Go(func() { defer c.Close(); serve(c.(*net.TCPConn)) })
		}
	})
	return l.Addr().(*net.TCPAddr).Port
}

// TestFlow: bytes go both ways, half-closed and aborted as they are at the other end, and the flow is recorded once, as it was.
func TestFlow(t *testing.T) {
	w := newWorld(t)
	app := w.private("Databases", access.KindPrivate, "db.corp.example:1-65535")
	w.connect("one")
	d := w.device("laptop")

	port := echoing(t)
	s, opened, err := d.flow("tcp", "DB.corp.example", port, "")
	if err != nil {
		t.Fatal(err)
	}
	if opened.Application != string(app.ID) || opened.Address != "127.0.0.1:"+strconv.Itoa(port) || opened.Request == "" {
		t.Errorf("opened as %+v", opened)
	}
	sent := make([]byte, 1<<20)
	for i := range sent {
		sent[i] = byte(rand.Uint32())
	}
	go func() { s.Write(sent); s.CloseWrite() }()
	got, err := io.ReadAll(s) // the server answers after our end only if that is passed on
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("got %d bytes, %v", len(got), err)
	}
	s.Close()
	w.until("the record", func() bool { return len(w.flows()) == 1 })
	r := w.flows()[0]
	if r.Request != opened.Request || r.Application != string(app.ID) || r.Connector != "con_one" || r.User != "ada" || r.Session != "ses_ada" ||
		r.Host != fmt.Sprintf("db.corp.example:%d", port) || r.Destination != opened.Address || r.Received != 1<<20 || r.Sent != 1<<20 || !r.Complete ||
		r.Outcome != wire.OutcomeForwarded || r.Action != "allow" || r.UserAgent != "postern-client/1" {
		t.Errorf("recorded as %+v", r)
	}
	if n := w.metric("postern_gateway_flows"); n != 0 {
		t.Errorf("%v flows are under way", n)
	}

	t.Run("the server talks first", func(t *testing.T) {
		s, _, err := d.flow("tcp", "db.corp.example", serveTCP(t, func(c *net.TCPConn) { io.WriteString(c, "hello"); c.CloseWrite(); io.Copy(io.Discard, c) }), "")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(s); string(got) != "hello" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("an abort is no end", func(t *testing.T) {
		s, _, err := d.flow("tcp", "db.corp.example", serveTCP(t, func(c *net.TCPConn) {
			io.WriteString(c, "half a")
			io.ReadFull(c, make([]byte, 1))
			c.SetLinger(0)
		}), "")
		if err != nil {
			t.Fatal(err)
		}
		s.Write([]byte("!"))
		if _, err := io.ReadAll(s); err == nil {
			t.Error("a cut transfer looks complete")
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		_, _, err := d.flow("tcp", "db.corp.example", 1, "")
		if r := new(wire.Refusal); !errors.As(err, &r) || r.Phase != wire.PhaseConnect || r.Code != "connection-refused" || r.Request == "" {
			t.Errorf("refused with %v", err)
		}
	})
}

// TestFlowOfDatagrams: each is one message, of whatever size, and order and boundaries stay.
func TestFlowOfDatagrams(t *testing.T) {
	w := newWorld(t)
	w.private("Names", access.KindPrivate, "10.0.0.53:1-65535/udp")
	w.connect("one")
	d := w.device("laptop")
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for buffer := make([]byte, 64<<10); ; {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			server.WriteTo(buffer[:n], from)
		}
	})
	defer serving.Wait()
	defer server.Close()
	s, _, err := d.flow("udp", "10.0.0.53", server.LocalAddr().(*net.UDPAddr).Port, "")
	if err != nil {
		t.Fatal(err)
	}
	var bytesSent int64
	for _, size := range []int{1, 0, 200, 1472, 9000, 65507} {
		sent := bytes.Repeat([]byte{byte(size)}, size)
		if err := s.SendDatagram(sent); err != nil {
			t.Fatal(err)
		}
		got, err := s.ReceiveDatagram(t.Context())
		if err != nil || !bytes.Equal(got, sent) {
			t.Fatalf("of %d bytes %d came back, %v", size, len(got), err)
		}
		bytesSent += int64(size)
	}
	s.Close()
	w.until("the record", func() bool { return len(w.flows()) == 1 })
	if r := w.flows()[0]; r.Protocol != "udp" || r.Received != bytesSent || r.Sent != bytesSent || !r.Complete {
		t.Errorf("recorded as %+v", r)
	}
}

// TestFlowsRefused: what nobody may have is refused in words, recorded once, and no connector hears of it.
func TestFlowsRefused(t *testing.T) {
	w := newWorld(t)
	w.private("Databases", access.KindPrivate, "db.corp.example:5432", "10.1.0.0/16:443", "*.shop.example:53/udp")
	w.private("All", access.KindQuickAccess, "10.0.0.0/8:1-65535/both")
	secret := w.private("Secret", access.KindPrivate, "10.9.9.9:22")
	off := w.private("Off", access.KindPrivate, "10.8.8.8:22")
	w.change(func(c *access.Content) {
		c.Assignments = slices.DeleteFunc(c.Assignments, func(a *access.Assignment) bool { return a.Application == secret.ID })
		for i, a := range c.Applications {
			if a.ID == off.ID {
				changed := *a
				changed.Disabled, changed.Version = true, 2
				c.Applications[i] = &changed
			}
		}
	})
	w.settled()
	k := w.connect("one")
	d := w.device("laptop")
	for name, test := range map[string]struct {
		network, host string
		port          int
		app           access.ID
		code          string
	}{
		"wrong port":                  {"tcp", "db.corp.example", 5433, "", wire.CodeNobodys},
		"wrong protocol":              {"udp", "db.corp.example", 5432, "", wire.CodeNobodys},
		"neighbour":                   {"tcp", "11.1.0.1", 443, "", wire.CodeNobodys},
		"another spelling":            {"tcp", "010.1.0.1", 443, "", wire.CodeMalformed},
		"a number for an address":     {"tcp", "167837697", 443, "", wire.CodeMalformed},
		"the domain itself":           {"udp", "shop.example", 53, "", wire.CodeNobodys},
		"not assigned":                {"tcp", "10.9.9.9", 22, "", "not-assigned"},
		"disabled, not the broad one": {"tcp", "10.8.8.8", 22, "", "application-disabled"},
		"named, not of it":            {"tcp", "10.1.0.1", 443, off.ID, wire.CodeNotApplications},
		"named, unknown":              {"tcp", "10.1.0.1", 443, "app_unknown", wire.CodeNotApplications},
		"no port":                     {"tcp", "10.1.0.1", 0, "", wire.CodeMalformed},
		"no network":                  {"", "10.1.0.1", 443, "", wire.CodeMalformed},
		"two networks":                {"both", "10.1.0.1", 443, "", wire.CodeMalformed},
		"no host":                     {"tcp", "", 443, "", wire.CodeMalformed},
		"very long":                   {"tcp", strings.Repeat("a", 9000), 443, "", wire.CodeMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(w.flows())
			_, _, err := d.flow(test.network, test.host, test.port, test.app)
			r := new(wire.Refusal)
			if !errors.As(err, &r) || r.Phase != wire.PhaseDecide || r.Code != test.code || r.Request == "" {
				t.Fatalf("refused with %v", err)
			}
			if test.network == "tcp" || test.network == "udp" {
				w.until("the record", func() bool { return len(w.flows()) == before+1 })
				if got := w.flows()[before]; got.Request != r.Request || got.Action != "deny" || got.Reason != test.code || got.Outcome != wire.OutcomeRefused ||
					test.code != wire.CodeMalformed && got.User != "ada" || test.code == "not-assigned" && got.Application != string(secret.ID) {
					t.Errorf("recorded as %+v", got)
				}
			}
		})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.opens) != 0 {
		t.Errorf("the connector was asked for %+v", k.opens)
	}
}

// TestFlowTellsTheAddress: a connector hears the device's address only of an application whose servers are told.
func TestFlowTellsTheAddress(t *testing.T) {
	w := newWorld(t)
	w.private("Quiet", access.KindPrivate, "quiet.corp.example:1-65535")
	told := w.private("Told", access.KindPrivate, "db.corp.example:1-65535")
	w.change(func(c *access.Content) {
		for i, a := range c.Applications {
			if a.ID == told.ID {
				changed := *a
				changed.ProxyProtocol, changed.Version = access.ProxyProtocolV2, 2
				c.Applications[i] = &changed
			}
		}
	})
	w.settled()
	k := w.connect("one")
	d := w.device("laptop")
	port := echoing(t)
	for _, host := range []string{"quiet.corp.example", "db.corp.example"} {
		s, _, err := d.flow("tcp", host, port, "")
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var clients []string
	for _, open := range k.opens {
		if open.Kind == wire.KindDial {
			clients = append(clients, open.Client)
		}
	}
	if len(clients) != 2 || clients[0] != "" || !strings.HasPrefix(clients[1], "127.0.0.1:") {
		t.Errorf("the connector heard of %q", clients)
	}
}

// TestFlowsWithoutSession: a certificate alone opens nothing.
func TestFlowsWithoutSession(t *testing.T) {
	w := newWorld(t)
	w.private("Databases", access.KindPrivate, "db.corp.example:5432")
	w.connect("one")
	d := w.stranger("laptop")
	_, _, err := d.flow("tcp", "db.corp.example", 5432, "")
	if r := new(wire.Refusal); !errors.As(err, &r) || r.Code != wire.CodeNoSession {
		t.Errorf("refused with %v", err)
	}
	if _, err := d.ask(wire.QuestionRules, wire.AskRules{}); !strings.Contains(fmt.Sprint(err), "nobody is signed in") {
		t.Errorf("rules: %v", err)
	}
	_, err = d.ask(wire.QuestionSession, wire.AskSession{Token: "stolen"})
	if r := new(wire.Refusal); !errors.As(err, &r) || r.Code != wire.CodeNoSession {
		t.Errorf("another token: %v", err)
	}
	for _, question := range []string{wire.QuestionConfiguration, wire.QuestionReport, wire.QuestionReach, "?"} {
		if _, err := d.ask(question, map[string]string{}); err == nil {
			t.Errorf("%s is answered", question)
		}
	}
}

// TestFlowsCut: what takes a right away ends the flow that it allowed.
func TestFlowsCut(t *testing.T) {
	change := func(f func(*world, *access.Content)) func(*world, *access.Application, *device) {
		return func(w *world, _ *access.Application, _ *device) { w.change(func(c *access.Content) { f(w, c) }) }
	}
	replace := func(c *access.Content, f func(*access.Application)) {
		app := *c.Applications[0]
		app.Version++
		f(&app)
		c.Applications[0] = &app
	}
	for name, take := range map[string]func(*world, *access.Application, *device){
		"unassigned": change(func(_ *world, c *access.Content) { c.Assignments = nil }),
		"disabled":   change(func(_ *world, c *access.Content) { replace(c, func(a *access.Application) { a.Disabled = true }) }),
		"deleted":    change(func(_ *world, c *access.Content) { c.Applications = nil }),
		"segment deleted": change(func(_ *world, c *access.Content) {
			replace(c, func(a *access.Application) { a.Segments = a.Segments[:1] })
		}),
		"connector moved": change(func(_ *world, c *access.Content) {
			k := *c.Connectors[0]
			k.GroupID = "cgr_other"
			c.Connectors[0] = &k
		}),
		"another application": change(func(_ *world, c *access.Content) {
			narrow := &access.Application{Meta: access.Meta{ID: "app_narrow", Version: 1}, Name: "Narrow", Kind: access.KindPrivate, GroupID: groupID,
				Segments: []access.Segment{{Destination: "10.1.2.3", Ports: "1-65535", Protocol: "tcp"}}}
			narrow.Defaults()
			c.Applications = append(c.Applications, narrow)
			c.Assignments = append(c.Assignments, &access.Assignment{Application: narrow.ID, Group: "grp_staff"})
		}),
		"signed out": func(w *world, _ *access.Application, d *device) {
			w.end(access.EndingSession, "ses_ada", func() { delete(w.sessions, string(d.id)+" device good") })
		},
		"user changed": func(w *world, _ *access.Application, d *device) {
			w.end(access.EndingUser, "usr_ada", func() {
				who := ada()
				who.Groups = nil
				w.sessions[string(d.id)+" device good"] = who
			})
		},
		"device revoked": func(w *world, _ *access.Application, d *device) {
			w.end(access.EndingCertificate, fmt.Sprintf("%x", d.cert.Leaf.SerialNumber), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			app := w.private("Databases", access.KindPrivate, "db.corp.example:5432", "10.1.0.0/16:1-65535")
			w.connect("one")
			d := w.device("laptop")
			s, _, err := d.flow("tcp", "10.1.2.3", echoing(t), "")
			if err != nil {
				t.Fatal(err)
			}
			s.Write([]byte("x"))
			if _, err := io.ReadFull(s, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			take(w, app, d)
			if _, err := io.ReadAll(s); err == nil {
				t.Error("the flow ended as if it were complete")
			}
			w.until("no flow is under way", func() bool { return w.metric("postern_gateway_flows") == 0 })
			if _, _, err := d.flow("tcp", "db.corp.example", 5433, ""); err == nil {
				t.Error("another one was opened")
			}
		})
	}
}

// TestRules: a device is told what its user may reach, at once when that changes, and only then.
func TestRules(t *testing.T) {
	w := newWorld(t)
	d := w.device("laptop")
	rules := func(hash string, wait time.Duration) wire.Rules {
		t.Helper()
		answer, err := d.ask(wire.QuestionRules, wire.AskRules{Hash: hash, Wait: wait})
		if err != nil {
			t.Fatal(err)
		}
		var r wire.Rules
		if err := json.Unmarshal(answer, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	none := rules("", 0)
	if len(none.Applications) != 0 || none.Hash == "" || none.ServiceURL != "https://portal.test/" {
		t.Errorf("at first %+v", none)
	}
	changed := make(chan wire.Rules, 1)
	go func() { changed <- rules(none.Hash, patience) }()
	w.publish("https://wiki.test/", "http://127.0.0.1:1/", nil) // of no interest to devices
	app := w.private("Databases", access.KindPrivate, "db.corp.example:5432")
	told := <-changed
	direct := make(chan wire.Rules, 1)
	go func() { direct <- rules(told.Hash, patience) }()
	w.change(func(c *access.Content) {
		changed := *c.Applications[1]
		changed.Direct, changed.Version = true, 2
		c.Applications[1] = &changed
	})
	if told = <-direct; len(told.Applications) != 1 || !told.Applications[0].Direct {
		t.Errorf("with direct %+v", told)
	}
	if len(told.Applications) != 1 || told.Applications[0].Application != string(app.ID) || told.Applications[0].Name != "Databases" ||
		!slices.Equal(told.Applications[0].Segments, []wire.Segment{{Destination: "db.corp.example", Ports: "5432", Protocol: "tcp"}}) {
		t.Errorf("then %+v", told)
	}
	go func() { changed <- rules(told.Hash, patience) }()
	w.end(access.EndingUser, "usr_ada", func() {
		who := ada()
		who.Groups = nil
		w.sessions["dev_laptop device good"] = who
	})
	if last := <-changed; len(last.Applications) != 0 {
		t.Errorf("of another group %+v", last)
	}
	if again := rules(none.Hash, time.Millisecond); again.Hash != none.Hash {
		t.Errorf("without a change %+v", again)
	}
}

// TestFlowThroughAnotherGateway: the device's gateway need not hold the connector's tunnel. The address that servers are told is the device's, too.
func TestFlowThroughAnotherGateway(t *testing.T) {
	here, there, k, _ := pair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	app := here.private("Databases", access.KindPrivate, "db.corp.example:1-65535/both")
	here.change(func(c *access.Content) {
		for i, a := range c.Applications {
			if a.ID == app.ID {
				changed := *a
				changed.ProxyProtocol, changed.Version = access.ProxyProtocolV2, 2
				c.Applications[i] = &changed
			}
		}
	})
	here.settled()
	there.settled()
	d := here.device("laptop")
	s, _, err := d.flow("tcp", "db.corp.example", echoing(t), "")
	if err != nil {
		t.Fatal(err)
	}
	go func() { s.Write([]byte("over there")); s.CloseWrite() }()
	if got, err := io.ReadAll(s); string(got) != "over there" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	here.until("the record", func() bool { return len(here.flows()) == 1 })
	if r := here.flows()[0]; r.Via == "" || r.Application != string(app.ID) {
		t.Errorf("recorded as %+v", r)
	}
	if there.metric("postern_gateway_forwarded_total") == 0 {
		t.Error("the other gateway carried nothing")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if last := k.opens[len(k.opens)-1]; last.Application != string(app.ID) || last.Client != here.flows()[0].Client || last.Client == "" {
		t.Errorf("the connector heard of %q", last.Client)
	}
}

// TestBoundsOfDevices: tunnels and flows of a device have limits.
func TestBoundsOfDevices(t *testing.T) {
	w := newWorld(t, func(c *gateway.Config) { c.Limits.DeviceTunnels, c.Limits.Flows = 1, 2 })
	w.private("Databases", access.KindPrivate, "db.corp.example:1-65535")
	w.connect("one")
	d := w.device("laptop")
	if s, _, err := d.open(); err == nil {
		select {
		case <-s.Done():
		case <-time.After(patience):
			t.Error("a second tunnel stays")
		}
	}
	port := echoing(t)
	for i := range 3 {
		_, _, err := d.flow("tcp", "db.corp.example", port, "")
		if r := new(wire.Refusal); i == 2 && (!errors.As(err, &r) || r.Phase != wire.PhaseLimit) || i < 2 && err != nil {
			t.Errorf("flow %d: %v", i, err)
		}
	}
}

// TestLookups: a device's names are looked up by the connectors of the application that they belong to, with its user's grant; others nowhere.
func TestLookups(t *testing.T) {
	w := newWorld(t)
	app := w.private("Databases", access.KindPrivate, "db.corp.example:5432")
	secret := w.private("Secret", access.KindPrivate, "secret.corp.example:1", "db.corp.example:1") // narrower at the same name
	w.change(func(c *access.Content) {
		c.Assignments = slices.DeleteFunc(c.Assignments, func(a *access.Assignment) bool { return a.Application == secret.ID })
	})
	w.settled()
	d := w.device("laptop")
	look := func(name string) wire.Looked {
		t.Helper()
		answer, err := d.ask(wire.QuestionLookup, wire.AskLookup{Name: name, Type: wire.LookupText})
		if err != nil {
			t.Fatal(err)
		}
		looked, err := wire.Decode[wire.Looked](answer)
		if err != nil {
			t.Fatal(err)
		}
		return looked
	}
	if got := look("db.corp.example"); got.Refusal == nil || got.Refusal.Code != wire.CodeNoConnector {
		t.Errorf("without a connector: %+v", got)
	}
	w.connect("one")
	got := look("db.corp.example")
	if got.Application != string(app.ID) || len(got.Texts) != 4 || got.Texts[0] != string(app.ID) || got.Texts[1] != "db.corp.example" {
		t.Fatalf("looked up as %+v", got)
	}
	grant, err := wire.Verifier{TrustDomain: trustDomain, Keys: map[string][]byte{"k1": w.content.GrantKeys["k1"]}}.Verify(got.Texts[3], string(app.ID), time.Now())
	if err != nil || grant.Kind != wire.GrantUser || grant.User != "usr_ada" {
		t.Errorf("granted %+v, %v", grant, err)
	}
	for name, code := range map[string]string{"www.example.com": wire.CodeNobodys, "secret.corp.example": "not-assigned", "corp.example": wire.CodeNobodys} {
		if got := look(name); got.Refusal == nil || got.Refusal.Code != code || got.Exists {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, err := d.ask(wire.QuestionLookup, wire.AskLookup{Name: "a b", Type: wire.LookupText}); err == nil {
		t.Error("a malformed name is looked up")
	}
	if _, err := w.stranger("other").ask(wire.QuestionLookup, wire.AskLookup{Name: "db.corp.example", Type: wire.LookupText}); err == nil {
		t.Error("names are looked up for nobody")
	}
}
