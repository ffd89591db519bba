package admin_test

import (
	"sync"
	"testing"

	"postern/internal/api"
	"postern/internal/fault"
)

// TestIfMatch holds every kind of change against every kind of condition.
func TestIfMatch(t *testing.T) {
	s := newSystem(t)
	chain, key := certificate(t, "match.example.com")
	pair := `{"chain":` + quoted(chain) + `,"key":` + quoted(key) + `}`
	conditions := []struct{ header, patch, remove, put string }{ // status by method; the object has version 1
		{"", "428", "428", "428"},
		{`"1"`, "200", "204", "200"},
		{`*`, "428", "204", "200"},
		{`"2"`, "412", "412", "412"},
		{`"0"`, "412", "412", "412"},
		{`W/"1"`, "412", "412", "412"},
		{`"x"`, "412", "412", "412"},
		{`1`, "422", "422", "422"},
		{`"1", "2"`, "422", "422", "422"},
	}
	patches := map[string]string{"applications": `{"disabled":true}`, "connector-groups": `{"name":"{new}"}`,
		"users": `{"displayName":"x"}`, "groups": `{"description":"x"}`, "policies": `{"description":"x"}`,
		"upstreams": `{"disabled":true}`, "exports": `{"streams":["sign-ins"]}`}
	expect := func(what, want string, r request) {
		t.Helper()
		before := s.dump()
		a := s.send(r)
		if got := itoa(a.status); got != want {
			t.Errorf("%s with If-Match %s: %s, want %s: %s", what, r.header["If-Match"], got, want, a.body)
		}
		if a.status >= 400 && s.dump() != before {
			t.Errorf("%s with If-Match %s: refused but changed", what, r.header["If-Match"])
		}
	}
	for _, c := range conditions {
		header := map[string]string{}
		if c.header != "" {
			header["If-Match"] = c.header
		}
		f, g, free := s.fixture(), s.fixture(), s.fixture()
		if err := s.owner.Applications.Delete(t.Context(), free.app, 0); err != nil { // so that its group can go
			t.Fatal(err)
		}
		// Assignments first: groups and applications take them along.
		for _, o := range []struct{ noun, id string }{{"assignments", f.asg}, {"applications", f.app}, {"connector-groups", free.cgr},
			{"groups", f.grp}, {"users", f.usr}, {"tokens", f.tok}, {"keys", f.key}, {"policies", f.pol}, {"upstreams", f.ups}, {"exports", f.exp}} {
			if body, ok := patches[o.noun]; ok {
				id := map[string]string{"applications": g.app, "connector-groups": g.cgr, "users": g.usr, "groups": g.grp, "policies": g.pol,
					"upstreams": g.ups, "exports": g.exp}[o.noun]
				expect("PATCH "+o.noun, c.patch, request{"PATCH", "/api/v1/" + o.noun + "/" + id, s.fill(g, body), s.key, header})
			}
			expect("DELETE "+o.noun, c.remove, request{"DELETE", "/api/v1/" + o.noun + "/" + o.id, "", s.key, header})
		}
		for _, id := range []string{f.exp, g.exp, free.exp} { // there may be few of them
			if a := s.send(request{"DELETE", "/api/v1/exports/" + id, "", s.key, map[string]string{"If-Match": "*"}}); a.status != 204 && a.status != 404 {
				t.Fatalf("delete an export: %d %s", a.status, a.body)
			}
		}
		put := s.send(request{"PUT", "/api/v1/certificates/match.example.com", pair, s.key, nil})
		if put.status != 201 || put.header.Get("Location") == "" || put.header.Get("ETag") != `"1"` {
			t.Fatalf("PUT of a new certificate: %d %s", put.status, put.body)
		}
		expect("PUT certificates", c.put, request{"PUT", "/api/v1/certificates/match.example.com", pair, s.key, header})
		if err := s.owner.Certificates.Delete(t.Context(), "match.example.com", 0); err != nil {
			t.Fatal(err)
		}
	}
	a := s.send(request{"PUT", "/api/v1/certificates/match.example.com", pair, s.key, map[string]string{"If-Match": "*"}})
	if a.status != 412 {
		t.Errorf("PUT with If-Match * where there is nothing: %d", a.status)
	}
}

// TestOneOfTwoChangesWins lets many change the same version at once.
func TestOneOfTwoChangesWins(t *testing.T) {
	s := newSystem(t)
	f := s.fixture()
	var wg sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = s.owner.Groups.Update(t.Context(), f.grp, 1, api.Patch{"description": itoa(i)})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !fault.Is(err, fault.KindChanged):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d changes of one version were taken", won)
	}
}
