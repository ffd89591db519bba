package control_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

// TestUserApplications: what is assigned to a user by any way, and what would be decided of each, as gateways decide it.
func TestUserApplications(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		ada, eve := k.user("ada"), k.user("eve")
		wiki, vault, over := k.application("wiki"), k.application("vault"), k.application("over")
		k.application("elsewhere")
		inner := k.group("Inner", []access.ID{ada.ID}, nil)
		outer := k.group("Outer", nil, []access.ID{inner.ID})
		for _, a := range []access.Assignment{{Application: wiki.ID, User: ada.ID}, {Application: wiki.ID, Group: outer.ID, Expires: time.Now().Add(time.Hour)},
			{Application: vault.ID, Group: inner.ID}, {Application: over.ID, User: ada.ID, Expires: time.Now().Add(time.Minute)}, {Application: over.ID, User: eve.ID}} {
			must2(k.CreateAssignment(ctx, k.owner, a))(t)
		}
		must2(k.CreatePolicy(ctx, k.owner, access.Policy{Name: "Office", Mode: access.ModeEnforce, Everyone: true, Applications: []access.ID{vault.ID}, Conditions: office("192.0.2.0/24")}))(t)
		k.pass(2 * time.Minute)
		opens := func(user access.ID) string {
			t.Helper()
			list, err := k.UserApplications(ctx, k.owner, user)
			var words []string
			for _, o := range must(t, list, err) {
				words = append(words, fmt.Sprintf("%s %d %v %s", o.App.Name, len(o.Assignments), o.Decision.Allow, o.Decision.Reason))
			}
			return strings.Join(words, ", ")
		}
		if got := opens(ada.ID); !strings.HasPrefix(got, "vault 1 false ") || !strings.HasSuffix(got, ", wiki 2 true ") {
			t.Errorf("ada may open %s", got)
		}
		u := must2(k.User(ctx, k.owner, ada.ID))(t)
		u.Disabled = true
		must2(k.UpdateUser(ctx, k.owner, u))(t)
		if got := opens(ada.ID); got != "vault 1 false sign-in-required, wiki 2 false sign-in-required" {
			t.Errorf("ada, disabled, may open %s", got)
		}
		if got := opens(eve.ID); got != "over 1 true " {
			t.Errorf("eve may open %s", got)
		}
		_, err := k.UserApplications(ctx, k.actor(access.RoleLogReader), ada.ID)
		wantKind(t, err, fault.KindForbidden)
	})
}
