package admin

import (
	"net/http"
	"strconv"
	"strings"

	"postern/internal/fault"
)

// condition is what a request demands of the object it changes (RFC 9110, section 13.1.1).
type condition struct {
	given   bool
	any     bool  // If-Match: *
	version int64 // otherwise; 0 is of no object
}

// readCondition reads If-Match. Our ETags are versions in quotes; a tag of another form was never
// given out, so it matches nothing.
func readCondition(h http.Header) (condition, error) {
	values := h.Values("If-Match")
	if len(values) == 0 {
		return condition{}, nil
	}
	text := strings.TrimSpace(values[0])
	if len(values) > 1 || strings.Contains(text, ",") {
		return condition{}, fault.Invalid("If-Match", "must be one ETag")
	}
	if text == "*" {
		return condition{given: true, any: true}, nil
	}
	weak := strings.HasPrefix(text, "W/")
	tag := strings.TrimPrefix(text, "W/")
	if len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"' || strings.Contains(tag[1:len(tag)-1], `"`) {
		return condition{}, fault.Invalid("If-Match", `must be the object's ETag in quotes, such as "3"`)
	}
	version, err := strconv.ParseInt(tag[1:len(tag)-1], 10, 64)
	if err != nil || version < 1 || weak || etag(version) != tag {
		return condition{given: true}, nil
	}
	return condition{given: true, version: version}, nil
}

// one demands that a version was stated.
func (c condition) one() error {
	if !c.given || c.any {
		return fault.New(fault.KindPrecondition, "say in If-Match which version of the object you saw: its ETag")
	}
	return nil
}

// oneOrAny demands that a version was stated, or that any will do.
func (c condition) oneOrAny() error {
	if !c.given {
		return fault.New(fault.KindPrecondition, "say in If-Match which version of the object you saw (its ETag), or * for any")
	}
	return nil
}

// match holds the condition against the object's version.
func (c condition) match(version int64) error {
	if c.given && !c.any && c.version != version {
		return changed()
	}
	return nil
}

func changed() error {
	return fault.New(fault.KindChanged, "somebody else changed it since you read it: read it again, then repeat your change")
}

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }
