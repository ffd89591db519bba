package identity_test

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/fault"
	"postern/internal/identity"
)

var (
	home     = netip.MustParseAddr("192.0.2.1")
	attacker = netip.MustParseAddr("203.0.113.9")
)

// stranger gives the n-th address of a distributed attack, each in a network of its own.
func stranger(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, byte(n >> 16), byte(n >> 8), byte(n)})
}

// fails tries n times without success and counts how many were let through.
func fails(t *identity.Throttle, n int, account string, address func(i int) netip.Addr) (let int) {
	for i := range n {
		if _, err := t.Begin(account, address(i)); err == nil {
			let++
		}
	}
	return let
}

func from(a netip.Addr) func(int) netip.Addr { return func(int) netip.Addr { return a } }

func TestThrottleOnePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := identity.NewThrottle(identity.ThrottleConfig{})
		if let := fails(th, 100, "ada", from(attacker)); let != 5 {
			t.Errorf("%d guesses at once, want 5", let)
		}
		_, err := th.Begin("ada", attacker)
		e, ok := err.(*fault.Error)
		if !ok || e.Kind != fault.KindLimited || e.RetryAfter <= 0 || e.RetryAfter > 30*time.Second {
			t.Fatalf("got %v", err)
		}
		time.Sleep(e.RetryAfter)
		if _, err := th.Begin("ada", attacker); err != nil {
			t.Errorf("after RetryAfter: %v", err)
		}
	})
}

func TestThrottleNetworkOverAccounts(t *testing.T) {
	th := identity.NewThrottle(identity.ThrottleConfig{})
	let := 0
	for i := range 500 {
		let += fails(th, 1, fmt.Sprint("user", i), from(attacker))
	}
	if let > 51 {
		t.Errorf("one network tried %d accounts, want about 50", let)
	}
}

func TestThrottleIPv6CountsWholeNetwork(t *testing.T) {
	th := identity.NewThrottle(identity.ThrottleConfig{})
	let := fails(th, 100, "ada", func(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1)) })
	if let != 5 {
		t.Errorf("%d guesses out of one /64, want 5", let)
	}
}

// An attacker on other addresses slows down strangers, never the true user's own network.
func TestThrottleDistributedGuessingDoesNotLockOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := identity.NewThrottle(identity.ThrottleConfig{})
		first, err := th.Begin("ada", home)
		if err != nil {
			t.Fatal(err)
		}
		first.Succeeded()
		if let := fails(th, 1000, "ada", stranger); let != 20 {
			t.Errorf("%d distributed guesses at once, want 20", let)
		}
		time.Sleep(time.Hour)
		if let := fails(th, 1000, "ada", stranger); let > 20 {
			t.Errorf("%d guesses after an hour, want at most 20", let)
		}
		again, err := th.Begin("ada", home)
		if err != nil {
			t.Fatalf("the true user: %v", err)
		}
		again.Succeeded()
		th.Forget("ada")
		if _, err := th.Begin("ada", home); err == nil {
			t.Error("a forgotten network is still exempt")
		}
	})
}

func TestThrottleKnownNetworkIsNotFree(t *testing.T) {
	th := identity.NewThrottle(identity.ThrottleConfig{})
	th.Know("ada", home)
	if let := fails(th, 100, "ada", from(home)); let != 5 {
		t.Errorf("%d guesses from a known network, want 5", let)
	}
}

func TestThrottleSuccessDoesNotCount(t *testing.T) {
	th := identity.NewThrottle(identity.ThrottleConfig{})
	for i := range 200 {
		a, err := th.Begin("ada", home)
		if err != nil {
			t.Fatalf("sign-in %d: %v", i, err)
		}
		a.Succeeded()
	}
	for range 100 {
		a, err := th.Begin("bob", home)
		if err != nil {
			t.Fatal(err)
		}
		a.Void()
	}
}

func TestThrottleParallelGuessesCountTogether(t *testing.T) {
	th := identity.NewThrottle(identity.ThrottleConfig{})
	var let atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := th.Begin("ada", attacker); err == nil {
				let.Add(1)
			}
		})
	}
	wg.Wait()
	if let.Load() != 5 {
		t.Errorf("%d parallel guesses, want 5", let.Load())
	}
}

// A flood of names and networks fills the memory; it must neither make the throttle forget the
// account under attack nor shut out who is known.
func TestThrottleFullMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := identity.NewThrottle(identity.ThrottleConfig{Entries: 100})
		th.Know("ada", home)
		fails(th, 100, "ada", stranger)
		for i := range 10_000 {
			_, _ = th.Begin(fmt.Sprint("noise", i), stranger(1000+i))
		}
		if let := fails(th, 100, "ada", func(i int) netip.Addr { return stranger(i) }); let != 0 {
			t.Errorf("the flood made it forget: %d guesses", let)
		}
		if let := fails(th, 10_000, "new", func(i int) netip.Addr { return stranger(90_000 + i) }); let > 20 {
			t.Errorf("%d guesses past a full memory, want at most the overflow's 20", let)
		}
		if _, err := th.Begin("ada", home); err != nil {
			t.Errorf("a known network during the flood: %v", err)
		}
	})
}
