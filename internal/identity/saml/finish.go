package saml

import (
	"context"
	"crypto/subtle"
	"net/url"
	"time"

	"github.com/beevik/etree"

	"postern/internal/fault"
	"postern/internal/identity"
)

// Finish takes the form that the browser brought to our address, with the state of the sign-in that this browser
// began, and gives what the provider says of the user. The caller takes a state once.
func (p *Provider) Finish(ctx context.Context, s State, form url.Values) (identity.Assertion, error) {
	other := fault.New(fault.KindGone, "this answer does not belong to a sign-in that this browser began, or another provider was asked; please begin again")
	if len(form["SAMLResponse"]) != 1 || len(form["RelayState"]) != 1 || s.ID == "" || s.Relay == "" || s.Consumer != p.cfg.Consumer ||
		subtle.ConstantTimeCompare([]byte(s.Relay), []byte(form.Get("RelayState"))) != 1 {
		return identity.Assertion{}, other
	}
	if age := p.cfg.Now().Sub(s.Started); age > stateLife || age < -skew {
		return identity.Assertion{}, fault.New(fault.KindGone, "this sign-in took too long; please begin again")
	}
	a, _, err := p.take(ctx, form.Get("SAMLResponse"), s)
	return a, err
}

// Once names an assertion that is good once: it must be remembered until it expires.
type Once struct {
	ID      string
	Expires time.Time
}

// Unasked takes an answer that nobody asked for (IdP-initiated). It is good once, in whatever browser brings it:
// the caller must remember it, and take none of which it remembers.
func (p *Provider) Unasked(ctx context.Context, form url.Values) (identity.Assertion, Once, error) {
	if !p.cfg.IdPInitiated {
		return identity.Assertion{}, Once{}, fault.Forbidden("sign-ins that begin at the identity provider are not allowed; please begin here")
	}
	if len(form["SAMLResponse"]) != 1 {
		return identity.Assertion{}, Once{}, refused("it is missing or there is more than one")
	}
	return p.take(ctx, form.Get("SAMLResponse"), State{})
}

// take checks an answer to a request, or to none if the state is empty.
func (p *Provider) take(ctx context.Context, encoded string, s State) (said identity.Assertion, once Once, err error) {
	err = p.withCertificates(ctx, func(m *metadata) error {
		if s.ID != "" && s.Provider != m.entityID {
			return fault.New(fault.KindGone, "another identity provider was asked; please begin again")
		}
		a, err := p.openAnswer(encoded, m)
		if err != nil {
			return err
		}
		if err := p.checkResponse(a, m, s); err != nil {
			return err
		}
		if once, err = p.checkAssertion(a.assertion, m, s); err != nil {
			return err
		}
		said, err = p.said(a.assertion, m, s)
		return err
	})
	if err == nil {
		err = said.Check()
	}
	if err != nil {
		return identity.Assertion{}, Once{}, err
	}
	return said, once, nil
}

// checkResponse checks what carries the assertion (Core, section 3.2.2; Bindings, section 3.5.5.2).
func (p *Provider) checkResponse(a answer, m *metadata, s State) error {
	r, now := a.response, p.cfg.Now()
	destination, given := attr(r, "Destination"), r.SelectAttr("Destination") != nil
	issued, ok := instant(attr(r, "IssueInstant"))
	switch {
	case attr(r, "Version") != "2.0":
		return refused("it is not of SAML 2.0")
	case attr(r, "ID") == "":
		return refused("it has no id")
	case (given || a.signed) && destination != p.cfg.Consumer:
		return refused("it was made for %s (Destination)", fault.Readable(destination))
	case len(children(r, nsAssertion, "Issuer")) > 0 && text(child(r, nsAssertion, "Issuer")) != m.entityID:
		return refused("it comes from another provider (Issuer)")
	case attr(r, "InResponseTo") != s.ID:
		return refused("it is not the answer to this sign-in (InResponseTo)")
	case !ok || issued.After(now.Add(skew)) || now.After(issued.Add(answerAge+skew)):
		return refused("it was not made just now (IssueInstant); do the clocks of both agree?")
	}
	return statusError(r)
}

// checkAssertion checks for whom an assertion is, and until when (Core, sections 2.4 and 2.5; Profiles, section
// 4.1.4.3).
func (p *Provider) checkAssertion(a *etree.Element, m *metadata, s State) (Once, error) {
	now := p.cfg.Now()
	issued, ok := instant(attr(a, "IssueInstant"))
	switch {
	case !is(a, nsAssertion, "Assertion") || attr(a, "Version") != "2.0" || attr(a, "ID") == "" || len(attr(a, "ID")) > 512:
		return Once{}, refused("its assertion is not of SAML 2.0")
	case text(child(a, nsAssertion, "Issuer")) != m.entityID:
		return Once{}, refused("its assertion was issued by %q, not by %q (Issuer)", fault.Readable(text(child(a, nsAssertion, "Issuer"))), fault.Readable(m.entityID))
	case !ok || issued.After(now.Add(skew)) || now.After(issued.Add(answerAge+skew)):
		return Once{}, refused("its assertion was not made just now (IssueInstant); do the clocks of both agree?")
	}
	conditions := child(a, nsAssertion, "Conditions")
	if conditions == nil {
		return Once{}, refused("its assertion does not say for whom it is (Conditions)")
	}
	if err := p.checkTimes(conditions, "Conditions"); err != nil {
		return Once{}, err
	}
	if err := p.checkAudience(conditions); err != nil {
		return Once{}, err
	}
	expires, err := p.checkBearer(a, s)
	if err != nil {
		return Once{}, err
	}
	return Once{ID: attr(a, "ID"), Expires: expires.Add(skew)}, nil
}

// checkTimes checks NotBefore and NotOnOrAfter where they are given.
func (p *Provider) checkTimes(el *etree.Element, what string) error {
	now := p.cfg.Now()
	if el.SelectAttr("NotBefore") != nil {
		if at, ok := instant(attr(el, "NotBefore")); !ok || at.After(now.Add(skew)) {
			return refused("its assertion is not good yet (%s); do the clocks of both agree?", what)
		}
	}
	if el.SelectAttr("NotOnOrAfter") != nil {
		if at, ok := instant(attr(el, "NotOnOrAfter")); !ok || !now.Before(at.Add(skew)) {
			return refused("its assertion has expired (%s); do the clocks of both agree?", what)
		}
	}
	return nil
}

// checkAudience wants us in every restriction, and at least one of them.
func (p *Provider) checkAudience(conditions *etree.Element) error {
	restrictions := children(conditions, nsAssertion, "AudienceRestriction")
	for _, r := range restrictions {
		ours := false
		for _, a := range children(r, nsAssertion, "Audience") {
			ours = ours || text(a) == p.cfg.EntityID
		}
		if !ours {
			return refused("its assertion is for somebody else: we are called %s there (Audience)", p.cfg.EntityID)
		}
	}
	if len(restrictions) == 0 {
		return refused("its assertion does not say for whom it is (Audience)")
	}
	return nil
}

// checkBearer wants one confirmation that whoever brings the assertion to us, now, is its subject.
func (p *Provider) checkBearer(a *etree.Element, s State) (expires time.Time, err error) {
	err = refused("its assertion does not say who may bring it (SubjectConfirmation)")
	for _, c := range children(child(a, nsAssertion, "Subject"), nsAssertion, "SubjectConfirmation") {
		if attr(c, "Method") != "urn:oasis:names:tc:SAML:2.0:cm:bearer" {
			continue
		}
		data := child(c, nsAssertion, "SubjectConfirmationData")
		if data == nil {
			continue
		}
		until, ok := instant(attr(data, "NotOnOrAfter"))
		switch {
		case attr(data, "Recipient") != p.cfg.Consumer:
			err = refused("its assertion was made for %s (Recipient)", fault.Readable(attr(data, "Recipient")))
		case attr(data, "InResponseTo") != s.ID:
			err = refused("its assertion is not for this sign-in (InResponseTo)")
		case !ok || until.After(p.cfg.Now().Add(24*time.Hour)):
			err = refused("its assertion does not say until when it is good, or for longer than a day (SubjectConfirmationData)")
		case data.SelectAttr("NotBefore") != nil:
			err = refused("its assertion is not of the form that SAML prescribes (NotBefore)")
		default:
			if err = p.checkTimes(data, "SubjectConfirmationData"); err == nil {
				return until, nil
			}
		}
	}
	return time.Time{}, err
}
