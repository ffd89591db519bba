package control_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/posterntest/idp"
	"postern/internal/posterntest/slapd"
)

// TestDirectoryConfirmsByWhoItIs: the name here is another than the one that the directory is asked for at sign-in.
func TestDirectoryConfirmsByWhoItIs(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		d := newInDirectory(k, slapd.New(t), func(u *access.Upstream) { u.Mapping, u.LDAP.UserFilter = access.Mapping{Name: "mail"}, "(uid={name})" })
		d.dir.Person(t, "ada", password)
		d.dir.Person(t, "eve", "eve's own password")
		p := d.in("ada")
		if p.Who.Name != "ada@example.test" {
			t.Fatalf("came as %+v", p.Who)
		}
		confirm := func(secret string, need access.Strength) (control.Progress, error) {
			return d.SignIn(t.Context(), anyone(), control.Credentials{Password: secret, Binding: binding, Who: &p.Who, Need: need})
		}
		for _, secret := range []string{"", "wrong password", "eve's own password"} {
			if got, err := confirm(secret, ""); !fault.Is(err, fault.KindUnauthenticated) || got.Confirmed != "" {
				t.Errorf("confirmed with %q: %+v, %v", secret, got, err)
			}
		}
		if got, err := confirm(password, ""); err != nil || got.Confirmed == "" || got.Cookie != "" {
			t.Fatalf("confirmed: %+v, %v", got, err)
		}
		k.pass(40 * time.Minute)
		var raised control.Progress
		eventually(t, "the directory takes the password again", func() (ok bool) {
			var err error
			raised, err = confirm(password, access.SingleFactor)
			return err == nil
		})
		if raised.Cookie == "" || raised.Who.Session != p.Who.Session || !raised.Who.Authenticated.After(p.Who.Authenticated.Add(30*time.Minute)) {
			t.Errorf("raised to %+v", raised.Who)
		}
		// A stronger proof needs a factor of ours: a directory knows passwords alone.
		if got, err := confirm(password, access.MultiFactor); err != nil || got.Next == nil || !got.Next.Enrol {
			t.Errorf("for more than one factor: %+v, %v", got, err)
		}
	})
}

// reprove goes by the provider with a session, as its browser does.
func (a *abroad) reprove(t *testing.T, who access.Principal) (control.Progress, error) {
	t.Helper()
	out, ok, err := a.Reprove(t.Context(), control.Departure{Binding: binding, Who: &who})
	if err != nil || !ok {
		t.Fatalf("nothing to prove: %v, %v", ok, err)
	}
	resp, err := a.idp.Client().Get(out.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("the provider says %s, %v", resp.Status, err)
	}
	in := a.back(out, back.Query())
	in.Who = &who
	return a.Arrive(t.Context(), anyone(), in)
}

// TestLostRenewal: a refresh token that the provider took, and whose answer was lost, is refused the next time. That
// says nothing about its user: nobody is signed out, and the browser finds out.
func TestLostRenewal(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := newAbroad(k)
		p := a.signIn(t)
		a.idp.Behave(idp.Behaviour{Loses: true})
		a.pass(16 * time.Minute)
		a.use(t, p)
		a.Reread(t.Context())
		a.asked(t, 1)
		a.idp.Behave(idp.Behaviour{})
		a.pass(4 * time.Minute)
		a.use(t, p)
		a.Reread(t.Context())
		a.asked(t, 2)
		var who access.Principal
		eventually(t, "the browser has to prove it", func() (due bool) {
			var good bool
			who, good = a.use(t, p)
			if !good {
				t.Fatal("signed out by a token that was used up")
			}
			return !who.Reprove.IsZero()
		})
		if u := a.user(t, "42"); !u.UpstreamRefused.IsZero() {
			t.Errorf("refused: %+v", u)
		}
		if left := who.Ends.Sub(who.Reprove); left != access.UpstreamReproof {
			t.Errorf("there are %s to prove it", left)
		}
		done, err := a.reprove(t, who)
		if err != nil || done.Proof == nil || !done.Proof.Done {
			t.Fatalf("proved again: %+v, %v", done, err)
		}
		eventually(t, "it is asked behind the browser's back again", func() bool { who, _ := a.use(t, p); return who.Reprove.IsZero() && who.Ends.IsZero() })
		a.pass(16 * time.Minute)
		a.use(t, p)
		a.Reread(t.Context())
		a.asked(t, 3)
		if _, good := a.use(t, p); !good {
			t.Error("signed out after all")
		}
	})
}

// TestReplicasRenewOnce: most providers take each refresh token once. However many replicas look, one of them asks,
// and what it gets is there for whoever asks next.
func TestReplicasRenewOnce(t *testing.T) {
	one, other := two(t)
	a := newAbroad(one)
	b := &abroad{kit: other, idp: a.idp, up: a.up}
	p := a.signIn(t)
	for round := 1; round <= 6; round++ {
		other.pass(16 * time.Minute)
		a.pass(16 * time.Minute)
		for _, at := range []*abroad{a, b} {
			if _, good := at.use(t, p); !good {
				t.Fatalf("round %d: signed out", round)
			}
		}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { a.Reread(t.Context()) })
			all.Go(func() { b.Reread(t.Context()) })
		}
		all.Wait()
		a.asked(t, round)
	}
	for _, at := range []*abroad{a, b} {
		if _, good := at.use(t, p); !good {
			t.Error("signed out in the end")
		}
	}
	if u := a.user(t, "42"); !u.UpstreamRefused.IsZero() {
		t.Errorf("refused: %+v", u)
	}
}

// TestUpstreamMethods: which words of an upstream count as more than one factor.
func TestUpstreamMethods(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		for _, test := range []struct {
			name   string
			change func(*access.OIDCSettings)
			does   idp.Behaviour
			claims map[string]any
			strong bool
		}{
			{"a password", func(*access.OIDCSettings) {}, idp.Behaviour{AMR: []string{"pwd"}}, nil, false},
			{"what RFC 8176 names", func(*access.OIDCSettings) {}, idp.Behaviour{AMR: []string{"pwd", "otp"}}, nil, true},
			{"a word that nobody explained", func(*access.OIDCSettings) {}, idp.Behaviour{AMR: []string{"duo"}}, nil, false},
			{"one that the administrator did", func(s *access.OIDCSettings) { s.StrongAMR = []string{"duo"} }, idp.Behaviour{AMR: []string{"duo"}}, nil, true},
			{"another one", func(s *access.OIDCSettings) { s.StrongAMR = []string{"duo"} }, idp.Behaviour{AMR: []string{"duoish", "Duo"}}, nil, false},
			{"a context", func(s *access.OIDCSettings) { s.StrongACR = []string{"gold"} }, idp.Behaviour{}, map[string]any{"acr": "gold"}, true},
			{"another context", func(s *access.OIDCSettings) { s.StrongACR = []string{"gold"} }, idp.Behaviour{}, map[string]any{"acr": "golden"}, false},
			{"no context", func(s *access.OIDCSettings) { s.StrongACR = []string{"gold"} }, idp.Behaviour{}, nil, false},
			{"our own words", func(*access.OIDCSettings) {}, idp.Behaviour{AMR: []string{"user", "recovery"}}, nil, false},
		} {
			a := newAbroad(k, func(u *access.Upstream) { u.Name = test.name; test.change(u.OIDC) })
			a.idp.Behave(test.does)
			claims := map[string]any{"preferred_username": "ada" + strings.ToLower(string(a.up.ID[4:]))}
			for name, value := range test.claims {
				claims[name] = value
			}
			a.idp.Put(idp.User{Subject: "1", Claims: claims})
			if p := a.signIn(t); access.Strong(p.Who.Methods) != test.strong {
				t.Errorf("%s: %v", test.name, p.Who.Methods)
			}
		}
	})
}
