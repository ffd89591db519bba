package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/internal/access"
)

// SignInFilter asks for a part of the sign-in log. Everything in it is optional.
type SignInFilter struct {
	access.Page
	User        access.ID
	Application access.ID
	Event       access.SignInEvent
	Result      access.SignInResult
	Reason      string
	Address     string // without a port
	Request     string
	From, To    time.Time // not older, not newer
	Oldest      bool      // the oldest first, to follow the log
}

const signInColumns = `id, time, event, result, reason, message, user_id, user_name, application_id, application, upstream_id, upstream,
	methods, policy, report_only, session_id, address, user_agent, request, gateway_id, client, unrecorded`

// signInChunk is how many rows one statement inserts at most.
const signInChunk = 100

// InsertSignIns stores rows of the sign-in log. One that is there already is left alone: who lost
// the connection during a commit may try again.
func (t *Tx) InsertSignIns(ctx context.Context, list []access.SignInEntry) error {
	for chunk := range slices.Chunk(list, signInChunk) {
		var args []any
		var tuples []string
		for i := range chunk {
			values := signInValues(&chunk[i])
			tuples = append(tuples, "("+marks(len(args)+1, len(values))+")")
			args = append(args, values...)
		}
		_, err := t.exec(ctx, "INSERT INTO sign_ins ("+signInColumns+", known, name_key) VALUES "+strings.Join(tuples, ", ")+
			" ON CONFLICT (id) DO NOTHING", args...)
		if err != nil {
			return err
		}
	}
	return nil
}

func signInValues(s *access.SignInEntry) []any {
	return []any{
		string(s.ID), micros(s.Time), string(s.Event), string(s.Result), s.Reason, s.Message, string(s.User), s.UserName,
		string(s.Application), s.ApplicationName, string(s.Upstream), s.UpstreamName, jsonList(s.Methods), s.Policy, jsonList(s.ReportOnly),
		string(s.Session), s.Address, s.UserAgent, s.Request, string(s.Gateway), s.Client, int64(s.Unrecorded),
		flag(s.User != "" || s.Event == access.EventKey && s.Client != ""), folded(s.UserName),
	}
}

func scanSignIn(row scanner, s *access.SignInEntry) error {
	var at int64
	var methods, reportOnly string
	err := row.Scan(&s.ID, &at, &s.Event, &s.Result, &s.Reason, &s.Message, &s.User, &s.UserName, &s.Application, &s.ApplicationName,
		&s.Upstream, &s.UpstreamName, &methods, &s.Policy, &reportOnly, &s.Session, &s.Address, &s.UserAgent, &s.Request, &s.Gateway,
		&s.Client, &s.Unrecorded)
	if err != nil {
		return err
	}
	s.Time = moment(at)
	if err := readList(methods, &s.Methods); err != nil {
		return err
	}
	return readList(reportOnly, &s.ReportOnly)
}

// SignIns gives a page of the sign-in log, the newest first unless the filter says otherwise, and
// the cursor of the next page.
func (t *Tx) SignIns(ctx context.Context, f SignInFilter) ([]access.SignInEntry, string, error) {
	at, id, err := parseCursor(f.After)
	if err != nil {
		return nil, "", err
	}
	if err := checkSearch(f.Search); err != nil {
		return nil, "", err
	}
	limit := pageLimit(f.Limit)
	w := conditions{args: []any{limit + 1}}
	order, beyond := "DESC", "<"
	if f.Oldest {
		order, beyond = "ASC", ">"
	}
	if f.After != "" {
		w.add("(time, id) "+beyond+" ($%d, $%d)", at, id)
	}
	for _, c := range []struct{ column, value string }{
		{"user_id", string(f.User)}, {"application_id", string(f.Application)}, {"event", string(f.Event)}, {"result", string(f.Result)},
		{"reason", f.Reason}, {"address", f.Address}, {"request", f.Request},
	} {
		if c.value != "" {
			w.add(c.column+" = $%d", c.value)
		}
	}
	if !f.From.IsZero() {
		w.add("time >= $%d", micros(f.From))
	}
	if !f.To.IsZero() {
		w.add("time <= $%d", micros(f.To))
	}
	if f.Search != "" {
		w.add(`name_key LIKE $%d ESCAPE '\'`, "%"+escapeLike(folded(f.Search))+"%")
	}
	query := "SELECT " + signInColumns + " FROM sign_ins" + w.text() + fmt.Sprintf(" ORDER BY time %s, id %s LIMIT $1", order, order)
	list, err := rows(ctx, t, scanSignIn, query, w.args...)
	if err != nil || len(list) <= limit {
		return list, "", err
	}
	last := list[limit-1]
	return list[:limit], makeCursor(micros(last.Time), string(last.ID)), nil
}

// conditions collects what a query asks for, with its arguments.
type conditions struct {
	where []string
	args  []any
}

// add takes a condition with %d for the number of each placeholder.
func (w *conditions) add(condition string, values ...any) {
	numbers := make([]any, len(values))
	for i, value := range values {
		w.args = append(w.args, value)
		numbers[i] = len(w.args)
	}
	w.where = append(w.where, fmt.Sprintf(condition, numbers...))
}

func (w *conditions) text() string {
	if len(w.where) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.where, " AND ")
}

// TrimSignIns removes at most limit rows from before a time.
func (t *Tx) TrimSignIns(ctx context.Context, before time.Time, limit int) (int64, error) {
	return t.exec(ctx, "DELETE FROM sign_ins WHERE id IN (SELECT id FROM sign_ins WHERE time < $1 ORDER BY time, id LIMIT $2)", micros(before), limit)
}

// TrimSignInsTo removes at most limit of the oldest rows beyond keep of each kind: those of known
// users, and those of strangers, who must not be able to push the others out.
func (t *Tx) TrimSignInsTo(ctx context.Context, keep, limit int) (removed int64, err error) {
	for _, known := range []bool{true, false} {
		n, err := t.exec(ctx, `DELETE FROM sign_ins WHERE id IN (SELECT id FROM sign_ins WHERE known = $1 AND (time, id) <=
			(SELECT time, id FROM sign_ins WHERE known = $1 ORDER BY time DESC, id DESC LIMIT 1 OFFSET $2) ORDER BY time, id LIMIT $3)`,
			flag(known), keep, limit)
		if err != nil {
			return removed, err
		}
		removed += n
	}
	return removed, nil
}
