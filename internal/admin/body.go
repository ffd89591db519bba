package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"postern/internal/fault"
)

const (
	maxDepth   = 16      // of nested values in a request
	maxFields  = 4096    // values in one object or array of a request
	maxObjects = 100_000 // the same in a request that carries a whole configuration
)

// parse reads one JSON value strictly (RFC 8259, and what RFC 7493 forbids beyond it): valid UTF-8, no name twice in
// an object, nothing after the value, no control characters in strings, bounded depth.
func parse(body []byte, limit int) (any, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, fault.Invalid("body", "must not be empty")
	}
	if !utf8.Valid(body) {
		return nil, fault.Invalid("body", "must be valid UTF-8")
	}
	d := parser{Decoder: json.NewDecoder(bytes.NewReader(body)), limit: limit}
	value, err := d.value("", 0)
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return nil, e
	}
	if err != nil {
		return nil, fault.Invalid("body", "must be JSON: %s", jsonReason(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fault.Invalid("body", "must be one JSON value and nothing after it")
	}
	return value, d.problems.Err()
}

// A parser reads one JSON value.
type parser struct {
	*json.Decoder
	limit    int // values in one object or array
	problems fault.Problems
}

func jsonReason(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

func (d *parser) value(path string, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fault.Invalid(orBody(path), "must not be nested deeper than %d values", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return d.object(path, depth)
		}
		return d.array(path, depth)
	case string:
		checkText(&d.problems, path, t)
	}
	return token, nil
}

func (d *parser) object(path string, depth int) (any, error) {
	object := map[string]any{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string) // the decoder allows nothing else here
		at := join(path, name)
		if _, twice := object[name]; twice {
			d.problems.Add(at, "must not be given twice")
		}
		if object[name], err = d.value(at, depth+1); err != nil {
			return nil, err
		}
		if len(object) > d.limit {
			return nil, fault.Invalid(orBody(path), "must not have more than %d members", d.limit)
		}
	}
	_, err := d.Token()
	return object, err
}

func (d *parser) array(path string, depth int) (any, error) {
	array := []any{}
	for d.More() {
		value, err := d.value(fmt.Sprintf("%s[%d]", path, len(array)), depth+1)
		if err != nil {
			return nil, err
		}
		if array = append(array, value); len(array) > d.limit {
			return nil, fault.Invalid(orBody(path), "must not have more than %d values", d.limit)
		}
	}
	_, err := d.Token()
	return array, err
}

// checkText refuses what no field of ours may hold: some stores cannot keep it, some terminals act
// on it. The decoder turns half a surrogate pair into the replacement character.
func checkText(p *fault.Problems, path, text string) {
	bad := func(r rune) bool {
		return r == unicode.ReplacementChar || unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
	}
	if strings.ContainsFunc(text, bad) {
		p.Add(orBody(path), "must not contain control characters or broken ones")
	}
}

// A checker holds values against schemas of the OpenAPI document, so that what is documented and
// what is refused are the same.
type checker struct {
	registry huma.Registry
	fixed    *huma.Schema // optional: of the whole object; its members that may not be written get a better sentence
	problems fault.Problems
}

// check notes everything that is wrong with a value.
func (c *checker) check(s *huma.Schema, path string, value any) {
	for s.Ref != "" {
		s = c.registry.SchemaFromRef(s.Ref)
	}
	switch s.Type {
	case huma.TypeObject:
		if object, ok := value.(map[string]any); ok {
			c.object(s, path, object)
			return
		}
		c.problems.Add(orBody(path), "must be a JSON object")
	case huma.TypeArray:
		array, ok := value.([]any)
		if !ok {
			c.problems.Add(orBody(path), "must be a JSON array")
		}
		for i, item := range array {
			c.check(s.Items, fmt.Sprintf("%s[%d]", path, i), item)
		}
	case huma.TypeBoolean:
		if _, ok := value.(bool); !ok {
			c.problems.Add(orBody(path), "must be true or false")
		}
	case huma.TypeInteger:
		number, ok := value.(float64)
		if !ok || number != math.Trunc(number) || math.Abs(number) > 1<<53 {
			c.problems.Add(orBody(path), "must be a whole number")
		} else if s.Minimum != nil && number < *s.Minimum {
			c.problems.Add(path, "must be at least %g", *s.Minimum)
		}
	case huma.TypeString:
		if text, ok := value.(string); ok {
			c.text(s, path, text)
			return
		}
		c.problems.Add(orBody(path), "must be a string")
	}
}

func (c *checker) object(s *huma.Schema, path string, object map[string]any) {
	_, open := s.AdditionalProperties.(*huma.Schema) // members of any name
	for _, name := range slices.Sorted(maps.Keys(object)) {
		at := join(path, name)
		member, known := s.Properties[name]
		switch {
		case !known && open:
		case !known && path == "" && c.fixed != nil && c.fixed.Properties[name] != nil:
			c.problems.Add(at, "is set by the service and cannot be written")
		case !known:
			c.problems.Add(at, "is not a field of this request")
		case object[name] == nil && slices.Contains(s.Required, name):
			c.problems.Add(at, "must not be null")
		case object[name] != nil:
			c.check(member, at, object[name])
		}
	}
	for _, name := range s.Required {
		if _, given := object[name]; !given {
			c.problems.Add(join(path, name), "must be given")
		}
	}
}

func (c *checker) text(s *huma.Schema, path, text string) {
	switch {
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, any(text)):
		c.problems.Add(path, "must be one of %s", enumeration(s.Enum))
	case s.MinLength != nil && utf8.RuneCountInString(text) < *s.MinLength:
		c.problems.Add(path, "must not be empty")
	case s.Format == "date-time":
		var t time.Time
		if t.UnmarshalText([]byte(text)) != nil {
			c.problems.Add(path, "must be a time such as 2026-01-31T12:00:00Z")
		}
	}
}

func enumeration(values []any) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprintf("%q", v)
	}
	return strings.Join(words, ", ")
}

// into turns a checked value into its Go type.
func into[T any](value any) (T, error) {
	var typed T
	data, err := json.Marshal(value)
	if err != nil {
		return typed, fault.Internal(err, "the request could not be read")
	}
	if err := json.Unmarshal(data, &typed); err != nil {
		// The check against the schema lets nothing through that the type does not hold.
		return typed, fault.Internal(err, "the request could not be read")
	}
	return typed, nil
}

// merge applies a JSON merge patch to an object (RFC 7386, section 2).
func merge(target map[string]any, patch map[string]any) map[string]any {
	result := maps.Clone(target)
	if result == nil {
		result = map[string]any{}
	}
	for name, value := range patch {
		switch v := value.(type) {
		case nil:
			delete(result, name)
		case map[string]any:
			inner, _ := result[name].(map[string]any)
			result[name] = merge(inner, v)
		default:
			result[name] = value
		}
	}
	return result
}

func join(path, name string) string {
	// A name comes from whoever asks; it goes into an answer, so it is kept short and printable.
	if len(name) > 64 {
		name = strings.ToValidUTF8(name[:64], "") + "…"
	}
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, name)
	if path == "" {
		return name
	}
	return path + "." + name
}

func orBody(path string) string {
	if path == "" {
		return "body"
	}
	return path
}
