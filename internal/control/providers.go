package control

import (
	"bytes"
	"context"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/store"
)

// directory is an upstream that takes passwords.
type directory interface {
	// Authenticate gives who signs in, or says KindUnauthenticated.
	Authenticate(ctx context.Context, name, password string) (identity.Assertion, error)
	// Confirm is Authenticate for somebody who has signed in before, whatever their name is by now.
	Confirm(ctx context.Context, subject, password string) (identity.Assertion, error)
	// Again gives what is true now of a subject; KindNotFound or KindForbidden for one who is not let in any more.
	Again(ctx context.Context, subject string) (identity.Assertion, error)
	// LookUp gives what is true of a name, without a password.
	LookUp(ctx context.Context, name string) (identity.Assertion, error)
	Check(ctx context.Context) error
	Close()
}

// provider is an upstream on whose own pages people sign in.
type provider interface {
	// Begin gives where to send a browser, the state that it will bring back, and what Finish needs.
	Begin(ctx context.Context, how beginning) (begun, error)
	// Finish takes the query or form with which a browser comes back.
	Finish(ctx context.Context, flow []byte, answer url.Values) (identity.Assertion, error)
	// Again asks anew with what an assertion gave: KindUnauthenticated if that is refused, errCannotAsk if
	// it is nothing to ask with.
	Again(ctx context.Context, renewal []byte) (identity.Assertion, error)
	// Renewable reports whether an assertion's renewal is something to ask with.
	Renewable(renewal []byte) bool
	// LogoutURL gives where to send a browser that signs out here; empty if the provider has no such page.
	LogoutURL(ctx context.Context, of signOut) (string, error)
	// Unasked takes an answer that nobody asked for, and says by what name it counts once.
	Unasked(ctx context.Context, answer url.Values) (identity.Assertion, once, error)
	// LoggedOut reads what a provider says of sessions that ended there, to us or through a browser.
	LoggedOut(ctx context.Context, message LogoutMessage) (loggedOut, error)
	LoggedOutHere(answer url.Values) (loggedOut, error)
	// Metadata gives what a provider may read of us; KindNotFound if it reads nothing.
	Metadata() ([]byte, error)
	Check(ctx context.Context) error
	Close()
}

// beginning says how a sign-in at a provider begins.
type beginning struct {
	Callback string // where the browser is to come back to
	Fresh    bool   // the provider must ask again, whoever is signed in there
	Silent   bool   // it may ask nothing
	Strong   bool   // it is to ask for more than one factor
	Name     string // optional: who is expected
}

// begun is what became of it.
type begun struct {
	URL   string
	Form  url.Values // to be posted there; nil: the address has all
	State string     // comes back with the browser, unguessable
	Flow  []byte     // for Finish
}

// signOut says who signs out.
type signOut struct {
	Subject, Session string
	Renewal          []byte // of the session
	Back             string // where the browser is to come back to
}

// once names a message that counts once.
type once struct {
	Name    string
	Expires time.Time
}

// LogoutMessage is what a provider says of sessions that ended there.
type LogoutMessage struct {
	Query string     // raw, as it came: that is what may be signed
	Form  url.Values // of a POST
}

// loggedOut is whose sessions ended at a provider.
type loggedOut struct {
	Subject  string
	Sessions []string // those alone; all of the subject if empty
	Once     once
	Reply    string // where the browser is to go with our answer; empty for nowhere
}

// errCannotAsk says that an upstream gave nothing to ask anew with.
var errCannotAsk = fault.Conflict("the upstream gave nothing to ask it anew with")

// client speaks to one upstream, as that was configured at some version.
type client struct {
	upstream  access.Upstream
	secret    []byte
	directory directory // of LDAP
	provider  provider  // of the others
}

func (c *client) close() {
	if c.directory != nil {
		c.directory.Close()
	}
	if c.provider != nil {
		c.provider.Close()
	}
}

func (c *client) check(ctx context.Context) error {
	if c.directory != nil {
		return c.directory.Check(ctx)
	}
	return c.provider.Check(ctx)
}

// providers keeps a client for each upstream, and what is known of how it is.
type providers struct {
	dial func(access.Upstream, []byte) (*client, error)

	mu    sync.Mutex // guards the rest
	made  map[access.ID]*client
	state map[access.ID]upstreamState
}

// upstreamState is how an upstream was when it was last asked by this process.
type upstreamState struct {
	Since time.Time // when it began to be so
	Err   error     // nil: it answers
}

// client gives what speaks to an upstream, made anew when that has changed.
func (p *providers) client(u access.Upstream, secret []byte) (*client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.made[u.ID]; c != nil && c.upstream.Version == u.Version && bytes.Equal(c.secret, secret) {
		return c, nil
	}
	made, err := p.dial(u, secret)
	if err != nil {
		return nil, err
	}
	if old := p.made[u.ID]; old != nil {
		old.close()
	}
	if p.made == nil {
		p.made = map[access.ID]*client{}
	}
	p.made[u.ID] = made
	return made, nil
}

// close ends every client.
func (p *providers) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, c := range p.made {
		c.close()
		delete(p.made, id)
	}
}

// heard notes whether an upstream answered, and reports whether that is news.
func (p *providers) heard(id access.ID, err error, now time.Time) bool {
	if !away(err) {
		err = nil // it answered, if only with a refusal
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	was, known := p.state[id]
	if known && (was.Err == nil) == (err == nil) {
		return false
	}
	if p.state == nil {
		p.state = map[access.ID]upstreamState{}
	}
	p.state[id] = upstreamState{now, err}
	return known || err != nil
}

// away reports whether an error says that an upstream could not be asked.
func away(err error) bool {
	return fault.Is(err, fault.KindUnavailable) || fault.Is(err, fault.KindTimeout) || fault.Is(err, fault.KindUpstream)
}

// UpstreamsAway lists the upstreams that did not answer this process the last time, and since when.
func (c *Control) UpstreamsAway() map[access.ID]time.Time {
	c.providers.mu.Lock()
	defer c.providers.mu.Unlock()
	list := map[access.ID]time.Time{}
	for id, s := range c.providers.state {
		if s.Err != nil {
			list[id] = s.Since
		}
	}
	return list
}

// heard notes how an upstream answered, and logs when that changes.
func (c *Control) heard(u *access.Upstream, err error) {
	if !c.providers.heard(u.ID, err, c.now()) {
		return
	}
	if away(err) {
		c.log.Warn("upstream does not answer; who is signed in goes on", "upstream", u.ID, "name", u.Name, "error", cause(err))
		return
	}
	c.log.Info("upstream answers", "upstream", u.ID, "name", u.Name)
}

// upstreamClient gives an upstream and what speaks to it. A disabled one is as good as none.
func (c *Control) upstreamClient(ctx context.Context, id access.ID) (*client, error) {
	var u access.Upstream
	var secret []byte
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
		if u, err = tx.Upstream(ctx, id); err != nil {
			return err
		}
		secret, err = tx.UpstreamSecret(ctx, id)
		return err
	})
	if err == nil && u.Disabled {
		err = fault.NotFound("there is no such way to sign in any more")
	}
	if err != nil {
		return nil, orElse(err, fault.KindNotFound, fault.NotFound("there is no such way to sign in any more"))
	}
	return c.providers.client(u, secret)
}

// SignInChoice is an upstream on whose pages somebody may sign in.
type SignInChoice struct {
	ID      access.ID
	Name    string
	Default bool
}

// SignInChoices lists the upstreams on whose pages people may sign in, by name.
func (c *Control) SignInChoices(ctx context.Context) ([]SignInChoice, error) {
	var all []access.Upstream
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
		all, err = tx.AllUpstreams(ctx)
		return err
	})
	var list []SignInChoice
	for _, u := range all {
		if !u.Disabled && u.Kind != access.UpstreamLDAP {
			list = append(list, SignInChoice{u.ID, u.Name, u.Default})
		}
	}
	slices.SortFunc(list, func(a, b SignInChoice) int { return strings.Compare(folded(a.Name), folded(b.Name)) })
	return list, err
}
