package control_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/test/size"
)

func (k *kit) document() access.Document {
	k.t.Helper()
	doc, err := k.Document(k.t.Context(), k.owner)
	return must(k.t, doc, err)
}

func (k *kit) apply(doc access.Document, prune bool) control.Plan {
	k.t.Helper()
	plan, err := k.ApplyDocument(k.t.Context(), k.owner, control.ApplyRequest{Document: doc, Prune: prune})
	return must(k.t, plan, err)
}

// steps says a plan in words.
func steps(plan control.Plan) []string {
	words := []string{}
	for _, s := range plan.Steps {
		words = append(words, s.Action+" "+s.Name)
	}
	slices.Sort(words)
	return words
}

func app(name string) access.Application {
	return access.Application{Name: name, ExternalURL: "https://" + name + ".example.com/", InternalURL: "http://" + name + ".lan/"}
}

func hook(name string) access.Export {
	return access.Export{Name: name, Kind: access.ExportWebhook, URL: "https://hooks.invalid/", Disabled: true, Streams: []access.ExportStream{access.StreamAudit}}
}

// many makes a document of a size. It never names the owner.
func many(apps, groups, users int) access.Document {
	doc := access.Document{ConnectorGroups: []access.ConnectorGroup{{Name: "Site A"}, {Name: "Site B"}}}
	for i := range users {
		doc.Users = append(doc.Users, access.User{Name: fmt.Sprintf("user%05d", i), DisplayName: fmt.Sprintf("User %d", i), Email: fmt.Sprintf("user%d@example.com", i)})
	}
	for i := range groups {
		g := access.Group{Name: fmt.Sprintf("Group %d", i)}
		for m := range 25 {
			g.Members = append(g.Members, access.ID(fmt.Sprintf("user%05d", (i*25+m)%users)))
		}
		doc.Groups = append(doc.Groups, g)
	}
	for i := range apps {
		a := app(fmt.Sprintf("app%d", i))
		a.GroupID = access.ID([]string{"Site A", "Site B", ""}[i%3])
		doc.Applications = append(doc.Applications, a)
		doc.Assignments = append(doc.Assignments, access.Assignment{Application: access.ID(a.Name), Group: access.ID(fmt.Sprintf("Group %d", i%groups))})
	}
	return doc
}

// TestApplyLarge is, in full, the size that the design asks for: 1,000 applications, 200 groups, 5,000 users in under 30 s.
// Only the full size is judged by its time, and there the engines take turns.
func TestApplyLarge(t *testing.T) {
	inTurn(t, func(t *testing.T, k *kit) {
		apps, groups, users := size.Of(100, 1000), size.Of(20, 200), size.Of(500, 5000)
		doc := many(apps, groups, users)
		began := time.Now()
		plan := k.apply(doc, false)
		took := time.Since(began)
		t.Logf("%d changes in %v", len(plan.Steps), took)
		if len(plan.Steps) != 2+users+groups+2*apps {
			t.Errorf("%d changes", len(plan.Steps))
		}
		if size.Full() && took > 30*time.Second {
			t.Errorf("it took %v, want under 30 s", took)
		}
		version := k.settled().Version
		began = time.Now()
		if again := k.apply(doc, false); len(again.Steps) != 0 {
			t.Errorf("the second run changes %v", steps(again)[:1])
		}
		t.Logf("again in %v", time.Since(began))
		if now := k.settled().Version; now != version {
			t.Errorf("the second run made version %d of %d", now, version)
		}
	})
}

// TestWrongDocumentsChangeNothing: each is refused with the place, and nothing is different after.
func TestWrongDocumentsChangeNothing(t *testing.T) {
	type doc = access.Document
	tests := []struct {
		name  string
		field string // of the error; "" for a conflict without one
		prune bool
		doc   doc
	}{
		{"name twice", "applications[1].name", false, doc{Applications: []access.Application{app("x"), app("X")}}},
		{"no name", "users[0].name", false, doc{Users: []access.User{{}}}},
		{"bad name", "users[1].name", false, doc{Users: []access.User{{Name: "ok"}, {Name: "Not Ok"}}}},
		{"unknown role", "users[0].roles", false, doc{Users: []access.User{{Name: "x", Roles: []access.Role{"god"}}}}},
		{"unknown member", "groups[0].members[1]", false, doc{Groups: []access.Group{{Name: "G", Members: []access.ID{"ada", "nobody"}}}}},
		{"member twice", "groups[0].members[1]", false, doc{Groups: []access.Group{{Name: "G", Members: []access.ID{"ada", "ada"}}}}},
		{"a group in itself", "groups[0].members[0]", false, doc{Groups: []access.Group{{Name: "G", Members: []access.ID{"G"}}}}},
		{"unknown group in a group", "groups[0].groups[0]", false, doc{Groups: []access.Group{{Name: "G", Groups: []access.ID{"Nobody"}}}}},
		{"a group in a group twice", "groups[0].groups[1]", false, doc{Groups: []access.Group{{Name: "G", Groups: []access.ID{"staff", "Staff"}}}}},
		{"a ring of one", "groups[0].groups", false, doc{Groups: []access.Group{{Name: "G", Groups: []access.ID{"G"}}}}},
		{"a ring of three, one of them old", "groups[0].groups", false, doc{Groups: []access.Group{{Name: "G", Groups: []access.ID{"Staff"}}, {Name: "Staff", Groups: []access.ID{"H"}}, {Name: "H", Groups: []access.ID{"G"}}}}},
		{"too deep", "groups[0].groups", false, doc{Groups: deep(access.MaxGroupDepth + 1)}},
		{"too deep by many small ones", "groups[0].groups", false, doc{Groups: bushy()}},
		{"group in a group goes away", "groups[0].groups[0]", true, doc{Groups: []access.Group{{Name: "G", Groups: []access.ID{"Staff"}}}}},
		{"unknown connector group", "applications[0].connectorGroup", false, doc{Applications: []access.Application{func() access.Application { a := app("x"); a.GroupID = "Mars"; return a }()}}},
		{"unknown application", "assignments[0].application", false, doc{Assignments: []access.Assignment{{Application: "nothing", User: "ada"}}}},
		{"unknown user", "assignments[0].user", false, doc{Assignments: []access.Assignment{{Application: "wiki", User: "nobody"}}}},
		{"unknown group", "assignments[0].group", false, doc{Assignments: []access.Assignment{{Application: "wiki", Group: "nobody"}}}},
		{"assigned to nobody", "assignments[0].user", false, doc{Assignments: []access.Assignment{{Application: "wiki"}}}},
		{"assigned to both", "assignments[0].user", false, doc{Assignments: []access.Assignment{{Application: "wiki", User: "ada", Group: "Staff"}}}},
		{"assigned twice", "assignments[1]", false, doc{Assignments: []access.Assignment{{Application: "wiki", User: "ada"}, {Application: "Wiki", User: "ada"}}}},
		{"URL taken by another", "applications[0].externalUrl", false, doc{Applications: []access.Application{{Name: "x", ExternalURL: "https://WIKI.example.com", InternalURL: "http://x/"}}}},
		{"URL twice", "applications[1].externalUrl", false, doc{Applications: []access.Application{app("x"), {Name: "y", ExternalURL: "https://x.example.com:443/", InternalURL: "http://x/"}}}},
		{"URL of the portal", "applications[0].externalUrl", false, doc{Applications: []access.Application{{Name: "x", ExternalURL: "https://access.example.com/", InternalURL: "http://x/"}}}},
		{"no internal URL", "applications[0].internalUrl", false, doc{Applications: []access.Application{{Name: "x", ExternalURL: "https://x.example.com/"}}}},
		{"two defaults", "connectorGroups[1].default", false, doc{ConnectorGroups: []access.ConnectorGroup{{Name: "A", Default: true}, {Name: "B", Default: true}}}},
		{"default left out", "connectorGroups", true, doc{ConnectorGroups: []access.ConnectorGroup{{Name: "A"}}}},
		{"group of a connector left out", "connectorGroups", true, doc{ConnectorGroups: []access.ConnectorGroup{{Name: "A", Default: true}}}},
		{"member who goes away", "groups[0].members[0]", true, doc{Users: []access.User{{Name: "root", Roles: []access.Role{access.RoleOwner}}}, Groups: []access.Group{{Name: "G", Members: []access.ID{"ada"}}}}},
		{"export of an unknown kind", "exports[0].kind", false, doc{Exports: []access.Export{{Name: "x", Kind: "fax", URL: "https://x.example.com/", Streams: []access.ExportStream{access.StreamAudit}}}}},
		{"export of nothing", "exports[0].streams", false, doc{Exports: []access.Export{{Name: "x", Kind: access.ExportWebhook, URL: "https://x.example.com/"}}}},
		{"export twice", "exports[1].name", false, doc{Exports: []access.Export{hook("x"), hook("X")}}},
		{"export of another kind", "exports[0].kind", false, doc{Exports: []access.Export{{Name: "sealed", Kind: access.ExportOTLP, URL: "https://hooks.invalid/", Streams: []access.ExportStream{access.StreamAudit}}}}},
		{"a secret sent elsewhere", "exports[0].url", false, doc{Exports: []access.Export{func() access.Export { e := hook("SEALED"); e.URL += "elsewhere"; return e }()}}},
		{"too many exports", "exports", false, doc{Exports: func() (list []access.Export) {
			for i := range 20 {
				list = append(list, hook(fmt.Sprint(i)))
			}
			return list
		}()}},
		{"no Owner left", "", true, doc{Users: []access.User{{Name: "ada"}}}},
		{"no Owner enabled", "", false, doc{Users: []access.User{{Name: "root", Roles: []access.Role{access.RoleOwner}, Disabled: true}}}},
	}
	both(t, func(t *testing.T, k *kit) {
		k.enrol()
		k.apply(access.Document{Users: []access.User{{Name: "ada"}}, Groups: []access.Group{{Name: "Staff", Members: []access.ID{"ada"}}}, Applications: []access.Application{app("wiki")}, Exports: []access.Export{hook("sealed")}}, false)
		must(t, 0, k.SetExportSecret(t.Context(), k.owner, k.document().Exports[0].ID, []byte("hush")))
		was, version := k.document(), k.settled().Version
		for _, test := range tests {
			// The first object is good, so that something could be half-applied.
			_, err := k.ApplyDocument(t.Context(), k.owner, control.ApplyRequest{Document: test.doc, Prune: test.prune})
			switch {
			case err == nil:
				t.Errorf("%s: it was applied", test.name)
			case test.field == "":
				wantKind(t, err, fault.KindConflict)
			case !fault.Is(err, fault.KindInvalid) || !strings.Contains("; "+err.Error(), "; "+test.field+" "):
				t.Errorf("%s: %v, want an error about %s", test.name, err, test.field)
			}
			if diff := cmp.Diff(was, k.document()); diff != "" {
				t.Fatalf("%s changed something:\n%s", test.name, diff)
			}
		}
		if now := k.settled().Version; now != version {
			t.Errorf("version %d became %d", version, now)
		}
	})
}

// TestApplyOrder: what would collide if it were done one by one is done all the same.
func TestApplyOrder(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.apply(access.Document{Applications: []access.Application{app("a"), app("b"), app("c")}}, false)
		ids := map[string]access.ID{}
		for _, a := range k.document().Applications {
			ids[a.Name] = a.ID
		}
		a, b, c := app("a"), app("b"), app("c")
		a.ExternalURL, b.ExternalURL, c.ExternalURL = b.ExternalURL, c.ExternalURL, a.ExternalURL
		k.apply(access.Document{Applications: []access.Application{a, b, c}}, false)
		renamed := app("d") // takes the URL of one that goes away
		renamed.ExternalURL = a.ExternalURL
		k.apply(access.Document{Applications: []access.Application{renamed, b, c}}, true)
		for _, now := range k.document().Applications {
			if now.Name != "d" && now.ID != ids[now.Name] {
				t.Errorf("%s is another object", now.Name)
			}
		}
		// Another default, and the old one goes away; everything moves with it.
		b.GroupID, c.GroupID, renamed.GroupID = "", "", ""
		k.apply(access.Document{ConnectorGroups: []access.ConnectorGroup{{Name: "Aachen", Default: true}}, Applications: []access.Application{b, c, renamed}}, true)
		doc := k.document()
		if len(doc.ConnectorGroups) != 1 || !doc.ConnectorGroups[0].Default || doc.Applications[0].GroupID != "Aachen" {
			t.Errorf("groups: %+v", doc.ConnectorGroups)
		}
		k.apply(access.Document{ConnectorGroups: []access.ConnectorGroup{{Name: "Zürich", Default: true}}}, false)
		// The Owner changes from one to the next.
		k.apply(access.Document{Users: []access.User{{Name: "adm", Roles: []access.Role{access.RoleOwner}}, {Name: "root"}}}, true)
		if users := k.document().Users; len(users) != 2 || len(users[1].Roles) != 0 {
			t.Errorf("users: %+v", users)
		}
	})
}

// TestApplyAsksForEachRole: nobody can do by a document what they may not do one by one.
func TestApplyAsksForEachRole(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.apply(access.Document{Users: []access.User{{Name: "ada"}}, Applications: []access.Application{app("wiki")}}, false)
		people := access.Document{Users: []access.User{{Name: "eve"}}}
		things := access.Document{Applications: []access.Application{app("x")}}
		owner := access.Document{Users: []access.User{{Name: "ada", Roles: []access.Role{access.RoleOwner}}}}
		demoted := access.Document{Users: []access.User{{Name: "root"}}}
		tests := []struct {
			role access.Role
			doc  access.Document
			ok   bool
		}{
			{access.RoleReader, people, false}, {access.RoleLogReader, people, false}, {access.RoleReader, access.Document{}, false},
			{access.RoleApplicationAdmin, people, false}, {access.RolePolicyAdmin, things, false},
			{access.RolePolicyAdmin, owner, false}, {access.RolePolicyAdmin, demoted, false},
			{access.RolePolicyAdmin, people, true}, {access.RoleApplicationAdmin, things, true},
		}
		for _, test := range tests {
			_, err := k.ApplyDocument(t.Context(), k.actor(test.role), control.ApplyRequest{Document: test.doc})
			if test.ok && err != nil || !test.ok && !fault.Is(err, fault.KindForbidden) {
				t.Errorf("%s: %v, want allowed %v", test.role, err, test.ok)
			}
		}
	})
}

func TestApplyWhatWasShown(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		r := control.ApplyRequest{Document: access.Document{Applications: []access.Application{app("wiki")}}}
		plan, err := k.PlanDocument(t.Context(), k.owner, r)
		if err != nil || len(plan.Steps) != 1 {
			t.Fatalf("%v, %v", plan, err)
		}
		r.Digest = plan.Digest
		k.application("wiki")
		_, err = k.ApplyDocument(t.Context(), k.owner, r)
		wantKind(t, err, fault.KindChanged)
		if plan, err = k.PlanDocument(t.Context(), k.owner, r); err != nil || len(plan.Steps) != 0 {
			t.Errorf("%v, %v", steps(plan), err)
		}
	})
}

func TestHistoryAndUndo(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		a := k.application("wiki")
		for _, url := range []string{"http://second/", "http://third/"} {
			a.InternalURL, a.BackendTimeout = url, time.Duration(len(url))*time.Second
			changed, err := k.UpdateApplication(ctx, k.owner, a)
			a = must(t, changed, err)
		}
		past, err := k.ApplicationHistory(ctx, k.owner, a.ID)
		if err != nil || len(past) != 3 {
			t.Fatalf("%d versions, %v", len(past), err)
		}
		if past[0].Number != 3 || past[2].Number != 1 || past[1].Object.InternalURL != "http://second/" || past[2].Object.InternalURL != "http://wiki.lan/" ||
			past[2].Entry.Action != "application.create" || past[0].Entry.Actor.ID != k.owner.ID {
			t.Errorf("history: %+v", past)
		}
		_, err = k.UndoApplication(ctx, k.owner, control.Undo{ID: a.ID, Version: 2})
		wantKind(t, err, fault.KindChanged)
		_, err = k.UndoApplication(ctx, k.owner, control.Undo{ID: a.ID, Version: 3, To: 3})
		wantKind(t, err, fault.KindInvalid)
		_, err = k.UndoApplication(ctx, k.actor(access.RoleReader), control.Undo{ID: a.ID, Version: 3})
		wantKind(t, err, fault.KindForbidden)
		back, err := k.UndoApplication(ctx, k.owner, control.Undo{ID: a.ID, Version: 3, To: 1})
		if err != nil || back.InternalURL != "http://wiki.lan/" || back.BackendTimeout != 0 || back.Version != 4 {
			t.Errorf("undo: %+v, %v", back, err)
		}
		back, err = k.UndoApplication(ctx, k.owner, control.Undo{ID: a.ID, Version: 4})
		if err != nil || back.InternalURL != "http://third/" || back.BackendTimeout != 13*time.Second {
			t.Errorf("undo of the undo: %+v, %v", back, err)
		}
		k.undoGroup()
	})
}

// undoGroup brings members back, except one who is gone.
func (k *kit) undoGroup() {
	k.t.Helper()
	ctx := k.t.Context()
	ada, eve := k.user("ada"), k.user("eve")
	g, err := k.CreateGroup(ctx, k.owner, access.Group{Name: "Staff", Members: []access.ID{ada.ID, eve.ID}})
	g = must(k.t, g, err)
	g.Members = nil
	g, err = k.UpdateGroup(ctx, k.owner, g)
	g = must(k.t, g, err)
	if err := k.DeleteUser(ctx, k.owner, eve.ID, 0); err != nil {
		k.t.Fatal(err)
	}
	back, err := k.UndoGroup(ctx, k.owner, control.Undo{ID: g.ID, Version: g.Version})
	if err != nil || !slices.Equal(back.Members, []access.ID{ada.ID}) {
		k.t.Errorf("undo: %+v, %v", back, err)
	}
	_, err = k.UndoUser(ctx, k.owner, control.Undo{ID: ada.ID, Version: 1})
	wantKind(k.t, err, fault.KindConflict)
}
