package gateway_test

import (
	"io"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/gateway"
	"postern/internal/wire"
)

// TestTunnelsOfNobodyEnd: a device's tunnel over which nobody is known for a minute is ended: nobody ever was, the sign-in ended, or the last
// token did. It stays while nobody could get a newer token.
func TestTunnelsOfNobodyEnd(t *testing.T) {
	var hands clock
	w := newWorld(t, hands.option, func(c *gateway.Config) { c.Limits.SessionStale = 24 * time.Hour })
	w.private("Databases", access.KindPrivate, "db.corp.example:1-65535")
	w.connect("one")
	stays, leaves, stranger := w.device("stays"), w.device("leaves"), w.stranger("stranger")
	ends := func(d *device, name string) {
		t.Helper()
		select {
		case <-d.session.Done():
		case <-time.After(patience):
			t.Errorf("the tunnel stays: %s", name)
		}
	}
	alive := func(name string) {
		t.Helper()
		if _, err := stays.ask(wire.QuestionRules, wire.AskRules{}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	away := func(is bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.away = is
	}
	w.end(access.EndingSession, string(ada().Session), func() { delete(w.sessions, "dev_leaves device good") })
	w.until("the sign-in to be over", func() bool {
		_, err := leaves.ask(wire.QuestionRules, wire.AskRules{})
		return err != nil
	})
	hands.ahead.Store(int64(unknownFor + time.Second))
	ends(stranger, "nobody ever signed in")
	ends(leaves, "the sign-in is over")
	alive("somebody is signed in")

	flow, _, err := stays.flow("tcp", "db.corp.example", echoing(t), "")
	if err != nil {
		t.Fatal(err)
	}
	away(true)
	hands.ahead.Store(int64(2 * time.Hour)) // its token was good for one
	before := w.lookups.Load()
	w.until("somebody to be looked up", func() bool { return w.lookups.Load() > before+2 })
	alive("while nobody can tell whose a session is")
	away(false)
	ends(stays, "its token is over")
	if _, err := io.ReadAll(flow); err == nil {
		t.Error("a flow of a tunnel that was ended looks complete")
	}
	if n := w.metric("postern_gateway_refused_total"); n != 3 {
		t.Errorf("%v tunnels counted, want 3", n)
	}
}

const unknownFor = time.Minute
