package admin

import (
	"context"
	"slices"
	"strings"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/fault"
)

// The operations that nouns have in common. D is the type of the domain, T of the API, I of what
// may be written.

type stamped interface{ Identity() (string, int64) }

type (
	reader[D any]  = func(context.Context, access.Actor, access.ID) (D, error)
	lister[D any]  = func(context.Context, access.Actor, access.Page) ([]D, string, error)
	writer[D any]  = func(context.Context, access.Actor, D) (D, error)
	remover        = func(context.Context, access.Actor, access.ID, int64) error
	view[D, T any] = func(D) T
)

var paging = []parameter{
	{"limit", "How many objects a page has at most, 1 to 1000; 100 if left out.", "int32"},
	{"after", "The cursor next of the page before.", ""},
}

var dated = append(paging[:len(paging):len(paging)], parameter{"sort", "The order: created, the oldest first, if left out; or -created.", ""})

var searching = append(paging[:len(paging):len(paging)],
	parameter{"search", "Only objects whose name contains this, whatever its case; of users the display name and the e-mail address count, too.", ""},
	parameter{"sort", "The order: created, the oldest first, if left out; -created, name or -name.", ""})

// A filter is a parameter of a list. Its value is an id with the prefix, one of some words, or true
// or false.
type filter struct {
	name, doc string
	prefix    string
	words     []string
}

func parameters(base []parameter, filters []filter) []parameter {
	all := base[:len(base):len(base)]
	for _, f := range filters {
		all = append(all, parameter{f.name, f.doc, ""})
	}
	return all
}

// filtered reads the page that is asked for, and its filters.
func (c *call) filtered(filters []filter) (access.Page, error) {
	page, err := c.page()
	if err != nil {
		return page, err
	}
	var p fault.Problems
	for _, f := range filters {
		if _, given := c.query[f.name]; !given {
			continue
		}
		value := c.query.Get(f.name)
		switch {
		case f.prefix != "" && !access.ID(value).Valid(f.prefix):
			p.Add(f.name, "must be an id such as %s_…", f.prefix)
		case f.prefix == "" && !slices.Contains(f.words, value):
			p.Add(f.name, "must be one of %s", strings.Join(f.words, ", "))
		}
		if page.Only == nil {
			page.Only = map[string]string{}
		}
		page.Only[f.name] = value
	}
	return page, p.Err()
}

func list[D, T any](find lister[D], show view[D, T], filters ...filter) operation {
	return listing(searching, find, show, filters)
}

// unnamed lists what has no names.
func unnamed[D, T any](find lister[D], show view[D, T], filters ...filter) operation {
	return listing(dated, find, show, filters)
}

func listing[D, T any](base []parameter, find lister[D], show view[D, T], filters []filter) operation {
	return operation{out: typeOf[api.List[T]](), status: 200, query: parameters(base, filters), run: func(c *call) (reply, error) {
		page, err := c.filtered(filters)
		if err != nil {
			return reply{}, err
		}
		found, next, err := find(c, c.by, page)
		return listed(found, next, err, show)
	}}
}

func listed[D, T any](found []D, next string, err error, show view[D, T]) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	items := make([]T, len(found)) // an empty list is [], not null
	for i, d := range found {
		items[i] = show(d)
	}
	return reply{body: api.List[T]{Items: items, Next: next}, next: next}, nil
}

func one[D any, T stamped](prefix string, find reader[D], show view[D, T]) operation {
	return operation{out: typeOf[T](), status: 200, path: prefix, tagged: true, run: func(c *call) (reply, error) {
		found, err := find(c, c.by, c.id)
		if err != nil {
			return reply{}, err
		}
		return tagged(show(found)), nil
	}}
}

func tagged[T stamped](object T) reply {
	_, version := object.Identity()
	return reply{body: object, version: version}
}

// create makes an object: 201 with its place and its ETag.
func create[I any, T stamped](make func(*call, I) (T, error)) operation {
	return operation{in: typeOf[I](), out: typeOf[T](), status: 201, tagged: true, run: func(c *call) (reply, error) {
		in, err := into[I](c.body)
		if err != nil {
			return reply{}, err
		}
		object, err := make(c, in)
		if err != nil {
			return reply{}, err
		}
		answer := tagged(object)
		id, _ := object.Identity()
		answer.location = c.route.pattern + "/" + id
		return answer, nil
	}}
}

// change is how an object is patched.
type change[D, I, T any] struct {
	prefix string
	read   reader[D]
	input  func(D) I         // what of it may be written
	apply  func(*D, I) error // writes it
	write  writer[D]
	show   view[D, T]
}

// update applies a merge patch to what may be written, checks the result like a new object, and
// writes it against the version that was stated. Whatever the body says, the object is the one in
// the path.
func update[D, I any, T stamped](u change[D, I, T]) operation {
	return operation{in: typeOf[I](), out: typeOf[T](), status: 200, path: u.prefix, patch: true, tagged: true, match: "one",
		run: func(c *call) (reply, error) {
			object, err := u.read(c, c.by, c.id)
			if err != nil {
				return reply{}, err
			}
			if _, version := u.show(object).Identity(); c.condition.match(version) != nil {
				return reply{}, changed()
			}
			in, err := patched(c, u.input(object))
			if err != nil {
				return reply{}, err
			}
			if err := u.apply(&object, in); err != nil {
				return reply{}, err
			}
			if object, err = u.write(c, c.by, object); err != nil {
				return reply{}, err
			}
			return tagged(u.show(object)), nil
		}}
}

// patched merges the body of the call into what an object has now.
func patched[I any](c *call, now I) (I, error) {
	patch, ok := c.body.(map[string]any)
	if !ok {
		return now, fault.Invalid("body", "must be a JSON object")
	}
	was, err := into[map[string]any](now)
	if err != nil {
		return now, err
	}
	merged := merge(was, patch)
	if err := c.check(merged); err != nil {
		return now, err
	}
	return into[I](merged)
}

func remove(prefix string, remove remover) operation {
	return operation{status: 204, path: prefix, match: "any", run: func(c *call) (reply, error) {
		if !c.condition.any && c.condition.version == 0 {
			return reply{}, changed()
		}
		return reply{}, remove(c, c.by, c.id, c.condition.version)
	}}
}

// words turns a list of the domain into one of the API, never nil.
func words[W ~string](from []W) []string {
	to := make([]string, len(from))
	for i, w := range from {
		to[i] = string(w)
	}
	return to
}

// typed turns a list of the API into one of the domain.
func typed[W ~string](from []string) []W {
	var to []W
	for _, w := range from {
		to = append(to, W(w))
	}
	return to
}

func meta(m access.Meta) api.Meta {
	return api.Meta{ID: string(m.ID), Version: m.Version, Created: m.Created, Updated: m.Updated}
}
