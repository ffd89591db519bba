package store

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"postern/internal/fault"
)

// A backup is one gzip stream of lines of JSON:
//
//	{"postern":"backup","format":1,…}          Header
//	{"table":"users","columns":["id",…]}       for each table, by name, and after it
//	["usr_1",1,null,…]                         its rows, by primary key: text, integers and null; of what is only measured, none
//	{"end":{"rows":7,"sha256":"…","mac":"…"}}  over all lines before
//
// It says nothing of the engine that it came from, so that either engine can be restored from it.
// The MAC is keyed with the master key, without which the sealed secrets are worth nothing anyway: a
// backup that somebody changed is told from one that was damaged, and neither is restored.

const backupFormat = 1

// Header says what a backup is of.
type Header struct {
	Postern       string    `json:"postern"` // always "backup"
	Format        int       `json:"format"`
	Schema        int64     `json:"schema"`
	Configuration uint64    `json:"configuration"` // version
	TrustDomain   string    `json:"trustDomain"`
	Key           string    `json:"key"` // id of the master key that its secrets are sealed under
	Taken         time.Time `json:"taken"`
}

type backupTable struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns"`
}

type backupEnd struct {
	End *struct {
		Rows   int64  `json:"rows"`
		SHA256 string `json:"sha256"`
		MAC    string `json:"mac"`
	} `json:"end"`
}

// Summary is what Backup wrote or Restore read.
type Summary struct {
	Header
	Rows   map[string]int64 // by table
	Digest string           // of all rows: the same for the same data, whatever the engine and the time
}

// Total gives how many rows there are.
func (s Summary) Total() (total int64) {
	for _, rows := range s.Rows {
		total += rows
	}
	return total
}

// Backup writes everything that the database holds, as it is at one moment, while others go on
// writing. The master key is not in it.
func (s *Store) Backup(ctx context.Context, w io.Writer) (Summary, error) {
	if s.schema.Version > s.schema.Newest {
		return Summary{}, fault.Conflict("the database has schema %d and this program knows %d: take the backup with the newer program",
			s.schema.Version, s.schema.Newest)
	}
	list, err := catalogue(ctx, s.schema.Version)
	if err != nil {
		return Summary{}, err
	}
	tx, err := s.reader.BeginTx(ctx, s.engine.view())
	if err != nil {
		return Summary{}, s.engine.explain(err)
	}
	defer tx.Rollback() // it has changed nothing
	if err := s.engine.unhurried(ctx, tx); err != nil {
		return Summary{}, s.engine.explain(err)
	}
	b := newBackupWriter(w)
	if b.Header, err = s.header(ctx, tx); err != nil {
		return Summary{}, s.engine.explain(err)
	}
	if _, err := b.line(b.Header); err != nil {
		return Summary{}, err
	}
	for _, t := range list {
		if err := b.table(ctx, tx, t); err != nil {
			return Summary{}, fmt.Errorf("back up the table %s: %w", t.name, s.engine.explain(inTime(ctx, err)))
		}
	}
	return b.finish(s.sealer.Load())
}

// header reads what the backup is of, in its own transaction. SQLite's view begins with it.
func (s *Store) header(ctx context.Context, tx *sql.Tx) (Header, error) {
	h := Header{Postern: "backup", Format: backupFormat, Schema: s.schema.Version, Taken: time.Now().UTC().Truncate(time.Second)}
	var check string
	err := tx.QueryRowContext(ctx, "SELECT trust_domain, version, key_check FROM instance WHERE id = $1", instanceRow).
		Scan(&h.TrustDomain, &h.Configuration, &check)
	h.Key, _, _ = strings.Cut(check, ":")
	if err == nil && h.Key != s.sealer.Load().id {
		err = fault.Conflict("the master key was changed while the backup began: start it again")
	}
	return h, err
}

// backupWriter writes the lines of a backup.
type backupWriter struct {
	Summary
	zip  *gzip.Writer
	out  *bufio.Writer
	all  hash.Hash // of every line
	data digest    // of tables and rows only
	rows int64
}

func newBackupWriter(w io.Writer) *backupWriter {
	b := &backupWriter{Summary: Summary{Rows: map[string]int64{}}, all: sha256.New()}
	b.zip, _ = gzip.NewWriterLevel(w, gzip.BestSpeed) // a level that exists
	b.out = bufio.NewWriterSize(b.zip, 64<<10)
	return b
}

// line writes a value as one line and gives it.
func (b *backupWriter) line(value any) (string, error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil { // ends with a newline
		return "", err
	}
	io.WriteString(b.all, text.String()) // never fails
	_, err := b.out.WriteString(text.String())
	return strings.TrimSuffix(text.String(), "\n"), err
}

func (b *backupWriter) table(ctx context.Context, tx *sql.Tx, t tableShape) error {
	if _, err := b.line(backupTable{t.name, t.names()}); err != nil {
		return err
	}
	if measured(t.name) {
		return nil
	}
	order := t.key
	if len(order) == 0 {
		order = t.names()
	}
	result, err := tx.QueryContext(ctx, "SELECT "+strings.Join(t.names(), ", ")+" FROM "+t.name+" ORDER BY "+strings.Join(order, ", "))
	if err != nil {
		return err
	}
	defer result.Close()
	row, into := rowOf(t)
	for result.Next() {
		if err := result.Scan(into...); err != nil {
			return err
		}
		values := make([]any, len(row))
		for i, value := range row {
			switch v := value.(type) {
			case *sql.NullInt64:
				values[i] = orNull(v.Valid, v.Int64)
			case *sql.NullString:
				if !utf8.ValidString(v.String) {
					return fault.Internal(nil, "a text in the column %s is damaged", t.columns[i].name)
				}
				values[i] = orNull(v.Valid, v.String)
			}
		}
		text, err := b.line(values)
		if err != nil {
			return err
		}
		b.data.add(t.name, text)
		b.Rows[t.name]++
		b.rows++
	}
	return result.Err()
}

// rowOf gives places for the values of a row.
func rowOf(t tableShape) (row, into []any) {
	for _, c := range t.columns {
		var place any = &sql.NullString{}
		if c.number {
			place = &sql.NullInt64{}
		}
		row, into = append(row, place), append(into, place)
	}
	return row, into
}

func orNull(valid bool, value any) any {
	if !valid {
		return nil
	}
	return value
}

func (b *backupWriter) finish(key *sealer) (Summary, error) {
	sum := b.all.Sum(nil)
	end := map[string]any{"end": map[string]any{"rows": b.rows, "sha256": hex.EncodeToString(sum), "mac": hex.EncodeToString(key.proof(sum))}}
	if _, err := b.line(end); err != nil {
		return Summary{}, err
	}
	if err := b.out.Flush(); err != nil {
		return Summary{}, err
	}
	b.Digest = b.data.String()
	return b.Summary, b.zip.Close()
}

// proof says that whoever has the master key made what has this sum.
func (s *sealer) proof(sum []byte) []byte {
	mac := hmac.New(sha256.New, s.mac)
	mac.Write(sum)
	return mac.Sum(nil)
}

// digest is a sum of rows that does not depend on their order, which the engines' collations decide.
type digest [4]uint64

func (d *digest) add(table, row string) {
	sum := sha256.Sum256([]byte(table + "\x00" + row))
	for i := range d {
		d[i] += binary.BigEndian.Uint64(sum[8*i:])
	}
}

// String gives it in hexadecimal.
func (d *digest) String() string { return fmt.Sprintf("%016x%016x%016x%016x", d[0], d[1], d[2], d[3]) }
