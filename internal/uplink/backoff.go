package uplink

import (
	"context"
	"io"
	"math/rand/v2"
	"time"
)

// The waits between attempts.
const (
	firstWait   = 500 * time.Millisecond
	shortWait   = 2 * time.Second // at most, while hopeful
	longWait    = 15 * time.Second
	hopeful     = 2 * time.Minute // since the first attempt
	maxAttempts = 2               // under way at once
	// overlap is how long a try hangs before another one begins beside it. A busy gateway has those who come wait in line for up to
	// two seconds: who came twice would hold two places of it, and hang up on one.
	overlap = 2 * time.Second
)

// Settled is how long a connection must live to count as a success.
const Settled = 10 * time.Second

// Backoff says how long to wait before the next attempt, with full jitter: evenly between nothing and
// the most, so that many agents that lost one service do not come back in step. The zero value is
// ready. It is not safe for use by several goroutines.
type Backoff struct {
	started  time.Time // first attempt since the last success
	attempts int
}

// Next gives the wait before the next attempt: none, then up to 0.5 s, doubling up to 2 s within the
// first two minutes, then up to 15 s.
func (b *Backoff) Next() time.Duration {
	most := b.most(time.Now())
	b.attempts++
	if most == 0 {
		b.started = time.Now()
		return 0
	}
	return rand.N(most + 1)
}

func (b *Backoff) most(now time.Time) time.Duration {
	switch {
	case b.attempts == 0:
		return 0
	case now.Sub(b.started) >= hopeful:
		return longWait
	case b.attempts < 3:
		return firstWait << (b.attempts - 1)
	}
	return shortWait
}

// Ended tells how long the connection lived that the last attempt made. One that lived for
// Settled starts the waits anew; a shorter one does not, so that a peer that hangs up at once is not
// dialled in a loop.
func (b *Backoff) Ended(lived time.Duration) {
	if lived >= Settled {
		*b = Backoff{}
	}
}

// Connect tries until a try works or ctx ends, waiting as b says. The waits count from the start of a
// try, and one that hangs for long overlaps the next one; two run at most. failed is told every error
// and must not block. The context of a try ends when Connect returns, and no try runs any more then.
func Connect[C io.Closer](ctx context.Context, b *Backoff, try func(context.Context) (C, error), failed func(error)) (C, error) {
	type result struct {
		conn C
		err  error
	}
	var none C
	tries, cancel := context.WithCancel(ctx)
	results, running := make(chan result), 0
	defer func() {
		cancel()
		for ; running > 0; running-- {
			if r := <-results; r.err == nil {
				r.conn.Close() // the race was won by another, or nobody waits any more
			}
		}
	}()
	begun := time.Now()         // the last try
	next := begun.Add(b.Next()) // when the one after it is due, if that is over
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	for {
		due := timer.C
		switch running {
		case 0:
			timer.Reset(time.Until(next))
		case maxAttempts:
			due = nil
		default:
			timer.Reset(time.Until(begun.Add(max(overlap, next.Sub(begun)))))
		}
		select {
		case <-ctx.Done():
			return none, context.Cause(ctx)
		case <-due:
			running++
			go func() {
				conn, err := try(tries)
				results <- result{conn, err}
			}()
			begun = time.Now()
			next = begun.Add(b.Next())
		case r := <-results:
			running--
			if r.err == nil {
				return r.conn, nil
			}
			if ctx.Err() == nil {
				failed(r.err)
			}
		}
	}
}
