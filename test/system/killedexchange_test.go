package system

import (
	"context"
	"encoding/pem"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/fault"
	"postern/internal/posterntest/pg"
	"postern/internal/service"
	"postern/test/size"
)

// TestKilledWhileKeysAreExchanged kills the service while its root, its issuing certificate and its signing keys are
// exchanged. Whatever moment it was, each exchange has begun or it has not, ca.pem says what the database does, and
// the connector comes back by itself.
func TestKilledWhileKeysAreExchanged(t *testing.T) {
	for name, database := range map[string]func() string{"SQLite": func() string { return "" }, "PostgreSQL": func() string { return pg.Start(t) }} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, database())
			s.connect()
			done := 0
			for point := range size.Of(3, 30) {
				ctx, stop := context.WithCancel(t.Context())
				var operator sync.WaitGroup
				operator.Go(func() { done += s.exchange(ctx) })
				enough := s.changes.Load()
				s.Await("something to be exchanged", func() bool { return s.changes.Load() > enough })
				pause(t, rand.N(100*time.Millisecond))
				s.service.kill()
				stop()
				operator.Wait()
				s.service.start()
				s.awaitAuthority(point)
				s.awaitActive(1)
				s.checkVersions(point)
			}
			t.Logf("%d exchanges were acknowledged", done)
		})
	}
}

// exchange exchanges one thing after the other until the first error or until ctx ends, and gives how many were
// acknowledged. What the service refuses, because it is under way or a connector has not followed, is no error.
func (s *site) exchange(ctx context.Context) (done int) {
	steps := []func(context.Context) error{
		func(ctx context.Context) error { _, err := s.API.ExchangeRoot(ctx); return err },
		func(ctx context.Context) error {
			_, err := s.API.RotateKey(ctx, api.SigningKeyInput{Use: "grants"})
			return err
		},
		func(ctx context.Context) error {
			_, err := s.API.FinishExchange(ctx, api.AuthorityFinish{})
			return err
		},
		func(ctx context.Context) error {
			_, err := s.API.RotateKey(ctx, api.SigningKeyInput{Use: "sessions"})
			return err
		},
		func(ctx context.Context) error { _, err := s.API.RotateIssuing(ctx); return err },
	}
	for turn := rand.IntN(len(steps)); ctx.Err() == nil; turn++ {
		err := steps[turn%len(steps)](context.WithoutCancel(ctx))
		switch {
		case err == nil:
			done++
			s.changes.Add(1)
		case fault.Is(err, fault.KindConflict):
			s.changes.Add(1) // it is an answer, too
		case retried(err):
			return done
		default:
			s.t.Errorf("exchange: %v", err)
			return done
		}
	}
	return done
}

// awaitAuthority waits for the service and trusts what its ca.pem says then, which must be what it says itself.
func (s *site) awaitAuthority(point int) {
	s.t.Helper()
	var authority api.Authority
	roots := 0
	s.Await("the service to show its authority", func() bool {
		text, err := os.ReadFile(filepath.Join(s.Dir, "service", service.RootsFile))
		if err != nil {
			return false
		}
		roots = 0
		for rest := text; ; roots++ {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
		}
		s.Trust(text)
		client := s.Client(s.Key)
		ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
		defer cancel()
		if authority, err = client.Authority(ctx); err != nil {
			return false
		}
		s.API = client
		return roots == len(authority.Roots)
	})
	if (authority.Exchange != nil) != (roots == 2) || roots < 1 || roots > 2 {
		s.t.Errorf("point %d: there are %d roots, and the exchange is %+v", point, roots, authority.Exchange)
	}
}
