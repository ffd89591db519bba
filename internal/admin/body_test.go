package admin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/api"
	"postern/internal/fault"
	"postern/internal/web"
)

func TestParse(t *testing.T) {
	deep := strings.Repeat("[", 20) + strings.Repeat("]", 20)
	tests := []struct{ name, body, wrong string }{
		{"object", `{"a":[1,true,null,"x"]}`, ""},
		{"blanks around", " \n{}\t", ""},
		{"tab and newline in a string", `{"a":"x\ty\nz"}`, ""},
		{"empty", ``, "body must not be empty"},
		{"blank", ` `, "body must not be empty"},
		{"cut off", `{"a":`, "body must be JSON: it ends too early"},
		{"cut off string", `{"a":"b`, "body must be JSON"},
		{"trailing value", `{} {}`, "body must be one JSON value and nothing after it"},
		{"trailing brace", `{}}`, "body must be one JSON value and nothing after it"},
		{"trailing comma", `{"a":1,}`, "body must be JSON"},
		{"comment", `{/*x*/}`, "body must be JSON"},
		{"single quotes", `{'a':1}`, "body must be JSON"},
		{"unquoted name", `{a:1}`, "body must be JSON"},
		{"name twice", `{"a":1,"a":2}`, "a must not be given twice"},
		{"name twice, escaped", `{"a":1,"\u0061":2}`, "a must not be given twice"},
		{"name twice, inside", `{"b":{"a":1,"a":2}}`, "b.a must not be given twice"},
		{"name twice, in a list", `[{"a":1,"a":2}]`, "[0].a must not be given twice"},
		{"too deep", deep, "must not be nested deeper"},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", "body must be valid UTF-8"},
		{"half a surrogate pair", `{"a":"\ud800"}`, "a must not contain control characters or broken ones"},
		{"NUL", `{"a":"x\u0000y"}`, "a must not contain control characters or broken ones"},
		{"escape", `{"a":["\u001b[31m"]}`, "a[0] must not contain control characters or broken ones"},
		{"byte order mark", "\ufeff{}", "body must be JSON"},
		{"NaN", `{"a":NaN}`, "body must be JSON"},
		{"many members", "[" + strings.Repeat("0,", maxFields) + "0]", "must not have more than"},
	}
	for _, test := range tests {
		_, err := parse([]byte(test.body), maxFields)
		if test.wrong == "" && err != nil || test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong)) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.wrong)
		}
	}
}

// The examples of RFC 7386, appendix A, as far as the patch is an object.
func TestMerge(t *testing.T) {
	tests := []struct{ target, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	}
	object := func(text string) map[string]any {
		v, err := parse([]byte(text), maxFields)
		if err != nil {
			t.Fatal(err)
		}
		return v.(map[string]any)
	}
	for _, test := range tests {
		target := object(test.target)
		if diff := cmp.Diff(object(test.want), merge(target, object(test.patch))); diff != "" {
			t.Errorf("%s with %s:\n%s", test.target, test.patch, diff)
		}
		if diff := cmp.Diff(object(test.target), target); diff != "" {
			t.Errorf("%s was changed in place:\n%s", test.target, diff)
		}
	}
}

func TestReadCondition(t *testing.T) {
	tests := []struct {
		header []string
		want   condition
		wrong  bool
	}{
		{nil, condition{}, false},
		{[]string{`"3"`}, condition{given: true, version: 3}, false},
		{[]string{` "3" `}, condition{given: true, version: 3}, false},
		{[]string{`*`}, condition{given: true, any: true}, false},
		{[]string{`W/"3"`}, condition{given: true}, false}, // weak tags never match (RFC 9110, section 13.1.1)
		{[]string{`"abc"`}, condition{given: true}, false},
		{[]string{`"0"`}, condition{given: true}, false},
		{[]string{`"-1"`}, condition{given: true}, false},
		{[]string{`"03"`}, condition{given: true}, false},
		{[]string{`"+3"`}, condition{given: true}, false},
		{[]string{`"99999999999999999999"`}, condition{given: true}, false},
		{[]string{`""`}, condition{given: true}, false},
		{[]string{`3`}, condition{}, true},
		{[]string{`"3`}, condition{}, true},
		{[]string{``}, condition{}, true},
		{[]string{`"`}, condition{}, true},
		{[]string{`"1", "2"`}, condition{}, true},
		{[]string{`"1"`, `"2"`}, condition{}, true},
		{[]string{`"1"2"`}, condition{}, true},
	}
	for _, test := range tests {
		got, err := readCondition(http.Header{"If-Match": test.header})
		if got != test.want || (err != nil) != test.wrong || err != nil && !strings.Contains(err.Error(), "If-Match") {
			t.Errorf("%q: %+v, %v", test.header, got, err)
		}
	}
}

func TestReadBodyStopsAtTheLimit(t *testing.T) {
	for _, length := range []int64{api.MaxBody + 1, -1} { // told, and not told
		r := httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", api.MaxBody+1)))
		r.Header.Set("Content-Type", "application/json")
		r.ContentLength = length
		if _, err := web.ReadBody(httptest.NewRecorder(), r, api.MaxBody, "application/json"); !fault.Is(err, fault.KindTooLarge) {
			t.Errorf("length %d: %v", length, err)
		}
	}
}
