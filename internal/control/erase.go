package control

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"postern/internal/access"
	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/store"
)

// Erased says what was erased of a user.
type Erased struct {
	store.Erasure
	Deleted bool // the user was still there
}

// EraseUser deletes a user who is still there, and erases from the logs what tells who it was. That
// it was done, by whom and where stays in the audit log, whose chain stays whole.
func (c *Control) EraseUser(ctx context.Context, by access.Actor, id access.ID) (out Erased, err error) {
	c.writeSignIns(ctx) // what waits to be written is erased, too
	err = c.act(ctx, request{by: by, perm: eraseUser, object: id}, func(ch *change) error {
		out = Erased{}
		if ch.by.ID == id {
			return fault.Conflict("you cannot erase yourself; another Owner can")
		}
		names, emails, err := ch.dropUser(id, &out)
		if err != nil {
			return err
		}
		if out.Erasure, err = ch.tx.EraseUser(ctx, id, names, emails); err != nil {
			return err
		}
		if !out.Deleted && out.Audit+out.SignIns == 0 {
			return fault.NotFound("there is no such user, and nothing in the logs tells of one")
		}
		detail, err := json.Marshal(audit.ErasedDetail{Entries: out.Entries})
		if err != nil {
			return err
		}
		ch.entries = append(ch.entries, access.AuditEntry{
			ID: access.NewID(access.PrefixAudit, ch.now), Version: ch.version, Time: ch.now, Actor: ch.by,
			Action: string(eraseUser), Object: id, Outcome: "done", Detail: string(detail),
		})
		return nil
	})
	return out, err
}

// dropUser deletes a user, if still there, without leaving the name in the audit log.
func (ch *change) dropUser(id access.ID, out *Erased) (names, emails []string, err error) {
	u, err := ch.tx.User(ch.ctx, id)
	if fault.Is(err, fault.KindNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if err := ch.endUser(id, ""); err != nil {
		return nil, nil, err
	}
	if err := ch.dropDevices(id); err != nil {
		return nil, nil, err
	}
	if err := ch.tx.DeleteUser(ch.ctx, id, u.Version); err != nil {
		return nil, nil, err
	}
	out.Deleted = true
	return []string{u.Name, u.DisplayName}, []string{u.Email}, ch.keepOwner(&u)
}

// AuditChain gives where the audit log's chain begins and ends, and the public key of its signatures.
func (c *Control) AuditChain(ctx context.Context, by access.Actor) (key string, head, trimmed audit.Head, err error) {
	err = c.read(ctx, request{by: by, perm: readAudit}, func(tx *store.Tx) error {
		head, trimmed, err = tx.AuditHeads(ctx)
		return err
	})
	return c.store.AuditKey(), head, trimmed, err
}

// AuditRecords gives entries of the audit log as they are chained, from behind a place.
func (c *Control) AuditRecords(ctx context.Context, by access.Actor, after uint64, limit int) (list []audit.Record, err error) {
	err = c.read(ctx, request{by: by, perm: readAudit}, func(tx *store.Tx) error {
		list, err = tx.AuditRecords(ctx, after, limit)
		return err
	})
	return list, err
}

// VerifyAudit verifies the audit log, and that it holds the heads that somebody kept.
func (c *Control) VerifyAudit(ctx context.Context, by access.Actor, kept []audit.Head) (audit.Report, error) {
	r := request{by: by, perm: readAudit}
	if err := allow(by, r.perm); err != nil {
		c.refused(ctx, r, err)
		return audit.Report{}, err
	}
	report, err := c.store.VerifyAudit(ctx, kept...)
	if err == nil && report.Problem != nil {
		c.log.Error("the audit log is not whole", "entry", report.Problem.Seq, "id", report.Problem.ID, "reason", report.Problem.Reason)
	}
	return report, err
}

// VerifyingPart asks for a part of the audit log's verification.
type VerifyingPart struct {
	Kept  []audit.Head // that the log must still hold
	From  string       // what the part before gave; empty: from the beginning
	Limit int          // of entries; 0: as many as there is time for
}

// verifyWithin bounds one part, so that it is there before anybody gives up waiting for it.
const verifyWithin = 15 * time.Second

// VerifyAuditPart verifies a part of the audit log, and gives what to ask the next one with; empty at the end.
// Only then the report says whether the log is whole.
func (c *Control) VerifyAuditPart(ctx context.Context, by access.Actor, in VerifyingPart) (report audit.Report, next string, err error) {
	r := request{by: by, perm: readAudit}
	if err := allow(by, r.perm); err != nil {
		c.refused(ctx, r, err)
		return report, "", err
	}
	part := store.AuditPart{Kept: in.Kept, Limit: in.Limit, Within: verifyWithin}
	if part.Limit <= 0 {
		part.Limit = math.MaxInt
	}
	if in.From != "" {
		part.From = &audit.State{}
		if err := c.instance.macs.Unwrap("audit-part", in.From, part.From); err != nil {
			return report, "", fault.Invalid("part", "must be what the answer before gave as next")
		}
	}
	report, state, err := c.store.VerifyAuditPart(ctx, part)
	if err == nil && report.Problem != nil {
		c.log.Error("the audit log is not whole", "entry", report.Problem.Seq, "id", report.Problem.ID, "reason", report.Problem.Reason)
	}
	if err == nil && state != nil {
		next, err = c.instance.macs.Wrap("audit-part", state)
	}
	return report, next, err
}
