package admin

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/match"
	"postern/internal/session"
	"postern/internal/web"
)

const maxCredential = 512 // bytes of an API key; longer ones are not ours

const maxToken = 4096 // bytes of an access token

// authenticate finds out who asks, before anything else of the request is read. What changes
// something and comes without an API key may be a browser's doing, so it must come from our own
// pages.
func (h *Handler) authenticate(r *http.Request) (access.Actor, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		if err := h.origin.Check(r); err != nil {
			return access.Actor{}, fault.Forbidden("the request comes from a page of another site").Because(err)
		}
		return h.cfg.Authenticate(r)
	}
	scheme, secret, _ := strings.Cut(values[0], " ")
	secret = strings.TrimSpace(secret)
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return access.Actor{}, fault.Unauthenticated("send an API key: Authorization: Bearer …")
	}
	if strings.HasPrefix(secret, session.AccessPrefix) && len(secret) <= maxToken {
		// One that was not made here costs no look-up, so there is nothing to bound.
		return h.cfg.Control.TokenActor(r.Context(), secret, web.ClientAddress(r), web.RequestID(r.Context()))
	}
	return h.key(r, secret)
}

// key finds out whose API key it is. An address that sent many wrong ones is not listened to for a
// while, except for keys that were good a moment ago: nobody locks out their neighbours.
func (h *Handler) key(r *http.Request, secret string) (access.Actor, error) {
	address := web.ClientAddress(r)
	sum := sha256.Sum256([]byte(secret))
	if wait := h.failures.wait(address, sum); wait > 0 {
		return access.Actor{}, fault.New(fault.KindLimited, "too many wrong API keys came from your address").After(wait)
	}
	if len(secret) > maxCredential {
		h.failures.bad(address, sum)
		return access.Actor{}, fault.Unauthenticated("the API key is not good: it was never made, has expired or was deleted")
	}
	actor, err := h.cfg.Control.KeyActor(r.Context(), secret, address, web.RequestID(r.Context()))
	switch {
	case fault.Is(err, fault.KindUnauthenticated):
		h.failures.bad(address, sum)
	case err == nil:
		h.failures.good(sum)
	}
	return actor, err
}

// anyone is the actor of somebody who has not proven who they are.
func anyone(r *http.Request) access.Actor {
	return access.Actor{Kind: access.ActorAnyone, Name: "anyone", Address: web.ClientAddress(r), Request: web.RequestID(r.Context())}
}

// protectedPath is where programs find out who signs in for the admin API (RFC 9728).
const protectedPath = "/.well-known/oauth-protected-resource"

func (h *Handler) protected(w http.ResponseWriter, r *http.Request) {
	body, err := json.Marshal(map[string]any{
		"resource": h.url(r), "authorization_servers": []string{h.cfg.Control.Issuer()}, "bearer_methods_supported": []string{"header"},
		"resource_name": "Postern admin API",
	})
	if err != nil { // words: cannot fail
		web.Problem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

const (
	failureBurst  = 20              // wrong credentials that an address may send at once
	failurePeriod = 3 * time.Second // and one more after each of these
	maxAddresses  = 10_000          // that are remembered
	maxGood       = 1024            // keys that were good a moment ago
	goodFor       = 10 * time.Minute
)

// failures limits wrong credentials per address, in bounded memory.
type failures struct {
	now func() time.Time

	mu    sync.Mutex // guards the maps
	until map[netip.Prefix]time.Time
	known map[[sha256.Size]byte]time.Time // keys that were good, and until when that is remembered
}

func newFailures(now func() time.Time) *failures {
	return &failures{now: now, until: map[netip.Prefix]time.Time{}, known: map[[sha256.Size]byte]time.Time{}}
}

// wait says how long an address must wait before a credential of it is looked at; zero: not at all.
func (f *failures) wait(address string, sum [sha256.Size]byte) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if f.known[sum].After(now) {
		return 0
	}
	// until is when the address has paid for all its failures; a burst of them may be owed.
	until, owes := f.until[prefix(address)]
	if !owes {
		return 0
	}
	return max(0, until.Sub(now)-(failureBurst-1)*failurePeriod)
}

// bad notes a wrong credential.
func (f *failures) bad(address string, sum [sha256.Size]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	delete(f.known, sum)
	from := prefix(address)
	if _, ok := f.until[from]; !ok && len(f.until) >= maxAddresses {
		f.forget(now)
	}
	until := f.until[from]
	if until.Before(now) {
		until = now
	}
	f.until[from] = until.Add(failurePeriod)
}

// good notes a credential that is good.
func (f *failures) good(sum [sha256.Size]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if len(f.known) >= maxGood {
		for k, until := range f.known {
			if until.Before(now) {
				delete(f.known, k)
			}
		}
	}
	if len(f.known) < maxGood {
		f.known[sum] = now.Add(goodFor)
	}
}

// forget makes room: those who owe nothing any more, else the one who owes least.
func (f *failures) forget(now time.Time) {
	var least netip.Prefix
	var first time.Time
	for p, until := range f.until {
		if until.Before(now) {
			delete(f.until, p)
			continue
		}
		if first.IsZero() || until.Before(first) {
			least, first = p, until
		}
	}
	if len(f.until) >= maxAddresses {
		delete(f.until, least)
	}
}

func prefix(address string) netip.Prefix {
	addr, _ := netip.ParseAddr(address) // all that cannot be read share one
	return match.Network(addr)
}
