package control_test

import (
	"crypto/sha1"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/identity"
)

const breached = "a password of many sites"

// TestNobodyChoosesABreachedPassword, whoever sets it and how; one that is set already goes on.
func TestNobodyChoosesABreachedPassword(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		before, err := k.CreateUser(t.Context(), k.owner, access.User{Name: "before"}, breached)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha1.Sum([]byte(breached))
		path := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(path, []byte(strings.ToUpper(hex.EncodeToString(sum[:]))+":3\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := identity.OpenBreached(path, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer list.Close()
		k.stop()
		k.cfg.Breached = list
		k.Control = k.open()
		k.run()

		refused := func(what string, err error) {
			t.Helper()
			if !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), "break-ins") || strings.Contains(err.Error(), breached) {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, err = k.CreateUser(t.Context(), k.owner, access.User{Name: "ada"}, breached)
		refused("a new user", err)
		ada := k.user("ada")
		refused("an administrator", k.SetPassword(t.Context(), k.owner, ada.ID, breached))
		_, address, err := k.CreateLink(t.Context(), k.owner, ada.ID)
		if err != nil {
			t.Fatal(err)
		}
		_, code, _ := strings.Cut(address, "code=")
		refused("a link", k.FollowLink(t.Context(), anyone(), code, breached))
		if err := k.FollowLink(t.Context(), anyone(), code, "quite another one"); err != nil {
			t.Errorf("the link after that: %v", err)
		}
		if _, err := k.SignIn(t.Context(), anyone(), control.Credentials{Name: before.Name, Password: breached, Binding: "a browser's secret of many letters"}); err != nil {
			t.Errorf("one that was set before: %v", err)
		}
		if entry := k.lastAudit("user.set-password"); strings.Contains(entry.Detail, breached) || entry.Outcome != "refused" {
			t.Errorf("%+v", entry)
		}
	})
}
