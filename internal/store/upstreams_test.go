package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

var upstreamNoun = noun[access.Upstream]{
	meta: func(u *access.Upstream) *access.Meta { return &u.Meta },
	sample: func(i int) access.Upstream {
		return access.Upstream{
			Meta: meta(num("ups", i), 1), Name: fmt.Sprintf("Upstream %d", i), Kind: access.UpstreamLDAP, Disabled: true, OnlyKnown: true, Domains: []string{"example.com"},
			Mapping: access.Mapping{Name: "a", DisplayName: "b", Email: "c", EmailDomains: []string{"example.org"}, Required: []access.Requirement{{Claim: "d", Values: []string{"e"}}},
				Groups: []access.GroupMapping{{From: "cn=f", To: "grp_1"}}, GroupsByName: true, GroupPrefix: "g"},
			OIDC: &access.OIDCSettings{Issuer: "https://example.com", Scopes: []string{"x"}},
			LDAP: &access.LDAPSettings{URLs: []string{"ldaps://example.com"}, NestedGroups: true},
			SAML: &access.SAMLSettings{Metadata: "<x/>"},
		}
	},
	change: func(u *access.Upstream) {
		u.Name, u.Kind, u.Disabled, u.OnlyKnown, u.Domains, u.Mapping = "Other", access.UpstreamOIDC, false, false, nil, access.Mapping{}
		u.OIDC, u.LDAP, u.SAML, u.Default, u.Updated = nil, nil, nil, true, at(9)
	},
	apart:  []string{".HasSecret", ".Default"}, // one alone may be the default
	name:   func(u *access.Upstream, name string) { u.Name = name },
	insert: (*store.Tx).InsertUpstream, one: (*store.Tx).Upstream, page: (*store.Tx).Upstreams,
	update: (*store.Tx).UpdateUpstream, remove: (*store.Tx).DeleteUpstream,
}

func upstreamsHaveSecrets(t *testing.T, k *kit) {
	k.settle(t)
	u := upstreamNoun.add(t, k, 1)
	secret := func() (text string) {
		t.Helper()
		k.read(t, func(ctx context.Context, tx *store.Tx) error {
			data, err := tx.UpstreamSecret(ctx, u.ID)
			text = string(data)
			return err
		})
		return text
	}
	for _, want := range []string{"hush", "", "hush\x00\xff"} {
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.SetUpstreamSecret(ctx, u.ID, []byte(want)) })
		if got := secret(); got != want {
			t.Errorf("secret %q, want %q", got, want)
		}
		if has := upstreamNoun.stored(t, k, u.ID).HasSecret; has != (want != "") {
			t.Errorf("has a secret: %v, of %q", has, want)
		}
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateUpstream(ctx, &u) })
	if secret() == "" {
		t.Error("an update took the secret away")
	}
	k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error { return tx.SetUpstreamSecret(ctx, "ups_no", []byte("x")) })
	one, two := upstreamNoun.sample(2), upstreamNoun.sample(3)
	one.Default, two.Default = true, true
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertUpstream(ctx, &one) })
	err := k.refused(t, fault.KindConflict, func(ctx context.Context, tx *store.Tx) error { return tx.InsertUpstream(ctx, &two) })
	if err == nil || !strings.HasPrefix(err.Error(), "default ") {
		t.Errorf("a second default: %v", err)
	}
}

func usersComeFromUpstreams(t *testing.T, k *kit) {
	w := k.settle(t)
	up := upstreamNoun.add(t, k, 1)
	u := userNoun.sample(50)
	u.Upstream, u.Subject = up.ID, "Sub|ject é"
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertUser(ctx, &u) })
	twin := userNoun.sample(51)
	twin.Upstream, twin.Subject = up.ID, u.Subject
	if err := k.refused(t, fault.KindConflict, func(ctx context.Context, tx *store.Tx) error { return tx.InsertUser(ctx, &twin) }); err == nil || !strings.HasPrefix(err.Error(), "subject ") {
		t.Errorf("the same subject twice: %v", err)
	}
	k.refused(t, fault.KindConflict, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteUpstream(ctx, up.ID, 0) })
	k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.UserBySubject(ctx, up.ID, strings.ToUpper(u.Subject))
		return err
	})
	for _, groups := range [][]access.ID{{w.staff.ID}, nil, {w.staff.ID}} {
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.SetUpstreamGroups(ctx, u.ID, groups) })
		k.read(t, func(ctx context.Context, tx *store.Tx) error {
			found, err := tx.UserBySubject(ctx, up.ID, u.Subject)
			if diff := cmp.Diff(groups, found.Groups); diff != "" || found.ID != u.ID || found.Upstream != up.ID || found.Subject != u.Subject {
				t.Errorf("found %+v:\n%s", found, diff)
			}
			all, err2 := tx.Memberships(ctx, u.ID)
			if !slices.Equal(all, groups) || err2 != nil {
				t.Errorf("memberships %v, %v", all, err2)
			}
			return err
		})
	}
	// What an administrator writes of the group leaves the upstream's members alone, and does not show them.
	g := groupNoun.stored(t, k, w.staff.ID)
	if slices.Contains(g.Members, u.ID) {
		t.Errorf("members %v", g.Members)
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateGroup(ctx, &g) })
	if got := userNoun.stored(t, k, u.ID).Groups; !slices.Equal(got, []access.ID{w.staff.ID}) {
		t.Errorf("groups %v", got)
	}
	count, roles := 0, []access.Role(nil)
	k.read(t, func(ctx context.Context, tx *store.Tx) (err error) {
		count, roles, err = tx.UpstreamUsers(ctx, up.ID)
		return err
	})
	if slices.Sort(roles); count != 1 || !slices.Equal(roles, []access.Role{access.RoleOwner, access.RoleReader}) {
		t.Errorf("%d users with %v", count, roles)
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return errFirst(tx.DeleteUser(ctx, u.ID, 0), tx.DeleteUpstream(ctx, up.ID, 0))
	})
}

func upstreamSessionsAreClaimedOnce(t *testing.T, k *kit) {
	w := k.settle(t)
	up := upstreamNoun.add(t, k, 1)
	var rows []access.Session
	for i := range 3 {
		s := access.Session{ID: num("ses", 70+i), Kind: access.SessionPortal, User: w.user.ID, Hash: []byte{byte(i), 70}, Created: at(1), Authenticated: at(1), LastUsed: at(5), Expires: at(1).Add(time.Hour)}
		rows = append(rows, s)
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		for i := range rows {
			renewal := []byte(nil)
			if i == 2 {
				renewal = []byte("renew\x00")
			}
			if err := errFirst(tx.InsertSession(ctx, &rows[i]), tx.InsertUpstreamSession(ctx, &store.UpstreamSession{
				Session: rows[i].ID, Upstream: up.ID, User: w.user.ID, SID: fmt.Sprint("sid", i), Renewal: renewal, Checked: at(2)})); err != nil {
				return err
			}
		}
		return nil
	})
	var due []access.ID
	find := func(before time.Time) int {
		k.read(t, func(ctx context.Context, tx *store.Tx) (err error) {
			due, err = tx.SessionsToCheck(ctx, before, 10)
			return err
		})
		return len(due)
	}
	if find(at(2)) != 0 || find(at(3)) != 3 {
		t.Fatalf("due are %v", due)
	}
	var mu sync.Mutex
	var won []store.UpstreamSession
	var all sync.WaitGroup
	for range 8 {
		for _, id := range due {
			all.Go(func() {
				var s store.UpstreamSession
				var mine bool
				err := k.try(t, func(ctx context.Context, tx *store.Tx) (err error) {
					s, mine, err = tx.ClaimCheck(ctx, id, at(3), at(6))
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				} else if mine {
					won = append(won, s)
				}
			})
		}
	}
	all.Wait()
	// The two that have nothing of their own to ask with are asked about together.
	if len(won) != 2 || find(at(7)) != 0 {
		t.Fatalf("won %+v, due are still %v", won, due)
	}
	for _, s := range won {
		if want := s.Session == rows[2].ID; (string(s.Renewal) == "renew\x00") != want {
			t.Errorf("%+v", s)
		}
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return errFirst(tx.SetRenewal(ctx, rows[2].ID, []byte("next")), tx.Unchecked(ctx, rows[2].ID, at(3)))
	})
	if find(at(4)) != 1 {
		t.Errorf("due are %v", due)
	}
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		one, err := tx.SessionsOfUpstream(ctx, up.ID, "sid2", "")
		mine, err2 := tx.SessionsOfUpstream(ctx, up.ID, "", w.user.ID)
		if len(one) != 1 || string(one[0].Renewal) != "next" || len(mine) != 3 {
			t.Errorf("by name %+v, of the user %d", one, len(mine))
		}
		return errFirst(err, err2)
	})
	a := store.Arrival{Hash: []byte{9}, Upstream: up.ID, User: w.user.ID, SID: "s", Renewal: []byte("r"), Expires: at(9), Until: at(8)}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertArrival(ctx, &a) })
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		got, err := tx.TakeArrival(ctx, a.Hash)
		if diff := cmp.Diff(a, got); diff != "" {
			t.Error(diff)
		}
		return err
	})
	k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error { _, err := tx.TakeArrival(ctx, a.Hash); return err })
	k.write(t, func(ctx context.Context, tx *store.Tx) error { _, err := tx.EndSession(ctx, rows[0].ID); return err })
	k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.UpstreamSession(ctx, rows[0].ID)
		return err
	})
}
