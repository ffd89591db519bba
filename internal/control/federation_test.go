package control_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/posterntest/idp"
)

// abroad is a kit with an upstream and the provider behind it.
type abroad struct {
	*kit
	idp *idp.Provider
	up  access.Upstream
}

func newAbroad(k *kit, changes ...func(*access.Upstream)) *abroad {
	k.t.Helper()
	a := &abroad{kit: k, idp: idp.New(k.t)}
	u := access.Upstream{Name: "Example", Kind: access.UpstreamOIDC, OIDC: &access.OIDCSettings{
		Issuer: a.idp.Issuer(), ClientID: idp.ClientID, AllowLoopback: true, CA: a.idp.CA()}}
	for _, change := range changes {
		change(&u)
	}
	made, err := k.CreateUpstream(k.t.Context(), k.owner, u, []byte(idp.Secret))
	a.up = must(k.t, made, err)
	a.idp.Put(idp.User{Subject: "42", Claims: map[string]any{"preferred_username": "Ada@Example.com", "name": "Ada Lovelace", "email": "ada@example.com", "email_verified": true}})
	return a
}

func (a *abroad) pass(d time.Duration) {
	a.kit.pass(d)
	a.idp.Ahead(time.Duration(a.skew.Load()))
}

// depart begins a sign-in and gives it with what the provider answers.
func (a *abroad) depart(t *testing.T) (control.Departed, url.Values) {
	t.Helper()
	out, err := a.Depart(t.Context(), control.Departure{Upstream: a.up.ID, Binding: binding})
	if err != nil {
		t.Fatal(err)
	}
	return out, a.follow(t, out)
}

// follow gives what the provider answers.
func (a *abroad) follow(t *testing.T, out control.Departed) url.Values {
	t.Helper()
	resp, err := a.idp.Client().Get(out.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("the provider says %s, %v", resp.Status, err)
	}
	return back.Query()
}

func (a *abroad) back(out control.Departed, answer url.Values) control.Return {
	return control.Return{Upstream: a.up.ID, State: answer.Get("state"), Flow: out.Flow, Answer: answer, Binding: binding, UserAgent: "test"}
}

func (a *abroad) try(t *testing.T) (control.Progress, error) {
	t.Helper()
	out, answer := a.depart(t)
	return a.Arrive(t.Context(), anyone(), a.back(out, answer))
}

func (a *abroad) signIn(t *testing.T) control.Progress {
	t.Helper()
	p, err := a.try(t)
	if err != nil || p.Cookie == "" {
		t.Fatalf("sign-in at the upstream: %+v, %v", p, err)
	}
	return p
}

func (a *abroad) group(t *testing.T, name string) access.Group {
	t.Helper()
	g, err := a.CreateGroup(t.Context(), a.owner, access.Group{Name: name})
	return must(t, g, err)
}

// user gives the user that the provider calls so.
func (a *abroad) user(t *testing.T, subject string) (found access.User) {
	t.Helper()
	list, _, err := a.Users(t.Context(), a.owner, access.Page{Only: map[string]string{"upstream": string(a.up.ID)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range list {
		if u.Subject == subject {
			found = u
		}
	}
	return found
}

func TestWhoComesFromElsewhere(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := newAbroad(k)
		staff, own := a.group(t, "Staff"), a.group(t, "chess")
		up, err := a.UpdateUpstream(t.Context(), a.owner, func() access.Upstream {
			u := a.up
			u.Mapping = access.Mapping{Groups: []access.GroupMapping{{From: "employees", To: staff.ID}}, GroupsByName: true, GroupPrefix: "c"}
			return u
		}())
		a.up = must(t, up, err)
		claims := map[string]any{"preferred_username": "Ada@Example.com", "name": "Ada Lovelace", "groups": []string{"employees", "Chess", "others"}}
		a.idp.Put(idp.User{Subject: "42", Claims: claims})
		p := a.signIn(t)
		if p.Who.Name != "ada@example.com" || p.Who.DisplayName != "Ada Lovelace" || !slices.Equal(p.Who.Groups, []access.ID{staff.ID}) {
			t.Errorf("came as %+v", p.Who)
		}
		if !slices.Contains(p.Who.Methods, access.MethodUpstream) || len(p.Who.Roles) != 0 {
			t.Errorf("methods %v, roles %v", p.Who.Methods, p.Who.Roles)
		}
		// An administrator's own membership outlives what the upstream says.
		own.Members = []access.ID{p.Who.User}
		if _, err := a.UpdateGroup(t.Context(), a.owner, own); err != nil {
			t.Fatal(err)
		}
		claims["name"], claims["groups"], claims["preferred_username"] = "Ada King", []string{"others"}, "countess"
		a.idp.Put(idp.User{Subject: "42", Claims: claims})
		again := a.signIn(t)
		if again.Who.User != p.Who.User || again.Who.Name != "countess" || again.Who.DisplayName != "Ada King" || !slices.Equal(again.Who.Groups, []access.ID{own.ID}) {
			t.Errorf("came again as %+v", again.Who)
		}
		a.signIn(t) // nothing is new
		history, err := a.UserHistory(t.Context(), a.owner, p.Who.User)
		if err != nil || len(history) != 2 || history[0].Entry.Actor.Kind != access.ActorSystem {
			t.Errorf("history %+v, %v", history, err)
		}
		if _, err := a.SignIn(t.Context(), anyone(), control.Credentials{Name: "countess", Password: ""}); !fault.Is(err, fault.KindUnauthenticated) {
			t.Errorf("a password of ours: %v", err)
		}
		wantKind(t, a.SetPassword(t.Context(), a.owner, p.Who.User, password), fault.KindConflict)
	})
}

func TestWhoIsNotLetIn(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		good := map[string]any{"preferred_username": "ada", "email": "ada@example.com", "email_verified": true, "tid": "1"}
		with := func(name string, value any) map[string]any {
			c := map[string]any{}
			for k, v := range good {
				c[k] = v
			}
			c[name] = value
			return c
		}
		if _, err := k.CreateUser(t.Context(), k.owner, access.User{Name: "grace"}, password); err != nil {
			t.Fatal(err)
		}
		for i, test := range []struct {
			name   string
			change func(*access.Upstream)
			claims map[string]any
			says   string // empty: is let in
		}{
			{"everybody", func(u *access.Upstream) {}, good, ""},
			{"only known", func(u *access.Upstream) { u.OnlyKnown = true }, good, "not known here"},
			{"no name", func(u *access.Upstream) {}, map[string]any{"email": "a@example.com", "email_verified": false}, "sign-in name"},
			{"a name of another spelling", func(u *access.Upstream) {}, with("preferred_username", "Ädä"), "no sign-in name"},
			{"a name of Kelvin", func(u *access.Upstream) {}, with("preferred_username", "\u212agrace"), "no sign-in name"},
			{"somebody's name", func(u *access.Upstream) {}, with("preferred_username", "GRACE"), "already"},
			{"a domain", func(u *access.Upstream) { u.Mapping.EmailDomains = []string{"example.com"} }, good, ""},
			{"another domain", func(u *access.Upstream) { u.Mapping.EmailDomains = []string{"example.org"} }, good, "domain"},
			{"an address nobody verified", func(u *access.Upstream) { u.Mapping.EmailDomains = []string{"example.com"} }, with("email_verified", false), "verified"},
			{"an address of which nothing is said", func(u *access.Upstream) { u.Mapping.EmailDomains = []string{"example.com"} }, with("email_verified", nil), "verified"},
			{"a required value", func(u *access.Upstream) {
				u.Mapping.Required = []access.Requirement{{Claim: "tid", Values: []string{"1", "2"}}}
			}, good, ""},
			{"another value", func(u *access.Upstream) {
				u.Mapping.Required = []access.Requirement{{Claim: "tid", Values: []string{"2"}}}
			}, good, "tid"},
			{"no value", func(u *access.Upstream) {
				u.Mapping.Required = []access.Requirement{{Claim: "no", Values: []string{"2"}}}
			}, good, "no"},
		} {
			name := test.claims["preferred_username"]
			if name == "ada" {
				name = "ada" + string(rune('a'+i))
			}
			a := newAbroad(k, test.change, func(u *access.Upstream) { u.Name = test.name })
			claims := map[string]any{}
			for k, v := range test.claims {
				if v != nil {
					claims[k] = v
				}
			}
			if name != nil {
				claims["preferred_username"] = name
			}
			a.idp.Put(idp.User{Subject: "1", Claims: claims})
			p, err := a.try(t)
			switch {
			case test.says == "" && err != nil:
				t.Errorf("%s: %v", test.name, err)
			case test.says != "" && (p.Cookie != "" || !fault.Is(err, fault.KindForbidden) || !strings.Contains(err.Error(), test.says)):
				t.Errorf("%s: %v (%v)", test.name, err, fault.KindOf(err))
			}
			if u := a.user(t, "1"); (u.ID != "") != (test.says == "") {
				t.Errorf("%s: the user is %+v", test.name, u)
			}
		}
	})
}

// TestCallbackAttacks shows answers that do not belong to the sign-in that this browser began.
func TestCallbackAttacks(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := newAbroad(k)
		other := newAbroad(k, func(u *access.Upstream) { u.Name = "Other" })
		out, answer := a.depart(t)
		theirs, theirAnswer := a.depart(t) // what an attacker began elsewhere
		for name, change := range map[string]func(*control.Return){
			"nothing of this browser":     func(r *control.Return) { r.Flow = "" },
			"another browser":             func(r *control.Return) { r.Binding = "another browser of somebody" },
			"a browser without cookies":   func(r *control.Return) { r.Binding = "" },
			"another tab's flow":          func(r *control.Return) { r.Flow = theirs.Flow },
			"an attacker's answer":        func(r *control.Return) { r.Answer = theirAnswer },
			"an attacker's state":         func(r *control.Return) { r.State = theirs.State },
			"an attacker's whole answer":  func(r *control.Return) { r.Answer, r.State = theirAnswer, theirs.State },
			"an attacker's code":          func(r *control.Return) { r.Answer = with(answer, "code", theirAnswer.Get("code")) },
			"no state":                    func(r *control.Return) { r.State = "" },
			"a state twice":               func(r *control.Return) { r.Answer = with(answer, "state", answer.Get("state"), "x") },
			"a code twice":                func(r *control.Return) { r.Answer = with(answer, "code", answer.Get("code"), "x") },
			"another upstream":            func(r *control.Return) { r.Upstream = other.up.ID },
			"an upstream of no name":      func(r *control.Return) { r.Upstream = "ups_00000000000000000000000000" },
			"another issuer (mix-up)":     func(r *control.Return) { r.Answer = with(answer, "iss", other.idp.Issuer()) },
			"no issuer though announced":  func(r *control.Return) { r.Answer = with(answer, "iss") },
			"an error and a code":         func(r *control.Return) { r.Answer = with(answer, "error", "access_denied") },
			"a flipped bit in the flow":   func(r *control.Return) { r.Flow = flipped(r.Flow) },
			"a flow cut short":            func(r *control.Return) { r.Flow = r.Flow[:len(r.Flow)/2] },
			"a very long flow":            func(r *control.Return) { r.Flow += strings.Repeat("A", 100_000) },
			"a flow that is a sign-in":    func(r *control.Return) { r.Flow = "1.x.y.z" },
			"no code":                     func(r *control.Return) { r.Answer = with(answer, "code") },
			"an empty code":               func(r *control.Return) { r.Answer = with(answer, "code", "") },
			"a very long code":            func(r *control.Return) { r.Answer = with(answer, "code", strings.Repeat("x", 100_000)) },
			"signed in as somebody else":  func(r *control.Return) { r.Flow, r.Who = theirs.Flow, &access.Principal{Session: "x"} },
			"nothing at all of an answer": func(r *control.Return) { r.Answer = nil },
		} {
			r := a.back(out, answer)
			change(&r)
			if p, err := a.Arrive(t.Context(), anyone(), r); err == nil || p.Cookie != "" || p.Next != nil {
				t.Errorf("%s: %+v, %v", name, p, err)
			} else if kind := fault.KindOf(err); kind == fault.KindInternal {
				t.Errorf("%s is our own fault: %v", name, err)
			}
		}
		if list, _, err := a.Users(t.Context(), a.owner, access.Page{Search: "ada"}); err != nil || len(list) != 0 {
			t.Errorf("an attack made %+v, %v", list, err)
		}
		out, answer = a.depart(t) // the codes above may have been tried at the provider
		r := a.back(out, answer)
		if p, err := a.Arrive(t.Context(), anyone(), r); err != nil || p.Cookie == "" {
			t.Fatalf("the true answer: %+v, %v", p, err)
		}
		for range 2 {
			if p, err := a.Arrive(t.Context(), anyone(), r); err == nil || p.Cookie != "" {
				t.Errorf("a replay: %+v, %v", p, err)
			}
		}
		out, answer = a.depart(t)
		a.pass(11 * time.Minute)
		if _, err := a.Arrive(t.Context(), anyone(), a.back(out, answer)); !fault.Is(err, fault.KindGone) {
			t.Errorf("after eleven minutes: %v", err)
		}
	})
}

// with gives the answer with other values of one parameter.
func with(answer url.Values, name string, values ...string) url.Values {
	changed := url.Values{}
	for n, v := range answer {
		changed[n] = v
	}
	if changed[name] = values; len(values) == 0 {
		delete(changed, name)
	}
	return changed
}

func flipped(text string) string {
	at := len(text) - 10
	return text[:at] + string(text[at]^1) + text[at+1:]
}

func TestManyTabs(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := newAbroad(k)
		type tab struct {
			out    control.Departed
			answer url.Values
		}
		var tabs []tab
		for range 20 {
			out, answer := a.depart(t)
			tabs = append(tabs, tab{out, answer})
		}
		errs := make(chan error, len(tabs))
		for _, each := range tabs {
			go func() {
				_, err := a.Arrive(t.Context(), anyone(), a.back(each.out, each.answer))
				errs <- err
			}()
		}
		for range tabs {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if list, _, err := a.Users(t.Context(), a.owner, access.Page{Search: "ada"}); err != nil || len(list) != 1 {
			t.Errorf("%d users came of one, %v", len(list), err)
		}
	})
}
