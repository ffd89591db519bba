package idp

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// Behaviour is what providers do differently. The zero value is one that does all that it is asked.
type Behaviour struct {
	NoRefresh bool          // gives no refresh token
	SignedOut bool          // has to ask who it is, which prompt=none forbids
	Stubborn  bool          // never asks again, whatever it is asked
	Ago       time.Duration // when the user proved who they are, where it does not ask again
	ACR       []string      // authentication contexts that it can do
	AMR       []string      // what it says of the methods
	Loses     bool          // its answers with tokens are lost on their way, after all was done for them
}

// Behave changes how the provider behaves from now on.
func (p *Provider) Behave(b Behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.behaviour = b
}

// Asked gives the query of the last sign-in, and how many there were.
func (p *Provider) Asked() (url.Values, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked, p.asks
}

// signedIn gives what the provider knows of whom it lets in now, or the error that it answers with.
func (p *Provider) signedIn(q url.Values) (g grant, code string) {
	p.asked, p.asks = q, p.asks+1
	b := p.behaviour
	prompt := q.Get("prompt")
	switch {
	case p.denied != "":
		code, p.denied = p.denied, ""
		return g, code
	case prompt == "none" && b.SignedOut:
		return g, "login_required"
	}
	g.at = p.now()
	if b.Stubborn || prompt != "login" {
		g.at = g.at.Add(-b.Ago)
	}
	g.amr = b.AMR
	for _, acr := range strings.Fields(q.Get("acr_values")) {
		if slices.Contains(b.ACR, acr) {
			g.acr = acr
			break
		}
	}
	return g, ""
}
