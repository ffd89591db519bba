package control_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/session"
	"postern/internal/store"
)

// person signs in at the portal and gives who that is.
func (k *kit) person(name string) access.Principal {
	k.t.Helper()
	p, err := k.SignIn(k.t.Context(), anyone(), control.Credentials{Name: name, Password: password, Binding: "a browser's secret of many letters"})
	if err != nil {
		k.t.Fatal(err)
	}
	return p.Who
}

const verifier = "a-verifier-of-at-least-forty-three-characters-in-all"

// asks is what a program asks through the browser.
func asks() control.ProgramRequest {
	sum := sha256.Sum256([]byte(verifier))
	return control.ProgramRequest{
		Client: access.ClientCLI, Redirect: "http://127.0.0.1:4000/callback", Type: "code", Method: "S256",
		Challenge: base64.RawURLEncoding.EncodeToString(sum[:]), Name: "laptop",
	}
}

// allow gives the token request with the code that somebody allowed.
func (k *kit) allow(who access.Principal) control.TokenRequest {
	k.t.Helper()
	in := asks()
	to, err := k.AllowProgram(k.t.Context(), anyone(), who, in)
	if err != nil {
		k.t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		k.t.Fatal(err)
	}
	return control.TokenRequest{Type: "authorization_code", Client: in.Client, Code: u.Query().Get("code"), Redirect: in.Redirect, Verifier: verifier}
}

func (k *kit) tokens(in control.TokenRequest) (control.Tokens, control.OAuthCode) {
	k.t.Helper()
	got, err := k.ProgramTokens(k.t.Context(), anyone(), in)
	// After a leap of the clock sessions are not honoured until the database was heard of.
	eventually(k.t, "the database to be heard of", func() bool {
		if fault.Is(err, fault.KindUnavailable) {
			got, err = k.ProgramTokens(k.t.Context(), anyone(), in)
		}
		return !fault.Is(err, fault.KindUnavailable)
	})
	code, _ := errors.AsType[control.OAuthCode](err)
	if err != nil && code == "" {
		k.t.Errorf("an error without a word of OAuth: %v", err)
	}
	return got, code
}

func refreshing(token string) control.TokenRequest {
	return control.TokenRequest{Type: "refresh_token", Client: access.ClientCLI, Refresh: token}
}

func wantCode(t *testing.T, what string, got, want control.OAuthCode) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// TestProofKeyOfTheStandard: the example of RFC 7636, appendix B, and what is not it.
func TestProofKeyOfTheStandard(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.user("ada")
		who := k.person("ada")
		const standard = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
		for given, want := range map[string]control.OAuthCode{
			standard: "", standard + "=": "invalid_grant", standard[:42]: "invalid_grant", "": "invalid_grant",
			"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM": "invalid_grant", // the challenge itself, as the method "plain" would have it
			strings.ToLower(standard):                     "invalid_grant",
		} {
			in := asks()
			in.Challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
			to, err := k.AllowProgram(t.Context(), anyone(), who, in)
			u, _ := url.Parse(must(t, to, err))
			_, code := k.tokens(control.TokenRequest{Type: "authorization_code", Client: in.Client, Code: u.Query().Get("code"), Redirect: in.Redirect, Verifier: given})
			wantCode(t, "the verifier "+given, code, want)
		}
	})
}

func TestProgramsAgeOut(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.user("ada")
		who := k.person("ada")
		late := k.allow(who)
		k.pass(61 * time.Second)
		_, code := k.tokens(late)
		wantCode(t, "a code of more than a minute", code, "invalid_grant")

		got, _ := k.tokens(k.allow(who))
		if _, err := k.TokenActor(t.Context(), got.Access, "", ""); err != nil {
			t.Fatal(err)
		}
		k.pass(10 * time.Minute)
		_, err := k.TokenActor(t.Context(), got.Access, "", "")
		wantKind(t, err, fault.KindUnauthenticated)

		// The portal's session ends; the program's goes on, as long as it is used.
		if err := k.SignOut(t.Context(), access.Actor{Kind: access.ActorUser, ID: who.User}, who.Session); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			k.pass(6 * 24 * time.Hour)
			if got, code = k.tokens(refreshing(got.Refresh)); code != "" {
				t.Fatalf("in use: %s", code)
			}
			k.written(got.Access)
		}
		idle := got
		k.pass(7*24*time.Hour + time.Hour)
		_, code = k.tokens(refreshing(idle.Refresh))
		wantCode(t, "not used for more than a week", code, "invalid_grant")
	})
}

// written waits until it is written that the token's session was used.
func (k *kit) written(token string) {
	k.t.Helper()
	actor, err := k.TokenActor(k.t.Context(), token, "", "")
	if err != nil {
		k.t.Fatal(err)
	}
	k.WriteBatches(k.t.Context())
	list, err := k.UserSessions(k.t.Context(), k.owner, actor.ID)
	if err != nil || len(list) == 0 {
		k.t.Fatalf("%v, %v", list, err)
	}
}

func TestNoProgramOutlivesItsMonth(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.user("ada")
		got, code := k.tokens(k.allow(k.person("ada")))
		wantCode(t, "the first tokens", code, "")
		for range 5 {
			k.pass(6 * 24 * time.Hour)
			before := got
			if got, code = k.tokens(refreshing(got.Refresh)); code != "" {
				if before.Refresh == "" {
					t.Fatal("ended too early")
				}
				break
			}
			k.written(got.Access)
		}
		wantCode(t, "after thirty days", code, "invalid_grant")
	})
}

func TestTheRefreshTokenBeforeIsGoodForAMinute(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.user("ada")
		first, _ := k.tokens(k.allow(k.person("ada")))
		_, code := k.tokens(refreshing(first.Refresh))
		wantCode(t, "first", code, "")
		k.pass(30 * time.Second)
		second, code := k.tokens(refreshing(first.Refresh))
		wantCode(t, "again within a minute", code, "")
		k.pass(31 * time.Second)
		_, code = k.tokens(refreshing(first.Refresh))
		wantCode(t, "again after a minute", code, "invalid_grant")
		_, code = k.tokens(refreshing(second.Refresh))
		wantCode(t, "the newest after that", code, "invalid_grant")
	})
}

func TestOneOfManyWhoRenewAtOnce(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.user("ada")
		in := k.allow(k.person("ada"))
		results := make(chan error, 8)
		for range cap(results) {
			go func() { _, err := k.ProgramTokens(t.Context(), anyone(), in); results <- err }()
		}
		good := 0
		for range cap(results) {
			if err := <-results; err == nil {
				good++
			}
		}
		if good > 1 {
			t.Errorf("one code was good %d times", good)
		}
	})
}

// device begins the sign-in of a program without a browser.
func (k *kit) device(client string) (control.DeviceAnswer, control.TokenRequest) {
	k.t.Helper()
	got, err := k.BeginDevice(k.t.Context(), anyone(), control.DeviceRequest{Client: client, Name: "rack"})
	if err != nil {
		k.t.Fatal(err)
	}
	return got, control.TokenRequest{Type: control.GrantDevice, Client: client, Device: got.Device}
}

func TestProgramsWithoutABrowser(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.user("ada")
		who := k.person("ada")
		step := func() { k.pass(control.PollInterval) }

		got, poll := k.device(access.ClientCLI)
		_, code := k.tokens(poll)
		wantCode(t, "nobody answered", code, "authorization_pending")
		k.pass(-2 * time.Second) // or a slow machine is patient enough
		_, code = k.tokens(poll)
		wantCode(t, "too fast", code, "slow_down")
		k.pass(2 * time.Second)
		step()
		other := poll
		other.Client = access.ClientDevice
		_, code = k.tokens(other)
		wantCode(t, "another client", code, "invalid_grant")
		ask, err := k.DeviceAsk(t.Context(), anyone(), who, got.User)
		if err != nil || ask.Name != "rack" || ask.Strange || ask.Code != got.User {
			t.Errorf("%+v, %v", ask, err)
		}
		far := access.Actor{Kind: access.ActorAnyone, Address: "198.51.100.7:1"}
		if ask, err := k.DeviceAsk(t.Context(), far, who, got.User); err != nil || !ask.Strange {
			t.Errorf("from elsewhere: %+v, %v", ask, err)
		}
		if err := k.DecideDevice(t.Context(), anyone(), who, got.User, true); err != nil {
			t.Fatal(err)
		}
		wantKind(t, k.DecideDevice(t.Context(), anyone(), who, got.User, false), fault.KindNotFound)
		step()
		tokens, code := k.tokens(poll)
		wantCode(t, "allowed", code, "")
		if actor, err := k.TokenActor(t.Context(), tokens.Access, "", ""); err != nil || actor.Name != "ada" {
			t.Errorf("%+v, %v", actor, err)
		}
		step()
		_, code = k.tokens(poll)
		wantCode(t, "twice", code, "expired_token")

		got, poll = k.device(access.ClientCLI)
		if err := k.DecideDevice(t.Context(), anyone(), who, got.User, false); err != nil {
			t.Fatal(err)
		}
		_, code = k.tokens(poll)
		wantCode(t, "refused", code, "access_denied")

		got, poll = k.device(access.ClientCLI)
		k.pass(10*time.Minute + time.Second)
		_, err = k.DeviceAsk(t.Context(), anyone(), who, got.User)
		wantKind(t, err, fault.KindNotFound)
		wantKind(t, k.DecideDevice(t.Context(), anyone(), who, got.User, true), fault.KindNotFound)
		_, code = k.tokens(poll)
		wantCode(t, "too late", code, "expired_token")

		got, poll = k.device(access.ClientCLI)
		if err := k.DecideDevice(t.Context(), anyone(), who, got.User, true); err != nil {
			t.Fatal(err)
		}
		if err := k.RevokeSessions(t.Context(), k.owner, who.User); err != nil {
			t.Fatal(err)
		}
		_, code = k.tokens(poll)
		wantCode(t, "its user signed out meanwhile", code, "expired_token")
	})
}

// TestShortCodesCannotBeGuessed: a handful of guesses, then a wait; the codes of others are no guess.
func TestShortCodesCannotBeGuessed(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.user("ada")
		who := k.person("ada")
		got, _ := k.device(access.ClientCLI)
		for _, typed := range []string{strings.ToLower(got.User), strings.ReplaceAll(got.User, "-", ""), " " + got.User + " "} {
			if _, err := k.DeviceAsk(t.Context(), anyone(), who, typed); err != nil {
				t.Errorf("%q: %v", typed, err)
			}
		}
		limited := false
		for range 50 {
			_, err := k.DeviceAsk(t.Context(), anyone(), who, "BCDF-GHJK")
			if limited = fault.Is(err, fault.KindLimited); limited {
				break
			}
			wantKind(t, err, fault.KindNotFound)
		}
		if !limited {
			t.Fatal("fifty guesses were not too many")
		}
		_, err := k.DeviceAsk(t.Context(), anyone(), who, got.User)
		wantKind(t, err, fault.KindLimited)
		wantKind(t, k.DecideDevice(t.Context(), anyone(), who, got.User, true), fault.KindLimited)
		k.user("bob")
		if _, err := k.DeviceAsk(t.Context(), access.Actor{Kind: access.ActorAnyone, Address: "198.51.100.9:1"}, k.person("bob"), got.User); err != nil {
			t.Errorf("somebody else: %v", err)
		}
	})
}

// TestStrangersFillNothing: what programs that nobody allowed can make grow has a bound.
func TestStrangersFillNothing(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		var err error
		made := 0
		for range 100 {
			if _, err = k.BeginDevice(t.Context(), anyone(), control.DeviceRequest{Client: access.ClientCLI}); err != nil {
				break
			}
			made++
		}
		wantKind(t, err, fault.KindLimited)
		if made != 20 {
			t.Errorf("one network may wait %d times", made)
		}
		if _, err := k.BeginDevice(t.Context(), access.Actor{Kind: access.ActorAnyone, Address: "198.51.100.9:1"}, control.DeviceRequest{Client: access.ClientCLI}); err != nil {
			t.Errorf("another network: %v", err)
		}
		k.pass(2 * time.Hour)
		if _, err := k.BeginDevice(t.Context(), anyone(), control.DeviceRequest{Client: access.ClientCLI}); err != nil {
			t.Errorf("later: %v", err)
		}
		k.CleanUp(t.Context())
		err = k.store.Read(t.Context(), func(tx *store.Tx) error {
			all, _, err := tx.CountDeviceCodes(t.Context(), "", time.Time{})
			if all != 1 {
				t.Errorf("%d rows are left", all)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// TestTokensHaveOnePurpose: what was made for one thing is nothing anywhere else.
func TestTokensHaveOnePurpose(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.user("ada")
		who := k.person("ada")
		in := k.allow(who)
		got, _ := k.tokens(in)
		device, _ := k.device(access.ClientCLI)
		all := map[string]string{"code": in.Code, "access": got.Access, "refresh": got.Refresh, "device": device.Device, "cookie": ""}
		for name, text := range all {
			_, err := k.TokenActor(t.Context(), text, "", "")
			if name != "access" && err == nil {
				t.Errorf("%s is an access token", name)
			}
			if _, code := k.tokens(refreshing(text)); name != "refresh" && code != "invalid_grant" {
				t.Errorf("%s is a refresh token: %q", name, code)
			}
			in.Code = text
			if _, code := k.tokens(in); code != "invalid_grant" {
				t.Errorf("%s is a code: %q", name, code)
			}
			if _, err := k.PortalSession(t.Context(), text); err == nil {
				t.Errorf("%s is a cookie", name)
			}
			if _, err := k.KeyActor(t.Context(), text, "", ""); err == nil {
				t.Errorf("%s is an API key", name)
			}
		}
		// With the spent code shown again the session has ended; a token of another instance never was one.
		foreign, err := session.NewKeyring().AccessText(session.AccessToken{Session: who.Session, Client: access.ClientCLI, Audience: "https://admin.example.com", Expires: 1 << 40})
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.TokenActor(t.Context(), foreign, "", "")
		wantKind(t, err, fault.KindUnauthenticated)
	})
}
