package control_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/wire"
)

// TestRefusalsAreAuditedWhatever: what somebody makes up is neither kept at any length, nor keeps its
// refusal out of the audit log.
func TestRefusalsAreAuditedWhatever(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.user("ada")
		who := k.person("ada")
		for name, id := range map[string]string{"long": "acc_" + strings.Repeat("x", 60_000), "with a NUL": "acc_\x00", "no text": "acc_\xff"} {
			if err := k.DeleteOwnAccessKey(t.Context(), anyone(), who, access.ID(id)); err == nil {
				t.Fatalf("%s: deleted", name)
			}
			e := k.lastAudit("account.delete-access-key")
			if e.Outcome != "refused" || len(e.Object) > 80 || len(e.Detail) > 1024 {
				t.Errorf("%s: %q, an object of %d bytes, a detail of %d", name, e.Outcome, len(e.Object), len(e.Detail))
			}
			if err := k.DeleteOwnAccessKey(t.Context(), anyone(), who, access.ID(name)); err == nil {
				t.Fatal("deleted")
			}
		}
		request := wire.EnrolRequest{TokenID: "tok_\x00", Secret: "x", Name: "\xff" + strings.Repeat("é", 200), CSR: csr(t, newKey(t))}
		if _, err := k.Enrol(t.Context(), anyone(), request); err == nil {
			t.Fatal("enrolled")
		}
		if e := k.lastAudit("connector.enrol"); e.Outcome != "refused" || !strings.HasPrefix(string(e.Object), "tok_") || len(e.Name) > 140 {
			t.Errorf("a stranger's refusal: %+v", e)
		}
	})
}

// TestBreakGlassIsNoKey: an access key is kept in programs and shown without a word to anybody, so it opens
// nothing that a policy closes.
func TestBreakGlassIsNoKey(t *testing.T) {
	k := newKit(t, engines[0].url(t))
	u := k.user("glass")
	own := k.own(k.signIn("glass"))
	h := k.keep(own)
	if key, _ := h.good(); !key {
		t.Fatal("no key at first")
	}
	u, err := k.User(t.Context(), k.owner, u.ID)
	if err != nil {
		t.Fatal(err)
	}
	u.BreakGlass = true
	if _, err := k.UpdateUser(t.Context(), k.owner, u); err != nil {
		t.Fatal(err)
	}
	who, _, err := k.Credential(t.Context(), access.Credential{Application: h.app.ID, Host: "git.example.com", Secret: h.key, Address: "192.0.2.9"})
	if err != nil || who.BreakGlass {
		t.Errorf("a key of a break-glass user: %+v, %v", who, err)
	}
}

// TestPlanningIsQuick: whoever may only read cannot keep the service busy with a document. What grows with
// the square of it took minutes.
func TestPlanningIsQuick(t *testing.T) {
	k := newKit(t, engines[0].url(t))
	const many, deep = 60_000, 20_000
	names := make([]access.ID, many)
	chain, upstreams := make([]access.Group, many), make([]access.Upstream, many)
	var networks []access.Network
	for i := range names {
		names[i] = access.ID(fmt.Sprintf("a-name-that-is-not-short-%06d", i))
		chain[i] = access.Group{Name: string(names[i]), Groups: names[max(0, i-1):i]}
		upstreams[i] = access.Upstream{Name: string(names[i]), Kind: access.UpstreamLDAP}
		networks = append(networks, access.Network{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)})
	}
	for name, doc := range map[string]access.Document{
		"groups in a group":  {Groups: []access.Group{{Name: "all", Groups: names}}},
		"owners":             {Applications: []access.Application{{Name: "wiki", OwnerUsers: names}}},
		"groups in a row":    {Groups: chain[:deep]},
		"upstreams":          {Upstreams: upstreams},
		"networks":           {Policies: []access.Policy{{Name: "here", Conditions: access.Conditions{AllowedNetworks: networks}}}},
		"people of a policy": {Policies: []access.Policy{{Name: "here", Users: names}}},
	} {
		t.Run(name, func(t *testing.T) {
			planned := make(chan error, 1)
			go func() {
				_, err := k.PlanDocument(t.Context(), k.actor(access.RoleReader), control.ApplyRequest{Document: doc})
				planned <- err
			}()
			select {
			case err := <-planned:
				wantKind(t, err, fault.KindInvalid)
			case <-time.After(30 * time.Second):
				t.Fatal("still planning")
			}
		})
	}
}

// TestSecretsGoNowhereElse: whoever may say where a directory or a provider is must not have the secret sent to a
// server of their own, which nobody may read (known as pass-back).
func TestSecretsGoNowhereElse(t *testing.T) {
	k := newKit(t, engines[0].url(t))
	by := k.actor(access.RolePolicyAdmin)
	ldap := access.Upstream{Name: "Directory", Kind: access.UpstreamLDAP, LDAP: &access.LDAPSettings{
		URLs: []string{"ldaps://dc1.example.com", "ldaps://dc2.example.com"}, BaseDN: "dc=example,dc=com", BindDN: "cn=postern,dc=example,dc=com"}}
	oidc := access.Upstream{Name: "Provider", Kind: access.UpstreamOIDC, OIDC: &access.OIDCSettings{Issuer: "https://login.example.com", ClientID: "postern"}}
	for _, row := range []struct {
		up   access.Upstream
		move func(u *access.Upstream, to string)
		fine func(u *access.Upstream)
	}{
		{ldap, func(u *access.Upstream, to string) {
			u.LDAP.URLs = []string{"ldaps://dc1.example.com", "ldaps://" + to}
		},
			func(u *access.Upstream) { u.LDAP.URLs = []string{"ldaps://dc2.example.com"} }},
		{oidc, func(u *access.Upstream, to string) { u.OIDC.Issuer = "https://" + to }, func(u *access.Upstream) { u.OIDC.ClientID = "other" }},
	} {
		up, err := k.CreateUpstream(t.Context(), k.owner, row.up, []byte("of the service account"))
		up = must(t, up, err)
		read := func() access.Upstream {
			u, err := k.Upstream(t.Context(), by, up.ID)
			return must(t, u, err)
		}
		moved := read()
		row.move(&moved, "evil.example.net")
		_, err = k.UpdateUpstream(t.Context(), by, moved)
		wantKind(t, err, fault.KindConflict)
		doc, err := k.Document(t.Context(), by)
		if err != nil {
			t.Fatal(err)
		}
		for i := range doc.Upstreams {
			if doc.Upstreams[i].Name == up.Name {
				row.move(&doc.Upstreams[i], "evil.example.net")
			}
		}
		_, err = k.ApplyDocument(t.Context(), by, control.ApplyRequest{Document: access.Document{Upstreams: doc.Upstreams}})
		wantKind(t, err, fault.KindInvalid)
		fine := read()
		row.fine(&fine)
		if _, err := k.UpdateUpstream(t.Context(), by, fine); err != nil {
			t.Errorf("%s: what leads nowhere else: %v", up.Name, err)
		}
		if err := k.SetUpstreamSecret(t.Context(), by, up.ID, nil); err != nil {
			t.Fatal(err)
		}
		moved = read()
		row.move(&moved, "login2.example.com")
		if _, err := k.UpdateUpstream(t.Context(), by, moved); err != nil {
			t.Errorf("%s: without its secret: %v", up.Name, err)
		}
	}
}
