package store

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"postern/internal/access"
	"postern/internal/fault"
)

// order is how a list is sorted: by when its objects were made, or by name.
type order struct {
	column string
	names  bool
	down   bool
}

func (b *table[T]) order(sort access.Sort) (order, error) {
	o := order{column: "created"}
	switch sort {
	case "", access.SortCreated:
	case access.SortNewest:
		o.down = true
	case access.SortName, access.SortNameDown:
		o = order{b.sorted, true, sort == access.SortNameDown}
	default:
		return o, fault.Invalid("sort", "must be one of %s, %s, %s, %s", access.SortCreated, access.SortNewest, access.SortName, access.SortNameDown)
	}
	if o.column == "" {
		return o, fault.Invalid("sort", "must be %s or %s: these have no names", access.SortCreated, access.SortNewest)
	}
	return o, nil
}

// sql gives what comes behind a cursor, with the numbers of two arguments, and the order.
func (o order) sql(first int) (where, by string) {
	than, way := ">", ""
	if o.down {
		than, way = "<", " DESC"
	}
	return fmt.Sprintf("(%s, id) %s ($%d, $%d)", o.column, than, first, first+1), " ORDER BY " + o.column + way + ", id" + way
}

// A cursor of a list by name says so: who changes the order midway is told, and not given nonsense.
func (o order) cursor(created int64, name, id string) string {
	if !o.names {
		return makeCursor(created, id)
	}
	return base64.RawURLEncoding.EncodeToString([]byte("=" + id + " " + name))
}

func (o order) parse(cursor string) (key any, id string, err error) {
	if !o.names {
		created, id, err := parseCursor(cursor)
		return created, id, err
	}
	data, err := base64.RawURLEncoding.DecodeString(cursor)
	id, name, ok := strings.Cut(strings.TrimPrefix(string(data), "="), " ")
	if err != nil || !ok || data[0] != '=' || checkArgs([]any{id, name}) != nil {
		return nil, "", fault.Invalid("after", "must be the cursor that the page before gave")
	}
	return name, id, nil
}

// page gives a part of the list, and the cursor of the next part.
func (b *table[T]) page(ctx context.Context, t *Tx, p access.Page) ([]T, string, error) {
	if err := checkArgs([]any{p.Search}); err != nil { // before folding, which would make bad text good
		return nil, "", err
	}
	if err := checkSearch(p.Search); err != nil {
		return nil, "", err
	}
	by, err := b.order(p.Sort)
	if err != nil {
		return nil, "", err
	}
	limit := pageLimit(p.Limit)
	args := []any{limit + 1}
	var where []string
	behind, sorted := by.sql(2)
	if p.After != "" {
		key, id, err := by.parse(p.After)
		if err != nil {
			return nil, "", err
		}
		where, args = append(where, behind), append(args, key, id)
	}
	if p.Search != "" && b.search != "" {
		args = append(args, "%"+escapeLike(strings.ToLower(p.Search))+"%")
		where = append(where, fmt.Sprintf(`%s LIKE $%d ESCAPE '\'`, b.search, len(args)))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Only)) {
		filter, ok := b.filters[name]
		if !ok {
			return nil, "", fault.Invalid(name, "is nothing that this list can be filtered by")
		}
		sql, arg := filter(p.Only[name])
		args = append(args, arg)
		where = append(where, fmt.Sprintf(sql, "$"+strconv.Itoa(len(args))))
	}
	query := b.selected()
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	list, err := rows(ctx, t, b.scan, query+sorted+" LIMIT $1", args...)
	if err != nil || len(list) <= limit {
		return list, "", err
	}
	last := &list[limit-1]
	return list[:limit], by.cursor(micros(b.meta(last).Created), b.nameOf(last), string(b.meta(last).ID)), nil
}

// nameOf gives the value of the column of names.
func (b *table[T]) nameOf(value *T) string {
	at := slices.Index(b.columns, b.sorted)
	if at < 0 {
		return ""
	}
	name, _ := b.values(value)[at].(string) // a column of text
	return name
}
