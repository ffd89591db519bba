package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/agent"
	"postern/internal/disk"
	"postern/internal/fault"
	"postern/internal/match"
	"postern/internal/wire"
)

const (
	pollWait  = 2 * time.Minute        // how long the gateway may hold the question for the rules
	pollSlack = 15 * time.Second       // beyond it, until the question counts as lost
	askAgain  = 3 * time.Second        // after a question that failed
	askSoon   = 100 * time.Millisecond // after one that was answered
)

// rules are what the user may reach. They never change once made.
type rules struct {
	wire.Rules
	table *match.Table
	byID  map[string]*wire.Rule
	when  time.Time // when they were made or, if recalled, when they were told
	told  bool      // by a gateway in this process's life
}

// newRules reads what a gateway said. Rules with a segment that cannot be read are refused as a whole: what the others were meant to be
// exceptions of is not known.
func newRules(told wire.Rules) (*rules, error) {
	r := &rules{Rules: told, byID: map[string]*wire.Rule{}, when: time.Now(), told: true}
	var entries []match.Entry
	for i := range told.Applications {
		rule := &told.Applications[i]
		r.byID[rule.Application] = rule
		for _, s := range rule.Segments {
			segment, field, err := match.ParseSegment(s.Destination, s.Ports, s.Protocol)
			if err != nil {
				return nil, fault.New(fault.KindUpstream, "the rule of %q has a segment (%s %s/%s) whose %s %v: is this program older than the service? Update it",
					rule.Name, s.Destination, s.Ports, s.Protocol, field, err)
			}
			entries = append(entries, match.Entry{Segment: segment, Owner: rule.Application, Broad: rule.QuickAccess})
		}
	}
	r.table = match.NewTable(entries)
	return r, nil
}

// following keeps the rules in force and asks for newer ones.
type following struct {
	c       *Client
	current atomic.Pointer[rules] // nil: nobody has told any
	mu      sync.Mutex            // guards changed
	changed chan struct{}         // closed and replaced when current changes
}

func newFollowing(c *Client) *following { return &following{c: c, changed: make(chan struct{})} }

// keptRules is the form of the rules on the disk.
type keptRules struct {
	Device string     `json:"device"`
	Told   time.Time  `json:"told"`
	Rules  wire.Rules `json:"rules"`
}

// rules reads what was told last.
func (s *State) rules() (kept keptRules, err error) {
	data, err := disk.ReadSecret(s.file(fileRules), maxState)
	if err == nil {
		err = json.Unmarshal(data, &kept)
	}
	return kept, err
}

// recall puts the rules in force that were told last, so that what is blocked without a gateway is blocked from the start.
func (f *following) recall() {
	kept, err := f.c.state.rules()
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var r *rules
	if err == nil && kept.Device != f.c.current.Load().cred.Identity.ID {
		return // another user's
	}
	if err == nil {
		r, err = newRules(kept.Rules)
	}
	if err != nil {
		f.c.note("read the rules of last time", err)
		return
	}
	r.when, r.told = kept.Told, false
	f.put(r)
}

func (f *following) put(r *rules) {
	f.mu.Lock()
	f.current.Store(r)
	close(f.changed)
	f.changed = make(chan struct{})
	f.mu.Unlock()
	f.c.switched(r)
}

// forget has no rules in force.
func (f *following) forget() {
	f.put(nil)
	if err := disk.Remove(f.c.state.file(fileRules)); err != nil {
		f.c.note("forget the rules", err)
	}
}

// known gives the rules in force and waits for some if there are none.
func (f *following) known(ctx context.Context) (*rules, error) {
	for {
		f.mu.Lock()
		changed := f.changed
		f.mu.Unlock()
		if r := f.current.Load(); r != nil {
			return r, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// run asks one question after the other until ctx ends: the gateway answers when there is something new, or after pollWait.
func (f *following) run(ctx context.Context) {
	for ctx.Err() == nil {
		links, err := f.c.fleet.any(ctx)
		if err != nil {
			return
		}
		began := time.Now()
		news, err := f.ask(ctx, links[0])
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && links[0].going():
			// the tunnel is to go: ask over another one
		case noSession(err):
			_ = f.c.fleet.reshow(ctx, links[0], links[0].known.Load()) // it says so itself
			pause(ctx, askSoon)
		case err != nil:
			f.c.note("ask for the rules", err)
			pause(ctx, askAgain)
		case !news && time.Since(began) < askAgain:
			pause(ctx, askAgain) // a gateway that does not wait shall not be asked in a loop
		default:
			pause(ctx, askSoon)
		}
	}
}

// ask asks over a tunnel and puts the answer in force; news: it is another one.
func (f *following) ask(ctx context.Context, l *link) (news bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, pollWait+pollSlack)
	defer cancel()
	question := wire.AskRules{Wait: pollWait}
	before := f.current.Load()
	if before != nil && before.told {
		question.Hash = before.Hash
	}
	stop := f.whenGoing(ctx, l, cancel)
	defer stop()
	answer, err := agent.Ask[wire.Rules](ctx, l.session, wire.QuestionRules, question)
	if err != nil {
		return false, err
	}
	if before != nil && before.told && before.Hash == answer.Hash {
		return false, nil
	}
	r, err := newRules(answer)
	if err != nil {
		return false, err
	}
	f.put(r)
	f.c.log.Info("rules in force", "version", r.Version, "applications", len(r.Applications), "off", r.Off)
	f.save(r)
	f.c.connection(r)
	f.c.follow()
	return true, nil
}

// whenGoing cancels the question when its tunnel is to go, so that it holds up no drain.
func (f *following) whenGoing(ctx context.Context, l *link, cancel context.CancelFunc) (stop func()) {
	over := make(chan struct{})
	done := make(chan struct{})
	go func() { // ends by stop at the latest
		defer close(done)
		select {
		case <-l.session.Going():
			cancel()
		case <-l.resting:
			cancel()
		case <-ctx.Done():
		case <-over:
		}
	}()
	return func() { close(over); <-done }
}

func (f *following) save(r *rules) {
	id := f.c.current.Load()
	if id == nil {
		return
	}
	data, err := json.Marshal(keptRules{id.cred.Identity.ID, r.when, r.Rules})
	if err == nil {
		err = disk.WriteFile(f.c.state.file(fileRules), data, 0o600)
	}
	if err != nil {
		f.c.note("keep the rules", err)
	}
}

// connection follows what the rules say of where the service is.
func (c *Client) connection(r *rules) {
	id := c.current.Load()
	if id == nil || len(r.Gateways) == 0 || len(r.Roots) == 0 {
		return
	}
	next := id.cred.Connection
	next.ServiceURL, next.Roots, next.Gateways = r.ServiceURL, r.Roots, r.Gateways
	ctx, cancel := context.WithTimeout(context.Background(), questionTime)
	defer cancel()
	lock, err := c.state.dir.Lock(ctx)
	if err == nil {
		err = c.state.dir.SaveConnection(next)
		if err == nil {
			cred, loadErr := c.state.dir.Load()
			if err = loadErr; err == nil && c.current.Load() == id {
				err = c.use(cred, id.service)
			}
		}
		_ = lock.Unlock() // it ends with the process at the latest
	}
	if err != nil {
		c.note("save the connection settings", err)
		return
	}
	c.fleet.follow(r.Gateways)
}

// application finds a private application by its id or its name.
func (r *rules) application(text string) (*wire.Rule, error) {
	if rule := r.byID[text]; rule != nil {
		return rule, nil
	}
	var found *wire.Rule
	for i := range r.Applications {
		if r.Applications[i].Name != text {
			continue
		}
		if found != nil {
			return nil, fault.Invalid("APP", "%q is the name of several applications: say its id (postern-client apps -o json)", text)
		}
		found = &r.Applications[i]
	}
	if found == nil {
		return nil, fault.NotFound("there is no application %q that you may use (postern-client apps lists them)", fmt.Sprintf("%.100s", text))
	}
	return found, nil
}
