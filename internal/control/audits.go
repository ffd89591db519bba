package control

import (
	"context"

	"postern/internal/access"
	"postern/internal/store"
)

// AuditFilter asks for a part of the audit log, newest first.
type AuditFilter = store.AuditFilter

// Audits lists the audit log and gives the cursor of the next page, empty at the end.
func (c *Control) Audits(ctx context.Context, by access.Actor, f AuditFilter) (list []access.AuditEntry, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readAudit}, func(tx *store.Tx) error {
		list, next, err = tx.Audits(ctx, f)
		return err
	})
	return list, next, err
}
