package client

import (
	"context"
	"fmt"
	"slices"
	"time"

	"postern/internal/fault"
	"postern/internal/wire"
)

// What an administrator switched for all clients: off, and locked commands. The process that runs decides, whichever program asks it; of
// what is kept on the disk only those decide that find no process.

// switched does what rules in force say of the client itself.
func (c *Client) switched(r *rules) {
	if r == nil {
		return
	}
	if r.Off {
		c.flows.cut()
	}
	if r.locked(wire.SwitchPause) && !c.pausedUntil().IsZero() {
		c.log.Warn("the pause is over: an administrator has locked it")
		c.pauseUntil(time.Time{})
	}
}

func (r *rules) locked(s wire.ClientSwitch) bool { return r != nil && slices.Contains(r.Locked, s) }

// may says why the user may not do something with the client.
func (c *Client) may(s wire.ClientSwitch) error {
	if c.rules.current.Load().locked(s) {
		return lockedError(s)
	}
	return nil
}

func lockedError(s wire.ClientSwitch) error {
	return fault.Forbidden("an administrator of your organisation has locked %q: ask them if you need it", "postern-client "+string(s))
}

// mayLogout says why the sign-in may not be ended on this machine, by what was told last.
func (s *State) mayLogout() error {
	kept, err := s.rules()
	if err == nil && slices.Contains(kept.Rules.Locked, wire.SwitchLogout) {
		return lockedError(wire.SwitchLogout)
	}
	return nil // nothing was told
}

// whyOff says that clients are off, and the administrator's reason.
func (r *rules) whyOff() string {
	why := "an administrator has turned all clients off"
	if r.OffReason != "" {
		why += fmt.Sprintf(" (%q)", r.OffReason)
	}
	return why + ": everything goes as if there were none"
}

// Pause has nothing go through gateways for a while, as if there were no client; zero ends that.
func (c *Client) Pause(d time.Duration) (time.Time, error) {
	if d <= 0 {
		c.pauseUntil(time.Time{})
		return time.Time{}, nil
	}
	if err := c.may(wire.SwitchPause); err != nil {
		return time.Time{}, err
	}
	until := time.Now().Add(d)
	c.pauseUntil(until)
	c.switched(c.rules.current.Load()) // it may have been locked meanwhile
	return until, nil
}

func (c *Client) pauseUntil(t time.Time) {
	c.mu.Lock()
	c.paused = t
	c.mu.Unlock()
	c.log.Info("paused", "until", t)
}

// pausedUntil gives until when the user paused it; zero: it is not paused.
func (c *Client) pausedUntil() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !time.Now().Before(c.paused) {
		return time.Time{}
	}
	return c.paused
}

// logout ends the sign-in for a program of this user.
func (c *Client) logout(ctx context.Context, q askLogout) (loggedOut, error) {
	if err := c.may(wire.SwitchLogout); err != nil {
		return loggedOut{}, err
	}
	service, err := logout(ctx, c.state, c.cfg.Dialer, q.Forget)
	if service == "" {
		return loggedOut{}, err
	}
	done := loggedOut{Service: service}
	if err != nil {
		done.Untold = err.Error()
	}
	return done, nil
}
