package control

import (
	"bytes"
	"context"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/session"
	"postern/internal/store"
)

// secondThrottle gives the bounds on guessing second factors. They are tighter than those on
// passwords, since a code has only a million values; nobody without the password reaches them, so
// they lock nobody out.
func secondThrottle(cfg identity.ThrottleConfig) identity.ThrottleConfig {
	cfg.Pair = identity.Rate{Burst: 5, Every: time.Minute}
	cfg.Account = identity.Rate{Burst: 10, Every: 5 * time.Minute}
	return cfg
}

// Challenge is what to ask somebody before a sign-in goes on.
type Challenge struct {
	State    string // to be brought back with the answer
	Enrol    bool   // a factor is to be added, not used
	TOTP     bool   // a code of an authenticator app is an answer
	Recovery bool   // a recovery code is one
	Passkey  []byte // JSON for navigator.credentials when a passkey is one
	Seed     string // when adding: for an authenticator app
	Picture  []byte // when adding: the same as a QR code, PNG
	Confirm  bool   // somebody signed in confirms it
}

// Answer is what came back.
type Answer struct {
	State     string
	Binding   string // as in Credentials
	UserAgent string
	Code      string // of an authenticator app, or
	Recovery  string // a recovery code, or
	Passkey   []byte // what navigator.credentials gave, as JSON
	Name      string // when adding: how the user calls the factor
}

var errBegin = fault.New(fault.KindGone, "this sign-in is over or was completed already; please begin again")

// next gives what to ask in a step. It may be asked again after a wrong answer: the step stays the
// same one, with its end.
func (c *Control) next(ctx context.Context, step session.Step, binding string) (Progress, error) {
	if binding == "" {
		return Progress{}, fault.Invalid("cookie", "is needed to sign in; please allow cookies for this page")
	}
	user, factors, err := c.factorsOf(ctx, step.User)
	if err != nil {
		return Progress{}, orElse(err, fault.KindNotFound, errBegin)
	}
	ask := &Challenge{Confirm: step.Session != "" && step.Kind != session.StepAdd}
	switch step.Kind {
	case session.StepSecond:
		err = c.askSecond(ask, &step, holder(&user, factors), factors)
	default:
		err = c.askNew(ask, &step, holder(&user, factors))
	}
	if err != nil {
		return Progress{}, err
	}
	ask.State, err = c.instance.macs.SignStep(step, binding)
	return Progress{Next: ask}, err
}

func (c *Control) askSecond(ask *Challenge, step *session.Step, h identity.Holder, factors []access.Factor) error {
	ask.Recovery = true
	for _, f := range factors {
		ask.TOTP = ask.TOTP || f.Kind == access.FactorTOTP
	}
	if len(h.Passkeys) == 0 {
		return nil
	}
	ceremony, err := c.passkeys.Ask(h)
	ask.Passkey, step.Ceremony = ceremony.Options, ceremony.State
	return err
}

func (c *Control) askNew(ask *Challenge, step *session.Step, h identity.Holder) error {
	ask.Enrol = true
	if len(step.Seed) == 0 {
		step.Seed = identity.NewSeed()
	}
	ceremony, err := c.passkeys.Register(h)
	if err != nil {
		return err
	}
	ask.Passkey, step.Ceremony = ceremony.Options, ceremony.State
	ask.Seed = identity.SeedText(step.Seed)
	if ask.Picture, err = identity.SeedPicture(step.Seed, "Postern", h.Name); err != nil {
		return fault.Internal(err, "draw the seed of an authenticator app")
	}
	return nil
}

// OfferPasskey gives what to ask a browser that may hold a passkey. who is nil for somebody who is
// not known yet; nothing is stored for either.
func (c *Control) OfferPasskey(binding string, who *access.Principal) (Challenge, error) {
	return c.offerPasskey(binding, who, "")
}

func (c *Control) offerPasskey(binding string, who *access.Principal, need access.Strength) (Challenge, error) {
	ceremony, err := c.passkeys.AskAnyone()
	if err != nil {
		return Challenge{}, err
	}
	step := session.Step{Kind: session.StepPasskey, ID: session.Secret(), Started: c.now(), Ceremony: ceremony.State}
	if who != nil {
		step.User, step.Session, step.Need = who.User, who.Session, need
	}
	state, err := c.instance.macs.SignStep(step, binding)
	return Challenge{State: state, Passkey: ceremony.Options, Confirm: who != nil}, err
}

// ContinueSignIn takes the answer to a Challenge. After a wrong one it gives, beside the error,
// what to ask again.
func (c *Control) ContinueSignIn(ctx context.Context, by access.Actor, a Answer) (p Progress, err error) {
	tried := attempt(access.EventSignIn, by, a.UserAgent)
	defer func() { c.tried(ctx, tried, p, err) }()
	step, err := c.instance.macs.ParseStep(a.State, a.Binding, c.now())
	if err == nil && step.Kind != session.StepSecond && step.Kind != session.StepEnrol && step.Kind != session.StepPasskey {
		err = errBegin
	}
	if err != nil {
		return p, err
	}
	tried.User, tried.Methods, tried.Upstream = step.User, step.Methods, step.Upstream
	if step.Session != "" {
		tried.Event, tried.Session = access.EventConfirm, step.Session
	}
	switch step.Kind {
	case session.StepEnrol:
		p, err = c.enrolFactor(ctx, by, step, a)
	case session.StepPasskey:
		if step.Session == "" {
			if err := c.vouchPasskey(ctx, by, step, a); err != nil {
				return p, err
			}
		}
		return c.complete(ctx, by, step, a)
	default:
		p, err = c.answerSecond(ctx, by, step, a)
	}
	if !fault.Is(err, fault.KindUnauthenticated) && !fault.Is(err, fault.KindLimited) && !fault.Is(err, fault.KindInvalid) {
		return p, err
	}
	again, failed := c.next(ctx, step, a.Binding)
	if failed != nil {
		return p, failed
	}
	return again, err
}

// answerSecond counts the answer as a guess unless it is right.
func (c *Control) answerSecond(ctx context.Context, by access.Actor, step session.Step, a Answer) (Progress, error) {
	attempt, err := c.beginGuess(ctx, c.factorGuesses(), string(step.User), addressOf(by))
	if err != nil {
		return Progress{}, err
	}
	p, err := c.complete(ctx, by, step, a)
	switch {
	case err == nil:
		attempt.Succeeded(ctx)
	case !fault.Is(err, fault.KindUnauthenticated):
		attempt.Void(ctx)
	}
	return p, err
}

// complete checks a factor, spends it with the step, and makes the session, all in one transaction:
// nothing of it can be had twice, and nothing is lost by half.
func (c *Control) complete(ctx context.Context, by access.Actor, step session.Step, a Answer) (p Progress, err error) {
	err = c.store.Write(ctx, func(tx *store.Tx) error {
		p = Progress{}
		if step.Need != "" { // raise says that something ended
			if err := tx.HoldEndings(ctx); err != nil {
				return err
			}
		}
		proven := step // the transaction may run again
		user, err := c.proveFactor(ctx, tx, &proven, a)
		if err != nil {
			return err
		}
		if err := spend(ctx, tx, step); err != nil {
			return err
		}
		if step.Kind == session.StepPasskey {
			proven.Started = c.now() // the step is older than the proof, and proves nothing itself
		}
		if step.Need != "" {
			p, err = c.raise(ctx, tx, by, passed{user: user, step: proven})
			return err
		}
		if step.Session != "" {
			p, err = c.confirmIn(ctx, tx, proven, a.Binding)
			return err
		}
		row, secret := c.newSession(by, proven, a.UserAgent)
		p = c.signedIn(&user, &row, secret)
		if err := c.writeSignIn(ctx, tx, by, signedIn{user, row, step.Upstream}); err != nil {
			return err
		}
		if step.Kind == session.StepPasskey {
			return c.adoptPasskey(ctx, tx, &user, row.ID)
		}
		return c.adopt(ctx, tx, step, row.ID)
	})
	if err != nil {
		return Progress{}, err
	}
	c.raised(step)
	return p, nil
}

// spend ends a step. Whoever comes second is told that it was completed.
func spend(ctx context.Context, tx *store.Tx, step session.Step) error {
	ok, err := tx.SpendStep(ctx, session.Hash(step.ID), step.Expires())
	if err == nil && !ok {
		return errBegin
	}
	return err
}

// confirm gives what Own.Confirmed holds.
func (c *Control) confirm(who access.Principal, step session.Step, binding string) (Progress, error) {
	token, err := c.instance.macs.SignStep(session.Step{
		Kind: session.StepConfirmed, ID: session.Secret(), User: who.User, Session: who.Session, Started: c.now(), Methods: step.Methods,
	}, binding)
	return Progress{Who: who, Confirmed: token}, err
}

// confirmIn confirms a session that is still there and the same user's.
func (c *Control) confirmIn(ctx context.Context, tx *store.Tx, step session.Step, binding string) (Progress, error) {
	row, err := tx.SessionByID(ctx, step.Session)
	if err != nil {
		return Progress{}, orElse(err, fault.KindNotFound, errBegin)
	}
	if row.User != step.User {
		return Progress{}, errBegin
	}
	return c.confirm(access.Principal{User: step.User, Session: step.Session}, step, binding)
}

// proveFactor checks the factor that was shown and notes its use. It adds to the step who it is and how
// that was proven.
func (c *Control) proveFactor(ctx context.Context, tx *store.Tx, step *session.Step, a Answer) (user access.User, err error) {
	if step.Kind == session.StepPasskey {
		if err := named(ctx, tx, step, a.Passkey); err != nil {
			return user, err
		}
	}
	if user, err = tx.User(ctx, step.User); err != nil {
		return user, orElse(err, fault.KindNotFound, errBegin)
	}
	if user.Disabled || step.Kind == session.StepSecond && beganOtherwise(step, &user) {
		return user, errBegin
	}
	switch {
	case len(a.Passkey) > 0:
		return user, c.provePasskey(ctx, tx, &user, reply{step, a})
	case step.Kind == session.StepPasskey:
		return user, fault.Unauthenticated("the passkey was not accepted; please try again")
	case a.Recovery != "":
		return user, proveRecovery(ctx, tx, step, a.Recovery)
	}
	return user, c.proveTOTP(ctx, tx, step, a.Code)
}

// beganOtherwise reports whether a step's user signs in otherwise now than when it began: with another password, at another upstream, or as
// somebody else there.
func beganOtherwise(step *session.Step, user *access.User) bool {
	if step.Upstream != user.Upstream || len(step.Subject) > 0 && !bytes.Equal(step.Subject, session.Hash(user.Subject)) {
		return true
	}
	if step.PasswordSet.IsZero() { // of an upstream; or the step is of a version that did not say
		return step.Started.Before(user.PasswordSet)
	}
	return !step.PasswordSet.Equal(user.PasswordSet)
}

// named finds out whose the passkey claims to be. Who confirms a session must be its user.
func named(ctx context.Context, tx *store.Tx, step *session.Step, answer []byte) error {
	unknown := fault.Unauthenticated("this passkey is not known here; sign in with your password, or use another one")
	credential, err := identity.Named(answer)
	if err != nil {
		return err
	}
	factor, err := tx.FactorByCredential(ctx, credential)
	if err != nil {
		return orElse(err, fault.KindNotFound, unknown)
	}
	if step.User != "" && step.User != factor.User {
		return unknown
	}
	step.User = factor.User
	return nil
}

// reply is a step and the answer to it.
type reply struct {
	step   *session.Step
	answer Answer
}

func (c *Control) provePasskey(ctx context.Context, tx *store.Tx, user *access.User, p reply) error {
	factors, err := tx.UserFactors(ctx, user.ID)
	if err != nil {
		return err
	}
	shown, err := c.passkeys.Check(holder(user, factors), p.step.Ceremony, p.answer.Passkey)
	if err != nil {
		return err
	}
	if p.step.Kind == session.StepPasskey && !shown.Verified {
		return fault.Unauthenticated("as the only proof, a passkey must ask for a PIN, a fingerprint or the like")
	}
	for _, f := range factors {
		if f.Kind != access.FactorPasskey || string(f.Credential) != string(shown.Credential) {
			continue
		}
		ok, err := tx.UseFactor(ctx, f.ID, shown.Counter, c.now())
		if err != nil {
			return err
		}
		if ok {
			p.step.Methods = append(p.step.Methods[:len(p.step.Methods):len(p.step.Methods)], passkeyMethods(shown.Verified)...)
			return nil
		}
	}
	return fault.Unauthenticated("the passkey was not accepted; please try again")
}

func passkeyMethods(verified bool) []string {
	if verified {
		return []string{access.MethodPasskey, access.MethodVerified}
	}
	return []string{access.MethodPasskey}
}

func proveRecovery(ctx context.Context, tx *store.Tx, step *session.Step, code string) error {
	ok, err := tx.SpendRecoveryCode(ctx, step.User, identity.HashRecoveryCode(short(code, 128)))
	if err == nil && !ok {
		return fault.Unauthenticated("this recovery code is not right or was used before")
	}
	step.Methods = append(step.Methods[:len(step.Methods):len(step.Methods)], access.MethodRecovery)
	return err
}

func (c *Control) proveTOTP(ctx context.Context, tx *store.Tx, step *session.Step, code string) error {
	wrong := fault.Unauthenticated("the code is not right or was used before; wait for the next one")
	factors, err := tx.UserFactors(ctx, step.User)
	if err != nil {
		return err
	}
	for _, f := range factors {
		if f.Kind != access.FactorTOTP {
			continue
		}
		at, ok := identity.CheckTOTP(f.Secret, code, c.now(), f.Counter)
		if !ok {
			continue
		}
		if ok, err = tx.UseFactor(ctx, f.ID, at, c.now()); err != nil {
			return err
		}
		if ok {
			step.Methods = append(step.Methods[:len(step.Methods):len(step.Methods)], access.MethodTOTP)
			return nil
		}
	}
	return wrong
}

// factorsOf reads a user with its factors.
func (c *Control) factorsOf(ctx context.Context, id access.ID) (user access.User, factors []access.Factor, err error) {
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		if user, err = tx.User(ctx, id); err != nil {
			return err
		}
		factors, err = tx.UserFactors(ctx, id)
		return err
	})
	return user, factors, err
}

func holder(user *access.User, factors []access.Factor) identity.Holder {
	h := identity.Holder{Handle: []byte(user.ID), Name: user.Name, Label: user.DisplayName}
	if h.Label == "" {
		h.Label = user.Name
	}
	for _, f := range factors {
		if f.Kind == access.FactorPasskey {
			h.Passkeys = append(h.Passkeys, identity.Passkey{Credential: f.Credential, Record: f.Secret, Counter: f.Counter})
		}
	}
	return h
}
