package pg_test

import (
	"database/sql"
	"testing"

	"postern/internal/posterntest/pg"
)

func connect(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestServerKeepsWhatItAcknowledged(t *testing.T) {
	server := pg.New(t)
	url, other := server.Database(t), server.Database(t)
	if _, err := connect(t, url).Exec("CREATE TABLE notes (id BIGINT PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, other).Exec("SELECT id FROM notes"); err == nil {
		t.Error("two databases of one server share a table")
	}
	for i, end := range []func(testing.TB){server.Kill, server.Stop} {
		if _, err := connect(t, url).Exec("INSERT INTO notes (id) VALUES ($1)", i); err != nil {
			t.Fatal(err)
		}
		end(t)
		if err := connect(t, url).Ping(); err == nil {
			t.Error("a server that was ended answers")
		}
		server.Start(t)
		var count int
		if err := connect(t, url).QueryRow("SELECT count(*) FROM notes").Scan(&count); err != nil || count != i+1 {
			t.Errorf("%d notes after a restart, want %d: %v", count, i+1, err)
		}
	}
}
