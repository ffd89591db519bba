//go:build linux

package lab

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"postern/internal/api"
	"postern/internal/credential"
	"postern/internal/tunnel"
	"postern/internal/wire"
	"postern/test/size"
)

// The ports of what is refused.
const (
	goodPort   = 7100 // of the application that ada may use
	secretPort = 7101 // of one that she may not use
	nobodyPort = 7102 // of none
	neighbour  = "10.20.0.21"
	metadata   = "169.254.169.254"
)

// counters count what arrives where nothing may: on the machine of the servers, and what the connector's machine sends to itself.
const counters = `
table inet lab {
	counter good { }
	counter refused { }
	chain arriving {
		type filter hook input priority filter;
		ip daddr 10.20.0.20 tcp dport 7100 counter name "good"
		ip daddr 10.20.0.20 tcp dport { 7101, 7102 } counter name "refused"
		udp dport { 7100, 7101, 7102 } counter name "refused"
		ip daddr 10.20.0.21 counter name "refused"
	}
	chain leaving {
		type filter hook output priority filter;
		ip daddr { 127.0.0.0/8, 169.254.0.0/16 } meta l4proto { tcp, udp } th dport 7100-7102 counter name "refused"
	}
}`

// liar is a client that does not look at what its user may use, and asks the gateway for anything.
type liar struct {
	*device
	session *tunnel.Session
}

// newLiar makes a tunnel with the device's own certificate and token.
func (d *device) newLiar() *liar {
	t := d.t
	t.Helper()
	state, err := credential.OpenDevice(d.state)
	if err != nil {
		t.Fatal(err)
	}
	cred, err := state.Load()
	if err != nil {
		t.Fatal(err)
	}
	config, err := cred.TunnelTLS()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := d.Dial(t.Context(), Device, "tcp", net.JoinHostPort(Service.Addr(), "443"))
	if err != nil {
		t.Fatal(err)
	}
	session, err := tunnel.New(tunnel.Config{Conn: tls.Client(conn, config), Dialler: true, Hello: tunnel.Hello{Instance: "liar"}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- session.Run(context.Background()) }()
	t.Cleanup(func() { _ = session.Close(); <-done })
	l := &liar{d, session}
	if _, err := session.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	var kept struct{ Access []byte }
	text, err := os.ReadFile(d.state + "/sign-in.json")
	if err := errors.Join(err, json.Unmarshal(text, &kept)); err != nil {
		t.Fatal(err)
	}
	st, err := session.Open(t.Context(), wire.Encode(wire.Open{Kind: wire.KindAsk, Question: wire.QuestionSession}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = st.Write(wire.Encode(wire.AskSession{Token: string(kept.Access)}))
	answer, readErr := []byte(nil), st.CloseWrite()
	if readErr == nil {
		answer, readErr = io.ReadAll(st)
	}
	if known, decodeErr := wire.Decode[wire.SessionKnown](answer); errors.Join(err, readErr, decodeErr) != nil || known.User != "ada" {
		t.Fatalf("show the token: %v, %v, %v", err, readErr, decodeErr)
	}
	return l
}

// open asks for a flow. The answer is where it went, or the refusal.
func (l *liar) open(network, host string, port uint16) (wire.FlowOpened, *wire.Refusal) {
	t := l.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	st, err := l.session.Open(ctx, wire.Encode(wire.Open{Kind: wire.KindFlow, Network: network, Host: host, Port: port}))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := st.Opened(ctx)
	if refused, ok := errors.AsType[*tunnel.RefusedError](err); ok {
		r, err := wire.Decode[wire.Refusal](refused.Payload)
		if err != nil {
			t.Fatal(err)
		}
		return wire.FlowOpened{}, &r
	}
	opened, decodeErr := wire.Decode[wire.FlowOpened](payload)
	if err := errors.Join(err, decodeErr); err != nil {
		t.Fatal(err)
	}
	st.Reset(tunnel.CodeCancelled)
	return opened, nil
}

// TestPrivateRefusals: what nobody may have is refused at once, also to a client that asks for it against its own rules. It is recorded once,
// with who wanted what, and not one packet of it is sent in the private network.
func TestPrivateRefusals(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.publish()
	p.publicNames()
	for _, h := range []Host{Site, Backend} {
		if _, err := tool(counters, "ip", "netns", "exec", p.Namespace(h), "nft", "-f", "-"); err != nil {
			t.Fatal(err)
		}
	}
	p.Run(Site, "ip", "addr", "add", metadata+"/32", "dev", "lo")
	p.Run(Backend, "ip", "addr", "add", neighbour+"/24", "dev", "lan")
	echo(t, p.Lab, Backend, strconv.Itoa(goodPort))
	d := &device{p, p.path("client")}
	var asked atomic.Int64
	p.nameServerBy(Backend, func(name string) ([]dnsmessage.ResourceBody, bool) {
		a := map[string][4]byte{"db.corp.test.": {10, 20, 0, 20}, "loop.corp.test.": {127, 0, 0, 1}, "meta.corp.test.": {169, 254, 169, 254}, "next.corp.test.": {10, 20, 0, 21}}[name]
		if name == "rebind.corp.test." { // another answer each time, none of which may be kept
			a = [4]byte{10, 20, 0, 20}
			if n := asked.Add(1); n%5 == 0 || n/8%2 == 1 {
				a = [4]byte{127, 0, 0, 1}
			}
		}
		return []dnsmessage.ResourceBody{&dnsmessage.AResource{A: a}}, a != [4]byte{}
	})
	p.ResolveBy(Site, Backend.Addr(), privateZone, false)
	p.startConnector()
	p.awaitActive()
	p.admin("applications", "create", "Good", "--kind", "private", "--segment", "10.20.0.20:7100", "--segment", "*.corp.test:7100")
	p.admin("applications", "create", "Secret", "--kind", "private", "--segment", "10.20.0.20:7101")
	p.admin("assignments", "create", "--application", "Good", "--user", "ada")
	d.login()
	l := d.newLiar()
	if at, refusal := l.open("tcp", "db.corp.test", goodPort); refusal != nil || at.Address != "10.20.0.20:7100" {
		t.Fatalf("what ada may use: %+v, %v", at, refusal)
	}
	for _, one := range []refused{
		{"an application of others", "tcp", "10.20.0.20", secretPort, "not-assigned", "Secret"},
		{"another port", "tcp", "10.20.0.20", nobodyPort, wire.CodeNobodys, ""},
		{"another protocol", "udp", "10.20.0.20", goodPort, wire.CodeNobodys, ""},
		{"the neighbour", "tcp", neighbour, goodPort, wire.CodeNobodys, ""},
		{"a name of the connector's machine", "tcp", "loop.corp.test", goodPort, "address-refused", "Good"},
		{"a name of the cloud's metadata", "tcp", "meta.corp.test", goodPort, "address-refused", "Good"},
	} {
		l.expectRefused(one)
	}
	l.expectRebinding()
	d.proxies()
	d.expectClientRefuses()
	if n := p.packets(Backend, "good"); n == 0 {
		t.Error("the counters count nothing")
	}
	for _, h := range []Host{Site, Backend} {
		if n := p.packets(h, "refused"); n != 0 {
			t.Errorf("%s: %d packets of what was refused", h, n)
		}
	}
	p.expectNothingInbound()
}

type refused struct {
	name, network, host string
	port                uint16
	code, application   string
}

func (l *liar) expectRefused(one refused) {
	l.t.Helper()
	began := time.Now()
	_, refusal := l.open(one.network, one.host, one.port)
	if took := time.Since(began); took > size.Within(time.Second) {
		l.t.Errorf("%s was refused after %v", one.name, took)
	}
	if refusal == nil || refusal.Code != one.code || refusal.Request == "" {
		l.t.Errorf("%s: refused with %+v", one.name, refusal)
		return
	}
	list := l.records(refusal.Request)
	if len(list) != 1 {
		l.t.Fatalf("%s: recorded %d times: %+v", one.name, len(list), list)
	}
	r := list[0]
	if r.UserName != "ada" || r.ApplicationName != one.application || r.Reason != one.code || r.Count != 1 || r.Host != net.JoinHostPort(one.host, strconv.Itoa(int(one.port))) {
		l.t.Errorf("%s: recorded as %+v", one.name, r)
	}
}

// records gives what the traffic log has of a flow, as soon as it has something.
func (l *liar) records(request string) (list []api.Traffic) {
	l.t.Helper()
	l.system.Await("the record of "+request, func() bool {
		if err := json.Unmarshal([]byte(l.admin("traffic", "list", "--request", request, "-o", "json")), &list); err != nil {
			l.t.Fatal(err)
		}
		return len(list) > 0
	})
	return list
}

// expectRebinding: the address that was looked at is the one that is dialled, or none.
func (l *liar) expectRebinding() {
	l.t.Helper()
	good, bad := 0, 0
	for range size.Of(30, 300) {
		at, refusal := l.open("tcp", "rebind.corp.test", goodPort)
		switch {
		case refusal == nil && at.Address == "10.20.0.20:7100":
			good++
		case refusal != nil && refusal.Code == "address-refused":
			bad++
		default:
			l.t.Errorf("a name that is another address each time: %+v, %+v", at, refusal)
		}
	}
	if good == 0 || bad == 0 {
		l.t.Errorf("a name that is another address each time: %d times dialled, %d times refused", good, bad)
	}
}

// expectClientRefuses: the client that people have does not even ask for what is not its user's, and says what it was told of the rest.
func (d *device) expectClientRefuses() {
	d.t.Helper()
	for to, want := range map[string]string{
		"10.20.0.20 7101": "no application", "10.20.0.20 7102": "no application", "10.20.0.21 7100": "no application", "loop.corp.test 7100": "loop.corp.test",
	} {
		host, port, _ := strings.Cut(to, " ")
		began := time.Now()
		cmd := d.Command(Device, programs+"/postern-client", "connect", "--state", d.state, host, port)
		out, err := cmd.CombinedOutput()
		if took := time.Since(began); err == nil || !strings.Contains(string(out), want) || took > size.Within(time.Second) {
			d.t.Errorf("%s after %v: %v: %s", to, took, err, out)
		}
	}
}
