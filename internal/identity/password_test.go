package identity_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/identity"
)

var cheap = identity.PasswordConfig{Cost: identity.Cost{Memory: 64, Time: 1, Lanes: 1}}

func TestCheckPassword(t *testing.T) {
	tests := []struct {
		name, password, user string
		bad                  string // a part of what is said; empty: good
	}{
		{"long enough", "correct horse", "ada", ""},
		{"ten", "abcdefghij", "ada", ""},
		{"nine", "abcdefghi", "ada", "at least 10"},
		{"nine letters of two bytes", "äöüäöüäöü", "ada", "at least 10"},
		{"longest", strings.Repeat("ab", 128), "ada", ""},
		{"too long", strings.Repeat("ab", 128) + "c", "ada", "at most 256"},
		{"empty", "", "ada", "at least 10"},
		{"user name", "ada.lovelace", "ada.lovelace", "user name"},
		{"user name in capitals", "ADA.Lovelace", "ada.lovelace", "user name"},
		{"one character", "aaaaaaaaaaaa", "ada", "one character"},
		{"not UTF-8", "abcdefghij\xff", "ada", "valid text"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := identity.CheckPassword(test.password, test.user)
			if test.bad == "" && err != nil || test.bad != "" && (err == nil || !strings.Contains(err.Error(), test.bad)) {
				t.Errorf("got %v", err)
			}
			if err != nil && !fault.Is(err, fault.KindInvalid) {
				t.Errorf("kind %v", fault.KindOf(err))
			}
		})
	}
}

func TestHashAndCheck(t *testing.T) {
	ctx := context.Background()
	p := identity.NewPasswords(cheap)
	hash, err := p.Hash(ctx, "Zürich 1815!")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("not a PHC string: %s", hash)
	}
	tests := []struct {
		name, hash, password string
		good                 bool
	}{
		{"right", hash, "Zürich 1815!", true},
		{"right, decomposed", hash, "Zu\u0308rich 1815!", true},
		{"wrong", hash, "Zurich 1815!", false},
		{"empty", hash, "", false},
		{"very long", hash, strings.Repeat("x", 1<<20), false},
		{"nobody", "", "Zürich 1815!", false},
		{"nobody, empty", "", "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			good, stale, err := p.Check(ctx, test.hash, test.password)
			if err != nil || good != test.good || stale {
				t.Errorf("good=%v stale=%v err=%v", good, stale, err)
			}
		})
	}
	other, _ := p.Hash(ctx, "Zürich 1815!")
	if other == hash {
		t.Error("two hashes of one password are the same: no salt")
	}
	dearer := identity.NewPasswords(identity.PasswordConfig{Cost: identity.Cost{Memory: 128, Time: 1, Lanes: 1}})
	if good, stale, err := dearer.Check(ctx, hash, "Zürich 1815!"); !good || !stale || err != nil {
		t.Errorf("an old cost: good=%v stale=%v err=%v", good, stale, err)
	}
}

// The parameters come from the database: a damaged row must not take the machine's memory.
func TestCheckRefusesDamagedHashes(t *testing.T) {
	p := identity.NewPasswords(cheap)
	for _, hash := range []string{
		"x", "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaA", "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
		"$argon2id$v=19$m=64,t=4000000000,p=1$c2FsdHNhbHQ$aGFzaA", "$argon2id$v=19$m=64,t=1,p=0$c2FsdHNhbHQ$aGFzaA",
		"$argon2id$v=19$m=64,t=1,p=1$!$aGFzaA", "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$", "$argon2id$v=18$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
	} {
		if good, _, err := p.Check(context.Background(), hash, "anything at all"); good || !fault.Is(err, fault.KindInternal) {
			t.Errorf("%s: good=%v err=%v", hash, good, err)
		}
	}
}

// A flood of sign-ins waits in a bounded queue, and the rest is told to come back.
func TestFloodIsBounded(t *testing.T) {
	p := identity.NewPasswords(identity.PasswordConfig{Cost: identity.Cost{Memory: 4 << 10, Time: 4, Lanes: 1}, Concurrent: 1, Waiting: 2, Wait: 30 * time.Second})
	var limited, done atomic.Int64
	start := make(chan struct{})
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			<-start
			_, _, err := p.Check(context.Background(), "", "a password to guess")
			if fault.Is(err, fault.KindLimited) {
				limited.Add(1)
				return
			}
			done.Add(1)
		})
	}
	close(start)
	wg.Wait()
	if limited.Load() == 0 || done.Load() == 0 || limited.Load()+done.Load() != 100 {
		t.Errorf("%d were told to come back, %d were checked", limited.Load(), done.Load())
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	p := identity.NewPasswords(identity.PasswordConfig{Cost: cheap.Cost, Concurrent: 1})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 100 { // either the slot or the end is chosen; nothing may hang or be let in wrongly
		if good, _, _ := p.Check(ctx, "", "whatever it is"); good {
			t.Fatal("good")
		}
	}
}

func BenchmarkDefaultCost(b *testing.B) {
	p := identity.NewPasswords(identity.PasswordConfig{})
	for b.Loop() {
		if _, err := p.Hash(context.Background(), "correct horse battery"); err != nil {
			b.Fatal(err)
		}
	}
}
