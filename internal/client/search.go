package client

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"postern/internal/client/flow"
	"postern/internal/fault"
	"postern/internal/match"
	"postern/internal/wire"
)

const (
	maxSuffixes  = 16               // that a name is looked for below
	foundFor     = 30 * time.Second // how long a name that was found is not looked for again
	missingFor   = time.Second      // the same of one that was not
	maxSearched  = 10_000           // names that are remembered
	searchWithin = 10 * time.Second
)

// searches remembers where names of one label were found.
type searches struct {
	mu    sync.Mutex // guards found
	found map[string]searched
}

type searched struct {
	name  string // empty: nowhere
	until time.Time
}

// short reports whether a host is a name of one label that is looked for below the DNS suffixes of applications. One that was written with a
// final dot is complete.
func short(host match.Host) bool {
	return host.Name != "" && host.Name != "localhost" && !host.Final && !strings.Contains(host.Name, ".")
}

// Search gives the name that a name of one label stands for: the first one that there is of those below the DNS suffixes of the user's
// applications, in the order of match.Table.Suffixes. Empty: there is none.
func (c *Client) Search(ctx context.Context, label string) (string, error) {
	r := c.rules.current.Load()
	if r == nil || r.Off || !c.pausedUntil().IsZero() {
		return "", nil
	}
	return c.search(ctx, r, label, "")
}

func (c *Client) search(ctx context.Context, r *rules, label, application string) (string, error) {
	suffixes := r.table.Suffixes(application)
	if len(suffixes) == 0 {
		return "", nil
	}
	key := strings.Join([]string{r.Hash, application, label}, " ")
	if s, ok := c.searches.get(key); ok {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(ctx, searchWithin)
	defer cancel()
	name, err := c.firstThatIs(ctx, label, suffixes[:min(len(suffixes), maxSuffixes)])
	if err == nil {
		c.searches.put(key, name)
	}
	return name, err
}

// firstThatIs asks for all candidates at once, and takes the first in order that there is. A failure counts only where nothing is found.
func (c *Client) firstThatIs(ctx context.Context, label string, suffixes []string) (string, error) {
	type answer struct {
		looked wire.Looked
		err    error
	}
	ctx, cancel := context.WithCancel(ctx)
	answers := make([]chan answer, len(suffixes))
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	for i, suffix := range suffixes {
		answers[i] = make(chan answer, 1)
		asking.Go(func() {
			looked, err := c.Lookup(ctx, label+"."+suffix, wire.LookupAddress)
			if err == nil && looked.Refusal != nil {
				err = looked.Refusal
			}
			answers[i] <- answer{looked, err}
		})
	}
	var failed error
	for i, suffix := range suffixes {
		a := <-answers[i]
		switch {
		case a.err != nil:
			failed = fmt.Errorf("look for %s.%s: %w", label, suffix, a.err)
		case a.looked.Exists:
			return label + "." + suffix, nil
		}
	}
	return "", failed
}

func (s *searches) get(key string) (name string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.found[key]
	return known.name, ok && time.Now().Before(known.until)
}

func (s *searches) put(key, name string) {
	life := foundFor
	if name == "" {
		life = missingFor
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.found == nil || len(s.found) >= maxSearched {
		s.found = map[string]searched{}
	}
	s.found[key] = searched{name, time.Now().Add(life)}
}

// complete gives a destination with the whole name of one that was said in one label, and how it was found.
func (c *Client) complete(ctx context.Context, r *rules, to flow.To) (full flow.To, how string, err error) {
	if !short(to.Host) || r.Off || !c.pausedUntil().IsZero() || r.decide(to, false).Way == WayTunnel {
		return to, "", nil
	}
	suffixes := r.table.Suffixes(to.Application)
	if len(suffixes) == 0 {
		return to, "", nil
	}
	name, err := c.search(ctx, r, to.Host.Name, to.Application)
	among := strings.Join(suffixes[:min(len(suffixes), maxSuffixes)], ", ")
	switch {
	case err != nil:
		return to, "", fault.Unavailable("%s is a name of one label, which could not be looked for below %s: %v", to.Host.Name, among, err).Because(err)
	case name == "":
		return to, fmt.Sprintf("%s is a name of one label; there is none below %s", to.Host.Name, among), nil
	}
	to.Host = match.Host{Name: name}
	return to, fmt.Sprintf("the first that there is below %s, in this order", among), nil
}
