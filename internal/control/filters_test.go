package control_test

import (
	"maps"
	"slices"
	"testing"

	"postern/internal/access"
	"postern/internal/fault"
)

// TestFilters asks each list for a part of it.
func TestFilters(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		wiki, shut := app("wiki"), app("shut")
		shut.Disabled, shut.GroupID = true, "Site"
		k.apply(access.Document{
			ConnectorGroups: []access.ConnectorGroup{{Name: "Site"}},
			Users:           []access.User{{Name: "ada", Roles: []access.Role{access.RoleReader}}, {Name: "eve", Disabled: true}},
			Groups:          []access.Group{{Name: "Staff", Members: []access.ID{"ada"}}, {Name: "Empty"}},
			Applications:    []access.Application{wiki, shut},
			Assignments:     []access.Assignment{{Application: "wiki", User: "ada"}, {Application: "shut", Group: "Staff"}},
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
			{"assignments", "user", string(ada), []string{string(ada)}}, {"assignments", "group", string(staff), []string{string(staff)}},
		}
		for _, test := range tests {
			got, err := lists[test.list](access.Page{Only: map[string]string{test.filter: test.value}})
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
