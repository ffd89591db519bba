package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// change is one act under way: its transaction, who does it, and what it will leave in the audit
// log.
type change struct {
	c       *Control
	ctx     context.Context
	tx      *store.Tx
	by      access.Actor // with the roles that it has at this moment
	perm    permission
	now     time.Time
	version uint64
	entries []access.AuditEntry
}

// request is what act is asked: who wants what, of which object as far as that is known.
type request struct {
	by     access.Actor
	perm   permission
	object access.ID
	name   string
	// changes is about how many there will be, where they are so many that they take long.
	changes int
}

// act is the one way in which configuration changes. Whatever do returns as an error undoes all of
// it and is audited as a refusal.
func (c *Control) act(ctx context.Context, r request, do func(*change) error) error {
	var made uint64
	err := c.store.WriteMany(ctx, r.changes, func(tx *store.Tx) error {
		version, err := tx.NextVersion(ctx)
		if err != nil {
			return err
		}
		made = version
		ch := &change{c: c, ctx: ctx, tx: tx, perm: r.perm, now: c.now(), version: version}
		if ch.by, err = c.authorise(ctx, tx, r); err != nil {
			return err
		}
		if err := do(ch); err != nil {
			return err
		}
		if len(ch.entries) == 0 {
			return fault.Internal(nil, "%s would leave no trace in the audit log", r.perm)
		}
		for i := range ch.entries {
			if err := tx.AppendAudit(ctx, &ch.entries[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		c.refused(ctx, r, err)
		return err
	}
	note(ctx, made)
	c.announce()
	return nil
}

// authorise reads what the actor is now, not what it was when it signed in, and asks the table.
func (c *Control) authorise(ctx context.Context, tx *store.Tx, r request) (access.Actor, error) {
	by := r.by
	gone := fault.Unauthenticated("your account or key is not valid any more; please sign in again")
	switch by.Kind {
	case access.ActorUser:
		u, err := tx.User(ctx, by.ID)
		if err != nil {
			return by, orElse(err, fault.KindNotFound, gone)
		}
		if u.Disabled {
			return by, gone
		}
		by.Name, by.Roles = u.Name, u.Roles
	case access.ActorKey:
		k, err := tx.Key(ctx, by.ID)
		if err != nil {
			return by, orElse(err, fault.KindNotFound, gone)
		}
		if expired(k.Expires, c.now()) {
			return by, gone
		}
		by.Name, by.Roles, by.Scopes = k.Name, k.Roles, k.Scopes
	default:
		by.Roles = nil
	}
	return by, allow(by, r.perm)
}

// orElse replaces an error of a kind by another.
func orElse(err error, kind fault.Kind, other error) error {
	if fault.Is(err, kind) {
		return other
	}
	return err
}

func expired(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// read runs a view that needs the permission.
func (c *Control) read(ctx context.Context, r request, do func(tx *store.Tx) error) error {
	if err := allow(r.by, r.perm); err != nil {
		c.refused(ctx, r, err)
		return err
	}
	return c.store.Read(ctx, do)
}

// audit adds an entry: what was done to which object, and which of its fields changed how.
// before is nil for a new object, after for a deleted one.
func (ch *change) audit(perm permission, of object, before, after any) {
	ch.entries = append(ch.entries, access.AuditEntry{
		ID: access.NewID(access.PrefixAudit, ch.now), Version: ch.version, Time: ch.now, Actor: ch.by,
		Action: string(perm), Object: of.ID, Name: of.name, Outcome: "done", Detail: difference(before, after),
	})
}

// object is what an audit entry is about.
type object struct {
	access.Meta
	name string
}

// fresh gives the Meta of a new object.
func (ch *change) fresh(prefix string) access.Meta {
	return access.Meta{ID: access.NewID(prefix, ch.now), Version: 1, Created: ch.now, Updated: ch.now}
}

// end tells everybody that something is over or changed.
func (ch *change) end(kind access.EndingKind, id string) error {
	return ch.tx.AppendEnding(ch.ctx, &access.Ending{Kind: kind, ID: id, Time: ch.now})
}

// difference gives JSON of the fields that differ, as {"field": [old, new]}. Secrets are left out.
func difference(before, after any) string {
	old, new := fields(before), fields(after)
	changed := map[string][2]any{}
	for name, value := range new {
		if !reflect.DeepEqual(old[name], value) {
			changed[name] = [2]any{old[name], value}
		}
	}
	for name, value := range old {
		if _, both := new[name]; !both {
			changed[name] = [2]any{value, nil}
		}
	}
	text, err := json.Marshal(changed)
	if err != nil {
		return "{}"
	}
	return string(text)
}

// fields gives an object's fields by name. Hashes of secrets and what every object has stay out.
func fields(object any) map[string]any {
	out := map[string]any{}
	text, err := json.Marshal(object)
	if err != nil || json.Unmarshal(text, &out) != nil {
		return map[string]any{}
	}
	for name, value := range out {
		if name == "Hash" || name == "KeyHash" || name == "ID" || name == "Version" || name == "Created" || name == "Updated" || blank(value) {
			delete(out, name)
		}
	}
	return out
}

func blank(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == "" || v == "0001-01-01T00:00:00Z"
	case bool:
		return !v
	case float64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// refusals bounds how much of the audit log refusals may take. All are counted.
type refusals struct {
	counter *prometheus.CounterVec // by action and kind

	mu      sync.Mutex // guards the rest
	at      map[bool]time.Time
	dropped int
}

const (
	refusalBurst   = 100
	strangersEvery = 2 * time.Second        // a refusal of somebody unproven
	knownEvery     = 100 * time.Millisecond // a refusal of somebody known
)

func newRefusals(r prometheus.Registerer) (*refusals, error) {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "postern_control_refusals_total", Help: "Requests that the control plane refused.",
	}, []string{"action", "kind"})
	if r != nil {
		if err := r.Register(counter); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return &refusals{counter: counter, at: map[bool]time.Time{}}, nil
}

// room takes a place for one entry, of somebody known or of a stranger, and tells how many were
// left out before it.
func (r *refusals) room(known bool, now time.Time) (ok bool, dropped int) {
	every := strangersEvery
	if known {
		every = knownEvery
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.at[known]
	if at.Before(now) {
		at = now
	}
	if at.Add(every).Sub(now) > refusalBurst*every {
		r.dropped++
		return false, 0
	}
	r.at[known] = at.Add(every)
	dropped, r.dropped = r.dropped, 0
	return true, dropped
}

// refused counts and audits a refusal. An error that says nothing about the asker, because
// something of ours is broken or away, is none.
func (c *Control) refused(ctx context.Context, r request, err error) {
	kind := fault.KindOf(err)
	if ctx.Err() != nil || kind == fault.KindInternal || kind == fault.KindUnavailable || kind == fault.KindTimeout {
		return
	}
	c.refusals.counter.WithLabelValues(string(r.perm), kind.String()).Inc()
	now := c.now()
	known := r.by.Kind != access.ActorAnyone && r.by.Kind != access.ActorConnector
	ok, dropped := c.refusals.room(known, now)
	if !ok {
		return
	}
	r.object, r.name = access.ID(plain(string(r.object), 64)), plain(r.name, 128)
	c.log.Warn("refused", "action", string(r.perm), "actor", string(r.by.Kind), "id", r.by.ID, "address", r.by.Address,
		"object", r.object, "kind", kind.String(), "reason", err.Error(), "request", r.by.Request, "unrecorded", dropped)
	detail, _ := json.Marshal(map[string]any{"kind": kind.String(), "reason": short(err.Error(), 512), "unrecorded": dropped}) // strings and a number
	entry := access.AuditEntry{
		ID: access.NewID(access.PrefixAudit, now), Time: now, Actor: r.by, Action: string(r.perm),
		Object: r.object, Name: r.name, Outcome: "refused", Detail: string(detail),
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWithin)
	defer cancel()
	if err := c.store.Write(within, func(tx *store.Tx) error { return tx.AppendAudit(within, &entry) }); err != nil {
		c.log.Error("record a refusal", "action", string(r.perm), "error", cause(err))
	}
}

// plain is short for what strangers made up, so that the store takes it: nobody keeps a refusal out of the
// log by what they ask for.
func plain(text string, limit int) string {
	return strings.ReplaceAll(strings.ToValidUTF8(short(text, limit), "?"), "\x00", "?")
}

func short(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// cause gives the innermost text of an error, for the log.
func cause(err error) string {
	if inner := errors.Unwrap(err); inner != nil {
		return err.Error() + ": " + cause(inner)
	}
	return err.Error()
}
