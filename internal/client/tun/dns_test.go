package tun

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"postern/internal/match"
	"postern/internal/wire"
)

// ask asks the interface's name server as a program does.
func (w *world) ask(t *testing.T, network, name string, of dnsmessage.Type) dnsmessage.Message {
	t.Helper()
	conn, err := w.dial(network, netip.AddrPortFrom(server4, portDNS))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	question := packed(t, name, of)
	var answer []byte
	if network == "tcp" {
		if err := writeMessage(conn, question); err != nil {
			t.Fatal(err)
		}
		answer, err = readMessage(conn)
	} else {
		if _, err := conn.Write(question); err != nil {
			t.Fatal(err)
		}
		answer = make([]byte, maxMessage)
		var n int
		n, err = conn.Read(answer)
		answer = answer[:n]
	}
	if err != nil {
		t.Fatalf("%s %s: %v", name, of, err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(answer); err != nil {
		t.Fatal(err)
	}
	if m.ID != 7 || !m.Response || len(m.Questions) != 1 {
		t.Fatalf("answered with %+v", m.Header)
	}
	return m
}

func packed(t testing.TB, name string, of dnsmessage.Type) []byte {
	t.Helper()
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: of, Class: dnsmessage.ClassINET}}}
	p, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// only gives the one answer.
func only(t *testing.T, m dnsmessage.Message) dnsmessage.ResourceBody {
	t.Helper()
	if m.RCode != dnsmessage.RCodeSuccess || len(m.Answers) != 1 {
		t.Fatalf("%s with %d answers", m.RCode, len(m.Answers))
	}
	return m.Answers[0].Body
}

// TestNames: private names are answered with addresses of ours, always the same; what there is not does not stick; others are asked of the
// network's name servers.
func TestNames(t *testing.T) {
	w := newWorld(t, [3]string{".corp.test", "1-65535", "both"}, [3]string{"10.1.0.0/16", "80", "tcp"})
	long := strings.Repeat("x", 300)
	w.looks = map[string]wire.Looked{
		"db.corp.test address":     {Exists: true, Addresses: []netip.Addr{netip.MustParseAddr("10.1.2.3")}},
		"mail.corp.test address":   {Exists: true},
		"db.corp.test txt":         {Exists: true, Texts: []string{"hello", long}},
		"_ldap._tcp.corp.test srv": {Exists: true, Services: []wire.Service{{Target: "db.corp.test.", Port: 389, Priority: 1, Weight: 2}}},
		"www.corp.test cname":      {Exists: true, Names: []string{"db.corp.test."}},
		"10.1.2.3 ptr":             {Exists: true, Names: []string{"db.corp.test."}},
		"secret.corp.test address": {Refusal: &wire.Refusal{Phase: wire.PhaseDecide, Code: wire.CodeNotAssigned}},
		"portal.test address":      {Exists: true, Addresses: []netip.Addr{netip.MustParseAddr("10.1.2.3")}},
	}
	for i := range 40 {
		w.looks["many.corp.test srv"] = wire.Looked{Exists: true, Services: append(w.looks["many.corp.test srv"].Services, wire.Service{Target: strings.Repeat("n", 40) + ".corp.test.", Port: uint16(i)})}
	}
	a := only(t, w.ask(t, "udp", "db.corp.test.", dnsmessage.TypeA)).(*dnsmessage.AResource).A
	if addr := netip.AddrFrom4(a); !pool4.Contains(addr) {
		t.Errorf("A %s", addr)
	}
	if again := only(t, w.ask(t, "tcp", "DB.Corp.Test.", dnsmessage.TypeA)).(*dnsmessage.AResource).A; again != a {
		t.Errorf("the address changed from %v to %v", a, again)
	}
	six := netip.AddrFrom16(only(t, w.ask(t, "udp", "db.corp.test.", dnsmessage.TypeAAAA)).(*dnsmessage.AAAAResource).AAAA)
	if !pool6.Contains(six) {
		t.Errorf("AAAA %s", six)
	}
	if fresh, _ := newNames().addresses("db.corp.test", nil); fresh.As4() != a {
		t.Errorf("after a restart it has %s, before %v", fresh, a)
	}
	for _, addr := range []netip.Addr{netip.AddrFrom4(a), six} {
		if name, synthetic := w.names.name(addr); name != "db.corp.test" || !synthetic {
			t.Errorf("%s is of %q", addr, name)
		}
	}
	if srv := only(t, w.ask(t, "udp", "_ldap._tcp.corp.test.", dnsmessage.TypeSRV)).(*dnsmessage.SRVResource); srv.Port != 389 || srv.Target.String() != "db.corp.test." {
		t.Errorf("SRV %+v", srv)
	}
	if m := w.ask(t, "udp", "db.corp.test.", dnsmessage.TypeTXT); len(m.Answers) != 2 || strings.Join(m.Answers[1].Body.(*dnsmessage.TXTResource).TXT, "") != long {
		t.Errorf("TXT %+v", m.Answers)
	}
	if cname := only(t, w.ask(t, "udp", "www.corp.test.", dnsmessage.TypeCNAME)).(*dnsmessage.CNAMEResource); cname.CNAME.String() != "db.corp.test." {
		t.Errorf("CNAME %+v", cname)
	}
	for _, name := range []string{"3.2.1.10.in-addr.arpa.", reverseOf(netip.AddrFrom4(a)), reverseOf(six)} {
		if ptr := only(t, w.ask(t, "udp", name, dnsmessage.TypePTR)).(*dnsmessage.PTRResource); ptr.PTR.String() != "db.corp.test." {
			t.Errorf("%s is %+v", name, ptr)
		}
	}
	for _, test := range []struct {
		name string
		of   dnsmessage.Type
		want dnsmessage.RCode
	}{
		{"none.corp.test.", dnsmessage.TypeA, dnsmessage.RCodeNameError},
		{"mail.corp.test.", dnsmessage.TypeA, dnsmessage.RCodeSuccess},
		{"db.corp.test.", dnsmessage.TypeMX, dnsmessage.RCodeSuccess},
		{"secret.corp.test.", dnsmessage.TypeA, dnsmessage.RCodeServerFailure},
		{canary, dnsmessage.TypeA, dnsmessage.RCodeNameError},
		{"www.example.com.", dnsmessage.TypeA, dnsmessage.RCodeServerFailure}, // there is no network
		{"portal.test.", dnsmessage.TypeA, dnsmessage.RCodeServerFailure},     // nor for the service itself, whatever the rules say
	} {
		m := w.ask(t, "udp", test.name, test.of)
		if m.RCode != test.want || len(m.Answers) != 0 {
			t.Errorf("%s %s: %s with %d answers", test.name, test.of, m.RCode, len(m.Answers))
		}
		for _, r := range m.Authorities {
			if r.Header.TTL > 1 || r.Body.(*dnsmessage.SOAResource).MinTTL > 1 {
				t.Errorf("%s: that there is nothing sticks for %d s", test.name, r.Header.TTL)
			}
		}
	}
	if m := w.ask(t, "udp", "many.corp.test.", dnsmessage.TypeSRV); !m.Truncated || len(m.Answers) != 0 {
		t.Errorf("a large answer by datagram has %d answers", len(m.Answers))
	}
	if m := w.ask(t, "tcp", "many.corp.test.", dnsmessage.TypeSRV); m.Truncated || len(m.Answers) != 40 {
		t.Errorf("a large answer by a connection has %d answers", len(m.Answers))
	}
}

func reverseOf(addr netip.Addr) string {
	const hex = "0123456789abcdef"
	b := addr.AsSlice()
	var out strings.Builder
	for i := len(b) - 1; i >= 0; i-- {
		if addr.Is4() {
			out.WriteString(netip.AddrFrom4([4]byte{0, 0, 0, b[i]}).String()[6:] + ".")
		} else {
			out.WriteString(string(hex[b[i]&15]) + "." + string(hex[b[i]>>4]) + ".")
		}
	}
	if addr.Is4() {
		return out.String() + "in-addr.arpa."
	}
	return out.String() + "ip6.arpa."
}

// TestNamesOfTheNetwork: what is not private is asked as it is, of the next name server if one does not answer.
func TestNamesOfTheNetwork(t *testing.T) {
	w := newWorld(t, [3]string{".corp.test", "1-65535", "both"})
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	asked := make(chan []byte, 1)
	go func() { // ends with the socket
		p := make([]byte, maxMessage)
		n, from, err := conn.ReadFrom(p)
		if err != nil {
			return
		}
		asked <- p[:n]
		var m dnsmessage.Message
		if m.Unpack(p[:n]) != nil {
			return
		}
		m.Response = true
		m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 9}, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}}}
		answer, _ := m.Pack()
		wrong := append([]byte{answer[0] + 1}, answer[1:]...)
		_, _ = conn.WriteTo(wrong, from) // a guess
		_, _ = conn.WriteTo(answer, from)
	}()
	w.system.servers = []string{conn.LocalAddr().String()}
	got := only(t, w.ask(t, "udp", "www.example.com.", dnsmessage.TypeA)).(*dnsmessage.AResource).A
	if got != [4]byte{192, 0, 2, 1} || string(<-asked) != string(packed(t, "www.example.com.", dnsmessage.TypeA)) {
		t.Errorf("answered with %v", got)
	}
}

// TestManyNames: names that nobody asks for make room, and those that are in use keep their address.
// TestNamesOfOneLabel: they are answered with the whole name as an alias, if there is one, and else the network is asked.
func TestNamesOfOneLabel(t *testing.T) {
	w := newWorld(t, [3]string{".corp.test", "22", "tcp"})
	w.whole["fileserver"] = "fileserver.corp.test"
	m := w.ask(t, "udp", "fileserver.", dnsmessage.TypeA)
	if len(m.Answers) != 2 {
		t.Fatalf("%+v", m)
	}
	alias, _ := m.Answers[0].Body.(*dnsmessage.CNAMEResource)
	addr, _ := m.Answers[1].Body.(*dnsmessage.AResource)
	if alias == nil || addr == nil || alias.CNAME.String() != "fileserver.corp.test." || m.Answers[1].Header.Name != alias.CNAME {
		t.Fatalf("%+v", m.Answers)
	}
	if to, ok := w.target("tcp", net.IP(addr.A[:]), 22); !ok || to.Host.Name != "fileserver.corp.test" {
		t.Errorf("the address leads to %+v", to)
	}
	if all := w.names.list(); len(all) != 1 || all[0].Name != "fileserver.corp.test" || all[0].Given[0] != netip.AddrFrom4(addr.A) || all[0].Asked.IsZero() {
		t.Errorf("listed as %+v", all)
	}
	if m := w.ask(t, "udp", "printer.", dnsmessage.TypeA); m.RCode != dnsmessage.RCodeServerFailure { // the machine of the test has no name servers
		t.Errorf("another name: %+v", m)
	}
}

// TestSlowNamesHoldUpNoOthers: questions of one connection are answered as the answers come (RFC 7766, section 6.2.1.1), also after the program has said that
// it asks no more.
func TestSlowNamesHoldUpNoOthers(t *testing.T) {
	w := newWorld(t, [3]string{".corp.test", "22", "tcp"})
	slow := make(chan struct{})
	w.cfg.Lookup = func(ctx context.Context, name string, of wire.LookupType) (wire.Looked, error) {
		if name == "slow.corp.test" {
			<-slow
		}
		return wire.Looked{Exists: true, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}, nil
	}
	conn, err := w.dial("tcp", netip.AddrPortFrom(server4, portDNS))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	for _, name := range []string{"slow.corp.test.", "quick.corp.test."} {
		if err := writeMessage(conn, packed(t, name, dnsmessage.TypeA)); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"quick.corp.test.", "slow.corp.test."} {
		answer, err := readMessage(conn)
		if err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		var m dnsmessage.Message
		if err := m.Unpack(answer); err != nil || len(m.Questions) != 1 || m.Questions[0].Name.String() != want || len(m.Answers) != 1 {
			t.Errorf("%s: %+v, %v", want, m, err)
		}
		if want == "quick.corp.test." {
			close(slow)
		}
	}
}

func TestManyNames(t *testing.T) {
	n := newNames()
	kept, _ := n.addresses("kept.corp.test", nil)
	seen := map[netip.Addr]string{}
	for i := range 2 * maxNames {
		name := "n" + strings.Repeat("x", i%3) + netip.AddrFrom4([4]byte{0, byte(i >> 16), byte(i >> 8), byte(i)}).String()
		four, _ := n.addresses(name, nil)
		seen[four] = name
		if i%1000 == 0 {
			if again, _ := n.addresses("kept.corp.test", nil); again != kept {
				t.Fatalf("after %d names the address in use changed", i)
			}
		}
	}
	if len(n.byName) > maxNames || len(n.byPlace) != len(n.byName) {
		t.Errorf("%d names at %d places", len(n.byName), len(n.byPlace))
	}
}

// FuzzAnswer: whatever comes is no reason to fall, and an answer is one that can be read.
func FuzzAnswer(f *testing.F) {
	f.Add(packed(f, "db.corp.test.", dnsmessage.TypeA), 512)
	f.Add(packed(f, "3.2.1.10.in-addr.arpa.", dnsmessage.TypePTR), 512)
	f.Add([]byte{0, 7, 1, 0, 0, 1}, 512)
	parsed, _, _ := match.ParseSegment(".corp.test", "1", "both")
	t := &tun{log: discard, system: &fakeSystem{}, names: newNames(), told: newView(wire.Rules{}, match.NewTable([]match.Entry{{Segment: parsed, Owner: "a"}}), nil)}
	w := &world{looks: map[string]wire.Looked{"db.corp.test address": {Exists: true, Addresses: []netip.Addr{server4}}}}
	t.cfg.Lookup = w.lookup
	f.Fuzz(func(tt *testing.T, question []byte, size int) {
		answer := t.answer(tt.Context(), question, min(max(size, 512), maxMessage-1))
		if answer == nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(answer); err != nil || !m.Response || len(question) >= 2 && (answer[0] != question[0] || answer[1] != question[1]) {
			tt.Errorf("answered %x with %x: %v", question, answer, err)
		}
		sizeOf(question)
	})
}
