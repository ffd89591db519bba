package tun

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"postern/internal/match"
	"postern/internal/wire"
)

const (
	portDNS     = 53
	ttl         = 30               // seconds that an answer of ours is good
	noTTL       = 1                // seconds that it is good that there is nothing: what is made a moment later is found
	dnsIdle     = 30 * time.Second // a program's socket without a question
	forwardWait = 4 * time.Second  // for a name server of the network
	// maxPipelined is how many questions of one connection are answered at once.
	maxPipelined = 64
	maxMessage   = 1 << 16
	maxUDPDNS    = 1232 // bytes of an answer by datagram, which no network cuts (DNS flag day 2020), if the program takes as many
)

// canary is the name by which a browser asks whether it may go around the machine's name servers (Firefox).
const canary = "use-application-dns.net."

func (n *netstack) isDNS(id stack.TransportEndpointID) bool {
	addr, ok := addrOf(net.IP(id.LocalAddress.AsSlice()))
	return ok && id.LocalPort == portDNS && (addr == server4 || addr == server6)
}

// dnsDatagrams answers the questions of one socket of a program.
func (n *netstack) dnsDatagrams(conn *gonet.UDPConn) {
	stop := context.AfterFunc(n.t.life, func() { _ = conn.Close() })
	defer stop()
	for p := make([]byte, maxMessage); ; {
		_ = conn.SetReadDeadline(time.Now().Add(dnsIdle))
		got, err := conn.Read(p)
		if err != nil {
			return
		}
		question := append([]byte(nil), p[:got]...)
		select {
		case n.questions <- struct{}{}:
		default:
			continue // lost, as datagrams are: the program asks again
		}
		n.flows.Add(1)
		go func() { // a slow name must not hold up the others
			defer n.flows.Done()
			defer func() { <-n.questions }()
			if answer := n.t.answer(n.t.life, question, sizeOf(question)); answer != nil {
				_, _ = conn.Write(answer) // who asked may be gone
			}
		}()
	}
}

// dnsConnection answers the questions of one connection of a program, each as soon as its answer is there (RFC 7766, section 6.2.1.1): a slow
// name holds up no others.
func (n *netstack) dnsConnection(r *tcp.ForwarderRequest) {
	conn, err := n.accept(r)
	if err != nil {
		return
	}
	defer conn.Close()
	stop := context.AfterFunc(n.t.life, conn.Abort)
	defer stop()
	var answers sync.WaitGroup
	defer answers.Wait() // also those of a program that has asked all it wants
	var writing sync.Mutex
	turns := make(chan struct{}, maxPipelined)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(dnsIdle))
		question, err := readMessage(conn)
		if err != nil {
			return
		}
		turns <- struct{}{} // who asks more has to wait, which ends: every answer has its time
		answers.Go(func() {
			defer func() { <-turns }()
			answer := n.t.answer(n.t.life, question, maxMessage-1)
			writing.Lock()
			defer writing.Unlock()
			_ = conn.SetWriteDeadline(time.Now().Add(dnsIdle))
			if answer == nil || writeMessage(conn, answer) != nil {
				conn.Abort()
			}
		})
	}
}

func readMessage(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(r, message)
	return message, err
}

func writeMessage(w io.Writer, message []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...))
	return err
}

// sizeOf gives how large an answer by datagram may be: what the program says by EDNS (RFC 6891), else 512 bytes.
func sizeOf(question []byte) int {
	var p dnsmessage.Parser
	if _, err := p.Start(question); err != nil {
		return 512
	}
	if p.SkipAllQuestions() != nil || p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil {
		return 512
	}
	for {
		h, err := p.AdditionalHeader()
		if err != nil {
			return 512
		}
		if h.Type == dnsmessage.TypeOPT {
			return min(max(int(h.Class), 512), maxUDPDNS)
		}
		if p.SkipAdditional() != nil {
			return 512
		}
	}
}

// answer answers a question: about a private name itself, about any other with what the name servers of the network say. nil: it was no
// question.
func (t *tun) answer(ctx context.Context, question []byte, size int) []byte {
	var p dnsmessage.Parser
	head, err := p.Start(question)
	if err != nil || head.Response {
		return nil
	}
	all, err := p.AllQuestions()
	if err != nil || len(all) != 1 || head.OpCode != 0 {
		return pack(dnsmessage.Message{Header: dnsmessage.Header{ID: head.ID, Response: true, OpCode: head.OpCode, RCode: dnsmessage.RCodeNotImplemented}}, size)
	}
	q := all[0]
	out := dnsmessage.Message{Header: dnsmessage.Header{ID: head.ID, Response: true, RecursionDesired: head.RecursionDesired, RecursionAvailable: true}, Questions: all}
	if strings.EqualFold(q.Name.String(), canary) {
		out.RCode = dnsmessage.RCodeNameError
		return pack(out, size)
	}
	host, reverse, ok := hostOf(q)
	if !ok || q.Class != dnsmessage.ClassINET {
		return t.forward(ctx, question, size)
	}
	if reverse {
		if name, synthetic := t.names.name(host.Addr); synthetic {
			return pack(pointer(out, q, name), size)
		}
	}
	v := t.view()
	a := asked{question, q, out, size}
	if v.private(host) {
		return t.answerPrivate(ctx, v, host, a)
	}
	if v.short(host) {
		if answer := t.answerShort(ctx, host, a); answer != nil {
			return answer
		}
	}
	return t.forward(ctx, question, size)
}

// answerShort answers about a name of one label that stands for a private one: with an alias, so that whoever asks learns the whole name, as
// Kerberos needs it. nil: there is none, and the network is asked.
func (t *tun) answerShort(ctx context.Context, host match.Host, a asked) []byte {
	name, err := t.cfg.Search(ctx, host.Name)
	if err != nil {
		t.log.Info("name not looked for", "name", host.Name, "error", err)
		return nil
	}
	full, err := dnsmessage.NewName(absolute(name))
	if name == "" || err != nil {
		return nil
	}
	a.out.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: a.q.Name, Class: dnsmessage.ClassINET, TTL: ttl}, Body: &dnsmessage.CNAMEResource{CNAME: full}}}
	a.q.Name = full
	if a.q.Type == dnsmessage.TypeA || a.q.Type == dnsmessage.TypeAAAA {
		t.fill(&a.out, a.q, wire.Looked{Exists: true, Addresses: []netip.Addr{{}}}) // there are some
	}
	return pack(a.out, a.size)
}

// asked is a question, and the beginning of its answer.
type asked struct {
	raw  []byte
	q    dnsmessage.Question
	out  dnsmessage.Message
	size int
}

// answerPrivate answers about a private name.
func (t *tun) answerPrivate(ctx context.Context, v view, host match.Host, a asked) []byte {
	name := host.String()
	looked, err := t.cfg.Lookup(ctx, name, lookupOf(a.q.Type))
	switch {
	case err != nil && v.direct(host):
		return t.forward(ctx, a.raw, a.size)
	case err != nil || looked.Refusal != nil:
		t.log.Info("name not looked up", "name", name, "error", errors.Join(err, refusal(looked)))
		a.out.RCode = dnsmessage.RCodeServerFailure
	case !looked.Exists:
		a.out.RCode = dnsmessage.RCodeNameError
	default:
		t.fill(&a.out, a.q, looked)
	}
	if len(a.out.Answers) == 0 {
		a.out.Authorities = []dnsmessage.Resource{start(a.q.Name)}
	}
	return pack(a.out, a.size)
}

func refusal(looked wire.Looked) error {
	if looked.Refusal != nil {
		return looked.Refusal
	}
	return nil
}

// fill puts what is known of a name in an answer. Its addresses are ours: where it really is, only the connectors need to know.
func (t *tun) fill(out *dnsmessage.Message, q dnsmessage.Question, looked wire.Looked) {
	add := func(body dnsmessage.ResourceBody) {
		out.Answers = append(out.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: ttl}, Body: body})
	}
	switch q.Type {
	case dnsmessage.TypeA, dnsmessage.TypeAAAA:
		if len(looked.Addresses) == 0 {
			return
		}
		// Both families lead to the same flow, whichever the destination has: a program without IPv6 reaches one that has nothing else.
		four, six := t.names.addresses(q.Name.String(), looked.Addresses)
		if q.Type == dnsmessage.TypeA {
			add(&dnsmessage.AResource{A: four.As4()})
		} else {
			add(&dnsmessage.AAAAResource{AAAA: six.As16()})
		}
	case dnsmessage.TypeSRV:
		for _, s := range looked.Services {
			if target, err := dnsmessage.NewName(absolute(s.Target)); err == nil {
				add(&dnsmessage.SRVResource{Target: target, Port: s.Port, Priority: s.Priority, Weight: s.Weight})
			}
		}
	case dnsmessage.TypeTXT:
		for _, text := range looked.Texts {
			add(&dnsmessage.TXTResource{TXT: chunks(text)})
		}
	case dnsmessage.TypeCNAME:
		for _, name := range looked.Names {
			if to, err := dnsmessage.NewName(absolute(name)); err == nil {
				add(&dnsmessage.CNAMEResource{CNAME: to})
			}
		}
	case dnsmessage.TypePTR:
		for _, name := range looked.Names {
			if to, err := dnsmessage.NewName(absolute(name)); err == nil {
				add(&dnsmessage.PTRResource{PTR: to})
			}
		}
	}
}

func absolute(name string) string { return strings.TrimSuffix(name, ".") + "." }

// chunks cuts a text into strings of at most 255 bytes (RFC 1035, section 3.3).
func chunks(text string) []string {
	var list []string
	for len(text) > 255 {
		list, text = append(list, text[:255]), text[255:]
	}
	return append(list, text)
}

// pointer answers whose a synthetic address is.
func pointer(out dnsmessage.Message, q dnsmessage.Question, name string) dnsmessage.Message {
	to, err := dnsmessage.NewName(absolute(name))
	if name == "" || err != nil {
		out.RCode = dnsmessage.RCodeNameError
		out.Authorities = []dnsmessage.Resource{start(q.Name)}
		return out
	}
	out.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: ttl}, Body: &dnsmessage.PTRResource{PTR: to}}}
	return out
}

// start says how long it is good that there is nothing (RFC 2308).
func start(name dnsmessage.Name) dnsmessage.Resource {
	return dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: noTTL},
		Body:   &dnsmessage.SOAResource{NS: name, MBox: name, Serial: 1, Refresh: noTTL, Retry: noTTL, Expire: noTTL, MinTTL: noTTL},
	}
}

func lookupOf(of dnsmessage.Type) wire.LookupType {
	switch of {
	case dnsmessage.TypeSRV:
		return wire.LookupService
	case dnsmessage.TypeTXT:
		return wire.LookupText
	case dnsmessage.TypeCNAME:
		return wire.LookupAlias
	case dnsmessage.TypePTR:
		return wire.LookupPointer
	}
	return wire.LookupAddress // which also says whether there is such a name
}

// hostOf gives what a question is about: a name, or the address of a reverse one.
func hostOf(q dnsmessage.Question) (host match.Host, reverse, ok bool) {
	name := strings.ToLower(q.Name.String())
	if addr, is := reversed(name); is {
		return match.Host{Addr: addr}, true, q.Type == dnsmessage.TypePTR
	}
	host, err := match.ParseHost(strings.TrimSuffix(name, "."))
	return host, false, err == nil && !host.Addr.IsValid()
}

// reversed reads the names of addresses (RFC 1035, section 3.5; RFC 3596, section 2.5).
func reversed(name string) (netip.Addr, bool) {
	if four, is := strings.CutSuffix(name, ".in-addr.arpa."); is {
		parts := strings.Split(four, ".")
		if len(parts) != 4 {
			return netip.Addr{}, false
		}
		addr, err := netip.ParseAddr(parts[3] + "." + parts[2] + "." + parts[1] + "." + parts[0])
		return addr, err == nil
	}
	six, is := strings.CutSuffix(name, ".ip6.arpa.")
	parts := strings.Split(six, ".")
	if !is || len(parts) != 32 {
		return netip.Addr{}, false
	}
	var text strings.Builder
	for i := 31; i >= 0; i-- {
		if len(parts[i]) != 1 {
			return netip.Addr{}, false
		}
		text.WriteString(parts[i])
		if i%4 == 0 && i > 0 {
			text.WriteByte(':')
		}
	}
	addr, err := netip.ParseAddr(text.String())
	return addr, err == nil
}

// pack writes an answer, cut and marked as cut if it is too large: the program then asks by TCP.
func pack(m dnsmessage.Message, size int) []byte {
	packed, err := m.Pack()
	if err != nil {
		m.Answers, m.Authorities, m.RCode = nil, nil, dnsmessage.RCodeServerFailure
		packed, err = m.Pack()
	}
	if err == nil && len(packed) > size {
		m.Answers, m.Authorities, m.Truncated = nil, nil, true
		packed, err = m.Pack()
	}
	if err != nil {
		return nil
	}
	return packed
}

// forward asks the name servers of the network, one after the other.
func (t *tun) forward(ctx context.Context, question []byte, size int) []byte {
	network := "udp"
	if size > maxUDPDNS {
		network = "tcp"
	}
	for _, server := range t.system.Upstreams() {
		if answer, err := t.exchange(ctx, network, server, question); err == nil {
			return answer
		} else if ctx.Err() != nil {
			return nil
		}
	}
	var p dnsmessage.Parser
	head, err := p.Start(question)
	if err != nil {
		return nil
	}
	all, _ := p.AllQuestions() // what it was about is said again as far as it could be read
	return pack(dnsmessage.Message{Header: dnsmessage.Header{ID: head.ID, Response: true, RecursionDesired: head.RecursionDesired, RCode: dnsmessage.RCodeServerFailure}, Questions: all}, size)
}

func (t *tun) exchange(ctx context.Context, network, server string, question []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, forwardWait)
	defer cancel()
	d := net.Dialer{Control: t.cfg.Control}
	if _, err := netip.ParseAddrPort(server); err != nil {
		server = net.JoinHostPort(server, "53")
	}
	conn, err := d.DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(forwardWait)) // a socket takes any deadline
	if network == "tcp" {
		if err := writeMessage(conn, question); err != nil {
			return nil, err
		}
		return readMessage(conn)
	}
	if _, err := conn.Write(question); err != nil {
		return nil, err
	}
	for p := make([]byte, maxMessage); ; {
		n, err := conn.Read(p)
		if err != nil {
			return nil, err
		}
		if n >= 12 && p[0] == question[0] && p[1] == question[1] && p[2]&0x80 != 0 { // another one is somebody's guess
			return p[:n], nil
		}
	}
}
