package control

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/policy"
	"postern/internal/store"
)

// Denied is the decision behind an error of kind Forbidden, for whoever can lead on from it.
type Denied struct{ policy.Decision }

func (d *Denied) Error() string {
	if d.Finding != nil {
		return d.Reason + ": policy " + d.Finding.Name + ": " + d.Finding.Detail
	}
	return d.Reason
}

func denied(d policy.Decision) error { return fault.Forbidden("%s", d.Message).Because(&Denied{d}) }

// breach is what a break-glass user got past.
type breach struct {
	who *access.Principal
	app *access.Application
	of  *policy.Finding
}

// breakGlass tells loudly that somebody got past a policy by being a break-glass user: in the audit
// log, without which it does not happen, and in the log.
func (c *Control) breakGlass(ctx context.Context, b breach) error {
	if b.of == nil {
		return nil
	}
	now := c.now()
	detail, _ := json.Marshal(map[string]any{"policy": b.of.Policy, "name": b.of.Name, "condition": b.of.Condition, "detail": b.of.Detail}) // words
	entry := access.AuditEntry{
		ID: access.NewID(access.PrefixAudit, now), Time: now, Action: string(useBreakGlass), Object: b.app.ID, Name: b.app.Name, Outcome: "done", Detail: string(detail),
		Actor: access.Actor{Kind: access.ActorUser, ID: b.who.User, Name: b.who.Name, Roles: b.who.Roles},
	}
	if b.who.Address.IsValid() {
		entry.Actor.Address = b.who.Address.String()
	}
	c.alarm(b.who.Name, entry.Actor.Address, "application", b.app.Name, "policy", b.of.Name, "why", b.of.Detail)
	return c.store.Write(ctx, func(tx *store.Tx) error { return tx.AppendAudit(ctx, &entry) })
}

// alarm logs that a break-glass user is at work.
func (c *Control) alarm(user, address string, more ...any) {
	c.log.Error("ALARM: a break-glass user is in use", append([]any{"user", user, "address", address}, more...)...)
}

// touches says whether the actor may change a user: it holds the user's roles, and is an Owner where
// policies do not hold for the user, or it could take over who stands above them.
func touches(by access.Actor, u *access.User, what string) error {
	if u.BreakGlass && !holds(by, access.RoleOwner) {
		return fault.Forbidden("%s is a break-glass user, whom only an Owner may change", what)
	}
	return outranks(by, u.Roles, what)
}

// gives says whether the actor may make a user such as this.
func gives(by access.Actor, u *access.User) error {
	if u.BreakGlass && !holds(by, access.RoleOwner) {
		return fault.Forbidden("only an Owner may make a break-glass user")
	}
	return mayGive(by, u.Roles)
}

// signedInGlass tells loudly that a break-glass user has signed in, in the transaction that makes the session.
func (c *Control) signedInGlass(ctx context.Context, tx *store.Tx, by access.Actor, s signedIn) error {
	if !s.user.BreakGlass {
		return nil
	}
	by.Kind, by.ID, by.Name = access.ActorUser, s.user.ID, s.user.Name
	c.alarm(s.user.Name, by.Address, "session", s.row.ID)
	now := c.now()
	return tx.AppendAudit(ctx, &access.AuditEntry{
		ID: access.NewID(access.PrefixAudit, now), Time: now, Actor: by, Action: string(useBreakGlass),
		Object: s.row.ID, Name: s.user.Name, Outcome: "done", Detail: "{}",
	})
}

// glassShown is how long health tells of a use of a break-glass user.
const glassShown = 24 * time.Hour

// findBreakGlass tells that there are break-glass users, and that one of them was used.
func (c *Control) findBreakGlass(ctx context.Context, tx *store.Tx, f *findings) error {
	count, err := tx.BreakGlassUsers(ctx)
	if err != nil || count == 0 {
		return err
	}
	f.add(Finding{Code: "break-glass-ready", Severity: SeverityNotice,
		Sentence: fmt.Sprintf("There are users for whom no policy holds (break glass): %d.", count),
		Cure:     "Nothing, as long as their passwords and factors are in a safe: postern users list --break-glass true."})
	used, _, err := tx.Audits(ctx, store.AuditFilter{Action: string(useBreakGlass), Since: c.now().Add(-glassShown), Page: access.Page{Limit: 1}})
	if err != nil || len(used) == 0 {
		return err
	}
	f.add(Finding{Code: "break-glass-used", Severity: SeverityWarning, Object: used[0].Actor.ID,
		Sentence: fmt.Sprintf("The break-glass user %s was used at %s.", used[0].Actor.Name, stamp(used[0].Time)),
		Cure:     "Find out why: postern audit list --action session.break-glass. Give the user another password and factor afterwards. This goes by itself after a day."})
	return nil
}
