package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"

	"postern/internal/fault"
)

// versionTable is where the migrations note which of them are done.
const versionTable = "goose_db_version"

// migration is one numbered file.
type migration struct {
	version int64
	file    string
	up      string // its statements
}

// migrationList gives the migrations in their order, and the last one's number: the schema that this
// program works with.
func migrationList() (list []migration, newest int64, err error) {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return nil, 0, err
	}
	for _, file := range files {
		m := migration{file: file.Name()}
		if m.version, err = goose.NumericComponent(m.file); err != nil {
			return nil, 0, err
		}
		text, err := migrations.ReadFile("migrations/" + m.file)
		if err != nil {
			return nil, 0, err
		}
		m.up, _, _ = strings.Cut(string(text), "-- +goose Down")
		list = append(list, m)
		newest = max(newest, m.version)
	}
	return list, newest, nil
}

// Schema is what a database says of its own structure.
type Schema struct {
	Version int64 // the last migration that was done; 0: none
	Oldest  int64 // the oldest schema whose program may still work with it
	Newest  int64 // the schema of this program
}

// readSchema tells how far the database is, and refuses one that is not ours.
func readSchema(ctx context.Context, e engine, db *sql.DB) (Schema, error) {
	_, newest, err := migrationList()
	if err != nil {
		return Schema{}, err
	}
	out := Schema{Newest: newest}
	have, err := e.tables(ctx, db)
	if err != nil || len(have) == 0 {
		return out, err
	}
	if !slices.Contains(have, versionTable) {
		return out, foreign(ctx, e, have)
	}
	err = db.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM "+versionTable+" WHERE is_applied").Scan(&out.Version)
	if err != nil {
		return out, err
	}
	if out.Version > 0 && !slices.Contains(have, "instance") {
		return out, notOurs(versionTable)
	}
	if slices.Contains(have, "schema_floor") {
		err = db.QueryRowContext(ctx, "SELECT oldest FROM schema_floor WHERE id = 'schema'").Scan(&out.Oldest)
	}
	return out, err
}

// usable refuses a schema that only a newer program understands. One that is merely newer is good:
// migrations add, and what they take away they announce in schema_floor.
func (s Schema) usable() error {
	if s.Oldest > s.Newest {
		return fault.New(fault.KindConflict, "the database has schema %d, which needs a program that knows schema %d or newer, and this one knows %d: "+
			"install the version of postern that runs elsewhere on this database", s.Version, s.Oldest, s.Newest)
	}
	return nil
}

func notOurs(what string) error {
	return fault.Invalid("database", "holds tables of another program (%s): give Postern a database of its own", what)
}

// foreign refuses a database with tables that are not ours. PostgreSQL may hold others, as long as
// no name is the same; a file of SQLite is one program's.
func foreign(ctx context.Context, e engine, have []string) error {
	_, newest, err := migrationList()
	if err != nil {
		return err
	}
	list, err := catalogue(ctx, newest)
	if err != nil {
		return err
	}
	var clash []string
	for _, name := range have {
		if e.shared() && !slices.ContainsFunc(list, func(t tableShape) bool { return t.name == name }) {
			continue
		}
		clash = append(clash, name)
	}
	if len(clash) == 0 {
		return nil
	}
	return notOurs(strings.Join(clash[:min(len(clash), 5)], ", "))
}

// tableShape is how a migrated table looks.
type tableShape struct {
	name    string
	columns []columnShape
	key     []string // columns of the primary key
	refs    []reference
}

type columnShape struct {
	name   string
	number bool // BIGINT, else TEXT
}

// reference is a foreign key of one column.
type reference struct{ column, table, target string }

func (t tableShape) names() []string {
	list := make([]string, len(t.columns))
	for i, c := range t.columns {
		list[i] = c.name
	}
	return list
}

// catalogue gives our tables as the migrations up to a version make them, by name. It asks the
// migrations themselves, in a database in memory: the dialect is the same on both engines.
func catalogue(ctx context.Context, version int64) (shapes []tableShape, err error) {
	list, newest, err := migrationList()
	if err != nil {
		return nil, err
	}
	if version < 1 || version > newest {
		return nil, fault.Internal(nil, "there is no schema %d", version)
	}
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection would have a memory of its own
	for _, m := range list {
		if m.version > version {
			break
		}
		if _, err := db.ExecContext(ctx, m.up); err != nil {
			return nil, fmt.Errorf("work out schema %d: %s: %w", version, m.file, err)
		}
	}
	names, err := sqliteTables(ctx, db)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		shape, err := shapeOf(ctx, db, name)
		if err != nil {
			return nil, err
		}
		shapes = append(shapes, shape)
	}
	return shapes, nil
}

func sqliteTables(ctx context.Context, db *sql.DB) ([]string, error) {
	return names(db.QueryContext(ctx, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"))
}

// names reads a result of one column.
func names(result *sql.Rows, err error) (list []string, _ error) {
	if err != nil {
		return nil, err
	}
	defer result.Close()
	for result.Next() {
		var name string
		if err := result.Scan(&name); err != nil {
			return nil, err
		}
		list = append(list, name)
	}
	return list, result.Err()
}

// shapeOf reads a table of SQLite. Names of tables come from our own migrations.
func shapeOf(ctx context.Context, db *sql.DB, table string) (tableShape, error) {
	t := tableShape{name: table}
	columns, err := db.QueryContext(ctx, "SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid", table)
	if err != nil {
		return t, err
	}
	defer columns.Close()
	keys := map[int]string{}
	for columns.Next() {
		var c columnShape
		var kind string
		var pk int
		if err := columns.Scan(&c.name, &kind, &pk); err != nil {
			return t, err
		}
		c.number = kind == "BIGINT"
		t.columns = append(t.columns, c)
		if pk > 0 {
			keys[pk] = c.name
		}
	}
	for i := 1; i <= len(keys); i++ {
		t.key = append(t.key, keys[i])
	}
	refs, err := db.QueryContext(ctx, `SELECT "from", "table", COALESCE("to", 'id') FROM pragma_foreign_key_list($1) ORDER BY id, seq`, table)
	if err := errors.Join(columns.Err(), err); err != nil {
		return t, err
	}
	defer refs.Close()
	for refs.Next() {
		var r reference
		if err := refs.Scan(&r.column, &r.table, &r.target); err != nil {
			return t, err
		}
		t.refs = append(t.refs, r)
	}
	return t, refs.Err()
}
