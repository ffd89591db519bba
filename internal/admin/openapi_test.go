package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"postern/internal/access"
	"postern/internal/api"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestOpenAPIIsCommitted keeps docs/openapi.yaml what `postern openapi` prints.
func TestOpenAPIIsCommitted(t *testing.T) {
	got, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadFile("../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, committed) {
		t.Error("docs/openapi.yaml is not what postern openapi prints: make generate")
	}
	if again, _ := OpenAPI(); !bytes.Equal(got, again) {
		t.Error("the document differs from one time to the next")
	}
}

// TestOpenAPIHoldsTogether checks what generators of clients rely on: every reference leads
// somewhere, names are unique, every operation says what it needs and gives.
func TestOpenAPIHoldsTogether(t *testing.T) {
	data, err := json.Marshal(describe((&Handler{}).table()))
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	if document["openapi"] != "3.1.0" {
		t.Errorf("openapi is %v", document["openapi"])
	}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok && at(document, ref) == nil {
				t.Errorf("%s: %s leads nowhere", path, ref)
			}
			for name, member := range v {
				walk(path+"/"+name, member)
			}
		case []any:
			for i, item := range v {
				walk(fmt.Sprintf("%s/%d", path, i), item)
			}
		}
	}
	walk("#", document)
	var names []string
	inPath := regexp.MustCompile(`\{(\w+)\}`)
	for path, item := range document["paths"].(map[string]any) {
		for method, operation := range item.(map[string]any) {
			o := operation.(map[string]any)
			names = append(names, o["operationId"].(string))
			if o["summary"] == "" || o["responses"] == nil || o["tags"] == nil {
				t.Errorf("%s %s says too little", method, path)
			}
			for _, name := range inPath.FindAllStringSubmatch(path, -1) {
				if !bytes.Contains(data, []byte(`"name":"`+name[1]+`"`)) || !hasParameter(o, name[1]) {
					t.Errorf("%s %s does not describe {%s}", method, path, name[1])
				}
			}
		}
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("operation ids are not unique: %v", names)
	}
}

func at(document any, ref string) any {
	for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		object, ok := document.(map[string]any)
		if !ok {
			return nil
		}
		document = object[part]
	}
	return document
}

func hasParameter(operation map[string]any, name string) bool {
	params, _ := operation["parameters"].([]any)
	return slices.ContainsFunc(params, func(p any) bool { return p.(map[string]any)["name"] == name })
}

// TestEveryMemberIsDescribed keeps the document readable.
func TestEveryMemberIsDescribed(t *testing.T) {
	for name, schema := range describe((&Handler{}).table()).Components.Schemas.Map() {
		for member, s := range schema.Properties {
			if s.Description == "" {
				t.Errorf("%s.%s has no description", name, member)
			}
		}
	}
}

// TestSignInEventsAreDocumented: the document names every event that the sign-in log has.
func TestSignInEventsAreDocumented(t *testing.T) {
	field, _ := reflect.TypeFor[api.SignIn]().FieldByName("Event")
	var events []string
	for _, e := range access.SignInEvents() {
		events = append(events, string(e))
	}
	if documented := field.Tag.Get("enum"); documented != strings.Join(events, ",") {
		t.Errorf("documented %s, there are %v", documented, events)
	}
}
