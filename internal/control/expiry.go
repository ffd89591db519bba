package control

import (
	"context"
	"time"

	"postern/internal/access"
	"postern/internal/store"
)

// assignmentsFor is how long an assignment that has ended stays to be looked at and prolonged.
const assignmentsFor = 30 * 24 * time.Hour

// cleanAssignments deletes assignments that ended long ago. They are configuration, so it is an act;
// whichever replica comes second finds nothing left to do.
func (c *Control) cleanAssignments(ctx context.Context) {
	for range cleanRounds {
		before := c.now().Add(-assignmentsFor)
		var over []access.Assignment
		within, cancel := context.WithTimeout(ctx, writeWithin)
		err := c.store.Read(within, func(tx *store.Tx) (err error) {
			over, err = tx.AssignmentsOver(within, before, 1)
			return err
		})
		if err == nil && len(over) > 0 {
			over, err = c.deleteAssignmentsOver(within, before)
		}
		cancel()
		if err != nil {
			c.log.Warn("clean up", "what", "assignments", "error", cause(err))
		}
		if len(over) < cleanBatch {
			return
		}
	}
}

func (c *Control) deleteAssignmentsOver(ctx context.Context, before time.Time) (over []access.Assignment, err error) {
	r := request{by: access.Actor{Kind: access.ActorSystem, Name: "clean-up"}, perm: deleteAssignment}
	err = c.act(ctx, r, func(ch *change) error {
		if over, err = ch.tx.AssignmentsOver(ctx, before, cleanBatch); err != nil {
			return err
		}
		for i := range over {
			if err := ch.tx.DeleteAssignment(ctx, over[i].ID, over[i].Version); err != nil {
				return err
			}
			ch.audit(deleteAssignment, object{over[i].Meta, ""}, over[i], nil)
		}
		if len(over) == 0 { // another replica was first
			ch.audit(deleteAssignment, object{}, nil, nil)
		}
		return nil
	})
	return over, err
}
