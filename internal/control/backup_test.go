package control_test

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"testing"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// TestBackupRestores: what an Owner downloads restores, with the entry of the audit log that tells of it; nobody else gets one, and
// there is one at a time.
func TestBackupRestores(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		for _, role := range access.Roles() {
			if role == access.RoleOwner {
				continue
			}
			var out bytes.Buffer
			_, err := k.Backup(ctx, k.actor(role), &out)
			wantKind(t, err, fault.KindForbidden)
			if out.Len() > 0 {
				t.Errorf("%s got %d bytes", role, out.Len())
			}
		}
		k.user("ada")
		var file bytes.Buffer
		summary, err := k.Backup(ctx, k.owner, &file)
		if err != nil || summary.Rows["users"] == 0 {
			t.Fatalf("%+v, %v", summary, err)
		}
		if entry := k.lastAudit("backup.take"); entry.Outcome != "done" || entry.Actor.ID != k.owner.ID {
			t.Errorf("%+v", entry)
		}
		into := store.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "restored.db"), KeyFile: k.keyFile}
		restored, err := store.Restore(ctx, store.Restoring{Config: into, File: bytes.NewReader(file.Bytes())})
		if err != nil || restored.Digest != summary.Digest {
			t.Fatalf("%+v, %v", restored, err)
		}
		s, err := store.Open(ctx, into)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		err = s.Read(ctx, func(tx *store.Tx) error {
			if _, err := tx.UserByName(ctx, "ada"); err != nil {
				return err
			}
			entries, _, err := tx.Audits(ctx, store.AuditFilter{Action: "backup.take"})
			if err == nil && len(entries) == 0 {
				t.Error("the backup does not tell of itself")
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// TestOneBackupAtATime: a second one is refused while one is written, and not after.
func TestOneBackupAtATime(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		reading, writing := io.Pipe()
		ended := make(chan error, 1)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() {
			_, err := k.Backup(ctx, k.owner, writing)
			writing.CloseWithError(err)
			ended <- err
		}()
		if _, err := io.ReadFull(reading, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		_, err := k.Backup(t.Context(), k.owner, io.Discard)
		wantKind(t, err, fault.KindConflict)
		if _, err := io.Copy(io.Discard, reading); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if _, err := k.Backup(t.Context(), k.owner, io.Discard); err != nil {
			t.Errorf("after it was done: %v", err)
		}
	})
}
