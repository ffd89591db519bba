package gateway

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

// lookupTimeout bounds one look-up of a session.
const lookupTimeout = 5 * time.Second

// isAway reports whether an error says that nobody could answer, as opposed to a no.
func isAway(err error) bool {
	switch fault.KindOf(err) {
	case fault.KindUnavailable, fault.KindTimeout, fault.KindInternal, fault.KindLimited:
		return true
	}
	return false
}

// A sessionKey is a hash of the application, the host and the cookie: cookies themselves are not kept.
type sessionKey [sha256.Size]byte

func keyOf(app access.ID, host, kind, secret string) sessionKey {
	var buffer [512]byte // enough for what is usual
	text := append(append(append(buffer[:0], app...), '\n'), host...)
	return sha256.Sum256(append(append(append(text, '\n'), kind...), secret...))
}

type knownSession struct {
	who     *access.Principal // never changed
	checked time.Time
	until   time.Time // of a credential: when it is good no more for what begins
}

func (s *knownSession) good(now time.Time) bool { return s.until.IsZero() || now.Before(s.until) }

// sessionKey gives the key of an exchange's cookie or credential. One is never taken for the other.
func (x *exchange) sessionKey() sessionKey {
	kind := ""
	if x.credential {
		kind = "credential\n"
	}
	return keyOf(x.app.ID, x.app.authority, kind, x.secret)
}

// sessionCache remembers who a cookie stood for, for a moment while the control plane is there and
// for longer while it is away. What ended is forgotten at once, and then only the control plane's
// word counts.
type sessionCache struct {
	source Sessions
	limits Limits
	now    func() time.Time

	mu     sync.Mutex // guards the fields below
	known  map[sessionKey]knownSession
	ending uint64 // counts what ended, so that an answer from before is not kept
}

func newSessionCache(source Sessions, limits Limits, now func() time.Time) *sessionCache {
	return &sessionCache{source: source, limits: limits, now: now, known: map[sessionKey]knownSession{}}
}

// look gives the principal of a session cookie; anew asks the control plane whatever is known.
func (c *sessionCache) look(asking func() context.Context, x *exchange, anew bool) (*access.Principal, error) {
	key := x.sessionKey()
	now := c.now()
	c.mu.Lock()
	session, ok := c.known[key]
	ending := c.ending
	c.mu.Unlock()
	ok = ok && (anew || session.good(now))
	if ok && !anew && now.Sub(session.checked) < c.limits.SessionFresh {
		return session.who, nil
	}
	ctx, cancel := context.WithTimeout(asking(), lookupTimeout)
	defer cancel()
	who, until, err := c.ask(ctx, x)
	switch {
	case err == nil:
		c.keep(key, knownSession{&who, now, until}, ending)
		return &who, nil
	case isAway(err) && ok && c.still(key, now):
		return session.who, nil
	case isAway(err):
		return nil, fault.Unavailable("Postern cannot check your session at the moment.").After(5 * time.Second).Because(err)
	}
	c.mu.Lock()
	delete(c.known, key)
	c.mu.Unlock()
	return nil, fault.Unauthenticated("the session is not good").Because(err)
}

// ask looks up whose cookie or credential it is.
func (c *sessionCache) ask(ctx context.Context, x *exchange) (who access.Principal, until time.Time, err error) {
	host := x.app.authority
	if !x.credential {
		who, err = c.source.Session(ctx, x.app.ID, host, x.secret)
		return who, until, err
	}
	// What began while a token was good goes on as long as its session: the token's end is not that of a long exchange.
	return c.source.Credential(ctx, x.shown(x.app, x.secret))
}

// shown gives what the client shows at an application, and who that is as far as it is known.
func (x *exchange) shown(app *published, secret string) access.Credential {
	return access.Credential{
		Application: app.ID, Host: app.authority, Secret: secret, At: x.record.Time,
		Address: x.clientAddress(), UserAgent: x.userAgent(), Request: x.id,
	}
}

func (x *exchange) clientAddress() string { return x.client.Addr().Unmap().String() }

func (x *exchange) userAgent() string { return string(x.fields.Get("user-agent")) }

// still reports whether a session may be honoured without the control plane.
func (c *sessionCache) still(key sessionKey, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	session, ok := c.known[key]
	return ok && now.Sub(session.checked) < c.limits.SessionStale
}

func (c *sessionCache) keep(key sessionKey, session knownSession, ending uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending != ending {
		return // something ended meanwhile; perhaps this
	}
	if _, ok := c.known[key]; !ok && len(c.known) >= c.limits.Sessions {
		c.evict()
	}
	c.known[key] = session
}

// evict makes room: the oldest of a few, since that is nearly as good as the oldest of all.
func (c *sessionCache) evict() {
	var oldest sessionKey
	var checked time.Time
	seen := 0
	for key, session := range c.known {
		if seen == 0 || session.checked.Before(checked) {
			oldest, checked = key, session.checked
		}
		if seen++; seen == 16 {
			break
		}
	}
	delete(c.known, oldest)
}

// end forgets what an ending is about.
func (c *sessionCache) end(about func(access.Principal) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending++
	for key, session := range c.known {
		if about(*session.who) {
			delete(c.known, key)
		}
	}
}

// endings gives the count that changes whenever something ended.
func (c *sessionCache) endings() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}
