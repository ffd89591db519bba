package admin

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"postern/internal/api"
	"postern/internal/fault"
	"postern/internal/web"
)

// OpenAPI gives the document of the admin API (OpenAPI 3.1), YAML. It is the same for every service
// of this version.
func OpenAPI() ([]byte, error) {
	h := &Handler{}
	document := describe(h.table())
	data, err := document.YAML()
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	return data, nil
}

// documents serves the OpenAPI document, which is no secret. It is written when somebody asks for it first:
// that took longer than all else of a start.
func (h *Handler) documents() {
	serve := func(kind string, write func() ([]byte, error)) http.HandlerFunc {
		once := sync.OnceValues(write)
		return func(w http.ResponseWriter, r *http.Request) {
			body, err := once()
			if err != nil {
				web.Problem(w, r, fault.Internal(err, "write the OpenAPI document"))
				return
			}
			w.Header().Set("Content-Type", kind)
			w.Write(body)
		}
	}
	h.mux.HandleFunc("GET /openapi.yaml", serve("application/yaml", h.document.YAML))
	h.mux.HandleFunc("GET /openapi.json", serve("application/json", func() ([]byte, error) { return json.Marshal(h.document) }))
}

// describe makes the document of the routes, and with it the schemas that requests are held
// against.
func describe(routes []route) *huma.OpenAPI {
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	document := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: "Postern admin API", Version: "1",
			License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			Description: "Everything that administrators can do. Changes of an object state the version they saw in If-Match (its ETag), so nobody " +
				"overwrites what somebody else has just changed. Lists come in pages with a cursor. Errors are problem documents (RFC 9457) whose " +
				"fields say what is wrong."},
		Components: &huma.Components{Schemas: registry, Responses: map[string]*huma.Response{}, SecuritySchemes: map[string]*huma.SecurityScheme{
			"apiKey": {Type: "http", Scheme: "bearer", Description: "The secret of an API key."}}},
		Security: []map[string][]string{{"apiKey": {}}},
	}
	problem := registry.Schema(typeOf[api.Problem](), true, "")
	for _, kind := range fault.Kinds() {
		document.Components.Responses[kind.String()] = &huma.Response{Description: http.StatusText(web.Status(kind)),
			Content: map[string]*huma.MediaType{"application/problem+json": {Schema: problem}}}
	}
	for _, rt := range routes {
		document.AddOperation(rt.describe(registry))
	}
	for _, tag := range []string{"applications", "assignments", "connectors", "connector-groups", "gateways", "tokens", "users", "groups", "upstreams", "keys",
		"certificates", "audit", "sign-ins", "traffic", "exports", "configuration", "service"} {
		document.Tags = append(document.Tags, &huma.Tag{Name: tag})
	}
	return document
}

func (rt *route) describe(registry huma.Registry) *huma.Operation {
	op := &huma.Operation{
		OperationID: rt.name, Method: rt.method, Path: rt.pattern, Summary: rt.summary, Tags: []string{rt.tag},
		Description: rt.whom(), Parameters: rt.parameters(), Responses: map[string]*huma.Response{},
	}
	if rt.open {
		op.Security = []map[string][]string{{}}
	}
	if rt.in != nil {
		schema, kind := registry.Schema(rt.in, true, ""), "application/json"
		if rt.patch {
			kind = "application/merge-patch+json"
		}
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{kind: {Schema: schema}}}
		if rt.patch {
			op.RequestBody.Description = "A JSON merge patch (RFC 7386): only the members that change; null resets one to its default."
			op.RequestBody.Content[kind] = &huma.MediaType{Schema: partial(registry, schema.Ref)}
		}
	}
	good := &huma.Response{Description: http.StatusText(rt.status), Headers: rt.headers()}
	if rt.out != nil {
		good.Content = map[string]*huma.MediaType{"application/json": {Schema: registry.Schema(rt.out, true, "")}}
	}
	if rt.file != "" {
		good.Content = map[string]*huma.MediaType{rt.file: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
	}
	op.Responses[strconv.Itoa(rt.status)] = good
	if rt.match == "replace" {
		op.Responses["201"] = &huma.Response{Description: http.StatusText(http.StatusCreated), Headers: good.Headers, Content: good.Content}
	}
	for _, kind := range rt.faults() {
		status := web.Status(kind)
		op.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + kind.String()}
	}
	return op
}

// partial adds a schema in which every member of another may be left out or be null.
func partial(registry huma.Registry, ref string) *huma.Schema {
	s := *registry.SchemaFromRef(ref)
	s.Required = nil
	s.Properties = maps.Clone(s.Properties)
	for name, property := range s.Properties {
		member := *property
		member.Nullable = true
		member.Default = nil
		s.Properties[name] = &member
	}
	ref = strings.TrimSuffix(ref, "Input") + "Patch"
	registry.Map()[ref[strings.LastIndex(ref, "/")+1:]] = &s
	return &huma.Schema{Ref: ref}
}

func (rt *route) whom() string {
	switch {
	case rt.open:
		return "For anyone; needs no API key."
	case rt.roles == nil:
		return "For every API key."
	}
	names := make([]string, len(rt.roles))
	for i, role := range rt.roles {
		names[i] = string(role)
	}
	return "For the roles " + strings.Join(names, ", ") + "."
}

func (rt *route) parameters() []*huma.Param {
	text := &huma.Schema{Type: huma.TypeString}
	var params []*huma.Param
	for _, name := range []string{"id", "domain"} {
		if strings.Contains(rt.pattern, "{"+name+"}") {
			params = append(params, &huma.Param{Name: name, In: "path", Required: true, Schema: text})
		}
	}
	for _, q := range rt.query {
		schema := text
		switch q.format {
		case "int32":
			low, high := 1.0, float64(api.MaxPage)
			schema = &huma.Schema{Type: huma.TypeInteger, Format: q.format, Minimum: &low, Maximum: &high}
		case "date-time":
			schema = &huma.Schema{Type: huma.TypeString, Format: q.format}
		}
		params = append(params, &huma.Param{Name: q.name, In: "query", Description: q.doc, Schema: schema})
	}
	if rt.match != "" {
		doc := map[string]string{
			"one":     "The ETag of the version that you saw.",
			"any":     "The ETag of the version that you saw, or * for any.",
			"replace": "When there is one already: the ETag of the version that you saw, or * for any.",
		}[rt.match]
		params = append(params, &huma.Param{Name: "If-Match", In: "header", Required: rt.match != "replace", Description: doc, Schema: text})
	}
	return params
}

func (rt *route) headers() map[string]*huma.Param {
	headers := map[string]*huma.Param{}
	text := &huma.Schema{Type: huma.TypeString}
	if rt.tagged {
		headers["ETag"] = &huma.Param{Description: "The object's version.", Schema: text}
	}
	if rt.status == http.StatusCreated {
		headers["Location"] = &huma.Param{Description: "Where the new object is.", Schema: text}
	}
	if len(rt.query) > 0 {
		headers["Link"] = &huma.Param{Description: `The next page, rel="next" (RFC 8288).`, Schema: text}
	}
	return headers
}

// faults lists the kinds of error that the route answers with.
func (rt *route) faults() []fault.Kind {
	kinds := []fault.Kind{fault.KindInvalid, fault.KindLimited, fault.KindInternal, fault.KindUnavailable}
	if !rt.open {
		kinds = append(kinds, fault.KindUnauthenticated, fault.KindForbidden)
	}
	if strings.Contains(rt.pattern, "{") {
		kinds = append(kinds, fault.KindNotFound)
	}
	if rt.match != "" {
		kinds = append(kinds, fault.KindPrecondition, fault.KindChanged)
	}
	if rt.method != http.MethodGet {
		kinds = append(kinds, fault.KindConflict)
	}
	if rt.in != nil {
		kinds = append(kinds, fault.KindTooLarge)
	}
	slices.Sort(kinds)
	return kinds
}
