package identity

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"postern/internal/fault"
	"postern/internal/match"
)

// Rate is how many failures are forgiven at once (Burst) and how long one is remembered (Every).
type Rate struct {
	Burst int
	Every time.Duration
}

// ThrottleConfig holds a Throttle's settings. Every zero value works.
type ThrottleConfig struct {
	// Pair bounds failures of one account from one network: 5, then one in 30 seconds.
	Pair Rate
	// Network bounds failures from one network, whatever the account: 50, then one in 10 seconds.
	Network Rate
	// Account bounds failures of one account from networks from which nobody has signed in to it:
	// 20, then one a minute.
	Account Rate
	// Overflow bounds failures of what there was no room to remember: 20, then five a second.
	Overflow Rate
	// Entries is how many of each are remembered; 65536 if zero.
	Entries int
	Now     func() time.Time // time.Now if nil
}

// Throttle bounds how often passwords may be guessed. Only failures count.
//
// An account is never locked: whoever guesses from elsewhere slows down other strangers, not the
// networks from which its user has signed in before. It never forgets a failure that still counts;
// when its memory is full, whatever it has not seen yet shares one rate.
type Throttle struct {
	cfg ThrottleConfig

	mu       sync.Mutex // guards all below
	pairs    table[pair]
	networks table[netip.Prefix]
	accounts table[string]
	overflow time.Time
	known    map[pair]*acquaintance
}

// acquaintance is a network from which an account was signed in to. Its failures have a place of
// their own, so that a flood from elsewhere cannot crowd it out.
type acquaintance struct {
	seen time.Time // the last good sign-in
	at   time.Time // as in table.at
}

type pair struct {
	account string
	network netip.Prefix
}

// NewThrottle fills in what was left out.
func NewThrottle(cfg ThrottleConfig) *Throttle {
	fill := func(r *Rate, burst int, every time.Duration) {
		if r.Burst <= 0 || r.Every <= 0 {
			*r = Rate{burst, every}
		}
	}
	fill(&cfg.Pair, 5, 30*time.Second)
	fill(&cfg.Network, 50, 10*time.Second)
	fill(&cfg.Account, 20, time.Minute)
	fill(&cfg.Overflow, 20, 200*time.Millisecond)
	if cfg.Entries <= 0 {
		cfg.Entries = 1 << 16
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	t := &Throttle{cfg: cfg, known: map[pair]*acquaintance{}}
	t.pairs = table[pair]{limit: cfg.Entries, at: map[pair]time.Time{}}
	t.networks = table[netip.Prefix]{limit: cfg.Entries, at: map[netip.Prefix]time.Time{}}
	t.accounts = table[string]{limit: cfg.Entries, at: map[string]time.Time{}}
	return t
}

// Attempt is one try that is under way. It counts as a failure until Succeeded or Void says
// otherwise, so that tries at the same moment cannot exceed the bound together.
type Attempt struct {
	throttle *Throttle
	pair     pair
	known    bool // the network is one from which the account was signed in to
	undo     []func()
}

// Begin allows a try of the account from the address, or says with KindLimited when to try again.
// The answer is the same whether the account exists or not.
func (t *Throttle) Begin(account string, address netip.Addr) (*Attempt, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.cfg.Now()
	a := &Attempt{throttle: t, pair: pair{account, match.Network(address)}}
	var wait time.Duration
	network := t.networks.slot(a.pair.network, now)
	if friend, ok := t.known[a.pair]; ok {
		a.known = true
		wait = t.take(a, t.cfg.Pair, now, &slot{func() time.Time { return friend.at }, func(at time.Time) { friend.at = at }})
		if network != nil {
			wait = max(wait, t.take(a, t.cfg.Network, now, network))
		}
	} else {
		wait = max(t.take(a, t.cfg.Pair, now, t.pairs.slot(a.pair, now)),
			t.take(a, t.cfg.Network, now, network),
			t.take(a, t.cfg.Account, now, t.accounts.slot(account, now)))
	}
	if wait == 0 {
		return a, nil
	}
	a.refund()
	return nil, TooMany(wait)
}

// TooMany says when to try again.
func TooMany(wait time.Duration) error {
	return fault.New(fault.KindLimited, "too many failed attempts; please wait %s and try again", human(wait)).After(wait)
}

// Shared says what the try counts against whichever service it comes to, and within which bound: the
// account, or the account from the network that is known.
func (a *Attempt) Shared() (key string, rate Rate) {
	// An account is whatever somebody typed: what comes before it says which of the two is meant.
	if a.known {
		return "from " + a.pair.network.String() + " " + a.pair.account, a.throttle.cfg.Pair
	}
	return "account " + a.pair.account, a.throttle.cfg.Account
}

// slot is one place where failures are counted, as the time at which all of them are forgotten
// (the generic cell rate algorithm). A nil slot stands for the shared one.
type slot struct {
	load  func() time.Time
	store func(time.Time)
}

// take counts one failure, or says how long to wait until there is room for it.
func (t *Throttle) take(a *Attempt, rate Rate, now time.Time, s *slot) time.Duration {
	if s == nil {
		rate = t.cfg.Overflow
		s = &slot{func() time.Time { return t.overflow }, func(at time.Time) { t.overflow = at }}
	}
	at := s.load()
	if at.Before(now) {
		at = now
	}
	next := at.Add(rate.Every)
	if wait := next.Sub(now) - time.Duration(rate.Burst)*rate.Every; wait > 0 {
		return wait
	}
	s.store(next)
	a.undo = append(a.undo, func() { s.store(s.load().Add(-rate.Every)) })
	return 0
}

func (a *Attempt) refund() {
	for _, undo := range a.undo {
		undo()
	}
	a.undo = nil
}

// Succeeded says that the password was right: the try does not count, and the network is known for
// this account from now on.
func (a *Attempt) Succeeded() {
	a.Void()
	t := a.throttle
	t.mu.Lock()
	defer t.mu.Unlock()
	t.know(a.pair)
}

func (t *Throttle) know(p pair) {
	friend, ok := t.known[p]
	if !ok {
		if len(t.known) >= t.cfg.Entries {
			t.forgetOldest()
		}
		friend = &acquaintance{}
		t.known[p] = friend
	}
	friend.seen = t.cfg.Now()
}

// Void says that nothing was found out, because the check itself could not be made.
func (a *Attempt) Void() {
	a.throttle.mu.Lock()
	defer a.throttle.mu.Unlock()
	a.refund()
}

// Know says that the account's user has signed in from the address before, as its sessions tell.
func (t *Throttle) Know(account string, address netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.know(pair{account, match.Network(address)})
}

// Acquaint is Know for somebody who has failed here as a stranger: what they owe goes along, so that it is no
// way to guess more.
func (t *Throttle) Acquaint(account string, address netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := pair{account, match.Network(address)}
	_, before := t.known[p]
	t.know(p)
	if !before {
		t.known[p].at = t.pairs.at[p]
	}
}

// Knows reports whether the address's network is known for the account.
func (t *Throttle) Knows(account string, address netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.known[pair{account, match.Network(address)}]
	return ok
}

// Forget drops what is known of the account's networks: its password is another one.
func (t *Throttle) Forget(account string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p := range t.known {
		if p.account == account {
			delete(t.known, p)
		}
	}
}

func (t *Throttle) forgetOldest() {
	var oldest pair
	var at time.Time
	for p, friend := range t.known {
		if at.IsZero() || friend.seen.Before(at) {
			oldest, at = p, friend.seen
		}
	}
	delete(t.known, oldest)
}

// table remembers failures by key. It is bounded: entries that count no more are dropped, others
// never.
type table[K comparable] struct {
	limit int
	at    map[K]time.Time
	swept time.Time
}

// slot gives the key's place, or nil when there is no room for another key.
func (t *table[K]) slot(key K, now time.Time) *slot {
	if _, ok := t.at[key]; !ok && len(t.at) >= t.limit {
		t.sweep(now)
		if len(t.at) >= t.limit {
			return nil
		}
	}
	return &slot{
		load: func() time.Time { return t.at[key] },
		store: func(at time.Time) {
			if !at.After(now) {
				delete(t.at, key)
				return
			}
			t.at[key] = at
		},
	}
}

// sweep drops what counts no more, at most once a second because it looks at everything.
func (t *table[K]) sweep(now time.Time) {
	if now.Sub(t.swept) < time.Second {
		return
	}
	t.swept = now
	for key, at := range t.at {
		if !at.After(now) {
			delete(t.at, key)
		}
	}
}

func human(d time.Duration) string {
	if d <= time.Minute {
		return fmt.Sprintf("%d seconds", int(max(d, time.Second).Round(time.Second).Seconds()))
	}
	return fmt.Sprintf("%d minutes", int((d + time.Minute - 1).Minutes()))
}
