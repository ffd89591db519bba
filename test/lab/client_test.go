//go:build linux

package lab

import (
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"postern/internal/posterntest"
)

// The private zone is known in the private network only.
const (
	privateZone  = "corp.test"
	databaseHost = "db." + privateZone
	publicHost   = "www.public.test"
)

// device is ada's, with the client.
type device struct {
	*product
	state string
}

// newDevice builds a lab with a connector, a private application for ada, and her device, on which she has signed in.
func newDevice(t *testing.T, segments ...string) *device {
	t.Helper()
	p := newProduct(t)
	p.publish()
	p.nameServer(Backend, map[string][]dnsmessage.ResourceBody{
		databaseHost + ".":                    {&dnsmessage.AResource{A: [4]byte{10, 20, 0, 20}}, &dnsmessage.TXTResource{TXT: []string{"the database"}}},
		"_kerberos._udp." + privateZone + ".": {&dnsmessage.SRVResource{Target: dnsmessage.MustNewName(databaseHost + "."), Port: 88}},
	})
	p.ResolveBy(Site, Backend.Addr(), privateZone, false)
	p.publicNames()
	p.startConnector()
	p.awaitActive()
	args := []string{"applications", "create", "Lab", "--kind", "private"}
	for _, s := range segments {
		args = append(args, "--segment", s)
	}
	p.admin(args...)
	p.admin("assignments", "create", "--application", "Lab", "--user", "ada")
	d := &device{p, p.path("client")}
	d.login()
	return d
}

// publicNames gives the device names of the internet.
func (p *product) publicNames() {
	p.t.Helper()
	p.nameServer(Service, map[string][]dnsmessage.ResourceBody{publicHost + ".": {&dnsmessage.AResource{A: [4]byte{203, 0, 113, 10}}}})
	p.ResolveBy(Device, Service.Addr(), "public.test", false)
}

var shownCode = regexp.MustCompile(`(?m)^    ([A-Z]{4}-[A-Z]{4})$`)

// login signs ada in by a code that she types in a browser.
func (d *device) login() {
	d.t.Helper()
	said := &transcript{}
	login := d.start(Device, said, "postern-client", "login", "https://"+portalHost, "--device-code", "--ca-file", d.path("service/ca.pem"), "--state", d.state)
	var code []string
	d.system.Await("the code", func() bool {
		code = shownCode.FindStringSubmatch(said.String())
		return code != nil
	})
	browser := d.newUser()
	browser.Post("https://"+portalHost+"/sign-in", url.Values{"name": {"ada"}, "password": {posterntest.Password}})
	browser.Post("https://"+portalHost+"/device", url.Values{"user_code": {code[1]}})
	browser.Post("https://"+portalHost+"/device/decide", url.Values{"user_code": {code[1]}, "answer": {"allow"}})
	if err := login.Wait(); err != nil {
		d.t.Fatalf("sign in: %v: %s", err, said)
	}
}

// nameServer answers on a host from a list of records. What it has nothing of does not exist.
func (p *product) nameServer(h Host, records map[string][]dnsmessage.ResourceBody) {
	p.t.Helper()
	p.nameServerBy(h, func(name string) ([]dnsmessage.ResourceBody, bool) { all, known := records[name]; return all, known })
}

// nameServerBy answers by a function, which is called for one question after the other.
func (p *product) nameServerBy(h Host, records func(name string) ([]dnsmessage.ResourceBody, bool)) {
	p.t.Helper()
	conn, err := p.ListenPacket(h, net.JoinHostPort(h.Addr(), "53"))
	if err != nil {
		p.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buffer := make([]byte, 1<<16); ; {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if answer := answerFrom(records, buffer[:n]); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	p.t.Cleanup(func() { conn.Close(); <-done })
}

func answerFrom(records func(string) ([]dnsmessage.ResourceBody, bool), question []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	answer := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}, Questions: m.Questions}
	all, known := records(strings.ToLower(q.Name.String()))
	if !known {
		answer.RCode = dnsmessage.RCodeNameError
	}
	for _, body := range all {
		of := dnsmessage.TypeA
		switch body.(type) {
		case *dnsmessage.SRVResource:
			of = dnsmessage.TypeSRV
		case *dnsmessage.TXTResource:
			of = dnsmessage.TypeTXT
		}
		if of == q.Type {
			answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}, Body: body})
		}
	}
	packed, err := answer.Pack()
	if err != nil {
		return nil
	}
	return packed
}

// machine is what a client may change on a device and must put back.
func (d *device) machine() string {
	d.t.Helper()
	var all strings.Builder
	for _, args := range [][]string{{"-4", "rule"}, {"-6", "rule"}, {"-4", "route", "show", "table", "all"}, {"-o", "link"}} {
		all.WriteString(d.Run(Device, "ip", args...))
	}
	return all.String() + d.Run(Device, "cat", "/etc/resolv.conf") + d.Run(Device, "stat", "-c", "%a %F", "/etc/resolv.conf")
}

// up starts the client with its interface and waits until it carries.
func (d *device) up() func(syscall.Signal) { d.t.Helper(); return d.upFor(databaseHost) }

// upFor waits for another name of the private network.
func (d *device) upFor(name string) func(syscall.Signal) {
	d.t.Helper()
	cmd := d.start(Device, io.Discard, "postern-client", "up", "--tun", "--state", d.state)
	d.system.Await("the names of the private network", func() bool {
		out, err := d.Command(Device, "getent", "ahostsv4", name).CombinedOutput()
		return err == nil && strings.HasPrefix(string(out), "198.1")
	})
	return func(s syscall.Signal) {
		d.t.Helper()
		_ = cmd.Process.Signal(s)
		err := cmd.Wait()
		if s == syscall.SIGTERM && err != nil {
			d.t.Errorf("postern-client up ended: %v", err)
		}
	}
}

// TestDeviceByInterface: with --tun every program of a device reaches private applications, by name and by address, with bytes and with
// datagrams; everything else stays as it is; and what was changed on the machine is put back, also after the client was killed.
func TestDeviceByInterface(t *testing.T) {
	t.Parallel()
	d := newDevice(t, ".corp.test:1-65535/both", "10.20.0.20:1-65535/both")
	before := d.machine()
	stop := d.up()
	for _, to := range []string{databaseHost, Backend.Addr()} {
		if got := d.Run(Device, "curl", "-sS", "--max-time", "20", "http://"+to+"/"); got != pageText {
			t.Errorf("%s: %q", to, got)
		}
	}
	if got := d.Run(Device, "getent", "ahostsv4", publicHost); !strings.HasPrefix(got, "203.0.113.10") {
		t.Errorf("a public name: %q", got)
	}
	if out, err := d.Command(Device, "getent", "ahostsv4", "none."+privateZone).CombinedOutput(); err == nil {
		t.Errorf("a private name that there is not: %q", out)
	}
	d.expectTruth(d.byRoutes())
	d.expectNothingInbound()
	stop(syscall.SIGTERM)
	if after := d.machine(); after != before {
		t.Errorf("after the client ended the machine is\n%s\nbefore it was\n%s", after, before)
	}

	stop = d.up()
	stop(syscall.SIGKILL)
	stop = d.up() // a killed one is cleaned up after at the next start
	if got := d.Run(Device, "curl", "-sS", "--max-time", "20", "http://"+databaseHost+"/"); got != pageText {
		t.Errorf("after the client was killed: %q", got)
	}
	stop(syscall.SIGTERM)
	if after := d.machine(); after != before {
		t.Errorf("after the client was killed and ended the machine is\n%s\nbefore it was\n%s", after, before)
	}
}
