package control_test

import (
	"slices"
	"testing"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/posterntest/idp"
	"postern/internal/posterntest/slapd"
)

// TestIncident_Headscale_0_24_NobodyIsFoundByAnAddress: users of a provider were matched by their e-mail address, so whoever
// could have one written into a token became somebody else. Here issuer and subject are the user, and nothing else is.
func TestIncident_Headscale_0_24_NobodyIsFoundByAnAddress(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		local, err := k.CreateUser(t.Context(), k.owner, access.User{Name: "grace", Email: "grace@example.com"}, password)
		local = must(t, local, err)
		first := newAbroad(k, func(u *access.Upstream) { u.Name = "First" })
		second := newAbroad(k, func(u *access.Upstream) { u.Name = "Second" })
		of := func(name string) map[string]any {
			return map[string]any{"preferred_username": name, "email": "grace@example.com", "email_verified": true}
		}
		first.idp.Put(idp.User{Subject: "1", Claims: of("grace-first")})
		second.idp.Put(idp.User{Subject: "1", Claims: of("grace-second")})
		users := []access.ID{local.ID, first.signIn(t).Who.User, second.signIn(t).Who.User}
		if len(slices.Compact(slices.Sorted(slices.Values(users)))) != 3 {
			t.Errorf("somebody became somebody else: %v", users)
		}
		// By a name that is taken nobody comes in, whoever has it.
		for _, taken := range []string{"grace", "grace-first"} {
			second.idp.Put(idp.User{Subject: "2", Claims: of(taken)})
			if p, err := second.try(t); !fault.Is(err, fault.KindForbidden) || p.Cookie != "" {
				t.Errorf("as %s: %+v, %v", taken, p, err)
			}
		}
	})
}

// TestIncident_TS_2025_004_AnUnverifiedAddressOpensNoDoor: who had an address of a shared e-mail domain joined strangers. Here a
// domain counts only where the provider says that it verified the address, and it is exactly that domain.
func TestIncident_TS_2025_004_AnUnverifiedAddressOpensNoDoor(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := newAbroad(k, func(u *access.Upstream) { u.Mapping.EmailDomains = []string{"example.com"} })
		for email, verified := range map[string]any{
			"eve@example.com": false, "eve@evil.example": true, "eve@example.com.evil.example": true, "eve@evil.example@example.com": true,
			"example.com": true, "eve@sub.example.com": true, "eve@example.com\x00.evil.example": true, "eve@exаmple.com": true, "@example.com": "true",
		} {
			a.idp.Put(idp.User{Subject: "666", Claims: map[string]any{"preferred_username": "eve", "email": email, "email_verified": verified}})
			if p, err := a.try(t); err == nil || p.Cookie != "" {
				t.Errorf("%q lets in %+v", email, p.Who)
			}
		}
		if u := a.user(t, "666"); u.ID != "" {
			t.Errorf("they made %+v", u)
		}
	})
}

// TestIncident_UnauthenticatedBind_EmptyPasswordsAreNobody: a directory takes a name without a password for nobody and says yes
// (RFC 4513, section 5.1.2), which programs took for a sign-in. It is not even asked, at sign-in or in confirming one.
func TestIncident_UnauthenticatedBind_EmptyPasswordsAreNobody(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		d := newInDirectory(k, slapd.New(t))
		d.dir.Person(t, "ada", password)
		p := d.in("ada")
		for _, secret := range []string{"", "\x00", "\x00" + password} {
			if got, err := d.try("ada", secret); !fault.Is(err, fault.KindUnauthenticated) || got.Cookie != "" {
				t.Errorf("signed in with %q: %v", secret, err)
			}
			got, err := d.SignIn(t.Context(), anyone(), control.Credentials{Password: secret, Binding: binding, Who: &p.Who})
			if err == nil || got.Confirmed != "" {
				t.Errorf("confirmed with %q: %v", secret, err)
			}
		}
	})
}
