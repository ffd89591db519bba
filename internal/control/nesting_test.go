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
)

// deep makes groups of which each lies in the one before.
func deep(count int) []access.Group {
	list := make([]access.Group, count)
	for i := range list {
		list[i].Name = fmt.Sprintf("Deep %d", i)
		if i > 0 {
			list[i-1].Groups = []access.ID{access.ID(list[i].Name)}
		}
	}
	return list
}

// bushy is as deep as may be, but for the many groups that lie in the last.
func bushy() []access.Group {
	list := deep(access.MaxGroupDepth)
	for i := range 40 {
		leaf := access.Group{Name: fmt.Sprintf("Leaf %d", i)}
		list[access.MaxGroupDepth-1].Groups = append(list[access.MaxGroupDepth-1].Groups, access.ID(leaf.Name))
		list = append(list, leaf)
	}
	return list
}

func (k *kit) group(name string, members, groups []access.ID) access.Group {
	k.t.Helper()
	g, err := k.CreateGroup(k.t.Context(), k.owner, access.Group{Name: name, Members: members, Groups: groups})
	return must(k.t, g, err)
}

// groupsOf signs a user in and gives the groups that decisions are made on, by name.
func (k *kit) groupsOf(user string) []string {
	k.t.Helper()
	p, err := k.SignIn(k.t.Context(), anyone(), control.Credentials{Name: user, Password: password, Binding: "b"})
	if err != nil {
		k.t.Fatal(err)
	}
	return k.names(p.Cookie)
}

func (k *kit) names(cookie string) []string {
	k.t.Helper()
	who, err := k.PortalSession(k.t.Context(), cookie)
	if err != nil {
		k.t.Fatal(err)
	}
	names := []string{}
	for _, id := range who.Groups {
		g, err := k.Group(k.t.Context(), k.owner, id)
		if fault.Is(err, fault.KindNotFound) {
			continue // deleted, and the session is not told yet
		}
		if err != nil {
			k.t.Fatal(err)
		}
		names = append(names, g.Name)
	}
	slices.Sort(names)
	return names
}

// TestGroupsInGroups: who is in a group within a group is in both, for what is decided; rings and
// towers are refused and say why.
func TestGroupsInGroups(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ada, eve := k.user("ada"), k.user("eve")
		inner := k.group("Inner", []access.ID{ada.ID}, nil)
		middle := k.group("Middle", []access.ID{eve.ID}, []access.ID{inner.ID})
		outer := k.group("Outer", nil, []access.ID{middle.ID})
		if diff := cmp.Diff([]string{"Inner", "Middle", "Outer"}, k.groupsOf("ada")); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"Middle", "Outer"}, k.groupsOf("eve")); diff != "" {
			t.Error(diff)
		}
		inner.Groups = []access.ID{outer.ID}
		_, err := k.UpdateGroup(t.Context(), k.owner, inner)
		if !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), "groups would make a group a member of itself: Inner → Outer → Middle → Inner") {
			t.Errorf("a ring: %v", err)
		}
		inner.Groups = []access.ID{inner.ID}
		if _, err = k.UpdateGroup(t.Context(), k.owner, inner); err == nil || !strings.Contains(err.Error(), "Inner → Inner") {
			t.Errorf("in itself: %v", err)
		}
		inner.Groups = []access.ID{access.ID("grp_" + strings.Repeat("0", 26))}
		_, err = k.UpdateGroup(t.Context(), k.owner, inner)
		wantKind(t, err, fault.KindInvalid)
		top := outer
		for i := range access.MaxGroupDepth - 3 {
			top = k.group(fmt.Sprint("Tower ", i), nil, []access.ID{top.ID})
		}
		_, err = k.CreateGroup(t.Context(), k.owner, access.Group{Name: "Too high", Groups: []access.ID{top.ID}})
		if !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), "11 deep") {
			t.Errorf("a tower: %v", err)
		}
		below := k.group("Below", nil, nil)
		inner.Groups = []access.ID{below.ID} // the same tower, from below
		if _, err = k.UpdateGroup(t.Context(), k.owner, inner); err == nil || !strings.Contains(err.Error(), "11 deep") {
			t.Errorf("a tower from below: %v", err)
		}
	})
}

// TestWhoeverIsWithinIsLookedAtAgain: whatever changes around a user's groups, the sessions that are
// known tell it at once.
func TestWhoeverIsWithinIsLookedAtAgain(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ada := k.user("ada")
		inner := k.group("Inner", []access.ID{ada.ID}, nil)
		middle := k.group("Middle", nil, nil)
		k.group("Outer", nil, []access.ID{middle.ID})
		p, err := k.SignIn(t.Context(), anyone(), control.Credentials{Name: "ada", Password: password, Binding: "b"})
		if err != nil {
			t.Fatal(err)
		}
		becomes := func(what string, want ...string) {
			t.Helper()
			eventually(t, what, func() bool { return slices.Equal(k.names(p.Cookie), want) })
		}
		becomes("at first", "Inner")
		middle.Groups = []access.ID{inner.ID}
		middle = must2(k.UpdateGroup(t.Context(), k.owner, middle))(t)
		becomes("nested", "Inner", "Middle", "Outer")
		doc := k.document()
		for i := range doc.Groups {
			if doc.Groups[i].Name == "Outer" {
				doc.Groups[i].Groups = nil
			}
		}
		k.apply(doc, true)
		becomes("taken out by a document", "Inner", "Middle")
		if err := k.DeleteGroup(t.Context(), k.owner, middle.ID, 0); err != nil {
			t.Fatal(err)
		}
		becomes("deleted", "Inner")
		k.apply(access.Document{Groups: []access.Group{{Name: "Outer", Groups: []access.ID{"New"}}, {Name: "New", Groups: []access.ID{"inner"}}}}, false)
		becomes("put in by a document", "Inner", "New", "Outer")
		doc = k.document()
		doc.Groups = slices.DeleteFunc(doc.Groups, func(g access.Group) bool { return g.Name == "New" })
		doc.Groups[slices.IndexFunc(doc.Groups, func(g access.Group) bool { return g.Name == "Outer" })].Groups = nil
		k.apply(doc, true)
		becomes("deleted by a document", "Inner")
	})
}

// TestManyUsersWithin: a group around thousands changes, and everybody is looked at again.
func TestManyUsersWithin(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ada := k.user("ada")
		doc := many(1, 1, 1500)
		doc.Groups[0].Members = []access.ID{"ada"}
		for _, u := range doc.Users {
			doc.Groups[0].Members = append(doc.Groups[0].Members, access.ID(u.Name))
		}
		k.apply(doc, false)
		p, err := k.SignIn(t.Context(), anyone(), control.Credentials{Name: ada.Name, Password: password, Binding: "b"})
		if err != nil {
			t.Fatal(err)
		}
		k.apply(access.Document{Groups: []access.Group{{Name: "All", Groups: []access.ID{"Group 0"}}}}, false)
		eventually(t, "the session knows", func() bool { return slices.Equal(k.names(p.Cookie), []string{"All", "Group 0"}) })
	})
}

// TestAssignmentsEnd: one that has ended is none, may be made anew or prolonged, and is cleaned away
// a month later.
func TestAssignmentsEnd(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		ada, wiki := k.user("ada"), k.application("wiki")
		in := access.Assignment{Application: wiki.ID, User: ada.ID, Expires: time.Now().Add(-time.Minute)}
		_, err := k.CreateAssignment(ctx, k.owner, in)
		wantKind(t, err, fault.KindInvalid)
		in.Expires = time.Now().Add(time.Hour)
		made := must2(k.CreateAssignment(ctx, k.owner, in))(t)
		_, err = k.CreateAssignment(ctx, k.owner, in)
		wantKind(t, err, fault.KindConflict)
		made.Expires = time.Now().Add(2 * time.Hour)
		made = must2(k.UpdateAssignment(ctx, k.owner, made))(t)
		other := made
		other.User, other.Group = "", access.ID("grp_"+strings.Repeat("0", 26))
		_, err = k.UpdateAssignment(ctx, k.owner, other)
		wantKind(t, err, fault.KindInvalid)
		stale := made
		stale.Version = 1
		_, err = k.UpdateAssignment(ctx, k.owner, stale)
		wantKind(t, err, fault.KindChanged)
		expired := func(value string) int {
			list, _, err := k.Assignments(ctx, k.owner, "", access.Page{Only: map[string]string{"expired": value}})
			return len(must(t, list, err))
		}
		if expired("true") != 0 || expired("false") != 1 {
			t.Errorf("before the end: %d expired, %d not", expired("true"), expired("false"))
		}
		k.pass(2*time.Hour + time.Minute)
		if expired("true") != 1 || expired("false") != 0 {
			t.Errorf("after the end: %d expired, %d not", expired("true"), expired("false"))
		}
		if _, ok := k.settled().Assigned(wiki.ID, &access.Principal{User: ada.ID}, time.Now().Add(2*time.Hour+time.Minute)); ok {
			t.Error("one that has ended still counts")
		}
		if plan := k.apply(k.document(), true); len(plan.Steps) > 0 {
			t.Errorf("export | apply with one that has ended: %v", steps(plan))
		}
		in.Expires = time.Now().Add(26 * time.Hour)
		again := must2(k.CreateAssignment(ctx, k.owner, in))(t)
		if again.ID == made.ID {
			t.Error("the new one is the old one")
		}
		doc := k.document()
		k.pass(24*time.Hour + 31*24*time.Hour)
		k.CleanUp(ctx)
		if list, _, err := k.Assignments(ctx, k.owner, "", access.Page{}); err != nil || len(list) > 0 {
			t.Errorf("a month later: %v, %v", list, err)
		}
		if e := k.lastAudit("assignment.delete"); e.Actor.Kind != access.ActorSystem || e.Object != again.ID {
			t.Errorf("cleaned away without a trace: %+v", e)
		}
		if plan := k.apply(doc, true); len(plan.Steps) > 0 {
			t.Errorf("a document with one that has ended makes it anew: %v", steps(plan))
		}
	})
}

// must2 gives a value or ends the test: must2(f())(t).
func must2[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T { t.Helper(); return must(t, value, err) }
}
