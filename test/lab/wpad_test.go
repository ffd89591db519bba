//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"postern/internal/posterntest"
)

// TestProxyFoundByName: the connector's machine is told nothing but its network's name server, which knows no names of the internet. The
// network offers a script by the name wpad (WPAD); the connector finds the real squid by it, and with it everything else.
func TestProxyFoundByName(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.publish()
	names := p.serveNames("wpad."+domainName, Proxy.Addr())
	script := p.serveScript(fmt.Sprintf(`function FindProxyForURL(url, host) {
		if (shExpMatch(host, "*.lab.test")) return "PROXY %s:%s";
		return "DIRECT";
	}`, Proxy.Addr(), squidPort))
	s := p.startSquid("http_access allow CONNECT", "http_access deny all")
	p.Run(Site, "ip", "route", "del", "default")
	p.ResolveBy(Site, Proxy.Addr(), domainName, true)

	p.log = &transcript{}
	p.connector = p.start(Site, p.log, "postern-connector", "run", "--state", p.path("connector"), "--token-file", p.path("token"),
		"--name", "site", "--log-level", "warn", "--proxy", "wpad")
	p.awaitActive()
	p.signIn()
	for range 20 {
		if a := p.open(posterntest.Patience); !a.good() {
			t.Fatalf("%d: %s", a.status, a.text)
		}
	}
	if list := p.admin("connectors", "list", "-o", "json"); !strings.Contains(list, "through the proxy http://"+Proxy.Addr()) {
		t.Errorf("the connector's status does not tell that it goes by the proxy:\n%s", list)
	}
	if names.Load() == 0 || script.Load() == 0 {
		t.Errorf("the name server was asked %d times for wpad, its script %d times", names.Load(), script.Load())
	}
	end(s)
	p.startSquid("http_access allow CONNECT", "http_access deny all")
	p.expectBack(0)
	p.expectNothingInbound()
}

// serveNames serves one name on the proxy's machine, and counts who asks for it. There are no others.
func (p *product) serveNames(name, address string) *atomic.Int64 {
	p.t.Helper()
	conn, err := p.ListenPacket(Proxy, net.JoinHostPort(Proxy.Addr(), "53"))
	if err != nil {
		p.t.Fatal(err)
	}
	asked := &atomic.Int64{}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for buffer := make([]byte, 1500); ; {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if reply, err := answerName(buffer[:n], name, address, asked); err == nil {
				_, _ = conn.WriteTo(reply, from) // who does not get it asks again
			}
		}
	}()
	p.t.Cleanup(func() { _ = conn.Close(); <-served })
	return asked
}

func answerName(query []byte, name, address string, asked *atomic.Int64) ([]byte, error) {
	var parser dnsmessage.Parser
	head, err := parser.Start(query)
	if err != nil {
		return nil, err
	}
	question, err := parser.Question()
	if err != nil {
		return nil, err
	}
	known := strings.EqualFold(question.Name.String(), name+".")
	code := dnsmessage.RCodeNameError
	if known {
		asked.Add(1)
		code = dnsmessage.RCodeSuccess
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: head.ID, Response: true, Authoritative: true, RecursionDesired: head.RecursionDesired,
		RecursionAvailable: true, RCode: code})
	if err := errors.Join(b.StartQuestions(), b.Question(question), b.StartAnswers()); err != nil {
		return nil, err
	}
	if known && question.Type == dnsmessage.TypeA {
		resource := dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 1}
		if err := b.AResource(resource, dnsmessage.AResource{A: [4]byte(net.ParseIP(address).To4())}); err != nil {
			return nil, err
		}
	}
	return b.Finish()
}

// serveScript serves a proxy script on the proxy's machine, and counts who fetches it.
func (p *product) serveScript(text string) *atomic.Int64 {
	p.t.Helper()
	listener, err := p.Listen(Proxy, net.JoinHostPort(Proxy.Addr(), "80"))
	if err != nil {
		p.t.Fatal(err)
	}
	fetched := &atomic.Int64{}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/wpad.dat" {
			http.NotFound(w, r)
			return
		}
		fetched.Add(1)
		w.Header().Set("Content-Type", "application/x-ns-proxy-autoconfig")
		fmt.Fprint(w, text)
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	p.t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			p.t.Errorf("the script's server: %v", err)
		}
	})
	return fetched
}
