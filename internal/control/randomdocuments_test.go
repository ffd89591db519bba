package control_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/internal/access"
)

var sameDocument = cmp.Options{cmpopts.IgnoreTypes(access.Meta{}), cmpopts.EquateEmpty()}

// TestExportAppliesToNothing: what is exported changes nothing, and an edited export changes exactly
// what was edited. Edits are random, also all at once.
func TestExportAppliesToNothing(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.apply(many(30, 8, 40), false)
		k.apply(access.Document{Exports: []access.Export{hook("zzz")}}, false) // the last of all: it stays, with its secret
		must(t, 0, k.SetExportSecret(t.Context(), k.owner, k.document().Exports[0].ID, []byte("hush")))
		dice := rand.New(rand.NewPCG(1, 2))
		for round := range 25 {
			was := k.document()
			if plan := k.apply(was, true); len(plan.Steps) != 0 {
				t.Fatalf("round %d: export | apply --prune: %v", round, steps(plan))
			}
			want, edits := k.document(), []string{}
			for range 1 + dice.IntN(8) {
				edit := change(&want, dice, round)
				if edit == "" || slices.Contains(edits, edit) {
					continue
				}
				if what, name, _ := strings.Cut(edit, ".delete "); name != "" { // whatever was changed of it before
					edits = slices.DeleteFunc(edits, func(e string) bool { return e == what+".update "+name })
				}
				edits = append(edits, edit)
			}
			slices.Sort(edits)
			plan := k.apply(want, true)
			if diff := cmp.Diff(edits, steps(plan)); diff != "" {
				t.Fatalf("round %d: what was edited (-) and what changed (+):\n%s", round, diff)
			}
			if diff := cmp.Diff(want, k.document(), sameDocument, cmpopts.SortSlices(less[access.Application]), cmpopts.SortSlices(less[access.User]),
				cmpopts.SortSlices(less[access.Group]), cmpopts.SortSlices(less[access.Policy]), cmpopts.SortSlices(less[access.Assignment]), cmpopts.SortSlices(less[access.ConnectorGroup]),
				cmpopts.SortSlices(less[access.Upstream]), cmpopts.SortSlices(less[access.Export]), cmpopts.SortSlices(func(a, b access.ID) bool { return a < b })); diff != "" {
				t.Fatalf("round %d: wanted (-), is (+):\n%s", round, diff)
			}
		}
	})
}

func less[T any](a, b T) bool { return key(a) < key(b) }

func key(v any) string {
	switch o := v.(type) {
	case access.Application:
		return o.Name
	case access.User:
		return o.Name
	case access.Group:
		return o.Name
	case access.ConnectorGroup:
		return o.Name
	case access.Policy:
		return o.Name
	case access.Upstream:
		return o.Name
	case access.Export:
		return o.Name
	case access.Assignment:
		return string(o.Application + " " + o.User + o.Group)
	}
	return ""
}

// change makes one random edit and gives the step that must come of it; "" when there is none to
// tell. Objects are edited in ways that always differ.
func change(doc *access.Document, dice *rand.Rand, round int) string {
	stamp := fmt.Sprintf("%d-%d", round, dice.Uint32())
	switch n := dice.IntN(24); n {
	case 14, 15, 16:
		return changeUpstream(doc, n-14, stamp)
	case 17, 18, 19:
		return changeExport(doc, n-17, stamp)
	case 0:
		u := &doc.Users[dice.IntN(len(doc.Users))]
		if u.Created.IsZero() {
			return ""
		}
		u.DisplayName = "Name " + stamp
		return "user.update " + u.Name
	case 1:
		doc.Users = append(doc.Users, access.User{Name: "new" + stamp, Email: "new@example.com"})
		return "user.create new" + stamp
	case 2:
		a := &doc.Applications[dice.IntN(len(doc.Applications))]
		if a.Created.IsZero() {
			return ""
		}
		a.ExternalURL = "https://moved-" + stamp + ".example.com/"
		return "application.update " + a.Name
	case 3:
		doc.Applications = append(doc.Applications, access.Application{Name: "app" + stamp, Kind: access.KindWeb, GroupID: "Site A", PreAuthentication: access.SignIn, HostHeader: access.HostInternal, BackendProtocol: access.BackendHTTP1, Balancing: access.StickyAddress,
			ExternalURL: "https://n" + stamp + ".example.com/", InternalURL: "http://n/"})
		return "application.create app" + stamp
	case 4:
		if len(doc.Assignments) == 0 {
			return ""
		}
		i := dice.IntN(len(doc.Assignments))
		gone := doc.Assignments[i]
		if gone.Created.IsZero() {
			return ""
		}
		doc.Assignments = slices.Delete(doc.Assignments, i, i+1)
		return "assignment.delete " + string(gone.Group) + " → " + string(gone.Application)
	case 5:
		g := &doc.Groups[dice.IntN(len(doc.Groups))]
		if g.Created.IsZero() {
			return ""
		}
		g.Description = "About\n " + stamp + " \"quoted\": ü"
		return "group.update " + g.Name
	case 6:
		doc.Groups = append(doc.Groups, access.Group{Name: "Group " + stamp, Members: []access.ID{access.ID(doc.Users[0].Name)}, Groups: shallow(doc.Groups)})
		return "group.create Group " + stamp
	case 7:
		if len(doc.Assignments) == 0 {
			return ""
		}
		a := &doc.Assignments[dice.IntN(len(doc.Assignments))]
		if a.Created.IsZero() {
			return ""
		}
		a.Expires = time.Now().Add(time.Hour + time.Duration(dice.Uint32())).UTC().Truncate(time.Microsecond)
		return "assignment.update " + string(a.User+a.Group) + " → " + string(a.Application)
	case 9:
		name := "Policy " + stamp
		doc.Policies = append(doc.Policies, access.Policy{Name: name, Mode: access.ModeReportOnly, Applications: some(doc.Applications, func(a *access.Application) string { return a.Name }),
			Groups: some(doc.Groups, func(g *access.Group) string { return g.Name }), ExceptUsers: some(doc.Users, func(u *access.User) string { return u.Name }),
			Conditions: access.Conditions{Strength: access.MultiFactor, MaxAge: time.Hour, Windows: []access.Window{{Days: 3, From: 60, To: 120, Zone: "Europe/Berlin"}},
				Device: access.DeviceCondition{Systems: []string{"linux"}, Clients: []access.ClientVersion{{Version: "1.4"}}}}})
		return "policy.create " + name
	case 10:
		for i := range doc.Policies {
			if p := &doc.Policies[i]; !p.Created.IsZero() && p.Description == "" {
				p.Description, p.Conditions.MaxAge, p.Groups = stamp, 0, nil
				return "policy.update " + p.Name
			}
		}
		return ""
	case 11:
		for i := range doc.Policies {
			if p := doc.Policies[i]; !p.Created.IsZero() && p.Description != "" {
				doc.Policies = slices.Delete(doc.Policies, i, i+1)
				return "policy.delete " + p.Name
			}
		}
		return ""
	case 12:
		a := &doc.Applications[dice.IntN(len(doc.Applications))]
		if a.Created.IsZero() || a.Requestable {
			return ""
		}
		a.Requestable, a.OwnerUsers = true, some(doc.Users, func(u *access.User) string { return u.Name })
		return "application.update " + a.Name
	case 8:
		for i := range doc.Groups {
			if g := &doc.Groups[i]; len(g.Groups) > 0 && !g.Created.IsZero() {
				g.Groups = nil
				return "group.update " + g.Name
			}
		}
		return ""
	}
	doc.ConnectorGroups = append(doc.ConnectorGroups, access.ConnectorGroup{Name: "Site " + stamp, Region: "region " + stamp, BackupGroup: "Default"})
	return "connector-group.create Site " + stamp
}

// changeUpstream makes an upstream, changes or deletes one.
func changeUpstream(doc *access.Document, what int, stamp string) string {
	at := slices.IndexFunc(doc.Upstreams, func(u access.Upstream) bool { return !u.Created.IsZero() })
	switch {
	case what == 0 && len(doc.Upstreams) < access.MaxUpstreams:
		u := access.Upstream{Name: "Upstream " + stamp, Kind: access.UpstreamOIDC, OnlyKnown: true, Default: !slices.ContainsFunc(doc.Upstreams, func(u access.Upstream) bool { return u.Default }),
			OIDC: &access.OIDCSettings{Issuer: "https://login-" + stamp + ".example.com", ClientID: "postern", Scopes: []string{"email", "groups"}}}
		u.Mapping.Required = []access.Requirement{{Claim: "tid", Values: []string{"b", "a"}}}
		for _, name := range some(doc.Groups, func(g *access.Group) string { return g.Name }) {
			u.Mapping.Groups = append(u.Mapping.Groups, access.GroupMapping{From: "their " + string(name), To: name})
		}
		doc.Upstreams = append(doc.Upstreams, u)
		return "upstream.create " + u.Name
	case what == 1 && at >= 0:
		u := &doc.Upstreams[at]
		u.OIDC = &access.OIDCSettings{Issuer: u.OIDC.Issuer, ClientID: stamp}
		u.Disabled, u.Mapping.Groups = true, nil
		return "upstream.update " + u.Name
	case what == 2 && at >= 0:
		name := doc.Upstreams[at].Name
		doc.Upstreams = slices.Delete(doc.Upstreams, at, at+1)
		return "upstream.delete " + name
	}
	return ""
}

// changeExport makes a destination of logs, changes or deletes one.
func changeExport(doc *access.Document, what int, stamp string) string {
	at := slices.IndexFunc(doc.Exports, func(e access.Export) bool { return !e.Created.IsZero() && e.Name != "zzz" })
	switch {
	case what == 0 && len(doc.Exports) < 20:
		doc.Exports = append(doc.Exports, access.Export{Name: "Export " + stamp, Kind: access.ExportWebhook, URL: "https://hooks.invalid/" + stamp, Disabled: true,
			Streams: []access.ExportStream{access.StreamAudit, access.StreamSignIns}, Array: true, AllowPrivate: true})
		if len(stamp)%2 == 0 {
			doc.Exports[len(doc.Exports)-1] = access.Export{Name: "Export " + stamp, Kind: access.ExportMail, URL: "smtp://mail.invalid:587", Disabled: true,
				Streams: []access.ExportStream{access.StreamAlerts}, From: "a@b.example", To: []string{stamp + "@b.example", "c@b.example"}, User: stamp}
		}
		return "export.create Export " + stamp
	case what == 1 && at >= 0:
		e := &doc.Exports[at]
		if e.Kind == access.ExportMail {
			e.To, e.User = []string{"moved-" + stamp + "@b.example"}, ""
			return "export.update " + e.Name
		}
		e.URL, e.Array, e.Streams = "https://hooks.invalid/moved-"+stamp, !e.Array, []access.ExportStream{access.StreamSignIns}
		return "export.update " + e.Name
	case what == 2 && at >= 0:
		name := doc.Exports[at].Name
		doc.Exports = slices.Delete(doc.Exports, at, at+1)
		return "export.delete " + name
	}
	return ""
}

// some gives the names of the first two of a list that are stored.
func some[T any](list []T, name func(*T) string) (names []access.ID) {
	for i := range list {
		if len(names) < 2 {
			names = append(names, access.ID(name(&list[i])))
		}
	}
	return names
}

// shallow gives the names of two groups that have none in them.
func shallow(groups []access.Group) (names []access.ID) {
	for _, g := range groups {
		if len(g.Groups) == 0 && len(names) < 2 {
			names = append(names, access.ID(g.Name))
		}
	}
	return names
}
