package session_test

import (
	"context"
	"encoding/base64"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/session"
)

var (
	portal = session.Scope{Kind: access.SessionPortal}
	wiki   = session.Scope{Kind: access.SessionApplication, Host: "wiki.example.com"}
	shop   = session.Scope{Kind: access.SessionApplication, Host: "shop.example.com"}
)

func newID() access.ID { return access.NewID(access.PrefixSession, time.Now()) }

func TestCookie(t *testing.T) {
	keys := session.NewKeyring()
	id, secret := newID(), session.Secret()
	cookie := keys.Cookie(wiki, id, secret)
	got, hash, err := keys.Parse(wiki, cookie)
	if err != nil || got != id || !session.SameHash(hash, session.Hash(secret)) {
		t.Fatalf("got %s, %v", got, err)
	}
	rotated := session.NewKeyring()
	rotated.Keys[keys.Active] = keys.Keys[keys.Active]
	if _, _, err := rotated.Parse(wiki, cookie); err != nil {
		t.Errorf("a cookie of the key before: %v", err)
	}
	parts := strings.Split(cookie, ".")
	refused := map[string]struct {
		keys   session.Keyring
		scope  session.Scope
		cookie string
	}{
		"other host":     {keys, shop, cookie},
		"portal":         {keys, portal, cookie},
		"other service":  {session.NewKeyring(), wiki, cookie},
		"empty":          {keys, wiki, ""},
		"dots":           {keys, wiki, "...."},
		"no MAC":         {keys, wiki, strings.Join(parts[:4], ".") + "."},
		"longer":         {keys, wiki, cookie + "."},
		"very long":      {keys, wiki, strings.Repeat("a", 1<<20)},
		"other session":  {keys, wiki, strings.Replace(cookie, string(id), string(newID()), 1)},
		"other secret":   {keys, wiki, strings.Replace(cookie, secret, session.Secret(), 1)},
		"other version":  {keys, wiki, "2" + cookie[1:]},
		"empty key id":   {keys, wiki, parts[0] + ".." + strings.Join(parts[2:], ".")},
		"padding in MAC": {keys, wiki, cookie + "="},
	}
	for name, r := range refused {
		if _, _, err := r.keys.Parse(r.scope, r.cookie); !fault.Is(err, fault.KindUnauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// authentik CVE-2026-25748: a malformed cookie was let through. Here every flipped bit is nobody.
func TestEveryFlippedBitIsRefused(t *testing.T) {
	keys := session.NewKeyring()
	cookie := keys.Cookie(wiki, newID(), session.Secret())
	for i := range len(cookie) {
		for bit := range 8 {
			flipped := []byte(cookie)
			flipped[i] ^= 1 << bit
			if _, _, err := keys.Parse(wiki, string(flipped)); !fault.Is(err, fault.KindUnauthenticated) {
				t.Fatalf("byte %d bit %d: %v", i, bit, err)
			}
		}
	}
}

func TestSignInRequest(t *testing.T) {
	keys, now := session.NewKeyring(), time.Now()
	want := access.SignInRequest{Application: "app_1", Host: "wiki.example.com", Return: "/a?b=c&d=é", Binding: "xyz"}
	signed, err := keys.SignRequest(want, now)
	if err != nil {
		t.Fatal(err)
	}
	got, err := keys.ParseRequest(signed, now.Add(9*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := keys.ParseRequest(signed, now.Add(session.RequestLife)); !fault.Is(err, fault.KindGone) {
		t.Errorf("after ten minutes: %v", err)
	}
	parts := strings.Split(signed, ".")
	forged := base64.RawURLEncoding.EncodeToString([]byte(`{"r":{"Application":"app_1","Host":"evil.example"},"e":99999999999}`))
	for name, text := range map[string]string{
		"empty": "", "other payload": strings.Join([]string{parts[0], parts[1], forged, parts[3]}, "."),
		"no key": strings.Join([]string{parts[0], "", parts[2], parts[3]}, "."), "cut": signed[:len(signed)-1], "long": signed + strings.Repeat("a", 10000),
		"a cookie": keys.Cookie(portal, newID(), session.Secret()),
	} {
		if _, err := keys.ParseRequest(text, now); !fault.Is(err, fault.KindInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := keys.SignRequest(access.SignInRequest{Return: "/" + strings.Repeat("a", session.MaxReturn)}, now); !fault.Is(err, fault.KindTooLarge) {
		t.Errorf("too long: %v", err)
	}
}

// rows is a store of sessions that can be away.
type rows struct {
	mu    sync.Mutex
	rows  map[access.ID]session.Entry
	away  bool
	looks atomic.Int64
	gate  chan struct{} // optional: look-ups wait for it after they have read
}

func (r *rows) look(ctx context.Context, id access.ID) (session.Entry, error) {
	r.looks.Add(1)
	r.mu.Lock()
	e, ok := r.rows[id]
	away, gate := r.away, r.gate
	r.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return session.Entry{}, fault.Unavailable("away")
		}
	}
	switch {
	case away:
		return session.Entry{}, fault.Unavailable("away").After(time.Second)
	case !ok:
		return session.Entry{}, fault.Unauthenticated("over")
	}
	return e, nil
}

func (r *rows) set(f func()) { r.mu.Lock(); defer r.mu.Unlock(); f() }

// signIn adds a session of ada on the host of scope and gives its cookie.
func (r *rows) signIn(keys session.Keyring, scope session.Scope, parent access.ID) (access.ID, string) {
	id, secret := newID(), session.Secret()
	r.set(func() {
		r.rows[id] = session.Entry{
			Session: access.Session{ID: id, Kind: scope.Kind, Host: scope.Host, Parent: parent, User: "ada",
				Hash: session.Hash(secret), LastUsed: time.Now(), Expires: time.Now().Add(24 * time.Hour)},
			Principal: access.Principal{User: "ada", Session: id},
		}
	})
	return id, keys.Cookie(scope, id, secret)
}

func newCache() (*session.Cache, *rows, session.Keyring) {
	keys, store := session.NewKeyring(), &rows{rows: map[access.ID]session.Entry{}}
	return session.NewCache(session.CacheConfig{Keys: keys, Look: store.look, Size: 100}), store, keys
}

func TestBurstOfOneCookieIsOneLookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache, store, keys := newCache()
		_, cookie := store.signIn(keys, wiki, "")
		store.gate = make(chan struct{})
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if e, err := cache.Find(t.Context(), wiki, cookie); err != nil || e.Principal.User != "ada" {
					t.Errorf("%v", err)
				}
			})
		}
		synctest.Wait()
		close(store.gate)
		wg.Wait()
		if n := store.looks.Load(); n != 1 {
			t.Errorf("%d look-ups", n)
		}
	})
}

func TestForgeriesAreNotLookedUp(t *testing.T) {
	cache, store, keys := newCache()
	_, cookie := store.signIn(keys, wiki, "")
	for _, forged := range []string{"", cookie + "x", session.NewKeyring().Cookie(wiki, newID(), session.Secret())} {
		if _, err := cache.Find(t.Context(), wiki, forged); !fault.Is(err, fault.KindUnauthenticated) {
			t.Errorf("%v", err)
		}
	}
	if _, err := cache.Find(t.Context(), shop, cookie); !fault.Is(err, fault.KindUnauthenticated) {
		t.Errorf("at another host: %v", err)
	}
	if store.looks.Load() != 0 {
		t.Error("a forgery was looked up")
	}
}

// A genuine MAC over another secret of the same session must not pass because the session is known.
func TestRightSessionWrongSecret(t *testing.T) {
	cache, store, keys := newCache()
	id, cookie := store.signIn(keys, wiki, "")
	if _, err := cache.Find(t.Context(), wiki, cookie); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Find(t.Context(), wiki, keys.Cookie(wiki, id, session.Secret())); !fault.Is(err, fault.KindUnauthenticated) {
		t.Errorf("%v", err)
	}
	if _, err := cache.Find(t.Context(), shop, keys.Cookie(shop, id, session.Secret())); !fault.Is(err, fault.KindUnauthenticated) {
		t.Errorf("%v", err)
	}
}

func TestStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache, store, keys := newCache()
		_, known := store.signIn(keys, wiki, "")
		_, unknown := store.signIn(keys, wiki, "")
		if _, err := cache.Find(t.Context(), wiki, known); err != nil {
			t.Fatal(err)
		}
		store.set(func() { store.away = true })
		if _, err := cache.Find(t.Context(), wiki, known); err != nil {
			t.Errorf("known, store away: %v", err)
		}
		if _, err := cache.Find(t.Context(), wiki, unknown); !fault.Is(err, fault.KindUnavailable) {
			t.Errorf("genuine but not known, store away: %v", err)
		}
		time.Sleep(59 * time.Minute)
		if _, err := cache.Find(t.Context(), wiki, known); err != nil {
			t.Errorf("after 59 minutes: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := cache.Find(t.Context(), wiki, known); !fault.Is(err, fault.KindUnavailable) {
			t.Errorf("after 61 minutes: %v", err)
		}
		cache.Heard(time.Now())
		if _, err := cache.Find(t.Context(), wiki, known); err != nil {
			t.Errorf("store back: %v", err)
		}
	})
}

func TestEndings(t *testing.T) {
	tests := []struct {
		name   string
		ending func(parent, child access.ID) access.Ending
		looked bool
	}{
		{"the session", func(_, c access.ID) access.Ending { return access.Ending{Kind: access.EndingSession, ID: string(c)} }, true},
		{"its parent", func(p, _ access.ID) access.Ending { return access.Ending{Kind: access.EndingSession, ID: string(p)} }, true},
		{"its user", func(_, _ access.ID) access.Ending { return access.Ending{Kind: access.EndingUser, ID: "ada"} }, true},
		{"another user", func(_, _ access.ID) access.Ending { return access.Ending{Kind: access.EndingUser, ID: "bob"} }, false},
		{"a connector", func(_, _ access.ID) access.Ending { return access.Ending{Kind: access.EndingConnector, ID: "ada"} }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cache, store, keys := newCache()
			parent, _ := store.signIn(keys, portal, "")
			child, cookie := store.signIn(keys, wiki, parent)
			if _, err := cache.Find(t.Context(), wiki, cookie); err != nil {
				t.Fatal(err)
			}
			store.set(func() { delete(store.rows, child) })
			cache.Ended(test.ending(parent, child))
			_, err := cache.Find(t.Context(), wiki, cookie)
			if got := fault.Is(err, fault.KindUnauthenticated); got != test.looked {
				t.Errorf("ended: %v (%v)", got, err)
			}
		})
	}
}

// A look-up that read the row just before it ended must not be remembered, nor answered.
func TestEndingDuringLookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache, store, keys := newCache()
		id, cookie := store.signIn(keys, wiki, "")
		gate := make(chan struct{})
		store.gate = gate
		result := make(chan error, 1)
		go func() { _, err := cache.Find(t.Context(), wiki, cookie); result <- err }()
		synctest.Wait() // it has read the row
		store.set(func() { delete(store.rows, id); store.gate = nil })
		cache.Ended(access.Ending{Kind: access.EndingSession, ID: string(id)})
		close(gate)
		if err := <-result; !fault.Is(err, fault.KindUnauthenticated) {
			t.Errorf("got %v", err)
		}
	})
}

func TestIdleAndAbsolute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache, store, keys := newCache()
		id, cookie := store.signIn(keys, wiki, "")
		for range 23 { // used every hour: not idle
			if _, err := cache.Find(t.Context(), wiki, cookie); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			cache.Heard(time.Now())
		}
		if used := cache.Used(); len(used) != 1 || used[0].ID != id {
			t.Errorf("used %v", used)
		}
		if used := cache.Used(); len(used) != 0 {
			t.Errorf("told twice: %v", used)
		}
		time.Sleep(time.Hour)
		if _, err := cache.Find(t.Context(), wiki, cookie); !fault.Is(err, fault.KindUnauthenticated) {
			t.Errorf("after a day: %v", err)
		}
		_, idle := store.signIn(keys, wiki, "")
		time.Sleep(12*time.Hour + time.Minute)
		if _, err := cache.Find(t.Context(), wiki, idle); !fault.Is(err, fault.KindUnauthenticated) {
			t.Errorf("idle for twelve hours: %v", err)
		}
	})
}

func TestCacheIsBounded(t *testing.T) {
	cache, store, keys := newCache()
	var cookies []string
	for range 300 {
		_, cookie := store.signIn(keys, wiki, "")
		cookies = append(cookies, cookie)
		if _, err := cache.Find(t.Context(), wiki, cookie); err != nil {
			t.Fatal(err)
		}
	}
	before := store.looks.Load()
	for _, cookie := range cookies[200:] {
		if _, err := cache.Find(t.Context(), wiki, cookie); err != nil {
			t.Fatal(err)
		}
	}
	if store.looks.Load() != before {
		t.Error("the last hundred were not remembered")
	}
	if _, err := cache.Find(t.Context(), wiki, cookies[0]); err != nil || store.looks.Load() != before+1 {
		t.Errorf("the first one was not forgotten: %v", err)
	}
	if n := len(cache.Used()); n > 100 {
		t.Errorf("%d used times are kept", n)
	}
}
