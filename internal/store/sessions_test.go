package store_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// signedIn is a world in which somebody uses an application.
type signedIn struct {
	world
	portal, child access.Session
	code          access.Code
}

func (k *kit) signIn(t testing.TB) signedIn {
	t.Helper()
	s := signedIn{world: k.settle(t)}
	s.portal = access.Session{
		ID: "ses_portal", Kind: access.SessionPortal, User: s.user.ID, Hash: []byte{0, 1}, Address: "192.0.2.1", UserAgent: "Browser \"1\"",
		Authenticated: at(1), Methods: []string{access.MethodPassword, access.MethodTOTP}, Created: at(2), LastUsed: at(3), Expires: at(40),
	}
	s.child = access.Session{
		ID: "ses_child", Kind: access.SessionApplication, Parent: s.portal.ID, User: s.user.ID, Application: s.application.ID,
		Host: "world.example.com", Hash: []byte{2}, Authenticated: at(1), Created: at(4), LastUsed: at(4), Expires: at(41),
	}
	s.code = access.Code{
		Hash: []byte{7, 0}, Parent: s.portal.ID, Application: s.application.ID, Host: "world.example.com", Return: "/a?b", Binding: "bind", Expires: at(30),
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return errFirst(tx.InsertSession(ctx, &s.portal), tx.InsertSession(ctx, &s.child), tx.InsertCode(ctx, &s.code))
	})
	return s
}

// sessions gives the ids of the sessions that the user has, the newest first.
func (k *kit) sessions(t testing.TB, user access.ID) (ids []access.ID) {
	t.Helper()
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		list, err := tx.UserSessions(ctx, user)
		for _, s := range list {
			ids = append(ids, s.ID)
		}
		return err
	})
	return ids
}

func sessionsComeBack(t *testing.T, k *kit) {
	s := k.signIn(t)
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return tx.TouchSessions(ctx, []store.Used{{ID: s.child.ID, At: at(20)}, {ID: s.portal.ID, At: at(1)}, {ID: "ses_gone", At: at(20)}})
	})
	s.child.LastUsed = at(20)
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		for _, want := range []access.Session{s.portal, s.child} {
			got, err := tx.SessionByID(ctx, want.ID)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s: %v\n%s", want.ID, err, diff)
			}
		}
		list, err := tx.UserSessions(ctx, s.user.ID)
		if diff := cmp.Diff([]access.Session{s.child, s.portal}, list); diff != "" {
			t.Error(diff)
		}
		_, missing := tx.SessionByID(ctx, "ses_gone")
		if !fault.Is(missing, fault.KindNotFound) {
			t.Error(missing)
		}
		return err
	})
	k.refused(t, fault.KindConflict, func(ctx context.Context, tx *store.Tx) error {
		orphan := s.child
		orphan.ID, orphan.Parent = "ses_orphan", "ses_gone"
		return tx.InsertSession(ctx, &orphan)
	})
}

func sessionsEnd(t *testing.T, k *kit) {
	s := k.signIn(t)
	other := s.portal
	other.ID, other.Created = "ses_other", at(9)
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertSession(ctx, &other) })
	ended := func(end func(context.Context, *store.Tx) ([]access.ID, error), want ...access.ID) {
		t.Helper()
		k.write(t, func(ctx context.Context, tx *store.Tx) error {
			ids, err := end(ctx, tx)
			slices.Sort(ids)
			if diff := cmp.Diff(want, ids); diff != "" {
				t.Errorf("ended (-want +got):\n%s", diff)
			}
			return err
		})
	}
	ended(func(ctx context.Context, tx *store.Tx) ([]access.ID, error) { return tx.EndSession(ctx, s.portal.ID) }, s.child.ID, s.portal.ID)
	ended(func(ctx context.Context, tx *store.Tx) ([]access.ID, error) { return tx.EndSession(ctx, s.portal.ID) })
	if diff := cmp.Diff([]access.ID{other.ID}, k.sessions(t, s.user.ID)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return errFirst(tx.InsertSession(ctx, &s.portal), tx.InsertSession(ctx, &s.child))
	})
	ended(func(ctx context.Context, tx *store.Tx) ([]access.ID, error) {
		return tx.EndUserSessions(ctx, s.user.ID)
	},
		s.child.ID, other.ID, s.portal.ID)
	ended(func(ctx context.Context, tx *store.Tx) ([]access.ID, error) {
		return tx.EndUserSessions(ctx, "usr_gone")
	})
}

func sessionsExpire(t *testing.T, k *kit) {
	s := k.signIn(t)
	for i := range 5 {
		old := s.portal
		old.ID, old.Expires = num("ses", i), at(10+i)
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertSession(ctx, &old) })
	}
	trims(t, k, []int64{2, 1, 0}, func(ctx context.Context, tx *store.Tx) (int64, error) {
		return tx.DeleteExpiredSessions(ctx, at(12), 2)
	})
	trims(t, k, []int64{0}, func(ctx context.Context, tx *store.Tx) (int64, error) { return tx.DeleteExpiredCodes(ctx, at(29), 2) })
	trims(t, k, []int64{1, 0}, func(ctx context.Context, tx *store.Tx) (int64, error) { return tx.DeleteExpiredCodes(ctx, at(30), 2) })
	if n := len(k.sessions(t, s.user.ID)); n != 4 {
		t.Errorf("%d sessions are left, want 4", n)
	}
}

func codesAreSpentOnce(t *testing.T, k *kit) {
	s := k.signIn(t)
	spend := func(hash []byte, now time.Time) (code access.Code, err error) {
		err = k.try(t, func(ctx context.Context, tx *store.Tx) (err error) {
			code, err = tx.SpendCode(ctx, hash, now)
			return err
		})
		return code, err
	}
	for _, test := range []struct {
		name string
		hash []byte
		now  time.Time
	}{{"wrong", []byte{7}, at(1)}, {"none", nil, at(1)}, {"expired", s.code.Hash, at(30)}} {
		if _, err := spend(test.hash, test.now); !fault.Is(err, fault.KindNotFound) {
			t.Errorf("a code that is %s: %v", test.name, err)
		}
	}
	got, err := spend(s.code.Hash, at(29))
	if diff := cmp.Diff(s.code, got); diff != "" || err != nil {
		t.Errorf("the code: %v\n%s", err, diff)
	}
	if _, err := spend(s.code.Hash, at(29)); !fault.Is(err, fault.KindNotFound) {
		t.Errorf("a spent code: %v", err)
	}
}

// deletedThingsTakeTheirsAlong deletes what others belong to.
func deletedThingsTakeTheirsAlong(t *testing.T, k *kit) {
	s := k.signIn(t)
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return errFirst(
			tx.InsertAssignment(ctx, &access.Assignment{Meta: meta("asg_u", 1), Application: s.application.ID, User: s.user.ID}),
			tx.InsertAssignment(ctx, &access.Assignment{Meta: meta("asg_g", 2), Application: s.application.ID, Group: s.staff.ID}),
		)
	})
	state := func() (text string) {
		t.Helper()
		k.read(t, func(ctx context.Context, tx *store.Tx) error {
			assignments, err := tx.AllAssignments(ctx)
			members := 0
			if g, err := tx.Group(ctx, s.staff.ID); err == nil {
				members = len(g.Members)
			}
			text = fmt.Sprintf("%d assignments, %d members, %d sessions", len(assignments), members, len(k.sessions(t, s.user.ID)))
			return err
		})
		codes := "code gone"
		_ = k.try(t, func(ctx context.Context, tx *store.Tx) error { // looks by spending and undoing it
			if _, err := tx.SpendCode(ctx, s.code.Hash, at(1)); err == nil {
				codes = "code there"
			}
			return errUndo
		})
		return text + ", " + codes
	}
	for _, step := range []struct {
		name string
		do   func(context.Context, *store.Tx) error
		want string
	}{
		{"nothing", func(context.Context, *store.Tx) error { return nil }, "2 assignments, 1 members, 2 sessions, code there"},
		{"the group", func(ctx context.Context, tx *store.Tx) error { return tx.DeleteGroup(ctx, s.staff.ID, 0) }, "1 assignments, 0 members, 2 sessions, code there"},
		{"the application", func(ctx context.Context, tx *store.Tx) error { return tx.DeleteApplication(ctx, s.application.ID, 0) }, "0 assignments, 0 members, 1 sessions, code gone"},
		{"the group is back", func(ctx context.Context, tx *store.Tx) error { return tx.InsertGroup(ctx, &s.staff) }, "0 assignments, 1 members, 1 sessions, code gone"},
		{"the user", func(ctx context.Context, tx *store.Tx) error { return tx.DeleteUser(ctx, s.user.ID, 0) }, "0 assignments, 0 members, 0 sessions, code gone"},
	} {
		k.write(t, step.do)
		if got := state(); got != step.want {
			t.Errorf("without %s: %s; want %s", step.name, got, step.want)
		}
	}
}

func endingsCount(t *testing.T, k *kit) {
	last := func() (seq uint64) {
		t.Helper()
		k.read(t, func(ctx context.Context, tx *store.Tx) (err error) {
			seq, err = tx.LastEnding(ctx)
			return err
		})
		return seq
	}
	if n := last(); n != 0 {
		t.Errorf("the last ending of none is %d, want 0", n)
	}
	var want []access.Ending
	for i := range 5 {
		e := access.Ending{Kind: access.EndingUser, ID: fmt.Sprint("usr_", i), Time: at(i)}
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.AppendEnding(ctx, &e) })
		want = append(want, e)
		if e.Seq != uint64(i+1) {
			t.Errorf("ending %d has number %d", i, e.Seq)
		}
	}
	after := func(seq uint64, limit int) (list []access.Ending) {
		t.Helper()
		k.read(t, func(ctx context.Context, tx *store.Tx) (err error) {
			list, err = tx.EndingsAfter(ctx, seq, limit)
			return err
		})
		return list
	}
	for _, test := range []struct {
		after uint64
		limit int
		want  []access.Ending
	}{{0, 9, want}, {2, 2, want[2:4]}, {4, 9, want[4:]}, {5, 9, nil}, {math.MaxUint64, 9, nil}, {1 << 63, 9, nil}} {
		if diff := cmp.Diff(test.want, after(test.after, test.limit)); diff != "" {
			t.Errorf("endings after %d (-want +got):\n%s", test.after, diff)
		}
	}
	trims(t, k, []int64{2, 1, 0}, func(ctx context.Context, tx *store.Tx) (int64, error) { return tx.TrimEndings(ctx, at(3), 2) })
	if diff := cmp.Diff(want[3:], after(0, 9)); diff != "" || last() != 5 {
		t.Errorf("the last of the trimmed endings is %d\n%s", last(), diff)
	}
}
