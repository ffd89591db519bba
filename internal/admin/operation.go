package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/web"
)

// An operation is what a route does: the types that the OpenAPI document tells of, and the code.
type operation struct {
	in     reflect.Type // of the request body; nil without one
	out    reflect.Type // of the answer; nil without one
	status int
	file   string // media type of the answer, if it is a file and not out
	query  []parameter
	path   string // prefix of the ids in the path; empty if there is none
	patch  bool   // the body is a merge patch of in
	large  bool   // the body may be as large as a whole configuration
	tagged bool   // the answer carries an ETag
	match  string // what If-Match must be: "", "one" (a version), "any" (or *), "replace" (when there is one to replace)
	run    func(*call) (reply, error)
}

// A parameter of the query.
type parameter struct{ name, doc, format string }

// A call is one request on its way.
type call struct {
	context.Context
	by        access.Actor
	id        access.ID // of the object in the path
	domain    string
	query     url.Values
	condition condition
	body      any // checked against in; with patch only parsed
	route     *route
	h         *Handler
}

// A reply is a good answer.
type reply struct {
	status   int // the operation's if zero
	body     any // nil: none
	version  int64
	location string
	next     string
	file     *spooled // instead of a body
	name     string   // of the file
}

// serve answers one request. The order matters: nothing of the body is read before it is known who
// asks.
func (h *Handler) serve(rt *route, w http.ResponseWriter, r *http.Request) {
	ctx, change := control.Noting(r.Context())
	c := &call{Context: ctx, route: rt, h: h, domain: strings.ToLower(strings.TrimSpace(r.PathValue("domain")))}
	answer, err := h.run(c, w, r)
	if *change > 0 { // it was made, whatever came of the rest
		w.Header().Set("Postern-Change", strconv.FormatUint(*change, 10))
	}
	if err != nil {
		if fault.KindOf(err) == fault.KindInternal {
			h.cfg.Log.Error("admin request went wrong", "operation", rt.name, "reference", web.RequestID(r.Context()), "error", err)
		}
		if fault.Is(err, fault.KindUnauthenticated) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="postern", resource_metadata="`+h.url(r)+protectedPath+`"`)
		}
		web.Problem(w, r, err)
		return
	}
	if answer.file != nil {
		h.send(rt, w, r, answer)
		return
	}
	h.write(rt, w, r, answer)
}

func (h *Handler) run(c *call, w http.ResponseWriter, r *http.Request) (reply, error) {
	if err := h.admit(c, r); err != nil {
		return reply{}, err
	}
	if err := c.readHead(r); err != nil {
		return reply{}, err
	}
	if c.route.file != "" { // it may take longer to make than answers do
		patient := http.NewResponseController(w)
		_ = errors.Join(patient.SetReadDeadline(time.Time{}), patient.SetWriteDeadline(time.Time{})) // send sets its own
	}
	if c.route.in != nil {
		if err := c.readBody(w, r); err != nil {
			return reply{}, err
		}
	}
	return c.route.run(c)
}

// admit finds out who asks. Open routes take anyone, at the pace of wrong credentials.
func (h *Handler) admit(c *call, r *http.Request) (err error) {
	if !c.route.open {
		c.by, err = h.authenticate(r)
		return err
	}
	if err := h.origin.Check(r); err != nil {
		return fault.Forbidden("the request comes from a page of another site").Because(err)
	}
	c.by = anyone(r)
	return nil
}

// readHead checks what stands in the path, the query and If-Match.
func (c *call) readHead(r *http.Request) error {
	if id := r.PathValue("id"); c.route.path != "" {
		if c.id = access.ID(id); !c.id.Valid(c.route.path) {
			return fault.NotFound("there is no %s with this id", strings.TrimSuffix(c.route.tag, "s"))
		}
	}
	var p fault.Problems
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault.Invalid("query", "must be names and values as in a URL")
	}
	for name, values := range query {
		known := slices.ContainsFunc(c.route.query, func(q parameter) bool { return q.name == name })
		switch {
		case !known:
			p.Add(join("", name), "is not a parameter of this request; %s", parametersOf(c.route))
		case len(values) > 1:
			p.Add(name, "must not be given twice")
		default:
			checkText(&p, name, values[0])
		}
	}
	c.query = query
	if err := p.Err(); err != nil {
		return err
	}
	if c.condition, err = readCondition(r.Header); err != nil {
		return err
	}
	switch c.route.match {
	case "one":
		return c.condition.one()
	case "any":
		return c.condition.oneOrAny()
	}
	return nil
}

func parametersOf(rt *route) string {
	if len(rt.query) == 0 {
		return "it has none"
	}
	names := make([]string, len(rt.query))
	for i, q := range rt.query {
		names[i] = q.name
	}
	return "those are " + strings.Join(names, ", ")
}

// readBody reads and checks the body. A patch is checked when it has been applied.
func (c *call) readBody(w http.ResponseWriter, r *http.Request) error {
	limit, kinds, count := int64(api.MaxBody), []string{"application/json"}, maxFields
	switch {
	case c.route.open:
		limit = 16 << 10
	case c.route.large:
		limit, count = api.MaxApply, maxObjects
	}
	if c.route.patch {
		kinds = []string{"application/merge-patch+json", "application/json"}
	}
	raw, err := web.ReadBody(w, r, limit, kinds...)
	if err != nil {
		return err
	}
	value, err := parse(raw, count)
	if err != nil {
		return err
	}
	if c.route.patch {
		if _, ok := value.(map[string]any); !ok {
			return fault.Invalid("body", "must be a JSON object")
		}
		c.body = value
		return nil
	}
	c.body = value
	return c.check(value)
}

// check holds a value against the schema of what may be written.
func (c *call) check(value any) error {
	k := checker{registry: c.h.document.Components.Schemas}
	if c.route.out != nil {
		k.fixed = k.registry.Schema(c.route.out, false, "")
	}
	k.check(k.registry.Schema(c.route.in, false, ""), "", value)
	return k.problems.Err()
}

func (h *Handler) write(rt *route, w http.ResponseWriter, r *http.Request, a reply) {
	if a.status == 0 {
		a.status = rt.status
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	if a.version > 0 {
		header.Set("ETag", etag(a.version))
	}
	if a.location != "" {
		header.Set("Location", a.location)
	}
	if a.next != "" {
		next := r.URL.Query()
		next.Set("after", a.next)
		header.Set("Link", "<"+r.URL.Path+"?"+next.Encode()+`>; rel="next"`)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	data, err := json.Marshal(a.body)
	if err != nil {
		h.cfg.Log.Error("answer cannot be encoded", "operation", rt.name, "error", err)
		web.Problem(w, r, fault.Internal(err, "the answer could not be made"))
		return
	}
	header.Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	w.Write(append(data, '\n'))
}

// page reads the parameters that every list has.
func (c *call) page() (access.Page, error) { return c.pageBy(access.Sorts()) }

// pageBy reads the same of a list with orders of its own.
func (c *call) pageBy(sorts []access.Sort) (access.Page, error) {
	page := access.Page{After: c.query.Get("after"), Search: c.query.Get("search"), Sort: access.Sort(c.query.Get("sort"))}
	var p fault.Problems
	if _, given := c.query["sort"]; given && !slices.Contains(sorts, page.Sort) {
		p.Add("sort", "must be one of %s", strings.Join(words(sorts), ", "))
	}
	if text, given := c.query["limit"]; given {
		n, err := strconv.Atoi(text[0])
		if err != nil || n < 1 || n > api.MaxPage || strconv.Itoa(n) != text[0] {
			p.Add("limit", "must be a number from 1 to %d", api.MaxPage)
		}
		page.Limit = n
	}
	if len(page.After) > 512 {
		p.Add("after", "must be the cursor that the page before gave")
	}
	if len(page.Search) > 256 {
		p.Add("search", "must be at most 256 bytes long")
	}
	return page, p.Err()
}

// time reads a parameter that is a time; zero when it is not given.
func (c *call) time(name string) (time.Time, error) {
	text := c.query.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	var t time.Time
	if t.UnmarshalText([]byte(text)) != nil {
		return t, fault.Invalid(name, "must be a time such as 2026-01-31T12:00:00Z")
	}
	return t.UTC(), nil
}

// reference reads a parameter that is an id; empty when it is not given.
func (c *call) reference(name string, prefixes ...string) (access.ID, error) {
	id := access.ID(c.query.Get(name))
	if id != "" && !slices.ContainsFunc(prefixes, id.Valid) {
		return "", fault.Invalid(name, "must be an id such as %s_…", prefixes[0])
	}
	return id, nil
}

// typeOf names a type for the document and for the check of bodies.
func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// schemaName names a type in the OpenAPI document.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	if inner, ok := strings.CutPrefix(name, "List"); ok && inner != "" {
		return inner + "List"
	}
	return name
}
