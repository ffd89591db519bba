package session

import (
	"container/list"
	"context"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

// Entry is what the store says of a session: the row and who that is now.
type Entry struct {
	Session   access.Session
	Principal access.Principal
	Device    access.Device // that the session is bound to, if it is
}

// Look reads a session from the store. It says KindUnauthenticated when the session is over, or
// never was, and KindUnavailable when the store is away.
type Look func(ctx context.Context, id access.ID) (Entry, error)

// CacheConfig holds what a Cache needs. Fields are required unless they say otherwise.
type CacheConfig struct {
	Keys Keyring
	Look Look
	Idle time.Duration    // optional; how long an unused session lives, 12h if zero
	Rest time.Duration    // optional; the same for a program's session, 7 days if zero
	Away time.Duration    // optional; how long remembered sessions are honoured without the store, 60m if zero
	Size int              // optional; how many sessions are remembered, 65536 if zero
	Now  func() time.Time // optional; time.Now if nil
}

// Used says when a session was last used, for the store.
type Used struct {
	ID     access.ID
	Parent access.ID
	At     time.Time
}

// Cache remembers who sessions belong to until Ended or Forget says that they changed.
type Cache struct {
	cfg CacheConfig

	mu       sync.Mutex // guards all below
	entries  map[access.ID]*list.Element
	recent   list.List                            // of *remembered, last used first
	users    map[access.ID]map[access.ID]struct{} // user → sessions remembered
	children map[access.ID]map[access.ID]struct{} // portal session → sessions remembered
	looking  map[access.ID]*call
	used     map[access.ID]Used
	contact  time.Time // when the store was last heard of: until then no ending was missed
}

type remembered struct {
	entry Entry
	until time.Time // of one that is over: how long that is remembered; zero for a good one
}

// call is one look-up under way, shared by all who ask for the same session.
type call struct {
	done  chan struct{}
	dirty bool // something ended meanwhile: what was read may be too old
	entry Entry
	err   error
}

const (
	lookTimeout = 5 * time.Second
	overFor     = 10 * time.Second
	maxLooks    = 5
)

// NewCache wires; Heard must be called whenever the store was heard of.
func NewCache(cfg CacheConfig) *Cache {
	if cfg.Idle <= 0 {
		cfg.Idle = 12 * time.Hour
	}
	if cfg.Rest <= 0 {
		cfg.Rest = 7 * 24 * time.Hour
	}
	if cfg.Away <= 0 {
		cfg.Away = time.Hour
	}
	if cfg.Size <= 0 {
		cfg.Size = 1 << 16
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Cache{
		cfg:      cfg,
		entries:  map[access.ID]*list.Element{},
		users:    map[access.ID]map[access.ID]struct{}{},
		children: map[access.ID]map[access.ID]struct{}{},
		looking:  map[access.ID]*call{},
		used:     map[access.ID]Used{},
		contact:  cfg.Now(),
	}
}

var errNobody = fault.Unauthenticated("you are not signed in")

// Find gives the session and the principal of a cookie in the scope where it was shown. It says
// KindUnauthenticated when that is nobody, and KindUnavailable when a genuine cookie cannot be
// looked up now.
func (c *Cache) Find(ctx context.Context, scope Scope, cookie string) (Entry, error) {
	id, hash, err := c.cfg.Keys.Parse(scope, cookie)
	if err != nil {
		return Entry{}, err
	}
	entry, err := c.load(ctx, id)
	if err != nil {
		return Entry{}, err
	}
	if !SameHash(entry.Session.Hash, hash) || Of(&entry.Session) != scope {
		return Entry{}, errNobody
	}
	return entry, nil
}

// Known gives the session with that id, for a caller that was shown a token of it.
func (c *Cache) Known(ctx context.Context, id access.ID) (Entry, error) { return c.load(ctx, id) }

// load gives the session from memory, or looks it up once for all who ask at the same moment.
func (c *Cache) load(ctx context.Context, id access.ID) (Entry, error) {
	for range maxLooks {
		c.mu.Lock()
		if entry, ok, err := c.recall(id); ok {
			c.mu.Unlock()
			return entry, err
		}
		under, waiting := c.looking[id]
		if !waiting {
			under = &call{done: make(chan struct{})}
			c.looking[id] = under
		}
		c.mu.Unlock()
		if waiting {
			select {
			case <-under.done:
			case <-ctx.Done():
				return Entry{}, context.Cause(ctx)
			}
		} else {
			c.look(ctx, id, under)
		}
		if under.err == nil && under.dirty {
			continue
		}
		return under.entry, under.err
	}
	return Entry{}, fault.Unavailable("your sign-in is changing at this moment; please try again").After(time.Second)
}

// look asks the store. The asker's own end does not end it, since others wait for the answer too.
func (c *Cache) look(ctx context.Context, id access.ID, under *call) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	var entry Entry
	err := error(fault.Unavailable("sign-ins cannot be checked at this moment").After(time.Second)) // should Look panic
	defer func() { c.answer(id, under, entry, err) }()
	entry, err = c.cfg.Look(ctx, id)
}

// answer ends a look-up: all who wait learn the outcome, and it is remembered.
func (c *Cache) answer(id access.ID, under *call, entry Entry, err error) {
	now := c.cfg.Now()
	if err == nil && c.over(&entry, now) {
		err = errNobody
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	under.entry, under.err = entry, err
	delete(c.looking, id)
	close(under.done)
	switch {
	case under.dirty:
	case err == nil:
		c.remember(&remembered{entry: entry})
		c.use(&entry, now)
	case fault.Is(err, fault.KindUnauthenticated):
		c.remember(&remembered{entry: Entry{Session: access.Session{ID: id}}, until: now.Add(overFor)})
	}
}

// recall finds a session in memory; ok is false when it must be looked up. The caller holds mu.
func (c *Cache) recall(id access.ID) (entry Entry, ok bool, err error) {
	element, found := c.entries[id]
	if !found {
		return Entry{}, false, nil
	}
	now := c.cfg.Now()
	kept := element.Value.(*remembered)
	switch {
	case !kept.until.IsZero():
		if now.Before(kept.until) {
			return Entry{}, true, errNobody
		}
		c.drop(id)
		return Entry{}, false, nil
	case now.Sub(c.contact) > c.cfg.Away:
		// It may have ended meanwhile. It stays in memory for the day the store is back.
		return Entry{}, true, fault.Unavailable("sign-ins cannot be checked at this moment; please try again soon").After(5 * time.Second)
	case c.over(&kept.entry, now):
		c.drop(id) // another replica may have seen it used: look again
		return Entry{}, false, nil
	}
	c.recent.MoveToFront(element)
	c.use(&kept.entry, now)
	return kept.entry, true, nil
}

func (c *Cache) over(e *Entry, now time.Time) bool {
	idle := c.cfg.Idle
	if e.Session.Kind == access.SessionProgram {
		idle = c.cfg.Rest
	}
	return !now.Before(e.Session.Expires) || now.Sub(e.Session.LastUsed) > idle
}

// use notes that the session is used. The caller holds mu.
func (c *Cache) use(e *Entry, now time.Time) {
	e.Session.LastUsed = now
	if len(c.used) < c.cfg.Size {
		c.used[e.Session.ID] = Used{e.Session.ID, e.Session.Parent, now}
	}
}

// remember keeps an entry and forgets the one that was not asked for longest. The caller holds mu.
func (c *Cache) remember(r *remembered) {
	s := &r.entry.Session
	c.drop(s.ID)
	c.entries[s.ID] = c.recent.PushFront(r)
	add(c.users, s.User, s.ID)
	add(c.children, s.Parent, s.ID)
	if c.recent.Len() > c.cfg.Size {
		c.drop(c.recent.Back().Value.(*remembered).entry.Session.ID)
	}
}

func (c *Cache) drop(id access.ID) {
	element, ok := c.entries[id]
	if !ok {
		return
	}
	s := &element.Value.(*remembered).entry.Session
	c.recent.Remove(element)
	delete(c.entries, id)
	remove(c.users, s.User, id)
	remove(c.children, s.Parent, id)
}

func add(sets map[access.ID]map[access.ID]struct{}, key, id access.ID) {
	if key == "" {
		return
	}
	if sets[key] == nil {
		sets[key] = map[access.ID]struct{}{}
	}
	sets[key][id] = struct{}{}
}

func remove(sets map[access.ID]map[access.ID]struct{}, key, id access.ID) {
	delete(sets[key], id)
	if len(sets[key]) == 0 {
		delete(sets, key)
	}
}

// Ended forgets what an ending is about, so that it is looked up again.
func (c *Cache) Ended(e access.Ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := access.ID(e.ID)
	switch e.Kind {
	case access.EndingUsers:
		c.forgetAll()
	case access.EndingSession:
		c.drop(id)
		c.forget(c.children[id])
	case access.EndingUser:
		c.forget(c.users[id])
	default:
		return
	}
	for _, under := range c.looking { // whose they are is not known yet
		under.dirty = true
	}
}

func (c *Cache) forget(ids map[access.ID]struct{}) {
	for id := range ids {
		c.drop(id)
	}
}

// Forget forgets everything: endings were missed.
func (c *Cache) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetAll()
	for _, under := range c.looking {
		under.dirty = true
	}
}

func (c *Cache) forgetAll() {
	clear(c.entries)
	clear(c.users)
	clear(c.children)
	c.recent.Init()
}

// Heard says that the store was heard of at that time and all endings until then were told.
func (c *Cache) Heard(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.contact = at
}

// Used gives and forgets when sessions were last used.
func (c *Cache) Used() []Used {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]Used, 0, len(c.used))
	for _, u := range c.used {
		list = append(list, u)
	}
	clear(c.used)
	return list
}
