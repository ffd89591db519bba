package control

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/policy"
	"postern/internal/store"
)

// Question is what Explain is asked: may the user use the application?
type Question struct {
	User        access.ID
	Application access.ID
	From        netip.Addr      // the client's address; the zero one is none in particular
	At          time.Time       // zero for now
	Device      access.ID       // a device of the user's, from which they come; empty: a browser
	Strength    access.Strength // of a fresh sign-in that is assumed; empty: the user's latest session, or the best sign-in that they can make
	Unasked     bool            // connectors are not asked whether they reach it
}

// HopState says how a hop of an Explanation is.
type HopState string

// The states of a hop.
const (
	HopGood   HopState = "ok"
	HopFailed HopState = "failed"
	HopNote   HopState = "note"    // worth knowing, and in nobody's way
	HopUnseen HopState = "skipped" // not looked at, since one before it failed
)

// Hop is one station on the way from a user to an application.
type Hop struct {
	Name   string // user, session, application, assignment, policy, connectors, target
	Object string // the name of what it is about, if there is more than one
	State  HopState
	Detail string
	Cure   string // of a failed one
}

// Explanation tells, hop by hop, whether a user may use an application, and reaches it.
type Explanation struct {
	Hops     []Hop
	Allow    bool
	Reason   string // the stable word of the denial, as the gateway says it; empty when allowed
	Message  string // what the user is told
	Failed   string // the name of the failed hop; empty when allowed
	Cure     string
	User     string
	App      string
	At       time.Time
	Decision policy.Decision
}

// Explain runs the code that decides over the state as it is, and says what it found on the way.
func (c *Control) Explain(ctx context.Context, by access.Actor, q Question) (e Explanation, err error) {
	x := explainer{c: c, q: q, snap: c.newest(ctx)}
	if x.q.At.IsZero() {
		x.q.At = c.now()
	}
	err = c.read(ctx, request{by: by, perm: explainAccess, object: q.Application}, func(tx *store.Tx) error {
		x.out = Explanation{At: x.q.At}
		return x.run(ctx, tx)
	})
	if err == nil { // asking takes a while, for which no transaction stays open
		x.targets(ctx)
		x.out.Allow = x.out.Failed == ""
	}
	return x.out, err
}

// newestWithin is how long a question waits for a change that was just made.
const newestWithin = time.Second

// newest gives the snapshot of what is stored: who has just changed something and asks what came of it is not told what was before.
// When that takes too long, or the store is away, it is the current one.
func (c *Control) newest(ctx context.Context) *access.Snapshot {
	ctx, cancel := context.WithTimeout(ctx, newestWithin)
	defer cancel()
	var version uint64
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
		version, err = tx.Version(ctx)
		return err
	})
	if err == nil && version > 0 {
		if snap, err := c.Snapshot(ctx, version-1); err == nil {
			return snap
		}
	}
	return c.current()
}

// explainer goes the way of a request.
type explainer struct {
	c    *Control
	q    Question
	snap *access.Snapshot
	user access.User
	who  *access.Principal // nil when nobody would be signed in
	app  *access.Application
	out  Explanation
}

func (x *explainer) hop(h Hop) {
	if h.State == HopFailed && x.out.Failed == "" {
		x.out.Failed, x.out.Cure = h.Name, h.Cure
	}
	x.out.Hops = append(x.out.Hops, h)
}

func (x *explainer) run(ctx context.Context, tx *store.Tx) (err error) {
	app, ok := x.snap.Application(x.q.Application)
	if !ok {
		return fault.NotFound("there is no such application")
	}
	x.app, x.out.App = app, app.Name
	if x.user, err = tx.User(ctx, x.q.User); err != nil {
		return err
	}
	x.out.User = x.user.Name
	if x.user.Groups, err = tx.Memberships(ctx, x.user.ID); err != nil {
		return err
	}
	if err := x.sign(ctx, tx); err != nil {
		return err
	}
	if err := x.device(ctx, tx); err != nil {
		return err
	}
	x.application()
	if err := x.assignment(ctx, tx); err != nil {
		return err
	}
	x.policies()
	x.decide()
	x.connectors()
	x.out.Allow = x.out.Failed == ""
	return nil
}

// sign finds out as whom the user would come: by the latest session that is good still, or by a sign-in
// that is assumed.
func (x *explainer) sign(ctx context.Context, tx *store.Tx) error {
	if off, err := upstreamOff(ctx, tx, &x.user); err != nil || x.user.Disabled || off {
		cure := "postern users update " + x.user.Name + " --disabled=false"
		if off {
			cure = "enable the user at the upstream"
		}
		x.hop(Hop{Name: "user", Object: x.user.Name, State: HopFailed, Detail: "the user is disabled and cannot sign in", Cure: cure})
		return err
	}
	x.hop(Hop{Name: "user", Object: x.user.Name, State: HopGood, Detail: "the user is enabled"})
	if x.app.PreAuthentication == access.Passthrough {
		x.hop(Hop{Name: "session", State: HopNote, Detail: "the application asks nobody to sign in (passthrough)"})
		return nil
	}
	if x.q.Strength == "" {
		latest, err := x.latest(ctx, tx)
		if err != nil || latest != nil {
			return err
		}
	}
	x.assume()
	return nil
}

// latest takes the user's portal session that was used last, if there is one.
func (x *explainer) latest(ctx context.Context, tx *store.Tx) (*access.Session, error) {
	list, err := portalSessions(ctx, tx, x.user.ID)
	if err != nil {
		return nil, err
	}
	var latest *access.Session
	for i := range list {
		s := &list[i]
		over := !x.q.At.Before(s.Expires) || s.Authenticated.Before(x.user.PasswordSet) || x.c.needsSecond(&x.user) && !access.Strong(s.Methods)
		if s.Kind == access.SessionPortal && !over && (latest == nil || s.LastUsed.After(latest.LastUsed)) {
			latest = s
		}
	}
	if latest == nil {
		return nil, nil
	}
	who := principal(&x.user, latest)
	x.who = &who
	x.hop(Hop{Name: "session", State: HopGood, Detail: fmt.Sprintf("signed in %s ago from %s, by %s (%s)", x.q.At.Sub(latest.Authenticated).Truncate(time.Second),
		latest.Address, strings.Join(latest.Methods, ", "), access.StrengthOf(latest.Methods))})
	return latest, nil
}

// assume makes up a fresh sign-in: of the strength that is asked about, or as strong as the user's
// factors allow.
func (x *explainer) assume() {
	methods := map[access.Strength][]string{
		access.SingleFactor:      {access.MethodPassword},
		access.MultiFactor:       {access.MethodPassword, access.MethodTOTP},
		access.PhishingResistant: {access.MethodPasskey, access.MethodVerified},
	}
	strength, why := x.q.Strength, "as asked for"
	if strength == "" {
		why = "as strong as the factors that the user has"
		switch {
		case slices.Contains(x.user.Factors, access.FactorPasskey):
			strength = access.PhishingResistant
		case len(x.user.Factors) > 0 || x.c.needsSecond(&x.user):
			strength = access.MultiFactor
		default:
			strength = access.SingleFactor
		}
	}
	who := principal(&x.user, &access.Session{Authenticated: x.q.At, Methods: methods[strength]})
	x.who = &who
	x.hop(Hop{Name: "session", State: HopNote, Detail: fmt.Sprintf("assumed: a fresh sign-in, %s (%s)", strength, why)})
}

func (x *explainer) application() {
	d := policy.Published(x.snap, x.app)
	if d.Reason == policy.ReasonClientsOff {
		x.hop(Hop{Name: "application", Object: x.app.Name, State: HopFailed, Detail: "all clients are turned off", Cure: "postern clients on"})
		return
	}
	if !d.Allow {
		x.hop(Hop{Name: "application", Object: x.app.Name, State: HopFailed, Detail: "it is switched off (" + d.Reason + ")", Cure: "postern applications update " + quoted(x.app.Name) + " --disabled=false"})
		return
	}
	at := "published at " + x.app.ExternalURL
	if x.app.Private() {
		at = "reached by devices with a client: " + segmentsInWords(x.app.Segments)
	}
	x.hop(Hop{Name: "application", Object: x.app.Name, State: HopGood, Detail: at})
}

// segmentsInWords lists a few segments.
func segmentsInWords(list []access.Segment) string {
	const some = 5
	words := make([]string, 0, some+1)
	for _, s := range list[:min(len(list), some)] {
		words = append(words, s.String())
	}
	if more := len(list) - some; more > 0 {
		words = append(words, fmt.Sprintf("%d more", more))
	}
	return strings.Join(words, ", ")
}

// assignment says by which way the application is the user's.
func (x *explainer) assignment(ctx context.Context, tx *store.Tx) error {
	if x.app.PreAuthentication == access.Passthrough {
		x.hop(Hop{Name: "assignment", State: HopNote, Detail: "not needed: the application asks nobody to sign in"})
		return nil
	}
	who := access.Principal{User: x.user.ID, Groups: x.user.Groups}
	var ways, over []string
	for _, a := range x.snap.Assignments {
		if a.Application != x.app.ID || a.User != x.user.ID && !slices.Contains(who.Groups, a.Group) {
			continue
		}
		way := "to the user"
		if a.User == "" {
			path, err := x.path(ctx, tx, a.Group)
			if err != nil {
				return err
			}
			way = "to the group " + path
		}
		switch {
		case a.Over(x.q.At):
			over = append(over, way+", which ended at "+stamp(a.Expires))
			continue
		case !a.Expires.IsZero():
			way += ", until " + stamp(a.Expires)
		}
		ways = append(ways, way)
	}
	if _, ok := x.snap.Assigned(x.app.ID, &who, x.q.At); ok {
		x.hop(Hop{Name: "assignment", State: HopGood, Detail: "assigned " + strings.Join(ways, "; ")})
		return nil
	}
	detail := "neither the user nor a group of theirs is assigned"
	if len(over) > 0 {
		detail = "assigned only " + strings.Join(over, "; ")
	}
	x.hop(Hop{Name: "assignment", State: HopFailed, Detail: detail,
		Cure: "postern assignments create --application " + quoted(x.app.Name) + " --user " + x.user.Name})
	return nil
}

// path names the groups on the shortest way from a group down to the user: "Outer ← Inner".
func (x *explainer) path(ctx context.Context, tx *store.Tx, group access.ID) (string, error) {
	direct, err := tx.GroupsOf(ctx, x.user.ID)
	if err != nil {
		return "", err
	}
	names, err := tx.GroupNames(ctx)
	if err != nil {
		return "", err
	}
	nesting, err := tx.GroupNesting(ctx)
	if err != nil {
		return "", err
	}
	from := map[access.ID]access.ID{group: ""}
	for queue := []access.ID{group}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if slices.Contains(direct, at) {
			text := names[at]
			for up := from[at]; up != ""; up = from[up] {
				text = names[up] + " ← " + text
			}
			return text, nil
		}
		for _, m := range nesting[at] {
			if _, seen := from[m]; !seen {
				from[m] = at
				queue = append(queue, m)
			}
		}
	}
	return names[group], nil
}

// policies holds the request against every policy of the application, one by one.
func (x *explainer) policies() {
	r := x.asked()
	rules := x.snap.Rules(x.app.ID)
	if len(rules) == 0 {
		x.hop(Hop{Name: "policy", State: HopNote, Detail: "no policy is for this application"})
	}
	for _, rule := range rules {
		h := Hop{Name: "policy", Object: rule.Name, State: HopNote}
		if x.who == nil && x.app.PreAuthentication != access.Passthrough {
			h.State, h.Detail = HopUnseen, "nobody is signed in"
			x.hop(h)
			continue
		}
		f, until, ok := policy.Meets(rule, r)
		switch {
		case !rule.Concerns(r.Who):
			h.Detail = "is not for this user"
		case ok:
			h.State, h.Detail = HopGood, "is met"
			if !until.IsZero() {
				h.Detail += " until " + stamp(until)
			}
		case rule.Mode == access.ModeReportOnly:
			h.Detail = "would deny, but only reports: " + f.Detail
		case r.Who != nil && r.Who.BreakGlass:
			h.Detail = "would deny, but does not hold for a break-glass user: " + f.Detail
		default:
			h.State, h.Detail, h.Cure = HopFailed, f.Detail, cureOf(&f, rule)
		}
		x.hop(h)
	}
}

func (x *explainer) asked() policy.Request {
	return policy.Request{Who: x.who, Address: x.q.From, Now: x.q.At}
}

func cureOf(f *policy.Finding, rule *access.Rule) string {
	name := quoted(rule.Name)
	switch f.Condition {
	case policy.ConditionStrength:
		return "the user signs in again with " + string(rule.Conditions.Strength) + " authentication, to which the application leads them"
	case policy.ConditionAge:
		return "the user signs in again, to which the application leads them"
	case policy.ConditionNetwork:
		return "the user connects from an allowed network, or: postern policies update " + name + " --allow-network …"
	case policy.ConditionDevice:
		return "the user comes from such a device by postern-client (try it with --device), or: postern policies update " + name + " --device-enrolled=false"
	case policy.ConditionTime:
		return "wait until it is open, or: postern policies update " + name + " --window …"
	}
	return "update the service; until then: postern policies delete " + name
}

// decide takes the decision itself, by the code that gateways run, and holds what was said against it.
func (x *explainer) decide() {
	if x.user.Disabled || x.out.Failed == "user" {
		x.out.Reason, x.out.Message = policy.ReasonSignInRequired, "Please sign in to use this application."
		return
	}
	d := policy.Decide(x.snap, x.app, x.asked())
	x.out.Decision, x.out.Reason, x.out.Message = d, d.Reason, d.Message
	if d.Allow == (x.out.Failed != "") { // never, as long as what is said and what is done are the same
		x.c.log.Error("an explanation does not agree with the decision", "user", x.user.ID, "application", x.app.ID, "reason", d.Reason, "failed", x.out.Failed)
		x.hop(Hop{Name: "decision", State: HopFailed, Detail: "the decision is another than what was found above: " + d.Reason, Cure: "report this as a fault of Postern"})
	}
}

// connectors says whether a connector would carry the request.
func (x *explainer) connectors() {
	if x.out.Failed != "" {
		x.hop(Hop{Name: "connectors", State: HopUnseen, Detail: "not looked at, since the request does not get that far"})
		return
	}
	group, _ := x.snap.Group(x.app.GroupID)
	name := "of the application"
	if group != nil {
		name = group.Name
	}
	members := x.c.servers(x.app)
	var live, rest []string
	for _, k := range members {
		s := x.c.ConnectorStatus(k.ID)
		if s.Tunnels > 0 && s.Label != LabelDisabled && s.Label != LabelDraining {
			live = append(live, fmt.Sprintf("%s is %s", k.Name, s.Label))
			continue
		}
		rest = append(rest, k.Name+": "+strings.TrimSuffix(s.Why, "."))
	}
	switch {
	case len(members) == 0:
		x.out.Reason = "no-connector"
		x.hop(Hop{Name: "connectors", Object: name, State: HopFailed, Detail: "the connector group is empty",
			Cure: "postern tokens create NAME --connector-group " + quoted(name) + ", and enrol a connector with it"})
	case len(live) == 0:
		x.out.Reason = "no-connector"
		x.hop(Hop{Name: "connectors", Object: name, State: HopFailed, Detail: "none has a tunnel: " + strings.Join(rest, "; "),
			Cure: "look at the connector's machine and its log; postern connectors list shows them"})
	default:
		x.hop(Hop{Name: "connectors", Object: name, State: HopGood, Detail: strings.Join(append(live, rest...), "; ")})
	}
	if x.out.Reason == "no-connector" {
		x.out.Message = "None of the connectors of this application is connected to Postern at the moment."
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// quoted writes a name as one word of a command line.
func quoted(name string) string {
	if strings.ContainsAny(name, " \t\"'$`\\&|;<>()*?[]#~!{}") {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}
