package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity/ldap"
	"postern/internal/store"
)

// The bounds of what waits to be written to the sign-in log.
const (
	signInQueue   = 10_000
	signInBatch   = 500
	signInEvery   = time.Second
	signInPace    = 2 * time.Second // of entries about nobody known, which anybody can make
	signInBurst   = 100
	signInMessage = 512     // bytes of a message
	maxSignIns    = 500_000 // that are kept of known users, and as many of strangers
)

// signIns holds entries of the sign-in log until they are written. It never blocks: what has no
// room is counted and left out.
type signIns struct {
	now     func() time.Time
	counter *prometheus.CounterVec // by event and result
	dropped prometheus.Counter

	writing sync.Mutex // held while entries are on their way into the database

	mu         sync.Mutex // guards the rest
	waiting    []access.SignInEntry
	away       bool      // the last write failed
	unrecorded int       // since the last entry that had room
	strangers  time.Time // until when their pace is used up
}

func newSignIns(r prometheus.Registerer, now func() time.Time) (*signIns, error) {
	s := &signIns{
		now: now,
		counter: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postern_sign_ins_total", Help: "Sign-ins, hand-overs and denials.",
		}, []string{"event", "result"}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postern_sign_ins_unrecorded_total", Help: "Entries that the sign-in log had no room for.",
		}),
	}
	if r == nil {
		return s, nil
	}
	for _, each := range []prometheus.Collector{s.counter, s.dropped} {
		if err := r.Register(each); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return s, nil
}

// note takes an entry, completes it and leaves it to be written soon, if there is room.
func (s *signIns) note(e access.SignInEntry) bool {
	s.complete(&e)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) >= signInQueue || stranger(&e) && !s.mayStranger(e.Time) {
		s.unrecorded++
		s.dropped.Inc()
		return false
	}
	e.Unrecorded, s.unrecorded = s.unrecorded, 0
	s.waiting = append(s.waiting, e)
	return true
}

// stranger reports whether an entry is of nobody known: neither a user nor an API key.
func stranger(e *access.SignInEntry) bool {
	return e.User == "" && e.Session == "" && (e.Event != access.EventKey || e.Client == "")
}

// mayStranger bounds what people who have proven nothing may write. s.mu is held.
func (s *signIns) mayStranger(now time.Time) bool {
	at := s.strangers
	if at.Before(now) {
		at = now
	}
	if at.Add(signInPace).Sub(now) > signInBurst*signInPace {
		return false
	}
	s.strangers = at.Add(signInPace)
	return true
}

// complete gives an entry what every entry has, and bounds what others have chosen.
func (s *signIns) complete(e *access.SignInEntry) {
	if e.Time.IsZero() {
		e.Time = s.now()
	}
	e.ID = access.NewID(access.PrefixSignIn, e.Time)
	for _, text := range []*string{&e.Message, &e.UserName, &e.ApplicationName, &e.UpstreamName, &e.Policy, &e.Address, &e.UserAgent, &e.Request, &e.Client, &e.Reason} {
		*text = printable(*text, signInMessage)
	}
	e.UserAgent = short(e.UserAgent, 256)
	s.counter.WithLabelValues(string(e.Event), string(e.Result)).Inc()
}

// printable makes text storable: valid, without controls, of a bounded length.
func printable(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	return short(text, limit)
}

// take gives the entries that wait the longest to who writes them.
func (s *signIns) take(limit int) []access.SignInEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(limit, len(s.waiting))
	batch := s.waiting[:n:n]
	s.waiting = slices.Clone(s.waiting[n:])
	return batch
}

// wrote takes back what could not be written, before the others, and reports whether that went
// otherwise than the last time.
func (s *signIns) wrote(ok bool, batch []access.SignInEntry) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok {
		s.waiting = slices.Concat(batch, s.waiting)
	}
	news = s.away == ok
	s.away = !ok
	return news
}

// withNames adds what goes with the ids: whoever notes a second factor or a denial knows no more.
func (c *Control) withNames(ctx context.Context, list []access.SignInEntry) error {
	n := naming{snap: c.current(), users: map[access.ID]string{}, upstreams: map[access.ID]string{}}
	return c.store.Read(ctx, func(tx *store.Tx) error {
		for i := range list {
			if err := n.complete(ctx, tx, &list[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// naming knows the names that a batch of entries needed so far.
type naming struct {
	snap             *access.Snapshot
	users, upstreams map[access.ID]string
}

func (n *naming) complete(ctx context.Context, tx *store.Tx, e *access.SignInEntry) error {
	if app, ok := n.snap.Application(e.Application); ok && e.ApplicationName == "" {
		e.ApplicationName = app.Name
	}
	if err := fromSession(ctx, tx, e); err != nil {
		return err
	}
	if e.User == "" && e.UserName != "" {
		// The session ended before it was written. Without an id, erasing the user would miss the name.
		user, err := tx.UserByName(ctx, e.UserName)
		if orElse(err, fault.KindNotFound, nil) != nil {
			return err
		}
		e.User, e.UserName = user.ID, user.Name
	}
	if e.User != "" && e.UserName == "" {
		if _, known := n.users[e.User]; !known {
			user, err := tx.User(ctx, e.User)
			if orElse(err, fault.KindNotFound, nil) != nil {
				return err
			}
			n.users[e.User] = user.Name
		}
		e.UserName = n.users[e.User]
	}
	if e.Upstream != "" && e.UpstreamName == "" {
		if _, known := n.upstreams[e.Upstream]; !known {
			u, err := tx.Upstream(ctx, e.Upstream)
			if orElse(err, fault.KindNotFound, nil) != nil {
				return err
			}
			n.upstreams[e.Upstream] = u.Name
		}
		e.UpstreamName = n.upstreams[e.Upstream]
	}
	return nil
}

// fromSession adds what the session of an entry tells, if it is still there.
func fromSession(ctx context.Context, tx *store.Tx, e *access.SignInEntry) error {
	if e.Session == "" {
		return nil
	}
	row, err := tx.SessionByID(ctx, e.Session)
	if err != nil {
		return orElse(err, fault.KindNotFound, nil)
	}
	e.User = row.User
	if e.UserAgent == "" {
		e.UserAgent = row.UserAgent
	}
	if e.Client == "" {
		e.Client = row.Client
	}
	if len(e.Methods) == 0 {
		e.Methods = row.Methods
	}
	if e.Upstream == "" {
		of := row.ID
		if row.Parent != "" {
			of = row.Parent
		}
		e.Upstream, e.UpstreamName, err = tx.UpstreamOf(ctx, of)
	}
	return err
}

// writeSignIns writes what waits. What cannot be written waits on: the database may come back.
func (c *Control) writeSignIns(ctx context.Context) {
	c.signIns.writing.Lock()
	defer c.signIns.writing.Unlock()
	for {
		batch := c.signIns.take(signInBatch)
		if len(batch) == 0 {
			return
		}
		err := c.insertSignIns(ctx, batch)
		if c.signIns.wrote(err == nil, batch) {
			c.log.Warn("the sign-in log", "written", err == nil, "error", err)
		}
		if err != nil {
			return
		}
	}
}

func (c *Control) insertSignIns(ctx context.Context, batch []access.SignInEntry) error {
	if err := c.withNames(ctx, batch); err != nil {
		return err
	}
	return c.write(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.InsertSignIns(ctx, batch) })
}

// attempt gives an entry with what is known of the asker.
func attempt(event access.SignInEvent, by access.Actor, userAgent string) access.SignInEntry {
	e := access.SignInEntry{Event: event, Request: by.Request, UserAgent: userAgent}
	if address := addressOf(by); address.IsValid() {
		e.Address = address.String()
	}
	return e
}

// of adds who it is.
func of(e access.SignInEntry, user *access.User) access.SignInEntry {
	e.User, e.UserName = user.ID, user.Name
	return e
}

// tried notes how far an attempt to sign in came. A new session has its entry already, written with it.
func (c *Control) tried(ctx context.Context, e access.SignInEntry, p Progress, err error) {
	switch {
	case err != nil:
		c.turnedAway(ctx, e, err)
		return
	case p.Next != nil && p.Next.Enrol:
		e.Result, e.Reason = access.ResultInterrupted, access.ReasonEnrolFactor
	case p.Next != nil:
		e.Result, e.Reason = access.ResultInterrupted, access.ReasonSecondFactor
	case p.Confirmed != "":
		e.Result = access.ResultSuccess
	default:
		return
	}
	c.signIns.note(e)
}

// turnedAway counts and notes an attempt that did not succeed. An error that says nothing about the
// asker, because something of ours is broken or away, is none.
func (c *Control) turnedAway(ctx context.Context, e access.SignInEntry, err error) {
	kind := fault.KindOf(err)
	if err == nil || ctx.Err() != nil || kind == fault.KindInternal || kind == fault.KindUnavailable || kind == fault.KindTimeout {
		return
	}
	action := signIn
	if e.Event == access.EventHandOver {
		action = handOff
	}
	c.refusals.counter.WithLabelValues(string(action), kind.String()).Inc()
	e.Message = err.Error()
	if refusal, ok := errors.AsType[*ldap.Refusal](err); ok {
		e.Reason, e.Message = refusal.Word(), "the directory: "+refusal.Error() // who signs in is told nothing of it
	}
	if e.Result == "" {
		e.Result = access.ResultFailure
	}
	if kind == fault.KindForbidden {
		e.Result = access.ResultDenied
	}
	if e.Reason == "" {
		e.Reason = reasonOf(kind)
	}
	if !c.signIns.note(e) {
		return
	}
	c.log.Warn("turned away", "event", string(e.Event), "result", string(e.Result), "reason", e.Reason, "user", e.User, "address", e.Address,
		"application", e.Application, "request", e.Request)
}

func reasonOf(kind fault.Kind) string {
	switch kind {
	case fault.KindLimited:
		return access.ReasonThrottled
	case fault.KindGone:
		return access.ReasonStepOver
	case fault.KindInvalid, fault.KindNotFound:
		return access.ReasonInvalid
	case fault.KindUpstream:
		return access.ReasonUpstreamFailed
	case fault.KindUnauthenticated:
		return access.ReasonWrongFactor // a password that was wrong has its own
	}
	return access.ReasonOther
}

// SignInFilter asks for a part of the sign-in log, newest first.
type SignInFilter = store.SignInFilter

// SignInLog lists the sign-in log and gives the cursor of the next page, empty at the end.
func (c *Control) SignInLog(ctx context.Context, by access.Actor, f SignInFilter) (list []access.SignInEntry, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readSignIns}, func(tx *store.Tx) error {
		list, next, err = tx.SignIns(ctx, f)
		return err
	})
	return list, next, err
}
