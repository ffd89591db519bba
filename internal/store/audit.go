package store

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"postern/internal/access"
)

// AuditFilter asks for a part of the audit log.
type AuditFilter struct {
	access.Page
	Object access.ID // optional: only of this object
	Action string    // optional: only this action, or with a "." at its end all that start with it
	Actor  access.ID // optional: only by this actor
	Since  time.Time // optional: not older
	Until  time.Time // optional: not newer
	// Outcome is optional: only what was done, or refused.
	Outcome string
	Request string // optional: only what the request with this reference did
}

// AppendAudit appends an entry to the audit log, at the commit. It is not read in this transaction.
func (t *Tx) AppendAudit(_ context.Context, e *access.AuditEntry) error {
	text := []any{string(e.ID), string(e.Actor.Kind), string(e.Actor.ID), e.Actor.Name, jsonList(e.Actor.Roles), e.Actor.Address, e.Actor.Request,
		e.Action, string(e.Object), e.Name, e.Outcome, e.Detail}
	if err := checkArgs(text); err != nil {
		return err
	}
	t.appended = append(t.appended, *e)
	return t.broken
}

const auditColumns = "COALESCE(seq, 0), id, version, time, kind, actor_id, actor, roles, address, request, action, object, name, outcome, detail, hash"

func scanAudit(row scanner, e *access.AuditEntry) error {
	var at int64
	var roles string
	err := row.Scan(&e.Seq, &e.ID, &e.Version, &at, &e.Actor.Kind, &e.Actor.ID, &e.Actor.Name, &roles, &e.Actor.Address, &e.Actor.Request,
		&e.Action, &e.Object, &e.Name, &e.Outcome, &e.Detail, &e.Hash)
	if err != nil {
		return err
	}
	e.Time = moment(at)
	return readList(roles, &e.Actor.Roles)
}

// Audits gives a page of the audit log, the newest entry first, and the cursor of the next page.
func (t *Tx) Audits(ctx context.Context, f AuditFilter) ([]access.AuditEntry, string, error) {
	at, id, err := parseCursor(f.After)
	if err != nil {
		return nil, "", err
	}
	if err := checkSearch(f.Search); err != nil {
		return nil, "", err
	}
	limit := pageLimit(f.Limit)
	args := []any{limit + 1}
	var where []string
	add := func(condition string, values ...any) {
		marks := make([]any, len(values))
		for i, value := range values {
			args = append(args, value)
			marks[i] = len(args)
		}
		where = append(where, fmt.Sprintf(condition, marks...))
	}
	if f.After != "" {
		add("(time, id) < ($%d, $%d)", at, id)
	}
	if f.Object != "" {
		add("object = $%d", string(f.Object))
	}
	if f.Actor != "" {
		add("actor_id = $%d", string(f.Actor))
	}
	if strings.HasSuffix(f.Action, ".") {
		add("SUBSTR(action, 1, $%d) = $%d", utf8.RuneCountInString(f.Action), f.Action)
	} else if f.Action != "" {
		add("action = $%d", f.Action)
	}
	if !f.Since.IsZero() {
		add("time >= $%d", micros(f.Since))
	}
	if !f.Until.IsZero() {
		add("time <= $%d", micros(f.Until))
	}
	if f.Outcome != "" {
		add("outcome = $%d", f.Outcome)
	}
	if f.Request != "" {
		add("request = $%d", f.Request)
	}
	if f.Search != "" {
		add(`name_key LIKE $%d ESCAPE '\'`, "%"+escapeLike(folded(f.Search))+"%")
	}
	query := "SELECT " + auditColumns + " FROM audit"
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	list, err := rows(ctx, t, scanAudit, query+" ORDER BY time DESC, id DESC LIMIT $1", args...)
	if err != nil || len(list) <= limit {
		return list, "", err
	}
	last := list[limit-1]
	return list[:limit], makeCursor(micros(last.Time), string(last.ID)), nil
}
