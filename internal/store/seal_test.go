package store_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

var nasty = []byte("-----BEGIN PRIVATE KEY-----\nthe secret of the realm\x00\xff")

func secretsComeBack(t *testing.T, k *kit) {
	secret := func(name string) (plain []byte, err error) {
		err = k.Read(t.Context(), func(tx *store.Tx) error {
			plain, err = tx.Secret(t.Context(), name)
			return err
		})
		return plain, err
	}
	for _, plain := range [][]byte{nasty, nil, {0}, bytes.Repeat([]byte{7}, 1<<20)} { // each replaces the one before
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.PutSecret(ctx, "key", plain) })
		if got, err := secret("key"); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("a secret of %d bytes came back with %d: %v", len(plain), len(got), err)
		}
	}
	for _, plain := range []string{"first", "second"} {
		k.write(t, func(ctx context.Context, tx *store.Tx) error {
			got, err := tx.InsertSecretOnce(ctx, "once", []byte(plain))
			if string(got) != "first" {
				t.Errorf("inserting %s once gives %q", plain, got)
			}
			return err
		})
	}
	for range 2 {
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteSecret(ctx, "once") })
		if _, err := secret("once"); !fault.Is(err, fault.KindNotFound) {
			t.Errorf("a deleted secret: %v", err)
		}
	}
}

// sealedValuesStay changes sealed values behind the store's back.
func sealedValuesStay(t *testing.T, k *kit) {
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		for _, id := range []access.ID{"crt_a", "crt_b"} {
			c := access.PublicCertificate{Meta: meta(id, 0), Domain: string(id)}
			if err := errFirst(tx.PutSecret(ctx, string(id), nasty), tx.InsertPublicCertificate(ctx, &c, nasty)); err != nil {
				return err
			}
		}
		return nil
	})
	writer, _ := k.Pools()
	for _, change := range []string{
		"UPDATE %[1]s SET %[2]s = (SELECT %[2]s FROM %[1]s WHERE %[3]s = 'crt_b') WHERE %[3]s = 'crt_a'", // another row's
		"UPDATE %[1]s SET %[2]s = (SELECT key_check FROM instance) WHERE %[3]s = 'crt_a'",                // another table's
		"UPDATE %[1]s SET %[2]s = SUBSTR(%[2]s, 1, LENGTH(%[2]s) - 2) WHERE %[3]s = 'crt_a'",             // cut
		"UPDATE %[1]s SET %[2]s = %[2]s || '00' WHERE %[3]s = 'crt_a'",                                   // longer
		"UPDATE %[1]s SET %[2]s = SUBSTR(%[2]s, 1, 9) || CASE SUBSTR(%[2]s, 10, 2) WHEN 'ff' THEN '00' ELSE 'ff' END || SUBSTR(%[2]s, 12) WHERE %[3]s = 'crt_a'",
		"UPDATE %[1]s SET %[2]s = '00000000' || SUBSTR(%[2]s, 9) WHERE %[3]s = 'crt_a'", // of another key
		"UPDATE %[1]s SET %[2]s = 'plain text' WHERE %[3]s = 'crt_a'",
		"UPDATE %[1]s SET %[2]s = '' WHERE %[3]s = 'crt_a'",
		"UPDATE %[1]s SET %[2]s = SUBSTR(%[2]s, 1, 9) WHERE %[3]s = 'crt_a'",
	} {
		for _, place := range [][]any{{"secrets", "value", "name"}, {"public_certificates", "sealed", "id"}} {
			k.write(t, func(ctx context.Context, tx *store.Tx) error {
				c, err := tx.PublicCertificate(ctx, "crt_a")
				return errFirst(err, tx.PutSecret(ctx, "crt_a", nasty), tx.UpdatePublicCertificate(ctx, &c, nasty))
			})
			if _, err := writer.Exec(fmt.Sprintf(change, place...)); err != nil {
				t.Fatal(err)
			}
			k.read(t, func(ctx context.Context, tx *store.Tx) error {
				plain, err := tx.Secret(ctx, "crt_a")
				if place[0] != "secrets" {
					plain, err = tx.PublicCertificateKey(ctx, "crt_a")
				}
				if !fault.Is(err, fault.KindInternal) || len(plain) > 0 {
					t.Errorf("after %s: %q, %v", fmt.Sprintf(change, place...), plain, err)
				}
				return nil
			})
		}
	}
}

// TestSecretsAreNeverPlainOnDisk looks at every byte that SQLite keeps, open and closed.
func TestSecretsAreNeverPlainOnDisk(t *testing.T) {
	cfg := sqliteConfig(t)
	s := openStore(t, cfg)
	k := &kit{Store: s, cfg: cfg}
	for range 50 { // that many, so that pages are written, split and freed
		k.write(t, func(ctx context.Context, tx *store.Tx) error {
			c := access.PublicCertificate{Meta: meta("crt_1", 0), Domain: "example.com"}
			_, err := tx.InsertSecretOnce(ctx, "once", nasty)
			return errFirst(err, tx.PutSecret(ctx, "key", nasty), tx.InsertPublicCertificate(ctx, &c, nasty), tx.DeletePublicCertificate(ctx, c.ID, 0))
		})
	}
	look := func(when string, least int) {
		t.Helper()
		files, err := filepath.Glob(strings.TrimPrefix(cfg.URL, "sqlite:") + "*")
		if err != nil || len(files) < least {
			t.Fatalf("%s: %q, %v", when, files, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			part := nasty[len(nasty)-12:]
			master, err := os.ReadFile(cfg.KeyFile)
			if err != nil {
				t.Fatal(err)
			}
			for _, plain := range [][]byte{part, nasty[:20], master, master[:8]} {
				for _, form := range []string{string(plain), hex.EncodeToString(plain), strings.ToUpper(hex.EncodeToString(plain)), base64.StdEncoding.EncodeToString(plain)[:8]} {
					if bytes.Contains(data, []byte(form)) {
						t.Errorf("%s: %s contains %q", when, filepath.Base(file), form)
					}
				}
			}
		}
	}
	look("open", 3) // with its log and its index
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	look("closed", 1)
}

// TestMasterKey starts with key files that are not the right one, and then with the right one.
func TestMasterKey(t *testing.T) {
	cfg := sqliteConfig(t)
	s := openStore(t, cfg)
	put := func(ctx context.Context, tx *store.Tx) error { return tx.PutSecret(ctx, "key", nasty) }
	(&kit{Store: s}).write(t, put)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(cfg.KeyFile)
	if err != nil || len(good) != 32 {
		t.Fatalf("the key file has %d bytes: %v", len(good), err)
	}
	if info, err := os.Stat(cfg.KeyFile); err != nil || info.Mode() != 0o600 {
		t.Errorf("the key file's mode is %v, %v", info.Mode(), err)
	}
	write := func(data []byte, mode os.FileMode) func(string) error {
		return func(path string) error {
			return errFirst(os.WriteFile(path, data, mode), os.Chmod(path, mode)) // whatever the umask
		}
	}
	other := bytes.Repeat([]byte{7}, 32)
	for _, test := range []struct {
		name string
		make func(path string) error
		say  string // what the person is told
	}{
		{"missing", func(string) error { return nil }, "is missing"},
		{"empty", write(nil, 0o600), "exactly 32 bytes"},
		{"short", write(good[:31], 0o600), "exactly 32 bytes"},
		{"long", write(append(bytes.Clone(good), '\n'), 0o600), "exactly 32 bytes"},
		{"huge", write(bytes.Repeat(good, 1<<12), 0o600), "larger than"},
		{"another", write(other, 0o600), "not the master key of this database"},
		{"readable for all", write(good, 0o644), "open to other users"},
		{"readable for the group", write(good, 0o640), "open to other users"},
		{"writable for all", write(good, 0o602), "open to other users"},
		{"a directory", func(path string) error { return os.Mkdir(path, 0o700) }, "not a regular file"},
		{"a link to nothing", func(path string) error { return os.Symlink("/nonexistent/key", path) }, "is missing"},
	} {
		bad := cfg
		bad.KeyFile = filepath.Join(t.TempDir(), "some.key")
		if err := test.make(bad.KeyFile); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(t.Context(), bad)
		if err == nil {
			t.Errorf("%s: the store opened", test.name)
			_ = s.Close()
			continue
		}
		if text := err.Error(); !strings.Contains(text, test.say) || !strings.Contains(text, bad.KeyFile) || !strings.Contains(text, "key") {
			t.Errorf("%s: %v; want words about %q", test.name, err, test.say)
		}
		if test.name == "missing" {
			if _, err := os.Stat(bad.KeyFile); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a new key was made for a database that has one: %v", err)
			}
		}
	}
	(&kit{Store: openStore(t, cfg)}).read(t, func(ctx context.Context, tx *store.Tx) error {
		plain, err := tx.Secret(ctx, "key")
		if !bytes.Equal(plain, nasty) {
			t.Errorf("with the right key again: %q", plain)
		}
		return err
	})
}

// TestFirstStart begins where something is there already.
func TestFirstStart(t *testing.T) {
	t.Run("a key file that was made before", func(t *testing.T) {
		cfg := sqliteConfig(t)
		key := bytes.Repeat([]byte{9}, 32)
		if err := os.WriteFile(cfg.KeyFile, key, 0o400); err != nil {
			t.Fatal(err)
		}
		openStore(t, cfg)
		if now, err := os.ReadFile(cfg.KeyFile); err != nil || !bytes.Equal(now, key) {
			t.Errorf("the key file was changed: %v", err)
		}
	})
	t.Run("a key file that is no good is not replaced", func(t *testing.T) {
		cfg := sqliteConfig(t)
		if err := os.WriteFile(cfg.KeyFile, []byte("short"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "exactly 32 bytes") {
			t.Error(err)
		}
		if now, err := os.ReadFile(cfg.KeyFile); err != nil || string(now) != "short" {
			t.Errorf("the key file is now %q, %v", now, err)
		}
		if err := os.Remove(cfg.KeyFile); err != nil {
			t.Fatal(err)
		}
		openStore(t, cfg) // nothing half-done is in the way
	})
	t.Run("nowhere to put the key file", func(t *testing.T) {
		cfg := sqliteConfig(t)
		good := cfg.KeyFile
		cfg.KeyFile = filepath.Join(filepath.Dir(good), "missing", "master.key")
		if _, err := store.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "master key") {
			t.Error(err)
		}
		cfg.KeyFile = good
		openStore(t, cfg)
	})
}

// firstStartsAtOnce races several first starts that share a key file.
func firstStartsAtOnce(t *testing.T, k *kit) {
	cfg := k.cfg
	if k.server != nil {
		cfg.URL = k.server.Database(t)
	} else {
		cfg.URL += "2"
	}
	cfg.KeyFile += "2"
	const services = 4
	secrets, domains := make([]string, services), make([]string, services)
	var all sync.WaitGroup
	for i := range services {
		all.Go(func() {
			s, err := store.Open(t.Context(), cfg)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			err = s.Write(t.Context(), func(tx *store.Tx) error {
				secret, err := tx.InsertSecretOnce(t.Context(), "once", fmt.Append(nil, "of ", i))
				secrets[i] = string(secret)
				return err
			})
			err2 := s.Read(t.Context(), func(tx *store.Tx) (err error) {
				domains[i], err = tx.Instance(t.Context())
				return err
			})
			if err := errFirst(err, err2); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range services {
		if secrets[i] == "" || secrets[i] != secrets[0] || domains[i] != domains[0] || !strings.HasPrefix(domains[i], "postern-") {
			t.Errorf("service %d has secret %q of %q, the first %q of %q", i, secrets[i], domains[i], secrets[0], domains[0])
		}
	}
	left, err := filepath.Glob(cfg.KeyFile + ".*")
	if len(left) > 0 || err != nil {
		t.Errorf("first starts left %q behind, %v", left, err)
	}
}

// replicasWithoutTheKey start where another machine has made the key already.
func replicasWithoutTheKey(t *testing.T, k *kit) {
	elsewhere := k.cfg
	elsewhere.KeyFile += ".elsewhere"
	if _, err := store.Open(t.Context(), elsewhere); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Error(err)
	}
	var n int
	writer, _ := k.Pools()
	if err := writer.QueryRow("SELECT COUNT(*) FROM instance").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d instances, %v", n, err)
	}
}
