package connector

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"postern/internal/agent"
	"postern/internal/wire"
)

// nameServer answers from a list of records, over real DNS. What it has nothing of does not exist.
func nameServer(t *testing.T, records map[string][]dnsmessage.ResourceBody) *net.Resolver {
	t.Helper()
	conn := must(net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 1<<16)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			var q dnsmessage.Message
			if q.Unpack(buffer[:n]) != nil || len(q.Questions) != 1 {
				continue
			}
			answer := dnsmessage.Message{Header: dnsmessage.Header{ID: q.ID, Response: true, RecursionAvailable: true}, Questions: q.Questions}
			all, known := records[strings.ToLower(q.Questions[0].Name.String())]
			if !known {
				answer.RCode = dnsmessage.RCodeNameError
			}
			for _, body := range all {
				r := dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Questions[0].Name, Class: dnsmessage.ClassINET, Type: typeOf(body)}, Body: body}
				if r.Header.Type == q.Questions[0].Type || r.Header.Type == dnsmessage.TypeCNAME {
					answer.Answers = append(answer.Answers, r)
				}
			}
			packed, err := answer.Pack()
			if err == nil {
				_, _ = conn.WriteToUDPAddrPort(packed, from)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func typeOf(body dnsmessage.ResourceBody) dnsmessage.Type {
	switch body.(type) {
	case *dnsmessage.AResource:
		return dnsmessage.TypeA
	case *dnsmessage.SRVResource:
		return dnsmessage.TypeSRV
	case *dnsmessage.TXTResource:
		return dnsmessage.TypeTXT
	case *dnsmessage.CNAMEResource:
		return dnsmessage.TypeCNAME
	}
	return dnsmessage.TypePTR
}

// TestLookup: a user who was granted an application learns what its names stand for, and nothing of others.
func TestLookup(t *testing.T) {
	w := newWorld(t, 1)
	w.publish(wire.Target{Application: privateApp, Name: "lab", Segments: []wire.Segment{
		{Destination: ".corp.test", Ports: "22", Protocol: "tcp"}, {Destination: "10.1.0.0/16", Ports: "22", Protocol: "tcp"},
	}})
	resolver := nameServer(t, map[string][]dnsmessage.ResourceBody{
		"db.corp.test.":             {&dnsmessage.AResource{A: [4]byte{10, 1, 2, 3}}, &dnsmessage.TXTResource{TXT: []string{"hello"}}},
		"_kerberos._udp.corp.test.": {&dnsmessage.SRVResource{Target: dnsmessage.MustNewName("dc.corp.test."), Port: 88, Priority: 1, Weight: 2}},
		"3.2.1.10.in-addr.arpa.":    {&dnsmessage.PTRResource{PTR: dnsmessage.MustNewName("db.corp.test.")}},
		"secret.other.test.":        {&dnsmessage.AResource{A: [4]byte{10, 9, 9, 9}}},
		"9.9.9.10.in-addr.arpa.":    {&dnsmessage.PTRResource{PTR: dnsmessage.MustNewName("secret.other.test.")}},
	})
	r := w.start(func(c *Config) { c.Resolver, c.Names = resolver, resolver })
	w.ready(r)
	grant := w.flow("tcp", "x", 1).Grant
	shared := w.grant(privateApp, nil)
	look := func(name string, of wire.LookupType, grant string) wire.Looked {
		t.Helper()
		return must(agent.Ask[wire.Looked](t.Context(), w.gateways[0].session(), wire.QuestionLookup,
			wire.SignedLookup{AskLookup: wire.AskLookup{Name: name, Type: of}, Application: privateApp, Version: 1, Grant: grant}))(t)
	}
	for _, test := range []struct {
		name string
		of   wire.LookupType
		want wire.Looked
	}{
		{"db.corp.test", wire.LookupAddress, wire.Looked{Exists: true, Addresses: []netip.Addr{netip.MustParseAddr("10.1.2.3")}}},
		{"DB.corp.test.", wire.LookupText, wire.Looked{Exists: true, Texts: []string{"hello"}}},
		{"db.corp.test", wire.LookupService, wire.Looked{Exists: true}},
		{"_kerberos._udp.corp.test", wire.LookupService, wire.Looked{Exists: true, Services: []wire.Service{{Target: "dc.corp.test.", Port: 88, Priority: 1, Weight: 2}}}},
		{"10.1.2.3", wire.LookupPointer, wire.Looked{Exists: true, Names: []string{"db.corp.test."}}},
		{"none.corp.test", wire.LookupAddress, wire.Looked{}},
		{"none.corp.test", wire.LookupText, wire.Looked{}},
	} {
		if diff := cmp.Diff(test.want, look(test.name, test.of, grant), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s %s: want -, got +:\n%s", test.of, test.name, diff)
		}
	}
	for _, test := range []struct {
		name, grant string
		of          wire.LookupType
		code        string
	}{
		{"secret.other.test", grant, wire.LookupAddress, "destination-unknown"},
		{"10.9.9.9", grant, wire.LookupPointer, "destination-unknown"},
		{"10.1.2.3", grant, wire.LookupAddress, "destination-malformed"},
		{"db.corp.test", grant, wire.LookupPointer, "destination-malformed"},
		{"a b", grant, wire.LookupAddress, "destination-malformed"},
		{"db.corp.test", shared, wire.LookupAddress, "grant-refused"},
		{"db.corp.test", "", wire.LookupAddress, "grant-malformed"},
	} {
		if got := look(test.name, test.of, test.grant); got.Refusal == nil || got.Refusal.Code != test.code || got.Exists {
			t.Errorf("%s %s: %+v", test.of, test.name, got)
		}
	}
}
