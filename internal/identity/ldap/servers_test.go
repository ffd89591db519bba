package ldap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"postern/internal/fault"
	"postern/internal/posterntest/slapd"
)

// refusedPort is where nobody listens: the kernel gives nobody a port below 1024 by chance.
const refusedPort = "ldaps://127.0.0.1:1"

// TestFailover: servers are tried in turn, whatever is wrong with one, and one that failed comes last for a while.
func TestFailover(t *testing.T) {
	ca := newAuthority(t)
	cert, wrong := ca.issue(t, nil), newAuthority(t).issue(t, nil)
	good := newFake(t, &cert, protocol(right))
	bad := map[string]string{
		"nobody listens":    refusedPort,
		"no such name":      "ldaps://directory.invalid",
		"wrong certificate": newFake(t, &wrong, protocol(right)).url,
		"closes":            newFake(t, &cert, func(net.Conn) {}).url,
		"says busy": newFake(t, &cert, protocol(func(r request) [][]byte {
			return [][]byte{message(r.id, result(goldap.ApplicationBindResponse, 51, ""))}
		})).url,
		"says unavailable": newFake(t, &cert, protocol(func(r request) [][]byte {
			return [][]byte{message(r.id, result(goldap.ApplicationBindResponse, 52, ""))}
		})).url,
		"speaks HTTP": newFake(t, &cert, func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 400\r\n\r\n") }).url,
	}
	for name, url := range bad {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Settings: good.settings(ca.pem), Password: topSecret}
			cfg.Settings.URLs = []string{url, good.url}
			c := client(t, cfg)
			signIn(t, c, "ada", password)
			if order := c.pool.order(time.Now()); order[0] != 1 {
				t.Errorf("the server that failed is still asked first")
			}
			if order := c.pool.order(time.Now().Add(shunned + time.Second)); order[0] != 0 {
				t.Errorf("the server that failed is never asked first again")
			}
			err := c.Check(t.Context())
			if !fault.Is(err, fault.KindConflict) || !strings.Contains(err.Error(), url) || strings.Contains(err.Error(), good.url) {
				t.Errorf("the check of both says %v", err)
			}
		})
	}
}

// TestWrongBindPasswordIsAskedOnce: other servers would say the same, and each try counts against the account.
func TestWrongBindPasswordIsAskedOnce(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, nil)
	var asked atomic.Int32
	f := newFake(t, &cert, protocol(func(r request) [][]byte {
		asked.Add(1)
		return [][]byte{message(r.id, result(goldap.ApplicationBindResponse, 49, ""))}
	}))
	cfg := Config{Settings: f.settings(ca.pem), Password: topSecret}
	cfg.Settings.URLs = []string{f.url, strings.Replace(f.url, "127.0.0.1", "localhost", 1)}
	c := client(t, cfg)
	_, err := c.Authenticate(t.Context(), "ada", password)
	if !fault.Is(err, fault.KindUnavailable) || hop(t, err).Hop != HopBind || !strings.Contains(hop(t, err).Cure, "bindDn") || asked.Load() != 1 {
		t.Errorf("%v, asked %d times: %+v", err, asked.Load(), hop(t, err))
	}
}

// TestRestart: kept connections that died with their server are noticed, and nobody is told of it.
func TestRestart(t *testing.T) {
	s := slapd.New(t)
	s.Person(t, "ada", password)
	c := client(t, Config{Settings: settings(s)})
	subject := signIn(t, c, "ada", password).Subject
	for range 3 {
		s.Stop(t)
		if _, err := c.Again(t.Context(), subject); !fault.Is(err, fault.KindUnavailable) {
			t.Errorf("while the directory is away: %v", err)
		}
		s.Start(t)
		if _, err := c.Again(t.Context(), subject); err != nil {
			t.Errorf("after it is back: %v: %v", err, errors.Unwrap(err))
		}
	}
}

// TestConnectionsAreKept: searches share connections, users' binds never do.
func TestConnectionsAreKept(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, nil)
	var connections, open, most atomic.Int32
	f := newFake(t, &cert, func(conn net.Conn) {
		connections.Add(1)
		most.Store(max(most.Load(), open.Add(1)))
		defer open.Add(-1)
		served := ""
		protocol(func(r request) [][]byte {
			if r.tag == goldap.ApplicationBindRequest {
				if served != "" {
					t.Errorf("%s is bound on a connection of %s", r.name, served)
				}
				served = r.name
			} else if !strings.HasPrefix(served, "cn=reader") {
				t.Errorf("%s searches", served)
			}
			return right(r)
		})(conn)
	})
	c := client(t, Config{Settings: f.settings(ca.pem), Password: topSecret})
	for range 10 {
		signIn(t, c, "ada", password)
	}
	if n := connections.Load(); n != 11 { // one to search on, and one for each bind
		t.Errorf("%d connections, want 11", n)
	}
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if _, err := c.Authenticate(t.Context(), "ada", password); err != nil {
				t.Errorf("%v: %v", err, errors.Unwrap(err))
			}
		})
	}
	wg.Wait()
	// The far end sees a connection closed a little after we have opened the next.
	if n := most.Load(); n > 3*maxOpen {
		t.Errorf("%d connections at once", n)
	}
	if n := len(c.pool.idle); n > maxIdle || n == 0 {
		t.Errorf("%d are kept", n)
	}
	c.pool.close()
	if c.pool.take() != nil {
		t.Error("one is kept after the end")
	}
}

// TestOldConnectionsAreAsked: one that was idle for long is asked whether it lives, one that is old is not used.
func TestOldConnectionsAreAsked(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, nil)
	var probes, connections atomic.Int32
	f := newFake(t, &cert, func(conn net.Conn) {
		connections.Add(1)
		protocol(func(r request) [][]byte {
			if bytes.Contains(r.op.Bytes(), []byte("supportedLDAPVersion")) {
				probes.Add(1)
				return [][]byte{message(r.id, entry("", "supportedLDAPVersion", "3")), done(r.id)}
			}
			return right(r)
		})(conn)
	})
	now := time.Now()
	c := client(t, Config{Settings: f.settings(ca.pem), Password: topSecret, Now: func() time.Time { return now }})
	subject := signIn(t, c, "ada", password).Subject
	for _, step := range []struct {
		later               time.Duration
		probes, connections int32
	}{{0, 0, 2}, {maxUnused + time.Second, 1, 2}, {time.Second, 1, 2}, {maxAge, 1, 3}} {
		now = now.Add(step.later)
		if _, err := c.Again(t.Context(), subject); err != nil {
			t.Fatal(err)
		}
		if probes.Load() != step.probes || connections.Load() != step.connections {
			t.Errorf("%v later: %d probes, %d connections", step.later, probes.Load(), connections.Load())
		}
	}
}

// TestGivenUp: whoever does not wait any longer does not wait for the directory either.
func TestGivenUp(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, nil)
	reached := make(chan struct{}, 10)
	f := newFake(t, &cert, protocol(func(request) [][]byte { reached <- struct{}{}; return nil }))
	c := client(t, Config{Settings: f.settings(ca.pem), Password: topSecret, Timeout: 10 * time.Minute, Patience: 20 * time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := c.Authenticate(ctx, "ada", password); ended <- err }()
	<-reached
	cancel()
	select {
	case err := <-ended:
		if !fault.Is(err, fault.KindUnavailable) {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("it still waits")
	}
}

// TestReasons: what directories say of a password they do not take, word for word, becomes a reason for the log.
func TestReasons(t *testing.T) {
	ad := func(data string) string {
		return "80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data " + data + ", v3839\x00"
	}
	tests := []struct {
		code int64
		says string
		want string
	}{
		{49, "", ReasonPassword},
		{49, ad("525"), ReasonUnknown},
		{49, ad("52e"), ReasonPassword},
		{49, ad("52E"), ReasonPassword},
		{49, ad("530"), ReasonHours},
		{49, ad("531"), ReasonWorkstation},
		{49, ad("532"), ReasonPasswordExpired},
		{49, ad("533"), ReasonDisabled},
		{49, ad("568"), ReasonTokens},
		{49, ad("701"), ReasonExpired},
		{49, ad("773"), ReasonMustChange},
		{49, ad("775"), ReasonLocked},
		{49, ad("ffffffff"), ReasonPassword},
		{49, "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1", ReasonPassword}, // Samba
		{53, "Account inactivated. Contact system administrator.", ReasonDisabled},                                      // 389 Directory Server
		{19, "Exceed password retry limit. Please try later.", ReasonLocked},
		{48, "", ReasonPassword},
		{32, "", ReasonUnknown},
		{50, "", ReasonPassword},
	}
	ca := newAuthority(t)
	cert := ca.issue(t, nil)
	for _, test := range tests {
		t.Run(fmt.Sprintf("%d %s", test.code, test.says), func(t *testing.T) {
			f := newFake(t, &cert, protocol(func(r request) [][]byte {
				if strings.HasPrefix(r.name, "uid=") {
					return [][]byte{message(r.id, result(goldap.ApplicationBindResponse, test.code, test.says))}
				}
				return right(r)
			}))
			c := client(t, Config{Settings: f.settings(ca.pem), Password: topSecret})
			if got := refusedWith(t, c, "ada", password); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// TestPasswordPolicy: a bind may succeed and yet be good for nothing but another password.
func TestPasswordPolicy(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, nil)
	for number, want := range policyAnswers {
		for _, code := range []int64{0, 49} {
			f := newFake(t, &cert, protocol(func(r request) [][]byte {
				if strings.HasPrefix(r.name, "uid=") {
					return [][]byte{message(r.id, result(goldap.ApplicationBindResponse, code, ""), policyControl(number))}
				}
				return right(r)
			}))
			c := client(t, Config{Settings: f.settings(ca.pem), Password: topSecret})
			if got := refusedWith(t, c, "ada", password); got != want {
				t.Errorf("%d with %d: %s, want %s", code, number, got, want)
			}
		}
	}
}

// policyControl is the answer of draft-behera-ldap-password-policy, section 6.2.
func policyControl(number int8) *ber.Packet {
	value := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	value.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 1, string([]byte{byte(number)}), ""))
	control := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	control.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, goldap.ControlTypeBeheraPasswordPolicy, ""))
	control.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(value.Bytes()), ""))
	return control
}

// TestUnknownNamesCostTheSame: a name that nobody has is bound, too, so that the time tells little.
func TestUnknownNamesCostTheSame(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, nil)
	var binds atomic.Int32
	f := newFake(t, &cert, protocol(func(r request) [][]byte {
		switch {
		case r.tag == goldap.ApplicationBindRequest && !strings.HasPrefix(r.name, "cn=reader"):
			binds.Add(1)
			return [][]byte{message(r.id, result(goldap.ApplicationBindResponse, 49, ""))}
		case r.tag == goldap.ApplicationSearchRequest && bytes.Contains(r.op.Bytes(), []byte("nobody")):
			return [][]byte{done(r.id)}
		}
		return right(r)
	}))
	c := client(t, Config{Settings: f.settings(ca.pem), Password: topSecret})
	for i, name := range []string{"ada", "nobody", "\x00"} {
		refusedWith(t, c, name, password)
		if got := binds.Load(); got != int32(i)+1 {
			t.Errorf("%q: %d binds in all", name, got)
		}
	}
}

// TestMemberOf: groups that only the user's entry names count if they are below the base of groups.
func TestMemberOf(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, nil)
	f := newFake(t, &cert, protocol(func(r request) [][]byte {
		if r.tag == goldap.ApplicationSearchRequest && !bytes.Contains(r.op.Bytes(), []byte("memberUid")) {
			return [][]byte{message(r.id, entry("uid=ada,dc=corp,dc=test", "uid", "ada", "entryUUID", "1", "memberOf", "CN=Staff, OU=Groups,DC=corp,DC=test", "memberOf", "cn=staff,dc=elsewhere")), done(r.id)}
		}
		return right(r)
	}))
	cfg := Config{Settings: f.settings(ca.pem), Password: topSecret}
	cfg.Settings.GroupBase = "ou=groups,dc=corp,dc=test"
	if got := signIn(t, client(t, cfg), "ada", password).Groups; len(got) != 1 || !strings.HasPrefix(got[0], "CN=Staff") {
		t.Errorf("%q", got)
	}
}
