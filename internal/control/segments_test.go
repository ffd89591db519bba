package control_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/match"
)

// privately makes a private application for some users and groups.
func (k *kit) privately(name string, kind access.ApplicationKind, who []access.Assignment, segments ...string) access.Application {
	k.t.Helper()
	a, err := k.CreateApplication(k.t.Context(), k.owner, access.Application{Name: name, Kind: kind, GroupID: k.defaultGroup(), Segments: segmentsOf(k.t, segments...)})
	must(k.t, a, err)
	for _, w := range who {
		w.Application = a.ID
		_, err := k.CreateAssignment(k.t.Context(), k.owner, w)
		must(k.t, 0, err)
	}
	return a
}

func segmentsOf(t *testing.T, texts ...string) (list []access.Segment) {
	t.Helper()
	for _, text := range texts {
		s, err := access.ParseSegment(text)
		list = append(list, must(t, s, err))
	}
	return list
}

// TestPreviewSegments: before a change is made it is told whose destinations become whose, and who loses access by that.
func TestPreviewSegments(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		ada, bob, eve := k.user("ada"), k.user("bob"), k.user("eve")
		inner, err := k.CreateGroup(ctx, k.owner, access.Group{Name: "Inner", Members: []access.ID{bob.ID}})
		must(t, inner, err)
		outer, err := k.CreateGroup(ctx, k.owner, access.Group{Name: "Outer", Members: []access.ID{eve.ID}, Groups: []access.ID{inner.ID}})
		must(t, outer, err)
		wide := k.privately("Wide", access.KindPrivate, []access.Assignment{{User: ada.ID}, {Group: outer.ID}}, "10.0.0.0/8:443")
		over, err := k.CreateAssignment(ctx, k.owner, access.Assignment{Application: wide.ID, User: k.user("gone").ID, Expires: k.cfg.Now().Add(time.Minute)})
		must(t, over, err)
		k.pass(2 * time.Minute)
		quick := k.privately("Quick", access.KindQuickAccess, []access.Assignment{{User: ada.ID}}, "0.0.0.0/0:1-65535/both")

		in := access.Application{Name: "Narrow", Kind: access.KindPrivate, Segments: segmentsOf(t, "10.1.0.0/16:443", "192.0.2.1:22", "[fd00::1]:22")}
		got, err := k.PreviewSegments(ctx, k.actor(access.RoleReader), in, false)
		must(t, got, err)
		narrow := func(segment string) control.SegmentOwner {
			return control.SegmentOwner{Name: "Narrow", Segment: segment}
		}
		want := []control.SegmentChange{
			{From: control.SegmentOwner{wide.ID, "Wide", "10.0.0.0/8:443/tcp"}, To: narrow("10.1.0.0/16:443/tcp"), Example: "10.1.0.0:443/tcp", Losing: []string{"ada", "bob", "eve"}, LosingCount: 3},
			{From: control.SegmentOwner{quick.ID, "Quick", "0.0.0.0/0:1-65535/both"}, To: narrow("192.0.2.1:22/tcp"), Example: "192.0.2.1:22/tcp", Losing: []string{"ada"}, LosingCount: 1},
			{To: narrow("[fd00::1]:22/tcp"), Example: "[fd00::1]:22/tcp"},
		}
		for i := range got.Changes {
			got.Changes[i].To.Application = ""
		}
		if diff := cmp.Diff(want, got.Changes); diff != "" {
			t.Errorf("a new one: want -, got +:\n%s", diff)
		}

		// Of one that is wider than what others have, those keep their part.
		wider := access.Application{Meta: access.Meta{ID: quick.ID}, Kind: access.KindPrivate, Segments: segmentsOf(t, "10.0.0.0/7:443")}
		got, err = k.PreviewSegments(ctx, k.owner, wider, false)
		if must(t, got, err); len(got.Covered) != 1 || got.Covered[0].To.Name != "Wide" || got.Covered[0].From.Name != "Quick" {
			t.Errorf("covered: %+v", got.Covered)
		}
		// One that is deleted leaves its destinations to who comes next.
		got, err = k.PreviewSegments(ctx, k.owner, access.Application{Meta: access.Meta{ID: wide.ID}}, true)
		if must(t, got, err); len(got.Changes) != 1 || got.Changes[0].To.Name != "Quick" || cmp.Diff(got.Changes[0].Losing, []string{"bob", "eve"}) != "" || got.Changes[0].GainingCount != 0 {
			t.Errorf("deleted: %+v", got.Changes)
		}
		for name, bad := range map[string]struct {
			app    access.Application
			remove bool
			kind   fault.Kind
		}{
			"a web application":   {access.Application{}, false, fault.KindInvalid},
			"no segment":          {access.Application{Kind: access.KindPrivate}, false, fault.KindInvalid},
			"a segment like none": {access.Application{Kind: access.KindPrivate, Segments: []access.Segment{{Destination: "a b", Ports: "1"}}}, false, fault.KindInvalid},
			"removing nothing":    {access.Application{Meta: access.Meta{ID: "app_00000000000000000000000000"}}, true, fault.KindNotFound},
		} {
			if _, err := k.PreviewSegments(ctx, k.owner, bad.app, bad.remove); !fault.Is(err, bad.kind) {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err = k.PreviewSegments(ctx, k.actor(access.RoleLogReader), in, false)
		wantKind(t, err, fault.KindForbidden)
	})
}

// TestPreviewIsWhatHappens: on random applications every destination that moves is told of, and none that does not.
func TestPreviewIsWhatHappens(t *testing.T) {
	k := newKit(t, engines[0].url(t))
	random := rand.New(rand.NewPCG(7, uint64(len(t.Name()))))
	pick := func(words ...string) string { return words[random.IntN(len(words))] }
	some := func() (texts []string) {
		for range 1 + random.IntN(4) {
			text := pick("10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3", "10.1.2.0-10.1.3.9", "a.corp.example", "*.corp.example", ".corp.example", "*.a.corp.example") +
				":" + pick("22", "80-90", "1-65535", "22,443") + "/" + pick("tcp", "udp", "both")
			texts = append(texts, text)
		}
		return texts
	}
	unique := func(texts []string) (list []access.Segment) {
		seen := map[access.Segment]bool{}
		for _, s := range segmentsOf(t, texts...) {
			if !seen[s] {
				seen[s] = true
				list = append(list, s)
			}
		}
		return list
	}
	var apps []access.Application
	for i := range 6 {
		kind := access.KindPrivate
		if i == 0 {
			kind = access.KindQuickAccess
		}
		a, err := k.CreateApplication(t.Context(), k.owner, access.Application{Name: fmt.Sprint("App ", i), Kind: kind, GroupID: k.defaultGroup(), Segments: unique(some())})
		apps = append(apps, must(t, a, err))
	}
	hosts := []string{"10.1.2.3", "10.1.2.4", "10.1.3.9", "10.1.3.10", "10.2.0.1", "11.0.0.1", "a.corp.example", "b.a.corp.example", "corp.example", "x.corp.example", "example"}
	owners := func() map[string]string {
		found, table := map[string]string{}, access.Segments(k.settled().Applications)
		for _, text := range hosts {
			host, err := match.ParseHost(text)
			must(t, 0, err)
			for _, port := range []uint16{21, 22, 80, 85, 443, 5000} {
				for _, protocol := range []match.Protocol{match.TCP, match.UDP} {
					e, _ := table.Find(host, port, protocol)
					found[fmt.Sprint(text, " ", port, " ", protocol)] = e.Owner
				}
			}
		}
		return found
	}
	for range 40 {
		i := random.IntN(len(apps))
		changed := apps[i]
		changed.Segments = unique(some())
		told, err := k.PreviewSegments(t.Context(), k.owner, changed, false)
		must(t, told, err)
		before := owners()
		apps[i], err = k.UpdateApplication(t.Context(), k.owner, changed)
		must(t, 0, err)
		moved := map[[2]access.ID]bool{}
		for at, owner := range owners() {
			if owner != before[at] {
				moved[[2]access.ID{access.ID(before[at]), access.ID(owner)}] = true
			}
		}
		said := map[[2]access.ID]bool{}
		for _, c := range told.Changes {
			said[[2]access.ID{c.From.Application, c.To.Application}] = true
			if c.From.Application != changed.ID && c.To.Application != changed.ID {
				t.Fatalf("told of others: %+v", c)
			}
		}
		for pair := range moved {
			if !said[pair] {
				t.Fatalf("%v was not told of; %+v", pair, told.Changes)
			}
		}
	}
}

// TestOneQuickAccess: there is one, whichever way another one is tried.
func TestOneQuickAccess(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.privately("Quick", access.KindQuickAccess, nil, "10.0.0.0/8:443")
		other := k.privately("Other", access.KindPrivate, nil, "10.1.0.0/16:443")
		_, err := k.CreateApplication(t.Context(), k.owner, access.Application{Name: "Two", Kind: access.KindQuickAccess, GroupID: k.defaultGroup(), Segments: segmentsOf(t, "10.2.0.0/16:1")})
		wantKind(t, err, fault.KindConflict)
		other.Kind = access.KindQuickAccess
		_, err = k.UpdateApplication(t.Context(), k.owner, other)
		wantKind(t, err, fault.KindConflict)
	})
}
