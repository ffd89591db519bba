package control

import (
	"context"
	"slices"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// Bounds of access requests, beside those of package access.
const (
	requestsADay   = 50
	requestsShown  = 100
	requestsToDo   = 500
	requestsFor    = 400 * 24 * time.Hour
	answerableApps = 5000
)

// AccessRequests lists access requests and gives the cursor of the next page, empty at the end.
func (c *Control) AccessRequests(ctx context.Context, by access.Actor, page access.Page) (list []access.AccessRequest, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readRequest}, func(tx *store.Tx) error {
		list, next, err = tx.AccessRequests(ctx, page)
		return err
	})
	return list, next, err
}

// AccessRequest gives one access request.
func (c *Control) AccessRequest(ctx context.Context, by access.Actor, id access.ID) (r access.AccessRequest, err error) {
	err = c.read(ctx, request{by: by, perm: readRequest, object: id}, func(tx *store.Tx) error {
		r, err = tx.AccessRequest(ctx, id)
		return err
	})
	return r, err
}

// Requestable lists the applications that somebody may ask for: those that allow it and are not
// theirs already.
func (c *Control) Requestable(who access.Principal) []*access.Application {
	snap, now := c.current(), c.now()
	var list []*access.Application
	for _, app := range snap.Applications {
		if _, has := snap.Assigned(app.ID, &who, now); app.Requestable && !has && app.PreAuthentication == access.SignIn {
			list = append(list, app)
		}
	}
	slices.SortFunc(list, func(a, b *access.Application) int { return strings.Compare(folded(a.Name), folded(b.Name)) })
	return list
}

// OwnRequests gives the latest requests of somebody, the newest first.
func (c *Control) OwnRequests(ctx context.Context, who access.Principal) (list []access.AccessRequest, err error) {
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		list, err = tx.LatestRequests(ctx, who.User, requestsShown)
		return err
	})
	return list, err
}

// Ask is a wish to use an application.
type Ask struct {
	Application access.ID
	Reason      string
	Period      time.Duration
}

// RequestAccess asks the owners of an application for access.
func (c *Control) RequestAccess(ctx context.Context, by access.Actor, ask Ask) (access.AccessRequest, error) {
	r := access.AccessRequest{Application: ask.Application, User: by.ID, Reason: strings.TrimSpace(ask.Reason), Period: ask.Period, State: access.RequestPending}
	err := c.act(ctx, request{by: by, perm: createRequest, object: ask.Application}, func(ch *change) error {
		r.Meta = ch.fresh(access.PrefixRequest)
		if err := r.Validate(); err != nil {
			return err
		}
		app, err := ch.tx.Application(ctx, r.Application)
		if err == nil && (!app.Requestable || app.PreAuthentication != access.SignIn) {
			err = fault.NotFound("there is no such application")
		}
		if err != nil {
			return orElse(err, fault.KindNotFound, fault.Invalid("application", "is none that can be asked for"))
		}
		if err := ch.mayAsk(&app); err != nil {
			return err
		}
		if err := ch.tx.InsertAccessRequest(ctx, &r); err != nil {
			return err
		}
		ch.audit(createRequest, object{r.Meta, by.Name + " → " + app.Name}, nil, r)
		return nil
	})
	return r, err
}

// mayAsk holds the bounds of what one user asks for.
func (ch *change) mayAsk(app *access.Application) error {
	groups, err := ch.tx.Memberships(ch.ctx, ch.by.ID)
	if err != nil {
		return err
	}
	if _, has := ch.c.current().Assigned(app.ID, &access.Principal{User: ch.by.ID, Groups: groups}, ch.now); has {
		return fault.Conflict("you may use %s already", app.Name)
	}
	latest, err := ch.tx.LatestRequests(ch.ctx, ch.by.ID, requestsADay)
	if err != nil {
		return err
	}
	pending := 0
	for _, r := range latest {
		if r.State != access.RequestPending {
			continue
		}
		pending++
		if r.Application == app.ID {
			return fault.Conflict("you asked for %s already; it is not decided yet", app.Name)
		}
	}
	if pending >= access.MaxPending {
		return fault.New(fault.KindLimited, "you have %d requests that are not decided yet; withdraw one, or wait for the answers", pending)
	}
	if len(latest) == requestsADay && ch.now.Sub(latest[requestsADay-1].Created) < 24*time.Hour {
		return fault.New(fault.KindLimited, "you made %d requests within a day; try again tomorrow", requestsADay)
	}
	return nil
}

// WithdrawRequest takes back somebody's own request.
func (c *Control) WithdrawRequest(ctx context.Context, by access.Actor, id access.ID) error {
	return c.act(ctx, request{by: by, perm: withdrawRequest, object: id}, func(ch *change) error {
		r, err := ch.tx.AccessRequest(ctx, id)
		if err == nil && r.User != by.ID {
			err = fault.NotFound("there is no such access request")
		}
		if err != nil {
			return err
		}
		if err := undecided(&r); err != nil {
			return err
		}
		return ch.close(withdrawRequest, r, access.RequestWithdrawn)
	})
}

func undecided(r *access.AccessRequest) error {
	if r.State != access.RequestPending {
		return fault.Conflict("this request is %s already", r.State)
	}
	return nil
}

// close writes what became of a request.
func (ch *change) close(perm permission, r access.AccessRequest, state access.RequestState) error {
	old := r
	old.State, old.Answer, old.Expires, old.Assignment = access.RequestPending, "", time.Time{}, ""
	r.State, r.Decided, r.DecidedBy, r.DecidedName, r.Updated = state, ch.now, ch.by.ID, ch.by.Name, ch.now
	if err := ch.tx.UpdateAccessRequest(ch.ctx, &r); err != nil {
		return err
	}
	ch.audit(perm, object{r.Meta, ""}, old, r)
	return nil
}

// Verdict is the answer to a request.
type Verdict struct {
	ID      access.ID
	Approve bool
	Period  time.Duration // that is granted; zero: what was asked for
	Answer  string        // what to say to who asked; optional
}

// DecideRequest answers a request as an administrator of policies.
func (c *Control) DecideRequest(ctx context.Context, by access.Actor, v Verdict) (access.AccessRequest, error) {
	return c.decideRequest(ctx, request{by: by, perm: decideRequest, object: v.ID}, v)
}

// AnswerRequest answers a request as a user: an owner of the application, or an administrator of
// policies.
func (c *Control) AnswerRequest(ctx context.Context, by access.Actor, v Verdict) (access.AccessRequest, error) {
	return c.decideRequest(ctx, request{by: by, perm: answerRequest, object: v.ID}, v)
}

func (c *Control) decideRequest(ctx context.Context, of request, v Verdict) (r access.AccessRequest, err error) {
	err = c.act(ctx, of, func(ch *change) error {
		if r, err = ch.tx.AccessRequest(ctx, v.ID); err != nil {
			return err
		}
		app, err := ch.tx.Application(ctx, r.Application)
		if err != nil {
			return err
		}
		if of.perm == answerRequest {
			if err := ch.mayAnswer(&app); err != nil {
				return err
			}
		}
		if ch.by.Kind == access.ActorUser && ch.by.ID == r.User {
			return fault.Forbidden("this is your own request; somebody else has to answer it")
		}
		if err := undecided(&r); err != nil {
			return err
		}
		if err := access.CheckRemark(v.Answer); err != nil {
			return fault.Invalid("answer", "%s", err)
		}
		r.Answer = strings.TrimSpace(v.Answer)
		state := access.RequestDenied
		if v.Approve {
			state = access.RequestApproved
			if err := ch.grantRequest(&r, v); err != nil {
				return err
			}
		}
		if err := ch.close(of.perm, r, state); err != nil {
			return err
		}
		r, err = ch.tx.AccessRequest(ctx, v.ID)
		return err
	})
	return r, err
}

// mayAnswer says whether the actor is an owner of the application, or an administrator of policies.
func (ch *change) mayAnswer(app *access.Application) error {
	groups, err := ch.tx.Memberships(ch.ctx, ch.by.ID)
	if err != nil {
		return err
	}
	if !answers(app, ch.by.ID, groups, ch.by.Roles) {
		return fault.Forbidden("you are no owner of %s", app.Name)
	}
	return nil
}

func answers(app *access.Application, user access.ID, groups []access.ID, roles []access.Role) bool {
	return slices.Contains(roles, access.RoleOwner) || slices.Contains(roles, access.RolePolicyAdmin) || slices.Contains(app.OwnerUsers, user) ||
		slices.ContainsFunc(groups, func(g access.ID) bool { return slices.Contains(app.OwnerGroups, g) })
}

// grantRequest makes an assignment of a request, or prolongs the one that there is.
func (ch *change) grantRequest(r *access.AccessRequest, v Verdict) error {
	period := v.Period
	if period == 0 {
		period = r.Period
	}
	if err := access.CheckPeriod(period); err != nil {
		return fault.Invalid("period", "%s", err)
	}
	user, err := ch.tx.User(ch.ctx, r.User)
	if err != nil {
		return err
	}
	if user.Disabled {
		return fault.Conflict("%s is disabled; enable the user first, or deny the request", user.Name)
	}
	made := access.Assignment{Application: r.Application, User: r.User, Expires: ch.now.Add(period), Request: r.ID}
	old, err := ch.tx.AssignmentOf(ch.ctx, &made)
	switch {
	case fault.Is(err, fault.KindNotFound), err == nil && old.Over(ch.now):
		err = ch.assign(&made)
	case err != nil:
	case old.Expires.IsZero() || old.Expires.After(made.Expires):
		made = old // it is better than what was asked for
	default:
		longer := old
		longer.Expires, longer.Request, longer.Updated = made.Expires, r.ID, ch.now
		if err = ch.tx.UpdateAssignment(ch.ctx, &longer); err == nil {
			ch.audit(updateAssignment, object{longer.Meta, user.Name}, old, longer)
		}
		made = longer
	}
	r.Assignment, r.Expires = made.ID, made.Expires
	return err
}

// ToAnswer gives the undecided requests that somebody may answer, the oldest first.
func (c *Control) ToAnswer(ctx context.Context, who access.Principal) (list []access.AccessRequest, names map[access.ID]string, err error) {
	var own []access.ID
	for _, app := range c.current().Applications {
		if answers(app, who.User, who.Groups, who.Roles) && len(own) < answerableApps {
			own = append(own, app.ID)
		}
	}
	if len(own) == 0 {
		return nil, nil, nil
	}
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		names = map[access.ID]string{}
		if list, err = tx.PendingFor(ctx, own, requestsToDo); err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(r access.AccessRequest) bool { return r.User == who.User })
		for _, r := range list {
			if _, known := names[r.User]; known {
				continue
			}
			user, err := tx.User(ctx, r.User)
			if err != nil {
				return err
			}
			names[r.User] = user.Name
			if user.DisplayName != "" {
				names[r.User] = user.DisplayName + " (" + user.Name + ")"
			}
		}
		return nil
	})
	return list, names, err
}
