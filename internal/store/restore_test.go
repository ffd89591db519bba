package store_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postern/internal/fault"
	"postern/internal/posterntest/pg"
	"postern/internal/store"
)

// refusedRestore fails the test unless a file is refused with a sentence that has the words, and
// leaves nothing behind.
func refusedRestore(t *testing.T, cfg store.Config, file []byte, words string) {
	t.Helper()
	_, err := store.Restore(t.Context(), store.Restoring{Config: cfg, File: bytes.NewReader(file)})
	if err == nil || !strings.Contains(err.Error(), words) || fault.KindOf(err) == fault.KindInternal {
		t.Errorf("got %v (%v), want %q", err, fault.KindOf(err), words)
	}
	path := strings.TrimPrefix(cfg.URL, "sqlite:")
	left, globErr := filepath.Glob(path + "*")
	if globErr != nil {
		t.Fatal(globErr)
	}
	for _, name := range left {
		if name != path+".lock" {
			t.Errorf("it left %s", name)
		}
	}
}

var end = regexp.MustCompile(`\{"end".*\n$`)

// ended gives the text of a backup with a sum that is right and a proof that is not.
func ended(text []byte, rows string) []byte {
	text = end.ReplaceAll(text, nil)
	sum := sha256.Sum256(text)
	return append(text, []byte(`{"end":{"mac":"`+strings.Repeat("00", 32)+`","rows":`+rows+`,"sha256":"`+hex.EncodeToString(sum[:])+`"}}`+"\n")...)
}

// TestSpoiltBackups restores what was cut, changed or never a backup.
func TestSpoiltBackups(t *testing.T) {
	k := open(t, sqliteConfig(t), nil)
	k.fill(t)
	file, made := k.backup(t)
	text := unzipped(t, file)
	cfg := sqliteConfig(t)
	cfg.KeyFile = k.cfg.KeyFile
	database, err := os.ReadFile(strings.TrimPrefix(k.cfg.URL, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`"rows":(\d+)`).FindSubmatch(text)[1]
	replaced := func(old, new string) []byte {
		if !bytes.Contains(text, []byte(old)) {
			t.Fatalf("the backup has no %s", old)
		}
		return zipped(t, ended(bytes.Replace(text, []byte(old), []byte(new), 1), string(rows)))
	}
	tests := []struct {
		name  string
		file  []byte
		words string
	}{
		{"nothing", nil, "not a backup"},
		{"text", []byte("hello\n"), "not a backup"},
		{"a database", database, "not a backup"},
		{"other gzip", zipped(t, []byte("hello\n")), "not a backup"},
		{"other JSON", zipped(t, []byte(`{"postern":"something else"}`+"\n")), "not a backup"},
		{"empty gzip", zipped(t, nil), "ends too early"},
		{"twice", append(bytes.Clone(file), file...), "something follows"},
		{"more after it", append(bytes.Clone(file), '\n'), "something follows"},
		{"a row after the end", zipped(t, append(bytes.Clone(text), "[1]\n"...)), "something follows"},
		{"no end", zipped(t, end.ReplaceAll(text, nil)), "ends too early"},
		{"a blank line", zipped(t, bytes.Replace(text, []byte("\n"), []byte("\n\n"), 1)), "damaged"},
		{"a newer program's", zipped(t, bytes.Replace(text, []byte(`"format":1`), []byte(`"format":2`), 1)), "newer program"},
		{"a newer schema's", zipped(t, regexp.MustCompile(`"schema":\d+`).ReplaceAll(text, []byte(`"schema":99999`))), "newer program"},
		{"one letter", zipped(t, bytes.Replace(text, []byte(`"ada"`), []byte(`"bob"`), 1)), "checksum"},
		{"one letter and the sum", replaced(`"ada"`, `"bob"`), "does not have the master key"},
		{"text for a number", replaced(`["cgr_w",1,`, `["cgr_w","1",`), "text for a number"},
		{"number for a text", replaced(`["cgr_w",1,`, `[7,0,`), "number for a text"},
		{"a fraction", replaced(`["cgr_w",1,`, `["cgr_w",0.5,`), "number"},
		{"a value missing", replaced(`["cgr_w",1,`, `[0,`), "cannot be read"},
		{"a table missing", replaced(`{"table":"users",`, `{"table":"usurers",`), "does not hold the table"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { refusedRestore(t, cfg, test.file, test.words) })
	}
	t.Run("cut anywhere", func(t *testing.T) {
		for at := 1; at < len(file); at += max(1, len(file)/41) {
			refusedRestore(t, cfg, file[:at], "")
		}
		refusedRestore(t, cfg, file[:len(file)-1], "")
	})
	t.Run("a bit flipped anywhere", func(t *testing.T) {
		for at := 10; at < len(file); at += max(1, len(file)/41) { // the first ten are gzip's head, which says nothing
			other := bytes.Clone(file)
			other[at] ^= 1 << (at % 8)
			if z, err := gzip.NewReader(bytes.NewReader(other)); err == nil {
				if same, err := io.ReadAll(z); err == nil && bytes.Equal(same, text) {
					continue // between the blocks of the compression are bits that mean nothing
				}
			}
			refusedRestore(t, cfg, other, "")
		}
	})
	t.Run("another key", func(t *testing.T) {
		other := cfg
		other.KeyFile = open(t, sqliteConfig(t), nil).cfg.KeyFile
		refusedRestore(t, other, file, "use the key file of the time")
		other.KeyFile += ".missing"
		refusedRestore(t, other, file, "is missing")
	})
	if _, err := store.Restore(t.Context(), store.Restoring{Config: cfg, File: bytes.NewReader(file)}); err != nil { // and whole it is good
		t.Fatal(err)
	}
	_, again := open(t, cfg, nil).backup(t)
	if again.Digest != made.Digest {
		t.Error("the restored database is another")
	}
}

// TestRestoreOverAnother replaces a database, only if it is told to and nobody uses it.
func TestRestoreOverAnother(t *testing.T) {
	server := pg.New(t)
	for name, config := range map[string]func() (store.Config, *pg.Server){
		"sqlite":   func() (store.Config, *pg.Server) { return sqliteConfig(t), nil },
		"postgres": func() (store.Config, *pg.Server) { return postgresConfig(t, server), server },
	} {
		t.Run(name, func(t *testing.T) {
			cfg, server := config()
			k := open(t, cfg, server)
			k.fill(t)
			file, first := k.backup(t)
			if _, err := act(t.Context(), k.Store); err != nil {
				t.Fatal(err)
			}
			r := store.Restoring{Config: k.cfg, File: bytes.NewReader(file)}
			fails(t, r, "restore into an empty one, or replace it with --force")
			r.Force = true
			fails(t, r, "is in use")
			if _, err := act(t.Context(), k.Store); err != nil { // what was there still works
				t.Fatal(err)
			}
			if err := k.Close(); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second replaces the first
				out, err := store.Restore(t.Context(), r)
				if err != nil {
					t.Fatal(err)
				}
				if out.Kept == "" {
					t.Error("it does not say where the database before is")
				}
			}
			k = open(t, cfg, server)
			if version := k.version(t); version != first.Configuration {
				t.Errorf("version %d, want %d", version, first.Configuration)
			}
			if _, again := k.backup(t); again.Digest != first.Digest {
				t.Error("the restored database is another")
			}
			if _, err := act(t.Context(), k.Store); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func fails(t *testing.T, r store.Restoring, words string) {
	t.Helper()
	if _, err := store.Restore(t.Context(), r); err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want %q", err, words)
	}
}

// TestRestoreOverRuins replaces a file that is no database any more, and its log with it.
func TestRestoreOverRuins(t *testing.T) {
	k := open(t, sqliteConfig(t), nil)
	k.fill(t)
	file, first := k.backup(t)
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(k.cfg.URL, "sqlite:")
	for _, name := range []string{path, path + "-wal"} {
		if err := os.WriteFile(name, bytes.Repeat([]byte("ruin"), 4096), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := store.Restoring{Config: k.cfg, File: bytes.NewReader(file)}
	fails(t, r, "damaged, or no database of SQLite")
	r.Force = true
	if _, err := store.Restore(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, again := open(t, k.cfg, nil).backup(t); again.Digest != first.Digest {
		t.Error("the restored database is another")
	}
}

// TestBackupOfAnOlderSchema restores what programs of before have backed up: it is migrated like their
// databases.
func TestBackupOfAnOlderSchema(t *testing.T) {
	server := pg.New(t)
	for version := int64(1); version < store.NewestSchema(); version++ {
		cfg := sqliteConfig(t)
		if err := store.MigrateTo(t.Context(), cfg, version); err != nil {
			t.Fatal(err)
		}
		if schema, err := store.SchemaOf(t.Context(), cfg); err != nil || schema != version {
			continue // a number that no migration has
		}
		if _, err := store.Attach(t.Context(), cfg); !fault.Is(err, fault.KindNotFound) {
			t.Fatalf("schema %d without an instance: %v", version, err)
		}
		k := open(t, sqliteConfig(t), nil) // for its key and its row
		transplant(t, k, cfg)
		old := &kit{cfg: store.Config{URL: cfg.URL, KeyFile: k.cfg.KeyFile}}
		file, made := old.backup(t)
		if made.Schema != version {
			t.Errorf("schema %d, want %d", made.Schema, version)
		}
		where := []*pg.Server{nil, server}
		if version > 1 && version < store.NewestSchema()-1 {
			where = where[:1]
		}
		for _, where := range where {
			there := restored(t, file, k.cfg.KeyFile, where)
			if got := there.Schema(); got.Version != store.NewestSchema() {
				t.Errorf("restored with schema %d", got.Version)
			}
			there.sound(t)
			if _, err := act(t.Context(), there.Store); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// transplant puts the instance of one database into another.
func transplant(t *testing.T, from *kit, to store.Config) {
	t.Helper()
	_, reader := from.Pools()
	var domain, check string
	if err := reader.QueryRow("SELECT trust_domain, key_check FROM instance").Scan(&domain, &check); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", strings.TrimPrefix(to.URL, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.Exec("INSERT INTO instance (id, trust_domain, version, ending, key_check) VALUES ('instance', $1, 0, 0, $2)", domain, check)
	if err != nil {
		t.Fatal(err)
	}
}

// TestAttachMakesNothing opens databases that are not there.
func TestAttachMakesNothing(t *testing.T) {
	cfg := sqliteConfig(t)
	for what, do := range map[string]func() error{
		"attach": func() error { _, err := store.Attach(t.Context(), cfg); return err },
		"check":  func() error { _, err := store.Check(t.Context(), cfg); return err },
	} {
		if err := do(); !fault.Is(err, fault.KindNotFound) || !strings.Contains(err.Error(), "there is no database at") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, path := range []string{cfg.KeyFile, strings.TrimPrefix(cfg.URL, "sqlite:")} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there (%v)", path, err)
		}
	}
	empty := postgresConfig(t, pg.New(t))
	if _, err := store.Check(t.Context(), empty); !fault.Is(err, fault.KindNotFound) {
		t.Errorf("an empty database: %v", err)
	}
	if _, err := store.Check(context.Background(), store.Config{URL: "nonsense"}); !fault.Is(err, fault.KindInvalid) {
		t.Error(err)
	}
}
