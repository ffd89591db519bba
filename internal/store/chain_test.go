package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/store"
	"postern/test/size"
)

// TestChain holds what the chain of the audit log promises.
func TestChain(t *testing.T) {
	keepOnBoth(t, []promise{
		{"what is appended is chained", appendedIsChained},
		{"many who append at once", appendRace},
		{"nothing of what was undone", undoneLeavesNoGap},
		{"a changed database shows", changesShow},
		{"a mark that was set back", markSetBack},
		{"old entries go", oldEntriesGo},
		{"entries from before join", olderEntriesJoin},
		{"two who start at once", adoptionRace},
		{"a check tells of it", checkTellsOfTheChain},
	})
}

// chained fails the test unless the audit log is whole, and gives what was found.
func (k *kit) chained(t testing.TB, kept ...audit.Head) audit.Report {
	t.Helper()
	report, err := k.VerifyAudit(t.Context(), kept...)
	if err != nil {
		t.Fatal(err)
	}
	if report.Problem != nil {
		t.Errorf("the audit log is not whole: %v", report.Problem)
	}
	return report
}

// inParts verifies the audit log in parts of so many entries.
func (k *kit) inParts(t testing.TB, limit int) (report audit.Report) {
	t.Helper()
	part := store.AuditPart{Limit: limit, Within: time.Hour}
	for {
		var err error
		if report, part.From, err = k.VerifyAuditPart(t.Context(), part); err != nil {
			t.Fatal(err)
		}
		if part.From == nil {
			return report
		}
	}
}

// append writes so many entries, three in each transaction.
func (k *kit) append(t testing.TB, prefix string, count int) {
	t.Helper()
	for first := 0; first < count; first += 3 {
		k.write(t, func(ctx context.Context, tx *store.Tx) error {
			for i := first; i < min(first+3, count); i++ {
				e := auditEntry(i)
				e.ID = access.ID(fmt.Sprintf("aud_%s%04d", prefix, i))
				if err := tx.AppendAudit(ctx, &e); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func appendedIsChained(t *testing.T, k *kit) {
	if report := k.chained(t); report.Entries != 0 || len(report.Key) != 64 {
		t.Errorf("empty: %+v", report)
	}
	k.append(t, "a", 250)
	first := k.chained(t)
	if first.Entries != 250 || first.First != 1 || first.Last != 250 || first.Adopted != 0 || first.Erased != 0 || first.Head.Seq != 250 {
		t.Errorf("%+v", first)
	}
	// More than one page of a verification; in transactions larger than one statement writes, none so long that a busy machine gives it up.
	const big, each = 2400, 600
	for from := 0; from < big; from += each {
		k.write(t, func(ctx context.Context, tx *store.Tx) error {
			for i := from; i < from+each; i++ {
				e := auditEntry(i)
				e.ID = num("aud_b", i)
				if err := tx.AppendAudit(ctx, &e); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if report := k.chained(t, first.Head); report.Entries != 250+big || report.Key != first.Key {
		t.Errorf("%+v", report)
	}
	again := open(t, k.cfg, k.server)
	if report := again.chained(t, first.Head); report.Last != 250+big || report.Key != first.Key {
		t.Errorf("opened anew: %+v", report)
	}
}

func appendRace(t *testing.T, k *kit) {
	other := k
	if k.server != nil { // two services on one database
		other = open(t, k.cfg, k.server)
	}
	won, _, errs := race(60, func(i int) error {
		by := []*kit{k, other}[i%2]
		return by.try(t, func(ctx context.Context, tx *store.Tx) error {
			if i%3 == 0 { // an act; the others are refusals
				if _, err := tx.NextVersion(ctx); err != nil {
					return err
				}
			}
			e := auditEntry(i)
			return tx.AppendAudit(ctx, &e)
		})
	})
	if won != 60 {
		t.Errorf("%d of 60 were appended: %v", won, errs)
	}
	if report := k.chained(t); report.Entries != 60 {
		t.Errorf("%+v", report)
	}
}

func undoneLeavesNoGap(t *testing.T, k *kit) {
	k.append(t, "a", 3)
	k.refused(t, fault.KindConflict, func(ctx context.Context, tx *store.Tx) error {
		e := auditEntry(90)
		return errFirst(tx.AppendAudit(ctx, &e), fault.Conflict("no"))
	})
	k.refused(t, fault.KindInvalid, func(ctx context.Context, tx *store.Tx) error {
		e := auditEntry(91)
		e.Detail = "\x00"
		return tx.AppendAudit(ctx, &e)
	})
	k.append(t, "b", 3)
	if report := k.chained(t); report.Entries != 6 {
		t.Errorf("%+v", report)
	}
}

func changesShow(t *testing.T, k *kit) {
	k.append(t, "a", 30)
	rows := []struct {
		name, change, back string
		seq                uint64
	}{
		{"a detail", "UPDATE audit SET detail = '{}' WHERE seq = 7", `UPDATE audit SET detail = '{"name":["a","b"]}' WHERE seq = 7`, 7},
		{"an actor", "UPDATE audit SET actor_id = 'usr_x' WHERE seq = 8", "UPDATE audit SET actor_id = 'usr_001' WHERE seq = 8", 8},
		{"the roles", "UPDATE audit SET roles = '[]' WHERE seq = 9", `UPDATE audit SET roles = '["owner"]' WHERE seq = 9`, 9},
		{"who it was, called erased", "UPDATE audit SET actor = '', address = '', who_salt = '' WHERE seq = 10", "", 10},
	}
	for _, row := range rows {
		rewrite(t, k, row.change)
		report, err := k.VerifyAudit(t.Context())
		if err != nil || report.Problem == nil || report.Problem.Seq != row.seq {
			t.Errorf("%s: %+v, %v", row.name, report.Problem, err)
		}
		for limit := 1; limit < 5; limit++ {
			if found := k.inParts(t, limit); found.Problem == nil || found.Problem.Seq != row.seq {
				t.Errorf("%s, in parts of %d: %+v", row.name, limit, found.Problem)
			}
		}
		if row.back != "" {
			rewrite(t, k, row.back)
			k.chained(t)
		}
	}
	rewrite(t, k, "DELETE FROM audit WHERE seq IN (3, 4)")
	report, err := k.VerifyAudit(t.Context())
	if err != nil || report.Problem == nil || report.Problem.Seq != 3 || !strings.Contains(report.Problem.Error(), "missing") {
		t.Errorf("a gap: %+v, %v", report.Problem, err)
	}
}

func rewrite(t testing.TB, k *kit, statement string) {
	t.Helper()
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.Exec(ctx, statement)
		if err == nil && n == 0 {
			return fmt.Errorf("%s: nothing changed", statement)
		}
		return err
	})
}

// markSetBack says that a log whose mark of the end is wrong does not stop the service for good.
func markSetBack(t *testing.T, k *kit) {
	k.append(t, "a", 9)
	rewrite(t, k, "UPDATE audit_chain SET seq = 4 WHERE id = 'head'")
	e := auditEntry(80)
	k.refused(t, fault.KindInternal, func(ctx context.Context, tx *store.Tx) error { return tx.AppendAudit(ctx, &e) })
	again := open(t, k.cfg, k.server)
	again.append(t, "b", 1)
	if report := again.chained(t); report.Entries != 10 {
		t.Errorf("%+v", report)
	}
	rewrite(t, k, "DELETE FROM audit_chain WHERE id = 'head'")
	k.refused(t, fault.KindInternal, func(ctx context.Context, tx *store.Tx) error { return tx.AppendAudit(ctx, &e) })
	again = open(t, k.cfg, k.server)
	again.append(t, "c", 1)
	if report := again.chained(t); report.Entries != 11 {
		t.Errorf("%+v", report)
	}
}

func oldEntriesGo(t *testing.T, k *kit) {
	k.append(t, "a", 30) // three of each second
	trim := func(before, limit int, want int64) {
		t.Helper()
		k.write(t, func(ctx context.Context, tx *store.Tx) error {
			n, err := tx.TrimAudit(ctx, at(before), limit)
			if err == nil && n != want {
				t.Errorf("%d entries went, want %d", n, want)
			}
			return err
		})
	}
	trim(2, 5, 5)
	trim(2, 5, 1)
	trim(2, 5, 0)
	if report := k.chained(t); report.Trimmed != 6 || report.First != 7 || report.Entries != 24 {
		t.Errorf("%+v", report)
	}
	// One that is younger keeps those behind it, for the chain has only one beginning.
	young := auditEntry(90)
	old := auditEntry(1)
	old.ID = "aud_old"
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return errFirst(tx.AppendAudit(ctx, &young), tx.AppendAudit(ctx, &old))
	})
	trim(20, 100, 24)
	trim(20, 100, 0)
	trim(60, 100, 2)
	if report := k.chained(t); report.Trimmed != 32 || report.Entries != 0 {
		t.Errorf("all are gone: %+v", report)
	}
	k.append(t, "c", 3)
	if report := k.chained(t); report.First != 33 {
		t.Errorf("%+v", report)
	}
	rewrite(t, k, "UPDATE audit_chain SET seq = 33, hash = (SELECT hash FROM audit WHERE seq = 33), signature = (SELECT signature FROM audit WHERE seq = 33) WHERE id = 'trimmed'")
	rewrite(t, k, "DELETE FROM audit WHERE seq = 33")
	if report, err := k.VerifyAudit(t.Context()); err != nil || report.Problem == nil {
		t.Errorf("somebody else cut the beginning off: %+v, %v", report, err)
	}
}

// before writes entries as a program does that knows no chain.
func (k *kit) before(t testing.TB, count int) {
	t.Helper()
	for i := range count {
		rewrite(t, k, fmt.Sprintf(`INSERT INTO audit (id, version, time, kind, actor_id, actor, roles, address, request, action, object, name, name_key, outcome, detail)
			VALUES ('aud_before%d', %d, %d, 'user', 'usr_1', 'ada', '["owner"]', '192.0.2.1', 'req', 'user.update', 'usr_2', 'N', 'n', 'done', '{}')`, i, i, at(i%50).UnixMicro()))
	}
}

func olderEntriesJoin(t *testing.T, k *kit) {
	count := size.Of(120, 5000)
	k.append(t, "a", 2)
	k.before(t, count)
	again := open(t, k.cfg, k.server)
	if report := again.chained(t); report.Entries != uint64(count+2) || report.Adopted != uint64(count) {
		t.Errorf("%+v", report)
	}
	rewrite(t, k, "UPDATE audit SET adopted = 0 WHERE seq = 5") // so that it would seem to have been written there
	if report, err := k.VerifyAudit(t.Context()); err != nil || report.Problem == nil || report.Problem.Seq != 5 {
		t.Errorf("%+v, %v", report, err)
	}
}

func adoptionRace(t *testing.T, k *kit) {
	k.before(t, 60)
	_, _, errs := race(8, func(i int) error {
		return k.try(t, func(ctx context.Context, tx *store.Tx) error {
			if i%2 == 0 {
				e := auditEntry(i)
				return tx.AppendAudit(ctx, &e)
			}
			_, err := tx.AdoptAudit(ctx, 20)
			return err
		})
	})
	if len(errs) > 0 {
		t.Error(errs)
	}
	if report := k.chained(t); report.Entries != 64 || report.Adopted != 60 {
		t.Errorf("%+v", report)
	}
}

func checkTellsOfTheChain(t *testing.T, k *kit) {
	k.settle(t)
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.NextVersion(ctx)
		e := auditEntry(1)
		return errFirst(err, tx.AppendAudit(ctx, &e))
	})
	problems := func() string {
		report, err := store.Check(t.Context(), k.cfg)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(report.Problems, "; ")
	}
	if text := problems(); text != "" {
		t.Errorf("a whole log: %s", text)
	}
	rewrite(t, k, "UPDATE audit SET detail = '[]'")
	if text := problems(); !strings.Contains(text, "audit log: entry 1 (aud_001): was changed") {
		t.Errorf("a changed log: %q", text)
	}
}
