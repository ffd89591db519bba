package fetch

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/fault"
)

// TestAddressesThatAreNotAsked: nothing is sent to any of them, however it is spelled (OpenZiti GHSA-whjr-3j94-gw3c: key sets were fetched
// from wherever an identity provider said).
func TestAddressesThatAreNotAsked(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "reached") })
	port := s.port(t)
	tests := []struct{ host, want string }{
		{"127.0.0.1", "loopback"}, {"127.1.2.3", "loopback"}, {"localhost", "loopback"}, {"LOCALHOST", "loopback"}, {"localhost.", "loopback"},
		{"idp.localhost", "loopback"}, {"[::1]", "loopback"}, {"[0:0:0:0:0:0:0:1]", "loopback"},
		{"[::ffff:127.0.0.1]", "loopback"}, {"[::ffff:7f00:1]", "loopback"}, {"[::127.0.0.1]", "loopback"}, {"[::ffff:0:127.0.0.1]", "loopback"},
		{"[64:ff9b::7f00:1]", "loopback"}, {"[64:ff9b:1::127.0.0.1]", "loopback"}, {"[2002:7f00:1::]", "loopback"},
		{"[fd00::5efe:127.0.0.1]", "loopback"},
		{"127.1", "cannot be asked"}, {"127.0.1", "cannot be asked"}, {"2130706433", "cannot be asked"}, {"0x7f000001", "cannot be asked"},
		{"0x7f.0.0.1", "cannot be asked"}, {"0177.0.0.1", "cannot be asked"}, {"127.0.0.01", "cannot be asked"}, {"127.0.0.1.", "cannot be asked"},
		{"0x7f.1", "cannot be asked"}, {"[::1%25lo]", "cannot be asked"}, {"%31%32%37.0.0.1", "must be a URL"}, {"127。0。0。1", "cannot be asked"},
		{"１２７.0.0.1", "cannot be asked"}, {"ⓛocalhost", "cannot be asked"},
		{"0.0.0.0", "unspecified"}, {"0.1.2.3", "unspecified"}, {"[::]", "unspecified"}, {"[::ffff:0.0.0.0]", "unspecified"},
		{"169.254.169.254", "metadata"}, {"[::ffff:169.254.169.254]", "metadata"}, {"[fd00:ec2::254]", "metadata"}, {"[64:ff9b::a9fe:a9fe]", "metadata"},
		{"168.63.129.16", "metadata"}, {"100.100.100.200", "metadata"},
		{"169.254.1.1", "link-local"}, {"[fe80::1]", "link-local"}, {"224.0.0.1", "multicast"}, {"[ff02::1]", "multicast"}, {"255.255.255.255", "broadcast"},
		{"10.0.0.1", "private"}, {"192.168.0.1", "private"}, {"172.16.9.9", "private"}, {"100.64.0.1", "private"}, {"[fd12::1]", "private"},
		{"[::ffff:10.0.0.1]", "private"}, {"[64:ff9b::10.0.0.1]", "private"},
	}
	c := New(Config{Roots: s.roots, Timeout: 30 * time.Second})
	defer c.Close()
	for _, test := range tests {
		t.Run(test.host, func(t *testing.T) {
			_, err := c.Get(t.Context(), "https://"+test.host+":"+port+"/")
			if !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want a refusal that says %q", err, test.want)
			}
		})
	}
	if n := s.connections.Load(); n != 0 {
		t.Errorf("the server saw %d connections", n)
	}
}

// TestNamesThatLeadAstray: a name is as good as the address that is dialled.
func TestNamesThatLeadAstray(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "reached") })
	for _, text := range []string{"127.0.0.1", "0.0.0.0", "169.254.169.254", "10.0.0.1", "::1", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "fe80::1", "fd00:ec2::254", "fd00::1"} {
		t.Run(text, func(t *testing.T) {
			resolver := resolve(t, map[string][][]netip.Addr{"idp.example.com.": {{netip.MustParseAddr(text)}}})
			c := New(Config{Roots: s.roots, Resolver: resolver, Timeout: 30 * time.Second})
			defer c.Close()
			_, err := c.Get(t.Context(), "https://idp.example.com:"+s.port(t)+"/")
			if !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), "idp.example.com is not asked: its address ") {
				t.Errorf("got %v, want a refusal that names host and address", err)
			}
		})
	}
	if n := s.connections.Load(); n != 0 {
		t.Errorf("the server saw %d connections", n)
	}
}

// TestRebinding: DNS says something harmless first and this machine afterwards.
func TestRebinding(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		fmt.Fprint(w, "reached")
	})
	other, err := net.Listen("tcp", "127.0.0.3:"+s.port(t))
	if err != nil {
		t.Fatal(err)
	}
	var astray atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := other.Accept()
			if err != nil {
				return
			}
			astray.Add(1)
			conn.Close()
		}
	}()
	resolver := resolve(t, map[string][][]netip.Addr{"idp.example.com.": {
		{netip.MustParseAddr("127.0.0.1")}, {netip.MustParseAddr("127.0.0.3")}, {netip.MustParseAddr("127.0.0.3"), netip.MustParseAddr("127.0.0.1")},
	}})
	c := s.client(t, func(cfg *Config) { cfg.Resolver = resolver })
	address := "https://idp.example.com:" + s.port(t) + "/"
	if _, err := c.Get(t.Context(), address); err != nil {
		t.Fatalf("the harmless answer: %v", err)
	}
	c.Close() // HTTP/2 keeps the connection otherwise
	if _, err := c.Get(t.Context(), address); !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), "127.0.0.3") {
		t.Fatalf("after rebinding: got %v, want a refusal", err)
	}
	if _, err := c.Get(t.Context(), address); err != nil {
		t.Fatalf("with a harmless address beside the other: %v", err)
	}
	other.Close()
	<-ended
	if n := astray.Load(); n != 0 {
		t.Errorf("the address that is not allowed saw %d connections", n)
	}
}

func TestWhatMayBeAsked(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "reached") })
	port := s.port(t)
	own := Listeners(s.Listener.Addr())
	tests := []struct {
		name, rules, host string
		own               bool
		want              string // of the refusal; empty: it is asked
	}{
		{"the very address", "allow 127.0.0.1", "127.0.0.1", false, ""},
		{"its network", "allow 127.0.0.0/8", "127.0.0.1", false, ""},
		{"a name of it", "allow 127.0.0.1", "localhost", false, ""},
		{"a name below localhost", "allow 127.0.0.1", "idp.localhost", false, ""},
		{"the whole internet does not mean this machine", "allow 0.0.0.0/0", "127.0.0.1", false, "loopback"},
		{"nor does everything", "allow *", "127.0.0.1", false, "loopback"},
		{"nor does its name", "allow localhost", "localhost", false, "loopback"},
		{"another port", "allow 127.0.0.1:1", "127.0.0.1", false, "loopback"},
		{"denied first", "deny 127.0.0.1\nallow 127.0.0.0/8", "127.0.0.1", false, "line 1"},
		{"the name is denied", "deny localhost\nallow 127.0.0.1", "localhost", false, "line 1"},
		{"our own listener, said so", "allow 127.0.0.1", "127.0.0.1", true, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := s.client(t, func(cfg *Config) {
				cfg.Rules = rules(t, test.rules)
				if test.own {
					cfg.Own = own
				}
			})
			_, err := c.Get(t.Context(), "https://"+test.host+":"+port)
			if test.want == "" && err != nil || test.want != "" && (!fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestOwnAndPrivate decides about addresses that a test cannot listen on.
func TestOwnAndPrivate(t *testing.T) {
	mine := func(to netip.AddrPort) bool { return to == netip.MustParseAddrPort("8.8.4.4:443") }
	tests := []struct {
		name    string
		cfg     Config
		address string
		want    string
	}{
		{"the internet", Config{}, "8.8.8.8:443", ""},
		{"the internet over IPv6", Config{}, "[2606:4700::1111]:443", ""},
		{"private", Config{}, "10.1.2.3:443", "private"},
		{"private, allowed", Config{Private: true}, "10.1.2.3:443", ""},
		{"private in IPv6, allowed", Config{Private: true}, "[fd00::1]:443", ""},
		{"loopback where private is allowed", Config{Private: true}, "127.0.0.1:443", "loopback"},
		{"metadata where private is allowed", Config{Private: true}, "[fd00:ec2::254]:80", "metadata"},
		{"our own", Config{Own: mine}, "8.8.4.4:443", "itself listens"},
		{"our own, as IPv4-mapped", Config{Own: mine}, "[::ffff:8.8.4.4]:443", "itself listens"},
		{"another port of ours", Config{Own: mine}, "8.8.4.4:8443", ""},
		{"not among the allowed", Config{Rules: rules(t, "allow 8.8.8.8")}, "8.8.4.4:443", "not allowed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := New(test.cfg).check("https://" + test.address + "/")
			if test.want == "" && err != nil || test.want != "" && (!fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestListeners(t *testing.T) {
	own := Listeners(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}, &net.TCPAddr{Port: 8443}, &net.UnixAddr{Name: "x"})
	tests := map[string]bool{
		"192.0.2.1:443": true, "192.0.2.1:8443": false, "127.0.0.1:8443": true, "[::1]:8443": true, "127.0.0.1:443": false, "8.8.8.8:8443": false,
	}
	for address, want := range tests {
		if got := own(netip.MustParseAddrPort(address)); got != want {
			t.Errorf("own(%s) = %v, want %v", address, got, want)
		}
	}
}

func TestAddressesThatAreNone(t *testing.T) {
	c := New(Config{})
	for _, address := range []string{
		"", "x", "//login.example.com/", "https:", "https://", "https:login.example.com", "http://login.example.com/", "HTTP://login.example.com/",
		"ftp://login.example.com/", "file:///etc/passwd", "gopher://login.example.com/", "unix:///run/docker.sock", "javascript:alert(1)",
		"https://user:secret@login.example.com/", "https://user@login.example.com/", "https://login.example.com:0/", "https://login.example.com:65536/",
		"https://login.example.com:x/", "https://login example.com/", "https://login.example.com\r\nHost: x/", "https://[::1/", "https://-a.example.com/",
		"https://login.example.com/" + strings.Repeat("x", maxURL),
	} {
		if _, err := c.Get(t.Context(), address); !fault.Is(err, fault.KindInvalid) || strings.Contains(err.Error(), "secret") || len(err.Error()) > 400 {
			t.Errorf("%.60q: got %v, want a short refusal", address, err)
		}
	}
}

// TestPlain: http is for those who say so, and then as guarded.
func TestPlain(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "reached") }))
	defer s.Close()
	c := New(Config{Plain: true, Rules: rules(t, "allow 127.0.0.1")})
	defer c.Close()
	if a, err := c.Get(t.Context(), s.URL); err != nil || string(a.Body) != "reached" {
		t.Errorf("got %v, %q", err, a.Body)
	}
	c = New(Config{Plain: true})
	defer c.Close()
	if _, err := c.Get(t.Context(), s.URL); !fault.Is(err, fault.KindInvalid) {
		t.Errorf("got %v, want a refusal", err)
	}
}

// TestNoProxies: what the environment says of proxies is not for these questions.
func TestNoProxies(t *testing.T) {
	var asked atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer proxy.Close()
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	resolver := resolve(t, map[string][][]netip.Addr{"idp.example.com.": {{netip.MustParseAddr("127.0.0.1")}}})
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "reached") })
	c := s.client(t, func(cfg *Config) { cfg.Resolver = resolver })
	if _, err := c.Get(t.Context(), "https://idp.example.com:"+s.port(t)); err != nil || asked.Load() != 0 {
		t.Errorf("got %v; the proxy was asked %d times", err, asked.Load())
	}
}

func TestRequestArrivesWhole(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "%s %s|%s|%s|%s|%s|%s", r.Method, r.RequestURI, body, r.Header.Get("Authorization"), r.UserAgent(), r.Header.Get("Cookie"), r.Header.Get("Accept-Encoding"))
	})
	c := s.client(t, nil)
	a, err := c.Do(t.Context(), Request{Method: "POST", URL: s.URL + "/hook?a=b#fragment", Header: http.Header{"authorization": {"Bearer x"}}, Body: []byte("payload")})
	if err != nil {
		t.Fatal(err)
	}
	if want := "POST /hook?a=b|payload|Bearer x|Postern||"; a.Status != 400 || string(a.Body) != want {
		t.Errorf("got %d %q, want 400 %q", a.Status, a.Body, want)
	}
	if err := a.OK(); !fault.Is(err, fault.KindUpstream) || strings.Contains(err.Error(), "payload") {
		t.Errorf("OK gave %v", err)
	}
}

func TestRedirects(t *testing.T) {
	var seen atomic.Pointer[http.Request]
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.Clone(context.Background()))
		fmt.Fprint(w, "target")
	})
	var to atomic.Pointer[string]
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end" {
			fmt.Fprint(w, "end")
			return
		}
		w.Header().Set("Location", *to.Load())
		w.WriteHeader(307)
	})
	secret := http.Header{"Authorization": {"Bearer x"}}
	tests := []struct {
		name, to  string
		redirects int
		request   Request
		want      string // the body, or part of the error
	}{
		{"none followed unless asked for", "/end", 0, Request{}, "redirect, which is not followed"},
		{"one within the site", "/end", 1, Request{}, "end"},
		{"to another site that is allowed", target.URL, 1, Request{}, "target"},
		{"a secret goes nowhere else", target.URL, 3, Request{Header: secret}, "redirect, which is not followed"},
		{"nor within the site", "/end", 3, Request{Header: secret}, "redirect, which is not followed"},
		{"nor does a body", "/end", 3, Request{Method: "POST", Body: []byte("x")}, "redirect, which is not followed"},
		{"nor a POST without one", "/end", 3, Request{Method: "POST"}, "redirect, which is not followed"},
		{"loop", "/loop", 3, Request{}, "more than 3 times"},
		{"down to http", "http://login.example.com/", 3, Request{}, "an address that is not asked"},
		{"to a file", "file:///etc/passwd", 3, Request{}, "an address that is not asked"},
		{"to metadata", "https://169.254.169.254/latest/", 3, Request{}, "an address that is not asked"},
		{"to another port of this machine", "https://127.0.0.1:1/", 3, Request{}, "an address that is not asked"},
		{"to a number", "https://2130706433/", 3, Request{}, "an address that is not asked"},
		{"to a name of this machine", "https://localhost:1/", 3, Request{}, "is not asked"},
		{"with a password", "https://a:b@login.example.com/", 3, Request{}, "an address that is not asked"},
		{"to nowhere", "", 3, Request{}, "redirect, which is not followed"},
		{"to nonsense", "https://[", 3, Request{}, "no answer that can be read"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			to.Store(&test.to)
			c := s.client(t, func(cfg *Config) {
				cfg.Redirects = test.redirects
				cfg.Roots = s.roots.Clone()
				cfg.Roots.AddCert(target.Certificate())
				cfg.Rules = rules(t, "allow 127.0.0.1:"+s.port(t)+"\nallow 127.0.0.1:"+target.port(t)+"\nallow *")
			})
			test.request.URL = s.URL + "/start?secret=s3cret"
			a, err := c.Do(t.Context(), test.request)
			if err != nil {
				if !strings.Contains(err.Error(), test.want) || strings.Contains(everything(err), "s3cret") {
					t.Errorf("got %q, want %q", everything(err), test.want)
				}
				return
			}
			if string(a.Body) != test.want {
				t.Errorf("got %q, want %q", a.Body, test.want)
			}
		})
	}
	if r := seen.Load(); r == nil || r.Referer() != "" {
		t.Errorf("the target was told where the request came from: %v", r)
	}
}

func TestUntrustedCertificates(t *testing.T) {
	tests := []struct {
		name   string
		change func(*x509.Certificate)
		roots  bool
		want   string
	}{
		{"of nobody we know", nil, false, "no authority that we trust"},
		{"expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, true, "expired"},
		{"for another name", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"x.example.com"}, nil }, true, "another name"},
		{"of a client", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, true, "not a valid server"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := serveCertificate(t, func(http.ResponseWriter, *http.Request) { t.Error("asked all the same") }, test.change)
			c := s.client(t, func(cfg *Config) {
				if !test.roots {
					cfg.Roots = x509.NewCertPool()
				}
			})
			if _, err := c.Get(t.Context(), s.URL); !fault.Is(err, fault.KindUpstream) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := nobody.Addr().String()
	nobody.Close()
	c := New(Config{Rules: rules(t, "allow 127.0.0.1"), Timeout: 30 * time.Second})
	if _, err := c.Get(t.Context(), "https://"+closed+"/"); !fault.Is(err, fault.KindUnavailable) || !strings.Contains(err.Error(), "could not be reached") {
		t.Errorf("closed port: %v", err)
	}
	c = New(Config{Resolver: resolve(t, nil), Timeout: 30 * time.Second})
	if _, err := c.Get(t.Context(), "https://nobody.example.com/"); !fault.Is(err, fault.KindUnavailable) || !strings.Contains(err.Error(), "cannot be found in DNS") {
		t.Errorf("unknown name: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Get(ctx, "https://nobody.example.com/"); !fault.Is(err, fault.KindUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits: %v", err)
	}
}

// everything is what an error and all its causes say.
func everything(err error) string {
	var all []string
	for ; err != nil; err = errors.Unwrap(err) {
		all = append(all, fmt.Sprintf("%v %+v", err, err))
	}
	text, _ := json.Marshal(all)
	return string(text)
}
