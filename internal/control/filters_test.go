package control_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

// TestFilters asks each list for a part of it.
func TestFilters(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		wiki, shut := app("wiki"), app("shut")
		shut.Disabled, shut.GroupID, shut.PreAuthentication = true, "Site", access.Passthrough
		hour, other := access.Conditions{MaxAge: time.Hour}, hook("Collector")
		other.Kind, other.Streams = access.ExportOTLP, []access.ExportStream{access.StreamSignIns}
		k.enrol() // spends a token
		if _, _, err := k.CreateKey(ctx, k.owner, access.Key{Name: "short", Roles: []access.Role{access.RoleReader}, Expires: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		k.token()
		k.pass(2 * time.Hour)
		k.token()
		k.apply(access.Document{
			ConnectorGroups: []access.ConnectorGroup{{Name: "Site"}},
			Users:           []access.User{{Name: "ada", Roles: []access.Role{access.RoleReader}}, {Name: "eve", Disabled: true}},
			Groups:          []access.Group{{Name: "Staff", Members: []access.ID{"ada"}}, {Name: "Empty"}},
			Applications:    []access.Application{wiki, shut},
			Policies: []access.Policy{{Name: "For ada", Mode: access.ModeOff, AllApplications: true, Users: []access.ID{"ada"}, Conditions: hour},
				{Name: "Not for Staff", Mode: access.ModeOff, AllApplications: true, Everyone: true, ExceptGroups: []access.ID{"Staff"}, Conditions: hour}},
			Exports:     []access.Export{hook("Hook"), other},
			Assignments: []access.Assignment{{Application: "wiki", User: "ada"}, {Application: "shut", Group: "Staff"}},
		}, false)
		doc := k.document()
		site, ada, staff := doc.ConnectorGroups[1].ID, doc.Users[0].ID, doc.Groups[1].ID
		if doc.ConnectorGroups[1].Name != "Site" || doc.Groups[1].Name != "Staff" {
			t.Fatalf("an unexpected order: %+v", doc)
		}
		lists := map[string]func(access.Page) ([]string, error){
			"applications": func(p access.Page) (names []string, err error) {
				list, _, err := k.Applications(ctx, k.owner, p)
				for _, a := range list {
					names = append(names, a.Name)
				}
				return names, err
			},
			"users": func(p access.Page) (names []string, err error) {
				list, _, err := k.Users(ctx, k.owner, p)
				for _, u := range list {
					names = append(names, u.Name)
				}
				return names, err
			},
			"groups": func(p access.Page) (names []string, err error) {
				list, _, err := k.Groups(ctx, k.owner, p)
				for _, g := range list {
					names = append(names, g.Name)
				}
				return names, err
			},
			"policies": func(p access.Page) (names []string, err error) {
				list, _, err := k.Policies(ctx, k.owner, p)
				for _, p := range list {
					names = append(names, p.Name)
				}
				return names, err
			},
			"exports": func(p access.Page) (names []string, err error) {
				list, _, err := k.Exports(ctx, k.owner, p)
				for _, e := range list {
					names = append(names, e.Name)
				}
				return names, err
			},
			"tokens": func(p access.Page) (names []string, err error) {
				list, _, err := k.Tokens(ctx, k.owner, p)
				for _, t := range list {
					names = append(names, t.Name)
				}
				return names, err
			},
			"keys": func(p access.Page) (names []string, err error) {
				list, _, err := k.Keys(ctx, k.owner, p)
				for _, key := range list {
					names = append(names, key.Name)
				}
				return names, err
			},
			"connectors": func(p access.Page) (names []string, err error) {
				list, _, err := k.Connectors(ctx, k.owner, p)
				for _, c := range list {
					names = append(names, c.Name)
				}
				return names, err
			},
			"assignments": func(p access.Page) (names []string, err error) {
				list, _, err := k.Assignments(ctx, k.owner, "", p)
				for _, a := range list {
					names = append(names, string(a.User+a.Group))
				}
				return names, err
			},
		}
		tests := []struct {
			list, filter, value string
			want                []string
		}{
			{"applications", "disabled", "true", []string{"shut"}}, {"applications", "disabled", "false", []string{"wiki"}},
			{"applications", "connectorGroup", string(site), []string{"shut"}},
			{"users", "disabled", "true", []string{"eve"}}, {"users", "group", string(staff), []string{"ada"}},
			{"users", "role", "reader", []string{"ada"}}, {"users", "role", "owner", []string{"root"}}, {"users", "role", "read", nil},
			{"groups", "member", string(ada), []string{"Staff"}},
			{"users", "secondFactor", "false", []string{"ada", "eve", "root"}}, {"users", "secondFactor", "true", nil},
			{"users", "local", "true", []string{"ada", "eve", "root"}}, {"users", "local", "false", nil},
			{"applications", "preAuthentication", "passthrough", []string{"shut"}}, {"applications", "requestable", "true", nil},
			{"policies", "user", string(ada), []string{"For ada"}}, {"policies", "group", string(staff), []string{"Not for Staff"}},
			{"exports", "kind", "otlp", []string{"Collector"}}, {"exports", "stream", "audit", []string{"Hook"}}, {"exports", "failing", "true", nil},
			{"exports", "failing", "false", []string{"Collector", "Hook"}}, {"tokens", "state", "used", []string{"token"}}, {"tokens", "state", "unused", []string{"token"}},
			{"tokens", "state", "expired", []string{"token"}}, {"tokens", "connectorGroup", string(site), nil},
			{"keys", "expired", "true", []string{"short"}}, {"keys", "role", "reader", []string{"short"}}, {"keys", "role", "owner", []string{"First key of root"}},
			{"connectors", "status", "inactive", []string{"machine"}}, {"connectors", "status", "active", nil},
			{"assignments", "user", string(ada), []string{string(ada)}}, {"assignments", "group", string(staff), []string{string(staff)}},
		}
		for _, test := range tests {
			page := access.Page{Only: map[string]string{test.filter: test.value}}
			if test.list != "assignments" {
				page.Sort = access.SortName
			}
			got, err := lists[test.list](page)
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("%s with %s=%s: %v, %v; want %v", test.list, test.filter, test.value, got, err, test.want)
			}
		}
		got, err := lists["users"](access.Page{Search: "a", Only: map[string]string{"disabled": "false", "role": "reader"}})
		if err != nil || !slices.Equal(got, []string{"ada"}) {
			t.Errorf("two filters and a search: %v, %v", got, err)
		}
		for _, name := range slices.Sorted(maps.Keys(lists)) {
			_, err := lists[name](access.Page{Only: map[string]string{"nothing": "x"}})
			wantKind(t, err, fault.KindInvalid)
		}
	})
}

// TestSorting goes through lists in every order, by pages of two.
func TestSorting(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		for _, name := range []string{"Zebra", "apple", "Mango", "banana", "Kiwi"} {
			good(k.CreateGroup(ctx, k.owner, access.Group{Name: name}))
		}
		tests := map[access.Sort][]string{
			"":                  {"Zebra", "apple", "Mango", "banana", "Kiwi"},
			access.SortCreated:  {"Zebra", "apple", "Mango", "banana", "Kiwi"},
			access.SortNewest:   {"Kiwi", "banana", "Mango", "apple", "Zebra"},
			access.SortName:     {"apple", "banana", "Kiwi", "Mango", "Zebra"},
			access.SortNameDown: {"Zebra", "Mango", "Kiwi", "banana", "apple"},
		}
		cursors := map[access.Sort]string{}
		for sort, want := range tests {
			var got []string
			for page := (access.Page{Sort: sort, Limit: 2}); ; {
				list, next, err := k.Groups(ctx, k.owner, page)
				if err != nil {
					t.Fatal(err)
				}
				for _, g := range list {
					got = append(got, g.Name)
				}
				if next == "" {
					break
				}
				page.After, cursors[sort] = next, next
			}
			if !slices.Equal(got, want) {
				t.Errorf("by %q: %v, want %v", sort, got, want)
			}
		}
		_, _, err := k.Groups(ctx, k.owner, access.Page{Sort: access.SortName, After: cursors[access.SortCreated]})
		wantKind(t, err, fault.KindInvalid)
		_, _, err = k.Groups(ctx, k.owner, access.Page{After: cursors[access.SortName]})
		wantKind(t, err, fault.KindInvalid)
		_, _, err = k.Groups(ctx, k.owner, access.Page{Sort: "members"})
		wantKind(t, err, fault.KindInvalid)
		_, _, err = k.Assignments(ctx, k.owner, "", access.Page{Sort: access.SortName})
		wantKind(t, err, fault.KindInvalid)
	})
}
