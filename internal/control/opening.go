package control

import (
	"context"
	"slices"
	"strings"

	"postern/internal/access"
	"postern/internal/policy"
	"postern/internal/store"
)

// Opening is an application that is assigned to a user, and what would be decided of a request of theirs.
type Opening struct {
	App         *access.Application
	Assignments []access.Assignment // by which it is theirs at this moment
	Decision    policy.Decision
}

// UserApplications lists the applications that are assigned to a user, in the order of their names, and decides of each as
// gateways would at this moment: by the user's latest session, or else by the best sign-in that they can make. Connectors are
// not asked.
func (c *Control) UserApplications(ctx context.Context, by access.Actor, id access.ID) (list []Opening, err error) {
	x := explainer{c: c, q: Question{User: id, At: c.now()}, snap: c.newest(ctx), app: &access.Application{PreAuthentication: access.SignIn}}
	err = c.read(ctx, request{by: by, perm: explainAccess, object: id}, func(tx *store.Tx) error {
		list = nil
		if x.user, err = tx.User(ctx, id); err != nil {
			return err
		}
		if x.user.Groups, err = tx.Memberships(ctx, id); err != nil {
			return err
		}
		if err := x.sign(ctx, tx); err != nil {
			return err
		}
		list = x.openings()
		return nil
	})
	return list, err
}

// openings goes through what is assigned to the user, alone or within a group.
func (x *explainer) openings() (list []Opening) {
	mine := map[access.ID][]access.Assignment{}
	for _, a := range x.snap.Assignments {
		if !a.Over(x.q.At) && (a.User == x.user.ID || a.Group != "" && slices.Contains(x.user.Groups, a.Group)) {
			mine[a.Application] = append(mine[a.Application], *a)
		}
	}
	for id, assignments := range mine {
		app, ok := x.snap.Application(id)
		if !ok {
			continue
		}
		o := Opening{App: app, Assignments: assignments}
		if x.out.Failed == "user" {
			o.Decision = policy.Decision{Reason: policy.ReasonSignInRequired, Message: "The user is disabled and cannot sign in."}
		} else {
			o.Decision = policy.Decide(x.snap, app, x.asked())
		}
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b Opening) int { return strings.Compare(folded(a.App.Name), folded(b.App.Name)) })
	return list
}
