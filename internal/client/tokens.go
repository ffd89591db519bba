package client

import (
	"context"
	"sync"

	"postern/internal/fault"
	"postern/internal/uplink"
)

// tokens gives access tokens for the gateways. Once the service said that a sign-in is over it is not asked again until there is another
// one.
type tokens struct {
	state  *State
	dialer *uplink.Dialer

	mu   sync.Mutex // guards over and when
	over error
	when stamp // the sign-in that over is about
}

// get gives a token that is not the one that was shown already.
func (t *tokens) get(ctx context.Context, shown string) (string, error) {
	t.mu.Lock()
	over, when := t.over, t.when
	t.mu.Unlock()
	now := t.state.stamp()
	if over != nil && when.signIn.Equal(now.signIn) {
		return "", over
	}
	text, _, err := t.state.token(ctx, t.dialer, shown)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = nil
	if fault.Is(err, fault.KindUnauthenticated) {
		t.over, t.when = err, now
	}
	return text, err
}

// deny says that the service does not want the sign-in to be used any more, for this device at least.
func (t *tokens) deny(why error) {
	now := t.state.stamp()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over, t.when = fault.Unauthenticated("%s", why).Because(why), now
}

// problem says why there are no tokens; nil: there are, as far as is known.
func (t *tokens) problem() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.over
}

func (t *tokens) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = nil
}
