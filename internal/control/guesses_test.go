package control_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/match"
	"postern/internal/store"
)

func at(host string) access.Actor {
	return access.Actor{Kind: access.ActorAnyone, Address: host + ":1234"}
}

// guessFrom tries a wrong password at a service, and reports whether it was looked at.
func (k *kit) guessFrom(t *testing.T, name, host string) bool {
	t.Helper()
	_, err := k.SignIn(t.Context(), at(host), control.Credentials{Name: name, Password: "wrong", Binding: binding})
	if fault.Is(err, fault.KindLimited) {
		return false
	}
	wantKind(t, err, fault.KindUnauthenticated)
	return true
}

// TestGuessesCountAtAllServices: two services on one database allow no more guesses than one.
func TestGuessesCountAtAllServices(t *testing.T) {
	t.Parallel()
	one, other := two(t)
	one.user("ada")
	started := time.Now()
	most := func() int { return 20 + 1 + int(time.Since(started)/time.Minute) }
	for _, name := range []string{"ada", "nobody"} { // what is not there is guessed at alike
		looked := 0
		for i := range 60 { // each from another network, in turn at both
			k := one
			if i%2 == 1 {
				k = other
			}
			if k.guessFrom(t, name, fmt.Sprintf("198.51.%d.1", i)) {
				looked++
			}
		}
		if looked < 20 || looked > most() {
			t.Errorf("%d guesses of %s were looked at, want 20", looked, name)
		}
	}
	// At the same moment, too.
	one.user("grace")
	var mu sync.Mutex // guards looked
	looked := 0
	var wg sync.WaitGroup
	for i := range 48 {
		k := one
		if i%2 == 1 {
			k = other
		}
		wg.Go(func() {
			if k.guessFrom(t, "grace", fmt.Sprintf("198.52.%d.1", i)) {
				mu.Lock()
				looked++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if looked < 20 || looked > most() {
		t.Errorf("%d guesses at once were looked at, want 20", looked)
	}
}

// TestNobodyLocksOutAtAllServices: while strangers guess, the user comes in from where they signed in
// before, also at the service where they never were; and a right password counts against nobody.
func TestNobodyLocksOutAtAllServices(t *testing.T) {
	t.Parallel()
	one, other := two(t)
	one.user("ada")
	in := func(k *kit, host string) error {
		_, err := k.SignIn(t.Context(), at(host), control.Credentials{Name: "ada", Password: password, Binding: binding})
		return err
	}
	for range 40 { // more than the bound
		if err := in(one, "203.0.113.5"); err != nil {
			t.Fatal(err)
		}
	}
	flood := func(network string, times int) {
		for i := range times {
			one.guessFrom(t, "ada", fmt.Sprintf("198.%s.%d.1", network, i))
			other.guessFrom(t, "ada", fmt.Sprintf("198.%s.%d.2", network, i))
		}
	}
	flood("51", 40)
	wantKind(t, in(one, "192.0.2.77"), fault.KindLimited)
	for name, k := range map[string]*kit{"where they signed in": one, "where they never were": other} {
		if err := in(k, "203.0.113.5"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Whoever guesses from the user's own network has its bound at both together.
	started, looked := time.Now(), 0
	for i := range 20 {
		k := one
		if i%2 == 1 {
			k = other
		}
		if k.guessFrom(t, "ada", "203.0.113.5") {
			looked++
		}
	}
	if most := 5 + 1 + int(time.Since(started)/(30*time.Second)); looked < 5 || looked > most {
		t.Errorf("%d guesses from a known network were looked at, want 5", looked)
	}
	// After another password nothing from before makes a network known.
	if err := one.SetPassword(t.Context(), one.owner, one.who("ada"), password); err != nil {
		t.Fatal(err)
	}
	flood("53", 5)
	wantKind(t, in(one, "203.0.113.5"), fault.KindLimited)
}

// TestCodesCountAtAllServices: so do codes of authenticator apps, with the password known.
func TestCodesCountAtAllServices(t *testing.T) {
	t.Parallel()
	one, other := two(t)
	_, ph, _ := one.enrolled("ada")
	other.skew.Store(one.skew.Load())
	started, looked := time.Now(), 0
	for i := range 40 {
		k := one
		if i%2 == 1 {
			k = other
		}
		from := at(fmt.Sprintf("198.51.%d.1", i))
		p, err := k.SignIn(t.Context(), from, control.Credentials{Name: "ada", Password: password, Binding: binding})
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.ContinueSignIn(t.Context(), from, control.Answer{State: p.Next.State, Binding: binding, Code: ph.other()})
		if err == nil {
			t.Fatal("a wrong code was good")
		}
		if !fault.Is(err, fault.KindLimited) {
			looked++
		}
	}
	if most := 10 + 1 + int(time.Since(started)/(5*time.Minute)); looked < 10 || looked > most {
		t.Errorf("%d codes were looked at, want 10", looked)
	}
}

// TestTriesAreForgotten: the rows go when they count no more.
func TestTriesAreForgotten(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		tries := store.Tries{Burst: 2, Every: time.Minute}
		count := func() (wait time.Duration) {
			t.Helper()
			err := k.store.Write(t.Context(), func(tx *store.Tx) (err error) {
				wait, err = tx.CountTry(t.Context(), "key", k.cfg.Now(), tries)
				return err
			})
			return must(t, wait, err)
		}
		forgive := func() {
			t.Helper()
			must(t, 0, k.store.Write(t.Context(), func(tx *store.Tx) error { return tx.ForgiveTry(t.Context(), "key", tries) }))
		}
		if first, second := count(), count(); first != 0 || second != 0 {
			t.Fatal("a try within the bound has to wait")
		}
		if wait := count(); wait <= 0 || wait > time.Minute {
			t.Errorf("one too many waits %s", wait)
		}
		forgive()
		if count() != 0 {
			t.Error("one that was taken back still counts")
		}
		k.pass(3 * time.Minute)
		k.CleanUp(t.Context())
		err := k.store.Read(t.Context(), func(tx *store.Tx) error {
			n, err := tx.Tries(t.Context())
			if n != 0 {
				t.Errorf("%d rows are left", n)
			}
			return err
		})
		must(t, 0, err)
	})
}

// TestNoNameStandsForAPlace: what counts against a user's own network is not to be reached by a name that somebody
// types elsewhere.
func TestNoNameStandsForAPlace(t *testing.T) {
	t.Parallel()
	one, other := two(t)
	one.user("ada")
	in := func(k *kit) error {
		_, err := k.SignIn(t.Context(), at("203.0.113.5"), control.Credentials{Name: "ada", Password: password, Binding: binding})
		return err
	}
	if err := in(one); err != nil {
		t.Fatal(err)
	}
	network := match.Network(netip.MustParseAddr("203.0.113.5")).String()
	for i := range 12 {
		for _, name := range []string{"ada from " + network, "from " + network + " ada", network + " ada", "account ada"} {
			one.guessFrom(t, name, fmt.Sprintf("198.51.%d.1", i))
			other.guessFrom(t, name, fmt.Sprintf("198.51.%d.2", i))
		}
	}
	for name, k := range map[string]*kit{"where they signed in": one, "where they never were": other} {
		if err := in(k); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
