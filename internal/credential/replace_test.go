package credential_test

import (
	"crypto/ecdsa"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"postern/internal/credential"
	"postern/internal/fault"
)

// TestSwitchCrashPoints stops a switch at each of its steps: whoever resumes has the old credential or the new one, whole.
func TestSwitchCrashPoints(t *testing.T) {
	steps := []string{"", "old credential.pem removed", "old pending.pem removed", "next connection written", "next credential written"}
	for _, step := range steps {
		t.Run("killed at "+step, func(t *testing.T) {
			path, issuer := site(t)
			if err := agent(path, issuer, ""); err != nil {
				t.Fatal(err)
			}
			old, err := load(t, path)
			if err != nil {
				t.Fatal(err)
			}
			next := path + "/next"
			d, err := credential.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Next("tok_1"); err != nil {
				t.Fatal(err)
			}
			if err := agentInto(next, issuer, path); err != nil {
				t.Fatal(err)
			}
			want, err := load(t, next)
			if err != nil {
				t.Fatal(err)
			}
			switchUntil(t, d, step)
			if err := d.Resume(); err != nil {
				t.Fatal(err)
			}
			got, err := load(t, path)
			if err != nil {
				t.Fatalf("no usable credential: %v", err)
			}
			if step == "" && got.Serial != old.Serial || step != "" && got.Serial != want.Serial {
				t.Errorf("serial %s; the old one is %s, the new one %s", got.Serial, old.Serial, want.Serial)
			}
			if err := d.Abandon(); err != nil {
				t.Fatal(err)
			}
			if _, err := load(t, path); err != nil {
				t.Errorf("after Abandon: %v", err)
			}
		})
	}
}

// switchUntil switches and stops, as a process that is killed does, when the step is on the disk; never to begin is a step, too.
func switchUntil(t *testing.T, d *credential.Directory, step string) {
	t.Helper()
	if step == "" {
		return
	}
	type killed struct{}
	d.OnReached(func(at string) {
		if at == step {
			panic(killed{})
		}
	})
	defer func() {
		if _, ok := recover().(killed); !ok {
			t.Errorf("it never came to %q", step)
		}
		d.OnReached(func(string) {})
	}()
	if err := d.Switch(); err != nil {
		t.Fatal(err)
	}
}

func TestSwitchWithoutNext(t *testing.T) {
	path, issuer := site(t)
	if err := agent(path, issuer, ""); err != nil {
		t.Fatal(err)
	}
	d, err := credential.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Switch(); !fault.Is(err, fault.KindNotFound) {
		t.Errorf("nothing to switch to: %v", err)
	}
	if err := d.Resume(); err != nil {
		t.Errorf("nothing to resume: %v", err)
	}
	if _, err := load(t, path); err != nil {
		t.Error(err)
	}
}

// TestNextGoesOn: an attempt that is repeated finds the key it had, another one does not.
func TestNextGoesOn(t *testing.T) {
	path, issuer := site(t)
	if err := agent(path, issuer, ""); err != nil {
		t.Fatal(err)
	}
	d, err := credential.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	keyOf := func(attempt string) *ecdsa.PrivateKey {
		t.Helper()
		next, err := d.Next(attempt)
		if err != nil {
			t.Fatal(err)
		}
		key, err := next.Pending()
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	first := keyOf("tok_1")
	if !keyOf("tok_1").Equal(first) {
		t.Error("the same attempt has another key")
	}
	if keyOf("tok_2").Equal(first) {
		t.Error("another attempt has the key of the first")
	}
	if err := d.Abandon(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(path, "next")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something is left: %v", err)
	}
}
