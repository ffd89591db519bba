package control

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/session"
	"postern/internal/store"
)

// Departure is somebody who wants to sign in on an upstream's own pages.
type Departure struct {
	Upstream access.ID
	Binding  string            // as in Credentials
	Request  string            // the signed request of an application to come back to; empty for none
	Who      *access.Principal // who is signed in and confirms it; nil in a sign-in
	Need     access.Strength   // with Who: that their session is to prove this much from now on
	Proof    bool              // with Who: the upstream is only to vouch for them once more
	Ask      bool              // with Proof: it may ask them
}

// Departed says where to send the browser, and what it must bring back in a cookie.
type Departed struct {
	URL     string
	Form    url.Values // to be posted there; nil: the address has all
	State   string     // names the cookie; the upstream brings it back
	Flow    string     // the cookie's value
	Request string     // what is to be kept of the request beside it
}

// Return is a browser that comes back from an upstream.
type Return struct {
	Upstream  access.ID
	State     string     // that the upstream brought back
	Flow      string     // of the cookie that this state names; empty if there is none
	Answer    url.Values // all that the upstream says
	Binding   string
	UserAgent string
	Who       *access.Principal // who is signed in already; nil for nobody
}

// Depart begins a sign-in at an upstream. Nothing is stored: what is to be remembered travels
// signed in a cookie of this browser.
func (c *Control) Depart(ctx context.Context, in Departure) (Departed, error) {
	if in.Binding == "" {
		return Departed{}, fault.Invalid("cookie", "is needed to sign in; please allow cookies for this page")
	}
	request, err := c.carried(in.Request)
	if err != nil {
		return Departed{}, err
	}
	client, err := c.providerOf(ctx, in.Upstream)
	if err != nil {
		return Departed{}, err
	}
	how := beginning{Callback: c.callbackOf(in.Upstream)}
	step := session.Step{Kind: session.StepUpstream, Upstream: in.Upstream, Started: c.now()}
	if in.Who != nil {
		step.User, step.Session, step.Need, step.Proof, step.Silent = in.Who.User, in.Who.Session, in.Need, in.Proof, in.Proof && !in.Ask
		how.Silent, how.Fresh, how.Name = step.Silent, !in.Proof, in.Who.Name
		// What was strong stays so: a session that is only too old for one policy is to go on meeting the others.
		how.Strong = in.Need != "" && (in.Need != access.SingleFactor || access.Strong(in.Who.Methods))
	}
	made, err := client.provider.Begin(ctx, how)
	c.heard(&client.upstream, err)
	if err != nil {
		return Departed{}, notNow(&client.upstream, err)
	}
	step.ID, step.Ceremony = stepOfState(in.Upstream, made.State), made.Flow
	flow, err := c.instance.macs.SignStep(step, in.Binding)
	return Departed{URL: made.URL, Form: made.Form, State: made.State, Flow: flow, Request: request}, err
}

// maxCarried is how long a signed request may be that goes into a cookie beside the flow: browsers
// keep 4096 bytes.
const maxCarried = 2600

// carried gives the request in a form that a cookie can hold: of one with a very long address only
// the application is kept.
func (c *Control) carried(request string) (string, error) {
	if request == "" {
		return "", nil
	}
	target, err := c.SignInTarget(request)
	if err != nil || len(request) <= maxCarried {
		return request, err
	}
	target.Return, target.Continue = "/", ""
	if app, ok := c.current().Application(target.Application); ok {
		target.Return = app.External().Path
	}
	return c.instance.macs.SignRequest(target, c.now())
}

// callbackOf gives where browsers come back to from an upstream.
func (c *Control) callbackOf(id access.ID) string { return c.upstreamURL(id, "callback") }

func (c *Control) upstreamURL(id access.ID, what string) string {
	return strings.TrimSuffix(c.cfg.Names.PortalURL, "/") + "/upstreams/" + string(id) + "/" + what
}

// stepOfState names the step that a state belongs to.
func stepOfState(upstream access.ID, state string) string {
	return hex.EncodeToString(session.Hash("upstream " + string(upstream) + " " + state))
}

func (c *Control) providerOf(ctx context.Context, id access.ID) (*client, error) {
	client, err := c.upstreamClient(ctx, id)
	if err == nil && client.provider == nil {
		err = fault.NotFound("there is no such way to sign in any more")
	}
	return client, err
}

// notNow says of an upstream that cannot be asked that it is not the user's fault.
func notNow(u *access.Upstream, err error) error {
	if !away(err) {
		return err
	}
	return fault.Unavailable("%s does not answer at the moment, so you cannot sign in with it; please try again soon", u.Name).After(upstreamAgain).Because(err)
}

// upstreamAgain is when to ask an upstream again that is away.
const upstreamAgain = 10 * time.Second

// Arrive takes a browser that comes back from an upstream, and signs its user in or says what to
// ask next.
func (c *Control) Arrive(ctx context.Context, by access.Actor, in Return) (p Progress, err error) {
	tried := attempt(access.EventSignIn, by, in.UserAgent)
	tried.Upstream = in.Upstream
	defer func() { c.tried(ctx, tried, p, err) }()
	client, err := c.providerOf(ctx, in.Upstream)
	if err != nil {
		return p, err
	}
	tried.UpstreamName = client.upstream.Name
	take := c.asked
	if in.Flow == "" {
		take = c.unasked
	}
	got, err := take(ctx, client, in)
	if got.step.Session != "" {
		tried.Event, tried.Session, tried.User = access.EventConfirm, got.step.Session, got.step.User
	} else {
		in.Who = nil
	}
	c.heard(&client.upstream, err)
	if got.step.Proof && got.step.Session != "" {
		user, p, err := c.reproved(ctx, client, got, err)
		tried = of(tried, &user)
		return p, notNow(&client.upstream, err)
	}
	if err != nil {
		return p, notNow(&client.upstream, err)
	}
	user, p, err := c.welcome(ctx, by, arrival{client: client, said: got.said, started: got.step.Started, in: Credentials{
		UserAgent: in.UserAgent, Binding: in.Binding, Who: in.Who, Need: got.step.Need}})
	tried = of(tried, &user)
	tried.Methods = methodsOf(&client.upstream, got.said)
	return p, err
}

// answered is what an upstream said, and the step in which it did.
type answered struct {
	step session.Step
	said identity.Assertion
}

// asked takes the answer to a sign-in that this browser began, once.
func (c *Control) asked(ctx context.Context, client *client, in Return) (answered, error) {
	step, err := c.instance.macs.ParseStep(in.Flow, in.Binding, c.now())
	if err == nil && (step.Kind != session.StepUpstream || step.Upstream != in.Upstream ||
		subtle.ConstantTimeCompare([]byte(step.ID), []byte(stepOfState(in.Upstream, in.State))) != 1) {
		err = errBegin
	}
	if err != nil {
		return answered{}, err
	}
	if step.Session != "" && (in.Who == nil || in.Who.Session != step.Session) {
		return answered{step: step}, errBegin
	}
	said, err := client.provider.Finish(ctx, step.Ceremony, in.Answer)
	if err == nil {
		err = c.store.Write(ctx, func(tx *store.Tx) error { return spend(ctx, tx, step) })
	}
	return answered{step, said}, err
}

// unasked takes an answer that nobody asked for here, where the upstream may send such, once.
func (c *Control) unasked(ctx context.Context, client *client, in Return) (answered, error) {
	if in.Binding == "" {
		return answered{}, fault.Invalid("cookie", "is needed to sign in; please allow cookies for this page")
	}
	said, good, err := client.provider.Unasked(ctx, in.Answer)
	if err == nil {
		err = c.store.Write(ctx, func(tx *store.Tx) error { return c.onceOnly(ctx, tx, "unasked "+string(in.Upstream), good) })
	}
	return answered{session.Step{Started: c.now()}, said}, err
}

// arrival is somebody whom an upstream vouches for.
type arrival struct {
	client  *client
	said    identity.Assertion
	started time.Time
	in      Credentials
}

// welcome finds or makes the user whom an upstream vouches for, and goes on to the second factor or
// to the end.
func (c *Control) welcome(ctx context.Context, by access.Actor, a arrival) (access.User, Progress, error) {
	upstream := &a.client.upstream
	user, err := c.admit(ctx, by, upstream, a.said)
	if err != nil {
		return user, Progress{}, err
	}
	switch {
	case user.Disabled:
		return user, Progress{}, fault.Forbidden("your account here is disabled; ask an administrator")
	case a.in.Who != nil && a.in.Who.User != user.ID:
		return user, Progress{}, fault.Forbidden("this confirms somebody else than who is signed in here")
	}
	step := session.Step{ID: session.Secret(), User: user.ID, Upstream: upstream.ID, Methods: methodsOf(upstream, a.said), Started: a.started, PasswordSet: user.PasswordSet, Subject: session.Hash(user.Subject)}
	if a.in.Who != nil {
		step.Session, step.Need = a.in.Who.Session, a.in.Need
	}
	strong := access.Strong(step.Methods)
	meets := step.Need == "" || access.StrengthOf(step.Methods).Meets(step.Need)
	switch {
	case !(strong && meets) && len(user.Factors) > 0:
		step.Kind = session.StepSecond
	case step.Need != "" && meets:
		proof := c.proofOf(a.client, a.said)
		p, err := c.raiseNow(ctx, by, passed{user, step, &proof})
		return user, p, err
	case step.Need != "" && upstream.Strengthens():
		return user, Progress{}, tooWeak(upstream, a.said, step.Need)
	case step.Need != "":
		step.Kind = session.StepEnrol
	case a.in.Who != nil:
		p, err := c.confirm(*a.in.Who, step, a.in.Binding)
		return user, p, err
	case !strong && c.needsSecond(&user):
		step.Kind = session.StepEnrol
	}
	if step.Kind == "" {
		p, err := c.settle(ctx, by, user, a, step)
		return user, p, err
	}
	if step.Session == "" || step.Need != "" {
		err = c.store.Write(ctx, func(tx *store.Tx) error {
			return tx.InsertArrival(ctx, &store.Arrival{Hash: session.Hash(step.ID), Upstream: upstream.ID, User: user.ID,
				SID: a.said.Session, Renewal: a.said.Renewal, Expires: step.Expires(), Until: a.said.Until})
		})
		if err != nil {
			return user, Progress{}, err
		}
	}
	p, err := c.next(ctx, step, a.in.Binding)
	return user, p, err
}

// settle makes the session of who needs no other step.
func (c *Control) settle(ctx context.Context, by access.Actor, user access.User, a arrival, step session.Step) (Progress, error) {
	row, secret := c.newSession(by, step, a.in.UserAgent)
	if at := a.said.Authenticated; !at.IsZero() && at.Before(row.Authenticated) {
		row.Authenticated = at.UTC().Truncate(time.Microsecond)
	}
	proof := c.proofOf(a.client, a.said)
	err := c.store.Write(ctx, func(tx *store.Tx) error {
		if err := c.writeSignIn(ctx, tx, by, signedIn{user, row, a.client.upstream.ID}); err != nil {
			return err
		}
		return c.settled(ctx, tx, passed{user, step, &proof}, row.ID)
	})
	if err != nil {
		return Progress{}, err
	}
	return c.signedIn(&user, &row, secret), nil
}

// methodsOf gives the methods of a session that an upstream vouches for: its own words for them after
// ours, without those that say what was shown to us. What a directory checked is a password.
func methodsOf(u *access.Upstream, said identity.Assertion) []string {
	if u.Kind == access.UpstreamLDAP {
		return []string{access.MethodPassword}
	}
	methods := []string{access.MethodUpstream}
	if severalFactors(said.Methods) || strongThere(u, said) {
		methods = append(methods, access.MethodMultiple)
	}
	own := []string{access.MethodTOTP, access.MethodPasskey, access.MethodVerified, access.MethodRecovery}
	for _, m := range said.Methods {
		if m = printable(m, maxMethod); m != "" && !slices.Contains(methods, m) && !slices.Contains(own, m) && len(methods) < maxMethods {
			methods = append(methods, m)
		}
	}
	return methods
}

// strongThere reports whether the upstream says, in words that an administrator knows it by, that it asked for more
// than one factor.
func strongThere(u *access.Upstream, said identity.Assertion) bool {
	switch {
	case u.OIDC != nil:
		return slices.Contains(u.OIDC.StrongACR, said.Context) ||
			slices.ContainsFunc(u.OIDC.StrongAMR, func(m string) bool { return slices.Contains(said.Methods, m) })
	case u.SAML != nil:
		return slices.Contains(u.SAML.StrongContexts, said.Context)
	}
	return false
}

// severalFactors reports whether an upstream's methods (RFC 8176) are more than one factor.
func severalFactors(methods []string) bool {
	has := func(some ...string) bool {
		return slices.ContainsFunc(methods, func(m string) bool { return slices.Contains(some, m) })
	}
	return has("mfa") || has("pwd", "pin", "kba") && has("otp", "hwk", "swk", "sc", "pop", "fpt", "face", "iris", "retina", "vbm")
}

const (
	maxMethods = 16
	maxMethod  = 32
)

// admit gives the user whom an upstream names, as it says that they are now. A new one is made where
// the upstream may bring new ones. Nobody is ever found by a name or an address.
func (c *Control) admit(ctx context.Context, by access.Actor, u *access.Upstream, said identity.Assertion) (user access.User, err error) {
	if err := said.Check(); err != nil {
		return user, err
	}
	mapped, err := u.Mapping.Map(u.Kind, access.Statement{Claims: said.Claims, Groups: said.Groups})
	if err != nil {
		return user, err
	}
	var same bool
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		f, err := findFederated(ctx, tx, u, said.Subject, mapped)
		user, same = f.user, f.same()
		return err
	})
	if err != nil || same {
		return user, err
	}
	by.Kind, by.ID, by.Name, by.Roles = access.ActorSystem, "", "upstream "+u.Name, nil
	err = c.act(ctx, request{by: by, perm: federate, object: user.ID, name: mapped.Name}, func(ch *change) error {
		if now, err := ch.tx.Upstream(ctx, u.ID); err != nil || now.Disabled {
			return cmpErr(orElse(err, fault.KindNotFound, nil), fault.NotFound("there is no such way to sign in any more"))
		}
		f, err := findFederated(ctx, ch.tx, u, said.Subject, mapped)
		if err != nil {
			return err
		}
		user, err = ch.federate(f)
		return err
	})
	return user, err
}

// federated is a user of an upstream as they are here, and as they are to be.
type federated struct {
	upstream  *access.Upstream
	subject   string
	mapped    access.Mapped
	user      access.User // without an id if there is none yet
	groups    []access.ID // that the upstream gave until now
	want      []access.ID
	nameTaken bool // somebody else has the name
}

func findFederated(ctx context.Context, tx *store.Tx, u *access.Upstream, subject string, m access.Mapped) (f federated, err error) {
	f = federated{upstream: u, subject: subject, mapped: m}
	if f.user, err = tx.UserBySubject(ctx, u.ID, subject); err != nil {
		if !fault.Is(err, fault.KindNotFound) {
			return f, err
		}
		f.user = access.User{}
	} else if f.groups, err = tx.UpstreamGroups(ctx, f.user.ID); err != nil {
		return f, err
	}
	named, err := tx.UserByName(ctx, m.Name)
	if err != nil && !fault.Is(err, fault.KindNotFound) {
		return f, err
	}
	f.nameTaken = err == nil && named.ID != f.user.ID
	there, err := tx.GroupsThere(ctx, m.Groups)
	if err != nil {
		return f, err
	}
	byName, err := tx.GroupsNamed(ctx, m.GroupNames)
	if err != nil {
		return f, err
	}
	f.want = slices.Compact(slices.Sorted(slices.Values(slices.Concat(there, byName))))
	return f, nil
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// wanted gives the user as the upstream wants them. What it does not say stays; a name that somebody
// else has is not taken.
func (f *federated) wanted() access.User {
	u := f.user
	if !f.nameTaken {
		u.Name = f.mapped.Name
	}
	if f.mapped.DisplayName != "" {
		u.DisplayName = f.mapped.DisplayName
	}
	if f.mapped.Email != "" {
		u.Email = f.mapped.Email
	}
	return u
}

func (f *federated) sameUser() bool {
	w := f.wanted()
	return f.user.ID != "" && w.Name == f.user.Name && w.DisplayName == f.user.DisplayName && w.Email == f.user.Email
}

func (f *federated) same() bool {
	return f.sameUser() && f.user.UpstreamRefused.IsZero() && slices.Equal(f.groups, f.want)
}

// refusal says why somebody new cannot come.
func (f *federated) refusal() error {
	switch {
	case f.user.ID == "" && f.upstream.OnlyKnown:
		return fault.Forbidden("you are not known here, and %s lets in only who is; ask an administrator", f.upstream.Name)
	case f.user.ID == "" && f.nameTaken:
		return fault.Forbidden("somebody else here has the name %s already; ask an administrator to link your account, or to rename the other", f.mapped.Name)
	}
	return nil
}

// federate makes a user what the upstream says.
func (ch *change) federate(f federated) (access.User, error) {
	user := f.wanted()
	if err := f.refusal(); err != nil {
		return user, err
	}
	switch {
	case user.ID == "":
		user = access.User{Name: f.mapped.Name, DisplayName: f.mapped.DisplayName, Email: f.mapped.Email, Upstream: f.upstream.ID, Subject: f.subject}
		if err := ch.insertUser(&user, ""); err != nil {
			return user, err
		}
	case !f.sameUser():
		user.Updated = ch.now
		if err := ch.tx.UpdateUser(ch.ctx, &user); err != nil {
			return user, err
		}
		ch.audit(updateUser, object{user.Meta, user.Name}, f.user, user)
	}
	if !user.UpstreamRefused.IsZero() {
		if err := ch.tx.SetRefused(ch.ctx, user.ID, time.Time{}); err != nil {
			return user, err
		}
		user.UpstreamRefused = time.Time{}
	}
	if err := ch.tx.SetUpstreamGroups(ch.ctx, user.ID, f.want); err != nil {
		return user, err
	}
	ch.audit(federate, object{user.Meta, user.Name}, map[string]any{"upstreamGroups": f.groups}, map[string]any{"upstreamGroups": f.want})
	if f.user.ID == "" {
		return ch.tx.User(ch.ctx, user.ID)
	}
	if err := ch.end(access.EndingUser, string(user.ID)); err != nil {
		return user, err
	}
	return ch.tx.User(ch.ctx, user.ID)
}
