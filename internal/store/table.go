package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"postern/internal/access"
	"postern/internal/fault"
)

// table says how one noun lies in the database: its columns after id, version, created and
// updated, and how they are read and written. What every noun does with them is said here once.
type table[T any] struct {
	name    string
	what    string               // the noun for people: "application"
	columns []string             // beside those of access.Meta
	apart   []string             // columns that are read after those, and written by methods of their own
	filters map[string]condition // what Page.Only may ask for
	search  string               // what Page.Search looks in, in lower case; empty: nothing
	sorted  string               // the column of names that Page.Sort sorts by; empty: there are no names
	meta    func(*T) *access.Meta
	values  func(*T) []any                             // in the order of columns
	into    func(*T) (ptrs []any, finish func() error) // where to scan the columns and those apart, and what to do after
}

// condition gives SQL with %s for a placeholder, and its argument.
type condition func(value string) (sql string, arg any)

func equal(column string) condition {
	return func(value string) (string, any) { return column + " = %s", value }
}

// isTrue asks for a column that holds 0 or 1.
func isTrue(column string) condition {
	return func(value string) (string, any) { return column + " = %s", flag(value == "true") }
}

// isSet asks for a column that holds a time, or for one that holds none.
func isSet(column string) condition {
	return func(value string) (string, any) { return "(" + column + " > 0) = (%s > 0)", flag(value == "true") }
}

// listed asks for a list of words that holds one.
func listed(column string) condition {
	return func(value string) (string, any) {
		return column + ` LIKE %s ESCAPE '\'`, `%"` + escapeLike(value) + `"%`
	}
}

// over asks for what ended before a time, and good for what has not, or never ends.
func over(column string) condition {
	return func(at string) (string, any) { return column + " > 0 AND " + column + " <= %s", whole(at) }
}

func good(column string) condition {
	return func(at string) (string, any) { return "(" + column + " = 0 OR " + column + " > %s)", whole(at) }
}

const metaColumns = "id, version, created, updated"

func (b *table[T]) selected() string {
	return "SELECT " + strings.Join(slices.Concat([]string{metaColumns}, b.columns, b.apart), ", ") + " FROM " + b.name
}

func (b *table[T]) scan(row scanner, value *T) error {
	m := b.meta(value)
	var created, updated int64
	ptrs, finish := b.into(value)
	if err := row.Scan(append([]any{&m.ID, &m.Version, &created, &updated}, ptrs...)...); err != nil {
		return err
	}
	m.Created, m.Updated = moment(created), moment(updated)
	if finish == nil {
		return nil
	}
	return finish()
}

func (b *table[T]) one(ctx context.Context, t *Tx, where string, arg any) (T, error) {
	list, err := rows(ctx, t, b.scan, b.selected()+" WHERE "+where+" = $1", arg)
	if err == nil && len(list) == 0 {
		err = fault.NotFound("there is no such %s", b.what)
	}
	if err != nil {
		var none T
		return none, err
	}
	return list[0], nil
}

func (b *table[T]) all(ctx context.Context, t *Tx) ([]T, error) {
	return rows(ctx, t, b.scan, b.selected()+" ORDER BY created, id")
}

func (b *table[T]) insert(ctx context.Context, t *Tx, value *T) error {
	m := b.meta(value)
	if m.Version == 0 {
		m.Version = 1
	}
	args := append([]any{string(m.ID), m.Version, micros(m.Created), micros(m.Updated)}, b.values(value)...)
	_, err := t.exec(ctx, "INSERT INTO "+b.name+" ("+metaColumns+", "+strings.Join(b.columns, ", ")+") VALUES ("+marks(1, len(args))+")", args...)
	return err
}

// touchChunk is how many rows one statement touches at most.
const touchChunk = 100

// each runs a statement over many rows of values, which it calls "new": %s in the query. column1 is
// the id, the others have the given types. They are always touched in the same order, so that those
// who do it at once wait for each other in turn.
func (t *Tx) each(ctx context.Context, values map[access.ID][]any, types []string, query string) error {
	_, err := t.eachCounted(ctx, values, types, query)
	return err
}

// eachCounted also gives how many rows were written.
func (t *Tx) eachCounted(ctx context.Context, values map[access.ID][]any, types []string, query string) (count int64, err error) {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(values)), touchChunk) {
		var args []any
		tuples := make([]string, len(ids))
		for i, id := range ids {
			tuple := []string{fmt.Sprintf("(CAST($%d AS TEXT)", len(args)+1)}
			for j, kind := range types {
				tuple = append(tuple, fmt.Sprintf("CAST($%d AS %s)", len(args)+2+j, kind))
			}
			tuples[i] = strings.Join(tuple, ", ") + ")"
			args = append(append(args, string(id)), values[id]...)
		}
		n, err := t.exec(ctx, fmt.Sprintf(query, "(VALUES "+strings.Join(tuples, ", ")+") AS new"), args...)
		if err != nil {
			return count, err
		}
		count += n
	}
	return count, nil
}

// marks gives count placeholders from the first on: "$1, $2".
func marks(first, count int) string {
	list := make([]string, count)
	for i := range list {
		list[i] = "$" + strconv.Itoa(first+i)
	}
	return strings.Join(list, ", ")
}

// update writes a value that is still at the version it was read at, and counts that up.
func (b *table[T]) update(ctx context.Context, t *Tx, value *T) error {
	m := b.meta(value)
	args := append([]any{string(m.ID), m.Version, micros(m.Updated)}, b.values(value)...)
	sets := make([]string, len(b.columns))
	for i, column := range b.columns {
		sets[i] = column + " = $" + strconv.Itoa(i+4)
	}
	n, err := t.exec(ctx, "UPDATE "+b.name+" SET version = version + 1, updated = $3, "+strings.Join(sets, ", ")+
		" WHERE id = $1 AND version = $2", args...)
	if err != nil {
		return err
	}
	if n == 0 {
		return b.missed(ctx, t, m.ID)
	}
	m.Version++
	return nil
}

// remove deletes a value that is still at that version, or at any if version is 0.
func (b *table[T]) remove(ctx context.Context, t *Tx, id access.ID, version int64) error {
	n, err := t.exec(ctx, "DELETE FROM "+b.name+" WHERE id = $1 AND (CAST($2 AS BIGINT) = 0 OR version = $2)", string(id), version)
	if err != nil {
		return err
	}
	if n == 0 {
		return b.missed(ctx, t, id)
	}
	return nil
}

// missed tells why no row had the id and the version.
func (b *table[T]) missed(ctx context.Context, t *Tx, id access.ID) error {
	if _, err := b.one(ctx, t, "id", string(id)); err != nil {
		return err
	}
	return fault.New(fault.KindChanged, "somebody else changed this %s in the meantime; look at it again and repeat the change", b.what)
}

// A cursor is opaque outside: the place in the order of creation after which the next page begins.
func makeCursor(created int64, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(created, 10) + " " + id))
}

func parseCursor(text string) (created int64, id string, err error) {
	if text == "" {
		return -1 << 62, "", nil
	}
	bad := fault.Invalid("after", "must be the cursor that the page before gave")
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return 0, "", bad
	}
	first, id, ok := strings.Cut(string(data), " ")
	created, err = strconv.ParseInt(first, 10, 64)
	if err != nil || !ok || checkArgs([]any{id}) != nil {
		return 0, "", bad
	}
	return created, id, nil
}

func pageLimit(limit int) int {
	if limit <= 0 {
		return 100
	}
	return min(limit, 1000)
}

// maxSearch is how long a text may be that lists are searched for, in bytes. SQLite has a limit of
// its own for patterns.
const maxSearch = 1024

func checkSearch(text string) error {
	if len(text) > maxSearch || checkArgs([]any{text}) != nil {
		return fault.Invalid("search", "must be valid text of at most %d bytes", maxSearch)
	}
	return nil
}

func escapeLike(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}

func scanID(row scanner, id *access.ID) error { return row.Scan(id) }

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// nullable gives NULL for an empty id.
func nullable(id access.ID) any {
	if id == "" {
		return nil
	}
	return string(id)
}

func jsonList[T any](list []T) string {
	if len(list) == 0 {
		return "[]"
	}
	text, _ := json.Marshal(list) // strings: cannot fail
	return string(text)
}

// readList reads what jsonList wrote. An empty list is nil.
func readList[T any](text string, into *[]T) error {
	if text == "[]" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fault.Internal(err, "a list in the database is damaged")
	}
	return nil
}

func unhex(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	data, err := hex.DecodeString(text)
	if err != nil {
		return nil, fault.Internal(err, "a value in the database is damaged")
	}
	return data, nil
}
