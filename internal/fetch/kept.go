package fetch

import (
	"context"
	"errors"
	"sync"
	"time"

	"postern/internal/fault"
)

// Keep says how long a document is good and how often it may be fetched.
type Keep struct {
	Fresh time.Duration    // it is taken as it is
	Stale time.Duration    // beyond that it is good for nothing; until then it serves while it cannot be fetched anew
	Pause time.Duration    // between two fetches at the least, whatever they brought
	Now   func() time.Time // time.Now if nil
}

// Kept is a document that is fetched when it is first needed and kept from then on. However many ask, one fetch
// is under way at a time, and never two within the pause.
type Kept[T any] struct {
	keep Keep
	load func(context.Context) (T, error)

	mu     sync.Mutex // guards the rest
	value  T
	loaded time.Time // when value was asked for; zero: never
	tried  time.Time // when a fetch last began; zero: never
	err    error     // of the last fetch
	flight chan struct{}
}

// NewKept makes one that load fetches. A load must end by itself.
func NewKept[T any](keep Keep, load func(context.Context) (T, error)) *Kept[T] {
	if keep.Now == nil {
		keep.Now = time.Now
	}
	return &Kept[T]{keep: keep, load: load}
}

// Value gives the document, fetched if it is not fresh. loaded is when it was asked for.
func (k *Kept[T]) Value(ctx context.Context) (value T, loaded time.Time, err error) {
	return k.after(ctx, k.keep.Now().Add(-k.keep.Fresh))
}

// Newer gives a document that was asked for after the one of that time, because in that something is missing. If
// it is too early for that it says with KindUnavailable when to try again.
func (k *Kept[T]) Newer(ctx context.Context, than time.Time) (T, error) {
	value, loaded, err := k.after(ctx, than)
	if err == nil && !loaded.After(than) {
		return value, fault.Unavailable("this was asked for a moment ago").After(k.wait())
	}
	return value, err
}

func (k *Kept[T]) wait() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return max(0, k.tried.Add(k.keep.Pause).Sub(k.keep.Now()))
}

// after gives what was loaded after a time, or the best there is.
func (k *Kept[T]) after(ctx context.Context, than time.Time) (T, time.Time, error) {
	k.mu.Lock()
	now := k.keep.Now()
	if k.flight == nil && (k.loaded.IsZero() || !k.loaded.After(than)) && (k.tried.IsZero() || !now.Before(k.tried.Add(k.keep.Pause))) {
		k.tried = now
		k.flight = make(chan struct{})
		go k.fly(context.WithoutCancel(ctx), k.flight, now) // for all who wait: nobody takes it from the others
	}
	flight := k.flight
	if flight == nil || k.loaded.After(than) {
		defer k.mu.Unlock()
		return k.best(now)
	}
	k.mu.Unlock()
	select {
	case <-flight:
	case <-ctx.Done():
		var none T
		return none, time.Time{}, fault.Unavailable("nobody waits for the answer any more").Because(context.Cause(ctx))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.best(now)
}

func (k *Kept[T]) fly(ctx context.Context, flight chan struct{}, began time.Time) {
	value, err := k.load(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.flight, k.err = nil, err
	if err == nil {
		k.value, k.loaded = value, began
	}
	close(flight)
}

// best gives what there is. The caller holds mu.
func (k *Kept[T]) best(now time.Time) (T, time.Time, error) {
	if !k.loaded.IsZero() && now.Before(k.loaded.Add(max(k.keep.Stale, k.keep.Fresh))) {
		return k.value, k.loaded, nil
	}
	var none T
	if f, ok := errors.AsType[*fault.Error](k.err); ok && f.RetryAfter == 0 {
		again := *f // the same error goes to many
		return none, time.Time{}, again.After(max(0, k.tried.Add(k.keep.Pause).Sub(now)))
	}
	if k.err == nil {
		return none, time.Time{}, fault.Unavailable("this could not be fetched")
	}
	return none, time.Time{}, k.err
}
