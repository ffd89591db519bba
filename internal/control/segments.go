package control

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/match"
	"postern/internal/store"
)

// SegmentChange is destinations that belong to another application after a change of segments than before it.
type SegmentChange struct {
	From, To     SegmentOwner // the zero value: nobody's
	Example      string       // one of them, as "10.1.2.3:443/tcp"
	Losing       []string     // sign-in names of people who could use them before, by assignment, and cannot afterwards; the first ones
	LosingCount  int
	GainingCount int
}

// SegmentOwner is the application, and the segment of it, that destinations belong to.
type SegmentOwner struct {
	Application access.ID
	Name        string
	Segment     string
}

// SegmentPreview tells what a change of segments would do.
type SegmentPreview struct {
	Changes []SegmentChange
	More    int // changes that are not listed
	// Covered are parts of the application's own segments that others keep, since theirs are narrower or come first.
	Covered []SegmentChange
}

const (
	maxSegmentChanges = 200
	maxLosing         = 50
)

// PreviewSegments tells whose destinations would become whose if a private application were made, changed or removed so, and who would lose
// access by that. Nothing changes.
func (c *Control) PreviewSegments(ctx context.Context, by access.Actor, a access.Application, remove bool) (out SegmentPreview, err error) {
	a.Defaults()
	if a.ID == "" {
		a.ID = access.NewID(access.PrefixApplication, c.now())
	}
	err = c.read(ctx, request{by: by, perm: readApplication, object: a.ID}, func(tx *store.Tx) error {
		if a.Kind == access.KindWeb && !remove {
			return fault.Invalid("kind", "must be %q or %q: web applications have no segments", access.KindPrivate, access.KindQuickAccess)
		}
		all, err := tx.AllApplications(ctx)
		if err != nil {
			return err
		}
		p := preview{ctx: ctx, tx: tx, now: c.now(), names: map[access.ID]string{}, users: map[access.ID]map[access.ID]bool{}}
		before, after := p.sets(all, &a, remove)
		if !remove {
			if err := validSegments(&a); err != nil {
				return err
			}
		} else if len(before) == len(after) {
			return fault.NotFound("there is no such application")
		}
		return p.fill(&out, before, after, &a)
	})
	return out, err
}

// validSegments says what is wrong with what the preview is about.
func validSegments(a *access.Application) error {
	only := access.Application{Name: "x", GroupID: access.ID(access.PrefixConnectorGroup + "_00000000000000000000000000"), Kind: a.Kind, Segments: a.Segments}
	only.Defaults()
	return only.Validate()
}

// preview gathers what a change of segments would do.
type preview struct {
	ctx         context.Context
	tx          *store.Tx
	now         time.Time
	names       map[access.ID]string
	assignments []access.Assignment
	nesting     access.Nesting
	members     map[access.ID][]access.ID
	users       map[access.ID]map[access.ID]bool // of an application, by assignments
}

// sets gives the applications before and after.
func (p *preview) sets(all []access.Application, a *access.Application, remove bool) (before, after []*access.Application) {
	known := false
	for i := range all {
		old := &all[i]
		p.names[old.ID] = old.Name
		before = append(before, old)
		switch {
		case old.ID != a.ID:
			after = append(after, old)
		case !remove:
			known = true
			after = append(after, a)
		}
	}
	if !known && !remove {
		after = append(after, a)
	}
	if a.Name != "" || p.names[a.ID] == "" {
		p.names[a.ID] = cmp.Or(a.Name, "the new application")
	}
	return before, after
}

func (p *preview) fill(out *SegmentPreview, before, after []*access.Application, a *access.Application) error {
	then := access.Segments(after)
	changes := match.Changes(access.Segments(before), then)
	out.More = max(0, len(changes)-maxSegmentChanges)
	for _, change := range changes[:len(changes)-out.More] {
		shown := p.show(change)
		if err := p.people(&shown); err != nil {
			return err
		}
		out.Changes = append(out.Changes, shown)
	}
	for _, change := range match.Changes(access.Segments(slices.DeleteFunc(slices.Clone(after), func(o *access.Application) bool { return o.ID != a.ID })), then) {
		if change.From.Owner != "" && len(out.Covered) < maxSegmentChanges {
			out.Covered = append(out.Covered, p.show(change))
		}
	}
	return nil
}

func (p *preview) show(change match.Change) SegmentChange {
	owner := func(e match.Entry) SegmentOwner {
		if e.Owner == "" {
			return SegmentOwner{}
		}
		return SegmentOwner{access.ID(e.Owner), p.names[access.ID(e.Owner)], e.Segment.String()}
	}
	return SegmentChange{From: owner(change.From), To: owner(change.To), Example: change.Example()}
}

// people says who loses and gains access by a change, as far as assignments say.
func (p *preview) people(change *SegmentChange) error {
	from, err := p.usersOf(change.From.Application)
	if err != nil {
		return err
	}
	to, err := p.usersOf(change.To.Application)
	if err != nil {
		return err
	}
	var losing []access.ID
	for id := range from {
		if !to[id] {
			losing = append(losing, id)
		}
	}
	for id := range to {
		if !from[id] {
			change.GainingCount++
		}
	}
	slices.Sort(losing)
	change.LosingCount = len(losing)
	for _, id := range losing[:min(len(losing), maxLosing)] {
		u, err := p.tx.User(p.ctx, id)
		if err != nil {
			return err
		}
		change.Losing = append(change.Losing, u.Name)
	}
	slices.Sort(change.Losing)
	return nil
}

// usersOf gives who may use an application now: those it is assigned to, and the members of groups, and of groups in those.
func (p *preview) usersOf(app access.ID) (map[access.ID]bool, error) {
	if app == "" {
		return nil, nil
	}
	if known, ok := p.users[app]; ok {
		return known, nil
	}
	if p.members == nil {
		if err := p.load(); err != nil {
			return nil, err
		}
	}
	found := map[access.ID]bool{}
	for _, a := range p.assignments {
		switch {
		case a.Application != app || a.Over(p.now):
		case a.User != "":
			found[a.User] = true
		default:
			seen := map[access.ID]bool{a.Group: true}
			for queue := []access.ID{a.Group}; len(queue) > 0; queue = queue[1:] {
				maps.Copy(found, setOf(p.members[queue[0]]))
				for _, inner := range p.nesting[queue[0]] {
					if !seen[inner] {
						seen[inner] = true
						queue = append(queue, inner)
					}
				}
			}
		}
	}
	p.users[app] = found
	return found, nil
}

func setOf(list []access.ID) map[access.ID]bool {
	set := make(map[access.ID]bool, len(list))
	for _, id := range list {
		set[id] = true
	}
	return set
}

// load reads assignments in force and who is in which group.
func (p *preview) load() (err error) {
	if p.assignments, err = p.tx.AllAssignments(p.ctx); err != nil {
		return err
	}
	if p.nesting, err = p.tx.GroupNesting(p.ctx); err != nil {
		return err
	}
	p.members, err = p.tx.GroupMembers(p.ctx)
	return err
}
