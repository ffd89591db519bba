package ldap

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"postern/internal/fault"
)

const topSecret = "reader's password that nobody may see"

// TestWrongCertificates: no byte of a password leaves before the certificate was found good, and the
// check says what is wrong with it and what to do.
func TestWrongCertificates(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	tests := []struct {
		name   string
		signer *authority
		change func(*x509.Certificate)
		cure   string
	}{
		{"an authority nobody trusts", other, nil, "as ca"},
		{"another name", ca, func(c *x509.Certificate) { c.IPAddresses = nil }, "dc1.corp.test"},
		{"expired", ca, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
		}, "Renew"},
		{"not valid yet", ca, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
		}, "clocks"},
		{"for clients", ca, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, "certificate"},
	}
	for _, test := range tests {
		for _, way := range []string{"LDAPS", "StartTLS"} {
			t.Run(test.name+" by "+way, func(t *testing.T) {
				cert := test.signer.issue(t, test.change)
				f := newFake(t, &cert, protocol(right))
				if way == "StartTLS" {
					f = newFake(t, nil, startsTLS(&cert, protocol(right)))
				}
				cfg := Config{Settings: f.settings(ca.pem), Password: topSecret}
				cfg.Settings.StartTLS = way == "StartTLS"
				c := client(t, cfg)
				_, err := c.Authenticate(t.Context(), "ada", password)
				if !fault.Is(err, fault.KindUnavailable) || hop(t, err).Hop != HopTLS || !strings.Contains(hop(t, err).Cure, test.cure) {
					t.Errorf("%v: %+v", err, hop(t, err))
				}
				if err := c.Check(t.Context()); err == nil || !strings.Contains(err.Error(), test.cure) || !strings.Contains(err.Error(), f.url) {
					t.Errorf("the check says %v", err)
				}
				for _, secret := range []string{topSecret, password, "ada"} {
					if f.heard(secret) {
						t.Errorf("%q was sent", secret)
					}
				}
			})
		}
	}
}

// startsTLS grants StartTLS and goes on inside it.
func startsTLS(cert *tls.Certificate, serve func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := ber.ReadPacket(conn); err != nil {
			return
		}
		if _, err := conn.Write(message(1, result(goldap.ApplicationExtendedResponse, 0, ""))); err != nil {
			return
		}
		inner := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*cert}})
		if inner.Handshake() == nil {
			serve(&tapped{inner, conn.(*tapped).fake})
		}
	}
}

// TestStartTLSIsNeverGivenUp: whatever somebody on the way does to it, nothing secret follows in the clear.
func TestStartTLSIsNeverGivenUp(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, nil)
	answers := map[string]func(net.Conn){
		"refused": protocol(func(r request) [][]byte {
			return [][]byte{message(r.id, result(goldap.ApplicationExtendedResponse, 2, "unsupported"))}
		}),
		"unavailable": protocol(func(r request) [][]byte {
			return [][]byte{message(r.id, result(goldap.ApplicationExtendedResponse, 52, ""))}
		}),
		"referral": protocol(func(r request) [][]byte {
			return [][]byte{message(r.id, result(goldap.ApplicationExtendedResponse, 10, ""))}
		}),
		"a bind's": protocol(func(r request) [][]byte { return [][]byte{bound(r.id)} }),
		"another id": protocol(func(r request) [][]byte {
			return [][]byte{message(7, result(goldap.ApplicationExtendedResponse, 0, ""))}
		}),
		"garbage": protocol(func(request) [][]byte { return [][]byte{bytes.Repeat([]byte{0x30, 0x05, 0xff}, 100)} }),
		"endless": protocol(func(request) [][]byte { return [][]byte{{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff}} }),
		"large": protocol(func(request) [][]byte {
			return [][]byte{append([]byte{0x30, 0x83, 0x0f, 0xff, 0xff}, make([]byte, 1<<20)...)}
		}),
		"empty":         protocol(func(request) [][]byte { return [][]byte{{0x30, 0x00}} }),
		"text":          protocol(func(request) [][]byte { return [][]byte{[]byte("HTTP/1.1 400 Bad Request\r\n\r\n")} }),
		"silence":       protocol(func(request) [][]byte { return nil }),
		"closed":        func(net.Conn) {},
		"yes, in clear": protocol(func(r request) [][]byte { return yesInClear(r) }),
		"yes, and more": func(conn net.Conn) {
			// Somebody on the way adds an answer in the clear; taken for one inside TLS it would bind.
			if _, err := ber.ReadPacket(conn); err != nil {
				return
			}
			conn.Write(append(message(1, result(goldap.ApplicationExtendedResponse, 0, "")), bound(1)...))
			inner := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}})
			if inner.Handshake() == nil {
				protocol(right)(&tapped{inner, conn.(*tapped).fake})
			}
		},
	}
	for name, serve := range answers {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, nil, serve)
			cfg := Config{Settings: f.settings(ca.pem), Password: topSecret}
			cfg.Settings.StartTLS = true
			if name == "silence" {
				cfg.Timeout, cfg.Patience = 2*time.Second, 4*time.Second
			}
			c := client(t, cfg)
			within(t, func(ctx context.Context) {
				_, err := c.Authenticate(ctx, "ada", password)
				if !fault.Is(err, fault.KindUnavailable) || hop(t, err).Hop != HopTLS {
					t.Errorf("%v: %+v", err, hop(t, err))
				}
			})
			for _, secret := range []string{topSecret, password} {
				if f.heard(secret) {
					t.Errorf("%q was sent", secret)
				}
			}
		})
	}
}

func yesInClear(r request) [][]byte {
	if r.tag == goldap.ApplicationExtendedRequest {
		return [][]byte{message(r.id, result(goldap.ApplicationExtendedResponse, 0, ""))}
	}
	return right(r)
}

// TestPlainIsRefused: without TLS nothing is said at all, unless that is asked for.
func TestPlainIsRefused(t *testing.T) {
	f := newFake(t, nil, protocol(right))
	cfg := Config{Settings: f.settings(""), Password: topSecret}
	c := client(t, cfg)
	if _, err := c.Authenticate(t.Context(), "ada", password); hop(t, err).Hop != HopTLS {
		t.Error(err)
	}
	if n := f.received(); n > 0 {
		t.Errorf("%d bytes were sent", n)
	}
	cfg.Settings.AllowPlain = true
	signIn(t, client(t, cfg), "ada", password)
}

// TestSpecialAddresses: what means something else to this machine than to the network is not dialled.
func TestSpecialAddresses(t *testing.T) {
	f := newFake(t, nil, protocol(right))
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(f.url, "ldap://"))
	for _, host := range []string{"127.0.0.1", "localhost", "x.localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "169.254.169.254", "[fe80::1]", "[64:ff9b::7f00:1]", "224.0.0.1", "168.63.129.16"} {
		for _, allowed := range []bool{false, true} {
			cfg := Config{Settings: f.settings(""), Password: topSecret, Timeout: soon, Patience: 2 * soon}
			cfg.Settings.URLs, cfg.Settings.AllowPlain, cfg.Settings.AllowLoopback = []string{"ldap://" + host + ":" + port}, true, allowed
			loopback := strings.Contains(host, "localhost") || host == "127.0.0.1" || host == "[::ffff:127.0.0.1]"
			_, err := client(t, cfg).Authenticate(t.Context(), "ada", password)
			switch {
			case loopback && allowed:
				if fault.Is(err, fault.KindUnavailable) && strings.Contains(hop(t, err).Error(), "not dialled") {
					t.Errorf("%s is not dialled although that is allowed: %v", host, errors.Unwrap(err))
				}
			case host == "[::1]" && allowed: // nothing need listen there
			case err == nil || hop(t, err).Hop != HopDial || !strings.Contains(hop(t, err).Error(), "not dialled"):
				t.Errorf("%s (allowed: %v): %v", host, allowed, errors.Unwrap(err))
			}
		}
	}
}

// TestOwnListenersAreNotDialled: this service is no directory.
func TestOwnListenersAreNotDialled(t *testing.T) {
	f := newFake(t, nil, protocol(right))
	cfg := Config{Settings: f.settings(""), Password: topSecret, Own: func(at netip.AddrPort) bool { return "ldap://"+at.String() == f.url }}
	cfg.Settings.AllowPlain = true
	_, err := client(t, cfg).Authenticate(t.Context(), "ada", password)
	if err == nil || !strings.Contains(hop(t, err).Error(), "itself listens") || f.received() > 0 {
		t.Error(errors.Unwrap(err))
	}
}

// TestHostileServers: whatever a server does, it ends, within bounds, and nobody is let in.
func TestHostileServers(t *testing.T) {
	search := func(answer func(request) [][]byte) func(net.Conn) {
		return protocol(func(r request) [][]byte {
			if r.tag == goldap.ApplicationBindRequest {
				return right(r)
			}
			return answer(r)
		})
	}
	binding := func(answer func(request) [][]byte) func(net.Conn) {
		return protocol(func(r request) [][]byte {
			if r.tag == goldap.ApplicationBindRequest && strings.HasPrefix(r.name, "uid=") {
				return answer(r)
			}
			return right(r)
		})
	}
	deep := bytes.Repeat([]byte{0x30, 0x80}, 1<<16)
	tests := map[string]struct {
		serve func(net.Conn)
		kind  fault.Kind
		slow  bool // only time ends it
	}{
		"garbage":                  {func(c net.Conn) { c.Write(bytes.Repeat([]byte{0xde, 0xad}, 1000)); io.Copy(io.Discard, c) }, fault.KindUnavailable, false},
		"HTTP":                     {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n"); io.Copy(io.Discard, c) }, fault.KindUnavailable, false},
		"closed at once":           {func(net.Conn) {}, fault.KindUnavailable, false},
		"silence":                  {protocol(func(request) [][]byte { return nil }), fault.KindUnavailable, true},
		"silence at the search":    {search(func(request) [][]byte { return nil }), fault.KindUnavailable, true},
		"silence at the user":      {binding(func(request) [][]byte { return nil }), fault.KindUnavailable, true},
		"drip":                     {drip, fault.KindUnavailable, true},
		"two gigabytes announced":  {search(func(request) [][]byte { return [][]byte{{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02}} }), fault.KindUnavailable, false},
		"no length at all":         {search(func(request) [][]byte { return [][]byte{deep} }), fault.KindUnavailable, false},
		"deep inside":              {search(func(request) [][]byte { return [][]byte{append([]byte{0x30, 0x83, 0x02, 0x00, 0x00}, deep...)} }), fault.KindUnavailable, false},
		"a message cut short":      {search(func(r request) [][]byte { return [][]byte{message(r.id, ada())[:20], {0x30}, done(r.id)} }), fault.KindUnavailable, true},
		"another's answer":         {search(func(r request) [][]byte { return [][]byte{message(r.id+100, ada()), done(r.id + 100)} }), fault.KindUnavailable, true},
		"a bind's answer":          {search(func(r request) [][]byte { return [][]byte{bound(r.id), bound(r.id)} }), fault.KindUnavailable, true},
		"entry without attributes": {search(func(r request) [][]byte { return [][]byte{message(r.id, halfEntry()), done(r.id)} }), fault.KindUnavailable, false},
		"entry without subject": {search(func(r request) [][]byte {
			return [][]byte{message(r.id, entry("uid=ada,dc=corp,dc=test", "uid", "ada")), done(r.id)}
		}), fault.KindUpstream, false},
		"entry without a name": {search(func(r request) [][]byte {
			return [][]byte{message(r.id, entry("", "uid", "ada", "entryUUID", "1")), done(r.id)}
		}), fault.KindUpstream, false},
		"referral": {search(func(r request) [][]byte {
			return [][]byte{message(r.id, result(goldap.ApplicationSearchResultDone, 10, ""))}
		}), fault.KindUpstream, false},
		"referral at the user": {binding(func(r request) [][]byte {
			return [][]byte{message(r.id, result(goldap.ApplicationBindResponse, 10, ""))}
		}), fault.KindUnavailable, false},
		"too many entries": {search(func(r request) [][]byte { return [][]byte{bytes.Repeat(message(r.id, ada()), 1000), done(r.id)} }), fault.KindUnauthenticated, false},
		"busy": {search(func(r request) [][]byte {
			return [][]byte{message(r.id, result(goldap.ApplicationSearchResultDone, 51, ""))}
		}), fault.KindUnavailable, false},
		"an answer without a code": {binding(func(r request) [][]byte {
			return [][]byte{message(r.id, ber.Encode(ber.ClassApplication, ber.TypeConstructed, 1, nil, ""))}
		}), fault.KindUnavailable, false},
		"wants more steps": {binding(func(r request) [][]byte {
			return [][]byte{message(r.id, result(goldap.ApplicationBindResponse, 14, ""))}
		}), fault.KindUnavailable, false},
	}
	ca := newAuthority(t)
	cert := ca.issue(t, nil)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Password: topSecret, Timeout: soon, Patience: 3 * soon}
			if !test.slow {
				cfg.Timeout, cfg.Patience = 20*time.Second, 40*time.Second // it ends by itself, not by its time
			}
			f := newFake(t, &cert, test.serve)
			cfg.Settings = f.settings(ca.pem)
			c := client(t, cfg)
			within(t, func(ctx context.Context) {
				a, err := c.Authenticate(ctx, "ada", password)
				if !fault.Is(err, test.kind) {
					t.Errorf("%v %v: %v (%v), want %v", a.Subject, err, errors.Unwrap(err), fault.KindOf(err), test.kind)
				}
			})
		})
	}
}

func halfEntry() *ber.Packet {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, goldap.ApplicationSearchResultEntry, nil, "")
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "uid=ada,dc=corp,dc=test", ""))
	return op
}

// drip answers with a byte now and then, so that a limit on silence alone would never end it.
func drip(conn net.Conn) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	head := []byte{0x30, 0x83, 0x0f, 0xff, 0xff}
	for range tick.C {
		next := byte(0)
		if len(head) > 0 {
			next, head = head[0], head[1:]
		}
		if _, err := conn.Write([]byte{next}); err != nil {
			return
		}
	}
}

// TestEndlessResults: a server that never stops giving entries or pages is stopped by the bounds.
func TestEndlessResults(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, nil)
	entries := func(conn net.Conn) {
		protocol(func(r request) [][]byte {
			if r.tag == goldap.ApplicationBindRequest || !bytes.Contains(r.op.Bytes(), []byte("memberUid")) {
				return right(r)
			}
			one := bytes.Repeat(message(r.id, entry("cn=group,dc=corp,dc=test")), 1000)
			for {
				if _, err := conn.Write(one); err != nil {
					return nil
				}
			}
		})(conn)
	}
	pages := protocol(func(r request) [][]byte {
		if r.tag == goldap.ApplicationBindRequest || !bytes.Contains(r.op.Bytes(), []byte("memberUid")) {
			return right(r)
		}
		paging := goldap.NewControlPaging(0)
		paging.SetCookie([]byte("more"))
		return [][]byte{message(r.id, result(goldap.ApplicationSearchResultDone, 0, ""), paging.Encode())}
	})
	for name, serve := range map[string]func(net.Conn){"entries": entries, "pages": pages} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, &cert, serve)
			c := client(t, Config{Settings: f.settings(ca.pem), Password: topSecret, Timeout: 20 * time.Second, Patience: 40 * time.Second})
			within(t, func(ctx context.Context) {
				if _, err := c.Authenticate(ctx, "ada", password); !fault.Is(err, fault.KindUnavailable) && !fault.Is(err, fault.KindUpstream) {
					t.Errorf("%v: %v", err, errors.Unwrap(err))
				}
			})
		})
	}
}
