package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/audit"
	"postern/internal/fault"
)

// secretAudit is the seed of the key that signs the audit log.
const secretAudit = "audit-key"

// The rows of audit_chain.
const (
	chainHead    = "head"
	chainTrimmed = "trimmed"
)

// chainSchema is the first schema whose audit log is a chain.
const chainSchema = 8

// chainChunk is how many entries one statement writes, and chainPage how many one transaction reads.
const (
	chainChunk = 100
	chainPage  = 1000
)

// openChain reads the key of the audit log, or makes it, and brings entries into the chain that a
// program of the version before has written.
func (s *Store) openChain(ctx context.Context) error {
	var seed []byte
	err := s.Read(ctx, func(tx *Tx) (err error) {
		seed, err = tx.Secret(ctx, secretAudit)
		return err
	})
	if fault.Is(err, fault.KindNotFound) {
		seed = make([]byte, audit.SeedSize)
		rand.Read(seed)
		err = s.Write(ctx, func(tx *Tx) (err error) {
			seed, err = tx.InsertSecretOnce(ctx, secretAudit, seed)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("open the audit log's key: %w", err)
	}
	if len(seed) != audit.SeedSize {
		return fault.Internal(nil, "the audit log's key is damaged")
	}
	s.chain = audit.NewKey(seed)
	if err := s.Write(ctx, s.mendHead(ctx)); err != nil {
		return fmt.Errorf("find the end of the audit log: %w", err)
	}
	for {
		var adopted int64
		err := s.Write(ctx, func(tx *Tx) (err error) {
			adopted, err = tx.AdoptAudit(ctx, chainPage)
			return err
		})
		if err != nil || adopted == 0 {
			return err
		}
		s.log.Info("audit entries joined the chain", "count", adopted)
	}
}

// mendHead sets the mark of the end to the last entry if somebody set it back: otherwise no change
// could be audited, and none made, any more. Verification tells what was done to the log.
func (s *Store) mendHead(ctx context.Context) func(*Tx) error {
	return func(tx *Tx) error {
		head, err := tx.lockChain(ctx, chainHead)
		if fault.Is(err, fault.KindNotFound) {
			_, err = tx.exec(ctx, "INSERT INTO audit_chain (id, seq, hash, time, signature) VALUES ($1, 0, '', 0, '')", chainHead)
		}
		if err != nil {
			return err
		}
		last, err := rows(ctx, tx, scanHead, "SELECT seq, hash, time, signature FROM audit WHERE seq > $1 ORDER BY seq DESC LIMIT 1", int64(head.Seq))
		if err != nil || len(last) == 0 {
			return err
		}
		s.log.Error("the audit log's mark of its end was set back; verify the log", "mark", head.Seq, "entries", last[0].Seq)
		return tx.setChain(ctx, chainHead, last[0])
	}
}

func scanHead(row scanner, h *audit.Head) error {
	var at int64
	err := row.Scan(&h.Seq, &h.Hash, &at, &h.Signature)
	h.Time = moment(at)
	return err
}

// lockChain reads a mark of the chain. Whoever wants the same waits for the end of this transaction.
func (t *Tx) lockChain(ctx context.Context, id string) (h audit.Head, err error) {
	var at int64
	err = t.row(ctx, "the audit log has no such mark", "UPDATE audit_chain SET seq = seq WHERE id = $1 RETURNING seq, hash, time, signature",
		[]any{id}, &h.Seq, &h.Hash, &at, &h.Signature)
	h.Time = moment(at)
	return h, err
}

func (t *Tx) setChain(ctx context.Context, id string, h audit.Head) error {
	_, err := t.exec(ctx, "UPDATE audit_chain SET seq = $2, hash = $3, time = $4, signature = $5 WHERE id = $1",
		id, int64(h.Seq), h.Hash, micros(h.Time), h.Signature)
	return err
}

// AuditHeads gives the end of the audit log, and the last entry that was removed because it was old.
func (t *Tx) AuditHeads(ctx context.Context) (head, trimmed audit.Head, err error) {
	for id, into := range map[string]*audit.Head{chainHead: &head, chainTrimmed: &trimmed} {
		list, err := rows(ctx, t, scanHead, "SELECT seq, hash, time, signature FROM audit_chain WHERE id = $1", id)
		if err != nil {
			return head, trimmed, err
		}
		if len(list) > 0 {
			*into = list[0]
		}
	}
	return head, trimmed, nil
}

// AuditKey gives the public key, in hexadecimal, that the audit log is signed with.
func (s *Store) AuditKey() string { return s.chain.Public() }

// record gives an entry as it is chained.
func record(e *access.AuditEntry) audit.Record {
	r := audit.Record{
		ID: string(e.ID), Version: e.Version, Time: e.Time, Kind: string(e.Actor.Kind), Actor: string(e.Actor.ID), Request: e.Actor.Request,
		Action: e.Action, Object: string(e.Object), Outcome: e.Outcome,
		Who: audit.Part{Values: []string{e.Actor.Name, e.Actor.Address}}, What: audit.Part{Values: []string{e.Name, e.Detail}},
	}
	for _, role := range e.Actor.Roles {
		r.Roles = append(r.Roles, string(role))
	}
	return r
}

// linked is an entry with its place in the chain.
type linked struct {
	entry  access.AuditEntry
	record audit.Record
}

// chainAppended chains the entries that were appended in this transaction. It comes last, since every other
// transaction that appends waits from here until the commit.
func (t *Tx) chainAppended(ctx context.Context) error {
	if len(t.appended) == 0 || t.broken != nil {
		return nil
	}
	head, err := t.lockChain(ctx, chainHead)
	if err != nil {
		return orElse(err, fault.KindNotFound, fault.Internal(err, "the audit log has lost its end; start the service anew and verify the log"))
	}
	list := make([]linked, len(t.appended))
	for i := range t.appended {
		r := record(&t.appended[i])
		r.Seq = head.Seq + 1
		t.chain.Link(&r, head.Hash)
		list[i] = linked{t.appended[i], r}
		head = audit.Head{Seq: r.Seq, Hash: r.Hash, Time: r.Time, Signature: r.Signature}
	}
	for chunk := range slices.Chunk(list, chainChunk) {
		if err := t.insertAudit(ctx, chunk); err != nil {
			return err
		}
	}
	return t.setChain(ctx, chainHead, head)
}

func (t *Tx) insertAudit(ctx context.Context, list []linked) error {
	var args []any
	var tuples []string
	for i := range list {
		e, r := &list[i].entry, &list[i].record
		values := []any{
			string(e.ID), int64(e.Version), micros(e.Time), string(e.Actor.Kind), string(e.Actor.ID), e.Actor.Name, jsonList(e.Actor.Roles),
			e.Actor.Address, e.Actor.Request, e.Action, string(e.Object), e.Name, folded(e.Name), e.Outcome, e.Detail,
			int64(r.Seq), r.Who.Salt, r.Who.Sum, r.What.Salt, r.What.Sum, r.Hash, r.Signature,
		}
		tuples = append(tuples, "("+marks(len(args)+1, len(values))+")")
		args = append(args, values...)
	}
	_, err := t.exec(ctx, `INSERT INTO audit (id, version, time, kind, actor_id, actor, roles, address, request, action, object, name, name_key, outcome, detail,
		seq, who_salt, who_sum, what_salt, what_sum, hash, signature) VALUES `+strings.Join(tuples, ", "), args...)
	if fault.Is(err, fault.KindConflict) {
		return fault.Internal(err, "the audit log's end is not where it should be; start the service anew and verify the log")
	}
	return err
}

// orElse replaces an error of a kind by another.
func orElse(err error, kind fault.Kind, other error) error {
	if fault.Is(err, kind) {
		return other
	}
	return err
}

// AdoptAudit brings at most limit entries into the chain that a program without one has written. They
// are marked: nothing proves when they were written.
func (t *Tx) AdoptAudit(ctx context.Context, limit int) (int64, error) {
	head, err := t.lockChain(ctx, chainHead)
	if err != nil {
		return 0, err
	}
	list, err := rows(ctx, t, scanAudit, "SELECT "+auditColumns+" FROM audit WHERE seq IS NULL ORDER BY time, id LIMIT $1", limit)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	for i := range list {
		r := record(&list[i])
		r.Seq, r.Adopted = head.Seq+1, true
		t.chain.Link(&r, head.Hash)
		_, err := t.exec(ctx, `UPDATE audit SET seq = $2, adopted = 1, who_salt = $3, who_sum = $4, what_salt = $5, what_sum = $6, hash = $7, signature = $8
			WHERE id = $1`, r.ID, int64(r.Seq), r.Who.Salt, r.Who.Sum, r.What.Salt, r.What.Sum, r.Hash, r.Signature)
		if err != nil {
			return 0, err
		}
		head = audit.Head{Seq: r.Seq, Hash: r.Hash, Time: r.Time, Signature: r.Signature}
	}
	return int64(len(list)), t.setChain(ctx, chainHead, head)
}

// TrimAudit removes at most limit of the oldest entries from before a time, and signs up to where.
// Only the beginning of the chain goes: an entry behind one that stays is kept.
func (t *Tx) TrimAudit(ctx context.Context, before time.Time, limit int) (int64, error) {
	trimmed, err := t.lockChain(ctx, chainTrimmed)
	if err != nil {
		return 0, err
	}
	oldest, err := rows(ctx, t, scanHead, "SELECT seq, hash, time, signature FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2", int64(trimmed.Seq), limit)
	if err != nil {
		return 0, err
	}
	old := slices.IndexFunc(oldest, func(h audit.Head) bool { return !h.Time.Before(before) })
	if old < 0 {
		old = len(oldest)
	}
	if old == 0 {
		return 0, nil
	}
	last := oldest[old-1]
	n, err := t.exec(ctx, "DELETE FROM audit WHERE seq <= $1", int64(last.Seq))
	if err != nil {
		return 0, err
	}
	last.Signature = t.chain.Trimmed(last.Seq, last.Hash)
	return n, t.setChain(ctx, chainTrimmed, last)
}

// AuditRecords gives entries as they are chained, in their order, from behind a number.
func (t *Tx) AuditRecords(ctx context.Context, after uint64, limit int) ([]audit.Record, error) {
	return rows(ctx, t, scanRecord, "SELECT "+recordColumns+" FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2", int64(after), pageLimit(limit))
}

const recordColumns = `seq, id, version, time, kind, actor_id, roles, request, action, object, outcome, adopted,
	actor, address, who_salt, who_sum, name, detail, what_salt, what_sum, hash, signature`

func scanRecord(row scanner, r *audit.Record) error {
	var at int64
	var roles string
	r.Who.Values, r.What.Values = make([]string, 2), make([]string, 2)
	err := row.Scan(&r.Seq, &r.ID, &r.Version, &at, &r.Kind, &r.Actor, &roles, &r.Request, &r.Action, &r.Object, &r.Outcome, &r.Adopted,
		&r.Who.Values[0], &r.Who.Values[1], &r.Who.Salt, &r.Who.Sum, &r.What.Values[0], &r.What.Values[1], &r.What.Salt, &r.What.Sum,
		&r.Hash, &r.Signature)
	if err != nil {
		return err
	}
	r.Time = moment(at)
	return readList(roles, &r.Roles)
}

// VerifyAudit checks the whole chain, and that it still holds the heads that somebody kept elsewhere.
// What is wrong stands in the report; the error says only that it could not be checked.
func (s *Store) VerifyAudit(ctx context.Context, kept ...audit.Head) (audit.Report, error) {
	var v *audit.Verifier
	var head audit.Head
	err := s.Read(ctx, func(tx *Tx) error {
		end, trimmed, err := tx.AuditHeads(ctx)
		if err != nil {
			return err
		}
		head = end
		v, err = audit.NewVerifier(s.chain.Public(), trimmed)
		return err
	})
	if err != nil {
		return audit.Report{}, err
	}
	for _, h := range kept {
		v.Keep(h)
	}
	for v.Good() {
		list, err := s.nextRecords(ctx, v)
		if err != nil {
			return audit.Report{}, err
		}
		for i := range list {
			v.Add(&list[i])
		}
		if len(list) == 0 || v.Next() > head.Seq {
			break // what came later is checked another time
		}
	}
	return v.End(head), nil
}

// VerifyAuditPart checks at most limit entries from where another part ended, or from the beginning if that is nil,
// and stops when so much time has passed. It gives where to go on; nil at the end.
func (s *Store) VerifyAuditPart(ctx context.Context, p AuditPart) (report audit.Report, next *audit.State, err error) {
	var v *audit.Verifier
	var head audit.Head
	err = s.Read(ctx, func(tx *Tx) error {
		end, trimmed, err := tx.AuditHeads(ctx)
		if err != nil {
			return err
		}
		head = end
		if p.From != nil {
			v, err = audit.Resume(s.chain.Public(), *p.From)
		} else {
			v, err = audit.NewVerifier(s.chain.Public(), trimmed)
		}
		return err
	})
	if err != nil {
		return report, nil, err
	}
	for _, h := range p.Kept {
		v.Keep(h)
	}
	checked, started := 0, time.Now()
	for v.Good() {
		list, err := s.nextRecords(ctx, v)
		if err != nil {
			return report, nil, err
		}
		list = list[:min(len(list), p.Limit-checked)]
		for i := range list {
			v.Add(&list[i])
		}
		checked += len(list)
		if len(list) == 0 || v.Next() > head.Seq {
			break
		}
		if checked >= p.Limit || time.Since(started) > p.Within {
			return s.pauseAudit(ctx, v)
		}
	}
	return v.End(head), nil, nil
}

// AuditPart says which part of the audit log to verify.
type AuditPart struct {
	From   *audit.State // where the part before ended; nil: the beginning
	Kept   []audit.Head // that somebody kept elsewhere
	Limit  int          // of entries
	Within time.Duration
}

// pauseAudit ends a part. What was erased in it may be told of later.
func (s *Store) pauseAudit(ctx context.Context, v *audit.Verifier) (audit.Report, *audit.State, error) {
	var later []audit.Record
	if v.Pending() {
		err := s.Read(ctx, func(tx *Tx) (err error) {
			later, err = rows(ctx, tx, scanRecord, "SELECT "+recordColumns+" FROM audit WHERE seq >= $1 AND action = $2 ORDER BY seq", int64(v.Next()), audit.EraseAction)
			return err
		})
		if err != nil {
			return audit.Report{}, nil, err
		}
	}
	state, good := v.Pause(later)
	if !good {
		return state.Report, nil, nil
	}
	return state.Report, &state, nil
}

// checkChain looks at the audit log in the course of a check. It is no part of what a restore asks
// of a backup: a log that was tampered with must not stand in the way of the rest.
func (s *Store) checkChain(ctx context.Context, report *Report) error {
	var seed []byte
	err := s.Read(ctx, func(tx *Tx) (err error) {
		seed, err = tx.Secret(ctx, secretAudit)
		return err
	})
	switch {
	case fault.Is(err, fault.KindNotFound):
		return nil // no program that knows the chain has opened it yet
	case fault.Is(err, fault.KindInternal), err == nil && len(seed) != audit.SeedSize:
		report.problem("audit log: its key is damaged")
		return nil
	case err != nil:
		return err
	}
	s.chain = audit.NewKey(seed)
	found, err := s.VerifyAudit(ctx)
	if err == nil && found.Problem != nil {
		report.problem("audit log: %v", found.Problem)
	}
	return err
}

// nextRecords reads on. If old entries were removed meanwhile, the verifier goes on behind them.
func (s *Store) nextRecords(ctx context.Context, v *audit.Verifier) (list []audit.Record, err error) {
	err = s.Read(ctx, func(tx *Tx) error {
		_, trimmed, err := tx.AuditHeads(ctx)
		if err != nil {
			return err
		}
		v.MoveTo(trimmed)
		list, err = tx.AuditRecords(ctx, v.Next()-1, chainPage)
		return err
	})
	return list, err
}
