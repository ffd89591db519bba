package control_test

import (
	"encoding/base32"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
)

// phone is somebody's authenticator app.
type phone struct {
	k    *kit
	seed string
}

func (p phone) code(skew time.Duration) string {
	p.k.t.Helper()
	code, err := totp.GenerateCode(p.seed, p.k.cfg.Now().Add(skew))
	return must(p.k.t, code, err)
}

// other gives a code that is not good now.
func (p phone) other() string {
	good := []string{p.code(0), p.code(-30 * time.Second), p.code(30 * time.Second), p.code(-time.Minute), p.code(time.Minute)}
	for _, code := range []string{"000000", "111111", "222222", "333333", "444444", "555555"} {
		if !slices.Contains(good, code) {
			return code
		}
	}
	return "777777"
}

// begin shows the password.
func (k *kit) begin(name, binding string) control.Progress {
	k.t.Helper()
	p, err := k.SignIn(k.t.Context(), anyone(), control.Credentials{Name: name, Password: password, Binding: binding})
	return must(k.t, p, err)
}

// confirmed signs in with the password, and with the phone if there is one, and confirms it.
func (k *kit) own(b *browser) control.Own {
	k.t.Helper()
	p, err := k.SignIn(k.t.Context(), anyone(), control.Credentials{Password: password, Binding: binding, Who: &b.who})
	if err != nil || p.Confirmed == "" {
		k.t.Fatalf("confirm: %+v, %v", p, err)
	}
	return control.Own{Who: b.who, Confirmed: p.Confirmed, Binding: binding}
}

// enrolled is a user with an authenticator app and recovery codes, past the time step of enrolment.
func (k *kit) enrolled(name string) (access.User, phone, []string) {
	k.t.Helper()
	u := k.user(name)
	own := k.own(k.signIn(name))
	offer, err := k.OfferFactor(k.t.Context(), own)
	if err != nil {
		k.t.Fatal(err)
	}
	ph := phone{k, offer.Seed}
	codes, err := k.AddFactor(k.t.Context(), anyone(), own, control.Answer{State: offer.State, Code: ph.code(0)})
	if err != nil || len(codes) != 10 {
		k.t.Fatalf("%d codes, %v", len(codes), err)
	}
	k.pass(time.Minute)
	return u, ph, codes
}

func (k *kit) answer(p control.Progress, a control.Answer) (control.Progress, error) {
	if a.State == "" {
		a.State = p.Next.State
	}
	if a.Binding == "" {
		a.Binding = binding
	}
	return k.ContinueSignIn(k.t.Context(), anyone(), a)
}

func TestSecondFactor(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ada, ph, codes := k.enrolled("ada")
		p := k.begin("ada", binding)
		if p.Cookie != "" || p.Next == nil || !p.Next.TOTP || !p.Next.Recovery || p.Next.Passkey != nil || p.Next.Seed != "" {
			t.Fatalf("after the password: %+v", p)
		}
		done, err := k.answer(p, control.Answer{Code: ph.code(0)})
		if err != nil || !slices.Equal(done.Who.Methods, []string{"pwd", "otp"}) || !access.Strong(done.Who.Methods) {
			t.Fatalf("%+v, %v", done, err)
		}
		who, err := k.PortalSession(t.Context(), done.Cookie)
		if err != nil || who.User != ada.ID || !slices.Equal(who.Methods, []string{"pwd", "otp"}) {
			t.Errorf("%+v, %v", who, err)
		}
		done, err = k.answer(k.begin("ada", binding), control.Answer{Recovery: strings.ToUpper(strings.ReplaceAll(codes[3], "-", " "))})
		if err != nil || !slices.Equal(done.Who.Methods, []string{"pwd", "recovery"}) {
			t.Errorf("%+v, %v", done, err)
		}
		account, err := k.Account(t.Context(), done.Who)
		if err != nil || account.Recovery != 9 || len(account.Factors) != 1 || account.Factors[0].Secret != nil || len(account.Sessions) != 3 {
			t.Errorf("%+v, %v", account, err)
		}
		u, err := k.User(t.Context(), k.owner, ada.ID)
		if err != nil || !slices.Equal(u.Factors, []access.FactorKind{access.FactorTOTP}) {
			t.Errorf("%+v, %v", u, err)
		}
		if e := k.signIns(3, control.SignInFilter{Event: access.EventSignIn, Result: access.ResultSuccess, User: ada.ID})[0]; e.Session != done.Who.Session ||
			!slices.Equal(e.Methods, []string{"pwd", "recovery"}) {
			t.Errorf("sign-in log %+v", e)
		}
		if e := k.signIns(2, control.SignInFilter{Result: access.ResultInterrupted})[0]; e.UserName != "ada" || e.Reason != access.ReasonSecondFactor {
			t.Errorf("sign-in log %+v", e)
		}
	})
}

// TestAttacksOnSignIn tries what somebody may try who knows the password and not the rest.
func TestAttacksOnSignIn(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		_, ph, codes := k.enrolled("ada")
		_, other, otherCodes := k.enrolled("eve")
		b64 := func(s string) string { return base32.StdEncoding.EncodeToString([]byte(s)) }
		tests := []struct {
			name string
			try  func() (control.Progress, error)
			kind fault.Kind
		}{
			{"no code", func() (control.Progress, error) { return k.answer(k.begin("ada", binding), control.Answer{}) }, fault.KindUnauthenticated},
			{"wrong code", func() (control.Progress, error) {
				return k.answer(k.begin("ada", binding), control.Answer{Code: ph.other()})
			}, fault.KindUnauthenticated},
			{"a code too old", func() (control.Progress, error) {
				return k.answer(k.begin("ada", binding), control.Answer{Code: ph.code(-90 * time.Second)})
			}, fault.KindUnauthenticated},
			{"a code too new", func() (control.Progress, error) {
				return k.answer(k.begin("ada", binding), control.Answer{Code: ph.code(90 * time.Second)})
			}, fault.KindUnauthenticated},
			{"seven digits", func() (control.Progress, error) {
				return k.answer(k.begin("ada", binding), control.Answer{Code: ph.code(0) + "0"})
			}, fault.KindUnauthenticated},
			{"five digits", func() (control.Progress, error) {
				return k.answer(k.begin("ada", binding), control.Answer{Code: ph.code(0)[:5]})
			}, fault.KindUnauthenticated},
			{"letters", func() (control.Progress, error) {
				return k.answer(k.begin("ada", binding), control.Answer{Code: "abcdef"})
			}, fault.KindUnauthenticated},
			{"digits of another script", func() (control.Progress, error) {
				return k.answer(k.begin("ada", binding), control.Answer{Code: "١٢٣٤٥٦"})
			}, fault.KindUnauthenticated},
			{"a code of another's app", func() (control.Progress, error) {
				return k.answer(k.begin("ada", binding), control.Answer{Code: other.code(0)})
			}, fault.KindUnauthenticated},
			{"another's recovery code", func() (control.Progress, error) {
				return k.answer(k.begin("ada", binding), control.Answer{Recovery: otherCodes[0]})
			}, fault.KindUnauthenticated},
			{"a recovery code as a code", func() (control.Progress, error) {
				return k.answer(k.begin("ada", binding), control.Answer{Code: codes[0]})
			}, fault.KindUnauthenticated},
			{"a code as a recovery code", func() (control.Progress, error) {
				return k.answer(k.begin("ada", binding), control.Answer{Recovery: ph.code(0)})
			}, fault.KindUnauthenticated},
			{"half a recovery code", func() (control.Progress, error) {
				return k.answer(k.begin("ada", binding), control.Answer{Recovery: codes[0][:9]})
			}, fault.KindUnauthenticated},
			{"a long recovery code", func() (control.Progress, error) {
				return k.answer(k.begin("ada", binding), control.Answer{Recovery: strings.Repeat("a", 100_000)})
			}, fault.KindUnauthenticated},
			{"a passkey nobody has", func() (control.Progress, error) {
				return k.answer(k.begin("ada", binding), control.Answer{Passkey: []byte(`{"id":"eA"}`)})
			}, fault.KindUnauthenticated},
			{"no JSON for a passkey", func() (control.Progress, error) {
				return k.answer(k.begin("ada", binding), control.Answer{Passkey: []byte(`<html>`)})
			}, fault.KindUnauthenticated},
			{"a state of another browser", func() (control.Progress, error) {
				return k.answer(k.begin("ada", "another"), control.Answer{Code: ph.code(0)})
			}, fault.KindGone},
			{"a stolen state in no browser", func() (control.Progress, error) {
				p := k.begin("ada", binding)
				return k.ContinueSignIn(t.Context(), anyone(), control.Answer{State: p.Next.State, Code: ph.code(0)})
			}, fault.KindGone},
			{"no state", func() (control.Progress, error) {
				return k.ContinueSignIn(t.Context(), anyone(), control.Answer{Binding: binding, Code: ph.code(0)})
			}, fault.KindGone},
			{"a made-up state", func() (control.Progress, error) {
				return k.answer(control.Progress{}, control.Answer{State: "1.a.b.c", Code: ph.code(0)})
			}, fault.KindGone},
			{"a huge state", func() (control.Progress, error) {
				return k.answer(control.Progress{}, control.Answer{State: strings.Repeat("1.", 1<<16), Code: ph.code(0)})
			}, fault.KindGone},
			{"a state with another's payload", func() (control.Progress, error) {
				mine, hers := strings.Split(k.begin("eve", binding).Next.State, "."), strings.Split(k.begin("ada", binding).Next.State, ".")
				mine[2] = hers[2]
				return k.answer(control.Progress{}, control.Answer{State: strings.Join(mine, "."), Code: other.code(0)})
			}, fault.KindGone},
			{"a payload of one's own", func() (control.Progress, error) {
				parts := strings.Split(k.begin("ada", binding).Next.State, ".")
				parts[2] = b64(`{"k":"second"}`)
				return k.answer(control.Progress{}, control.Answer{State: strings.Join(parts, "."), Code: ph.code(0)})
			}, fault.KindGone},
			{"a MAC cut short", func() (control.Progress, error) {
				state := k.begin("ada", binding).Next.State
				return k.answer(control.Progress{}, control.Answer{State: state[:len(state)-4], Code: ph.code(0)})
			}, fault.KindGone},
			{"no MAC", func() (control.Progress, error) {
				parts := strings.Split(k.begin("ada", binding).Next.State, ".")
				return k.answer(control.Progress{}, control.Answer{State: strings.Join(parts[:3], ".") + ".", Code: ph.code(0)})
			}, fault.KindGone},
			{"another version", func() (control.Progress, error) {
				return k.answer(control.Progress{}, control.Answer{State: "2" + k.begin("ada", binding).Next.State[1:], Code: ph.code(0)})
			}, fault.KindGone},
			{"a session's cookie as a state", func() (control.Progress, error) {
				k.user("bob")
				return k.answer(control.Progress{}, control.Answer{State: k.signIn("bob").cookie, Code: ph.code(0)})
			}, fault.KindGone},
			{"a confirmation as a state", func() (control.Progress, error) {
				return k.answer(control.Progress{}, control.Answer{State: k.own(k.signIn("bob")).Confirmed, Code: ph.code(0)})
			}, fault.KindGone},
			{"an offer to add as a state", func() (control.Progress, error) {
				offer, err := k.OfferFactor(t.Context(), k.own(k.signIn("bob")))
				if err != nil {
					return control.Progress{}, err
				}
				return k.answer(control.Progress{}, control.Answer{State: offer.State, Code: phone{k, offer.Seed}.code(0)})
			}, fault.KindGone},
			{"a passkey's state with a code", func() (control.Progress, error) {
				offer, err := k.OfferPasskey(binding, nil)
				if err != nil {
					return control.Progress{}, err
				}
				return k.answer(control.Progress{}, control.Answer{State: offer.State, Code: ph.code(0)})
			}, fault.KindUnauthenticated},
			{"a passkey's state with a recovery code", func() (control.Progress, error) {
				offer, _ := k.OfferPasskey(binding, nil)
				return k.answer(control.Progress{}, control.Answer{State: offer.State, Recovery: codes[0]})
			}, fault.KindUnauthenticated},
			{"a state too old", func() (control.Progress, error) {
				p := k.begin("ada", binding)
				k.pass(10 * time.Minute)
				return k.answer(p, control.Answer{Code: ph.code(0)})
			}, fault.KindGone},
		}
		for _, test := range tests {
			k.pass(6 * time.Minute) // so that the throttle is not what refuses
			p, err := test.try()
			if err == nil || fault.KindOf(err) != test.kind || p.Cookie != "" || p.Confirmed != "" {
				t.Errorf("%s: %+v, %v", test.name, p, err)
			}
		}
	})
}

// TestAttacksOnTheOrder tries to do steps twice, late, or after what they stand on is gone.
func TestAttacksOnTheOrder(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		steps := []struct {
			name  string
			wreck func(u access.User, ph phone, codes []string, p control.Progress) error
			kind  fault.Kind
		}{
			{"the state again", func(_ access.User, ph phone, _ []string, p control.Progress) error {
				_, err := k.answer(p, control.Answer{Code: ph.code(0)})
				k.pass(time.Minute)
				return err
			}, fault.KindGone},
			{"the code again", func(u access.User, ph phone, _ []string, _ control.Progress) error {
				_, err := k.answer(k.begin(u.Name, binding), control.Answer{Code: ph.code(30 * time.Second)})
				return err
			}, fault.KindUnauthenticated},
			{"another password meanwhile", func(u access.User, _ phone, _ []string, _ control.Progress) error {
				return k.SetPassword(t.Context(), k.owner, u.ID, "another password")
			}, fault.KindGone},
			{"disabled meanwhile", func(u access.User, _ phone, _ []string, _ control.Progress) error {
				u, err := k.User(t.Context(), k.owner, u.ID)
				u.Disabled = true
				if err == nil {
					_, err = k.UpdateUser(t.Context(), k.owner, u)
				}
				return err
			}, fault.KindGone},
			{"deleted meanwhile", func(u access.User, _ phone, _ []string, _ control.Progress) error {
				return k.DeleteUser(t.Context(), k.owner, u.ID, 0)
			}, fault.KindGone},
			{"factors taken away meanwhile", func(u access.User, _ phone, _ []string, _ control.Progress) error {
				return k.ResetFactors(t.Context(), k.owner, u.ID)
			}, fault.KindUnauthenticated},
		}
		for _, step := range steps {
			u, ph, codes := k.enrolled(unique())
			p := k.begin(u.Name, binding)
			if err := step.wreck(u, ph, codes, p); err != nil {
				t.Errorf("%s: %v", step.name, err)
				continue
			}
			got, err := k.answer(p, control.Answer{Code: ph.code(0)})
			if err == nil || fault.KindOf(err) != step.kind || got.Cookie != "" {
				t.Errorf("%s: %+v, %v", step.name, got, err)
			}
		}
		u, _, codes := k.enrolled(unique())
		if _, err := k.answer(k.begin(u.Name, binding), control.Answer{Recovery: codes[0]}); err != nil {
			t.Error(err)
		}
		_, err := k.answer(k.begin(u.Name, binding), control.Answer{Recovery: codes[0]})
		wantKind(t, err, fault.KindUnauthenticated)
	})
}

// TestOneCodeOneSession lets many answer at once: one code makes one session.
func TestOneCodeOneSession(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		u, ph, codes := k.enrolled("ada")
		for _, answer := range []control.Answer{{Code: ph.code(0)}, {Recovery: codes[0]}} {
			for _, sameState := range []bool{true, false} {
				first := k.begin(u.Name, binding)
				var mu sync.Mutex
				var wg sync.WaitGroup
				made := 0
				for range 4 {
					p := first
					if !sameState {
						p = k.begin(u.Name, binding)
					}
					wg.Go(func() {
						if done, err := k.answer(p, answer); err == nil && done.Cookie != "" {
							mu.Lock()
							made++
							mu.Unlock()
						}
					})
				}
				wg.Wait()
				if want := map[bool]int{true: 1, false: 0}[sameState]; made != want { // the second time it was used before
					t.Errorf("%+v, same state %v: %d sessions", answer, sameState, made)
				}
				k.pass(10 * time.Minute)
				if sameState && answer.Code != "" {
					k.pass(-10 * time.Minute)
				}
			}
		}
	})
}

func TestGuessingSecondFactors(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		u, ph, _ := k.enrolled("ada")
		p := k.begin(u.Name, binding)
		var err error
		for i := range 6 {
			_, err = k.answer(p, control.Answer{Code: ph.other()})
			if want := fault.KindUnauthenticated; i < 5 && fault.KindOf(err) != want {
				t.Errorf("guess %d: %v", i, err)
			}
		}
		wantKind(t, err, fault.KindLimited)
		again, err := k.answer(p, control.Answer{Code: ph.code(0)})
		wantKind(t, err, fault.KindLimited) // the right one, too: else the answer would tell
		if again.Next == nil {
			t.Error("the page to wait on is gone")
		}
		k.pass(time.Minute)
		if _, err := k.answer(p, control.Answer{Code: ph.code(0)}); err != nil {
			t.Error(err)
		}
	})
}
