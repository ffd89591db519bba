package store_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/internal/fault"
	"postern/internal/posterntest/pg"
	"postern/internal/store"
)

// TestCheckFinds damages a database in every way that the check is for.
func TestCheckFinds(t *testing.T) {
	tests := []struct{ name, damage, words string }{
		{"a sealed value of another row", "UPDATE secrets SET value = (SELECT key_check FROM instance) WHERE name = 'test'", "does not open (secrets/test)"},
		{"a sealed value cut short", "UPDATE secrets SET value = 'abc' WHERE name = 'test'", "is damaged (secrets/test)"},
		{"another key", "UPDATE secrets SET value = 'ffffffff:' || SUBSTR(value, 10) WHERE name = 'test'", "sealed under another master key (secrets/test)"},
		{"no default group", "UPDATE connector_groups SET is_default = 0", "0 of them are the default instead of one"},
		{"a version from nowhere", "UPDATE audit SET version = 1000000", "entries are of a version that was not given yet"},
		{"an ending from nowhere", "UPDATE endings SET seq = seq + 1000000", "have a number that was not given yet"},
		{"a table is gone", "DROP TABLE spent_steps", "the table spent_steps is not as schema"},
	}
	check := func(t *testing.T, k *kit) {
		k.fill(t)
		k.sound(t)
		for _, test := range tests {
			writer, _ := k.Pools()
			undo := damage(t, writer, test.damage)
			report, err := store.Check(t.Context(), k.cfg)
			if err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			if !slices.ContainsFunc(report.Problems, func(p string) bool { return strings.Contains(p, test.words) }) {
				t.Errorf("%s: found %q, want %q", test.name, report.Problems, test.words)
			}
			undo()
		}
	}
	t.Run("sqlite", func(t *testing.T) { check(t, open(t, sqliteConfig(t), nil)) })
	t.Run("postgres", func(t *testing.T) {
		server := pg.New(t)
		check(t, open(t, postgresConfig(t, server), server))
	})
}

// damage changes a database and gives what restores its rows.
func damage(t *testing.T, db *sql.DB, statement string) (undo func()) {
	t.Helper()
	if strings.HasPrefix(statement, "DROP") {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		return func() {}
	}
	table := strings.Fields(statement)[1]
	for _, s := range []string{"CREATE TABLE spare AS SELECT * FROM " + table, statement} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		columns := map[string]string{"secrets": "value = (SELECT s.value FROM spare s WHERE s.name = secrets.name)",
			"connector_groups": "is_default = (SELECT s.is_default FROM spare s WHERE s.id = connector_groups.id)",
			"audit":            "version = (SELECT s.version FROM spare s WHERE s.id = audit.id)",
			"endings":          "seq = seq - 1000000"}
		for _, s := range []string{"UPDATE " + table + " SET " + columns[table], "DROP TABLE spare"} {
			if _, err := db.Exec(s); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestCheckFindsLostReferences breaks foreign keys where the engine can be told to let it happen.
func TestCheckFindsLostReferences(t *testing.T) {
	k := open(t, sqliteConfig(t), nil)
	k.fill(t)
	db, err := sql.Open("sqlite", strings.TrimPrefix(k.cfg.URL, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("DELETE FROM user_groups WHERE id = 'grp_w'"); err != nil {
		t.Fatal(err)
	}
	report, err := store.Check(t.Context(), k.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(report.Problems, func(p string) bool { return strings.Contains(p, "refer by group_id to rows of user_groups") }) {
		t.Errorf("found %q", report.Problems)
	}
}

// TestCheckWithTheWrongKey says so, and still looks at the rest.
func TestCheckWithTheWrongKey(t *testing.T) {
	k := open(t, sqliteConfig(t), nil)
	k.fill(t)
	cfg := k.cfg
	cfg.KeyFile = open(t, sqliteConfig(t), nil).cfg.KeyFile
	report, err := store.Check(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Problems) != 1 || !strings.Contains(report.Problems[0], "is not the master key of this database") || report.Rows["users"] == 0 {
		t.Errorf("found %q in %v", report.Problems, report.Rows)
	}
}

// TestSealedColumnsAreKnown finds a secret that somebody seals and nobody would re-seal or check.
func TestSealedColumnsAreKnown(t *testing.T) {
	known, err := store.SealedColumns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	place := regexp.MustCompile(`(?:sealer\.seal\(|Place\(\w+ [\w.]+\) string \{ return )"([a-z_/]+)"`)
	found := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, match := range place.FindAllStringSubmatch(string(text), -1) {
			found++
			if !slices.Contains(known, match[1]) {
				t.Errorf("%s seals for %q, which sealedColumns does not know", name, match[1])
			}
		}
	}
	if found < 4 {
		t.Errorf("found only %d places: has the way to write them changed?", found)
	}
}

// TestForeignAndNewerSchemas opens databases that are not this program's.
func TestForeignAndNewerSchemas(t *testing.T) {
	server := pg.New(t)
	tests := []struct {
		name, prepare, words string
		ours                 bool // made by this program first
	}{
		{"another program's tables", "CREATE TABLE users (name TEXT)", "holds tables of another program (users)", false},
		{"another program's migrations", "CREATE TABLE goose_db_version (id BIGINT, version_id BIGINT, is_applied BOOLEAN); INSERT INTO goose_db_version VALUES (1, 1, TRUE)",
			"holds tables of another program (goose_db_version)", false},
		{"a schema for newer programs only", "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE); UPDATE schema_floor SET oldest = 99998",
			"needs a program that knows schema 99998 or newer", true},
		{"a newer schema", "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)", "", true},
	}
	for _, test := range tests {
		for engine, cfg := range map[string]store.Config{"sqlite": sqliteConfig(t), "postgres": postgresConfig(t, server)} {
			t.Run(test.name+"/"+engine, func(t *testing.T) { foreignSchema(t, cfg, test.prepare, test.words, test.ours) })
		}
	}
}

func foreignSchema(t *testing.T, cfg store.Config, prepare, words string, ours bool) {
	if ours {
		k := open(t, cfg, nil)
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
	}
	driver, source := "pgx", cfg.URL
	if path, ok := strings.CutPrefix(cfg.URL, "sqlite:"); ok {
		driver, source = "sqlite", path
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	for statement := range strings.SplitSeq(prepare, ";") {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), cfg)
	if words != "" {
		if err == nil || !strings.Contains(err.Error(), words) || fault.KindOf(err) == fault.KindInternal {
			t.Errorf("got %v (%v), want %q", err, fault.KindOf(err), words)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := act(context.Background(), s); err != nil { // the program of before runs on
		t.Error(err)
	}
}
