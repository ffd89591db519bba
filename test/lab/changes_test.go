//go:build linux

package lab

import (
	"encoding/json"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/test/size"
)

const cutWithin = 5 * time.Second // open flows of a right that is gone

// TestPrivateChanges: who changes a segment, an assignment, a group or a user sees it on the device within a second, and what was open by the
// right that is gone is cut.
func TestPrivateChanges(t *testing.T) {
	t.Parallel()
	d := newDevice(t, "10.20.0.20:1-65535/both")
	d.admin("groups", "create", "Staff")
	d.proxies()
	defer d.serveTCP("7006", func(far *net.TCPConn) { _, _ = io.Copy(far, far) })()
	c := &changes{device: d, r: d.bySOCKS()}
	c.awaitThat(true)
	assignment := c.assignment()
	for i := range size.Of(2, 17) { // three rights, on and off
		c.change(false, "applications", "update", "Lab", "--segment", "10.20.0.20:1-7000/both")
		c.change(true, "applications", "update", "Lab", "--segment", "10.20.0.20:1-65535/both")
		c.change(false, "assignments", "delete", assignment, "--yes")
		if i == 0 {
			c.admin("assignments", "create", "--application", "Lab", "--group", "Staff")
			c.change(true, "groups", "add", "Staff", "ada")
		} else {
			c.change(true, "assignments", "create", "--application", "Lab", "--user", "ada")
			assignment = c.assignment()
			c.change(false, "assignments", "delete", assignment, "--yes") // seen, or the right that follows looks as if it were there
			c.change(true, "groups", "add", "Staff", "ada")
		}
		c.change(false, "groups", "remove", "Staff", "ada")
		c.change(true, "assignments", "create", "--application", "Lab", "--user", "ada")
		assignment = c.assignment()
	}
	c.change(false, "users", "update", "ada", "--disabled")
	slices.Sort(c.took)
	p99 := c.took[len(c.took)*99/100]
	if len(c.took) < 100 {
		p99 = c.took[len(c.took)-1]
	}
	t.Logf("%d changes: %v at the middle, %v at the 99th of 100, with the command line that made them", len(c.took), c.took[len(c.took)/2], p99)
	if p99 > size.Within(time.Second) {
		t.Errorf("a change took %v: %v", p99, c.took)
	}
	d.expectNothingInbound()
}

// changes makes changes, and looks how soon the device has them.
type changes struct {
	*device
	r    reaching
	took []time.Duration
}

// change makes one, from when on the device may reach the server or may not. A flow that was open then ends by a cut.
func (c *changes) change(may bool, args ...string) {
	c.t.Helper()
	var open *net.TCPConn
	if !may {
		open = c.must(c.r, "7006")
		if err := pingPong(open, "open;"); err != nil {
			c.t.Fatal(err)
		}
	}
	began := time.Now()
	c.admin(args...)
	c.awaitThat(may)
	c.took = append(c.took, time.Since(began).Round(time.Millisecond))
	if open == nil {
		return
	}
	_ = open.SetReadDeadline(began.Add(size.Within(cutWithin)))
	if _, err := open.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "reset") {
		c.t.Errorf("%s: what was open looks like %v after %v", strings.Join(args, " "), err, time.Since(began))
	}
	_ = open.Close()
}

// awaitThat waits until new flows are as they are meant to be.
func (c *changes) awaitThat(may bool) {
	c.t.Helper()
	c.system.Await("the device to follow", func() bool {
		conn, err := c.r.tcp("7006")
		if err == nil {
			_ = conn.Close()
		}
		return (err == nil) == may
	})
}

// assignment gives the id of ada's assignment to the private application.
func (c *changes) assignment() string {
	c.t.Helper()
	var list []struct {
		ID          string `json:"id"`
		Application string `json:"application"`
		User        string `json:"user"`
	}
	if err := json.Unmarshal([]byte(c.admin("assignments", "list", "--application", "Lab", "-o", "json")), &list); err != nil {
		c.t.Fatal(err)
	}
	for _, a := range list {
		if a.User != "" {
			return a.ID
		}
	}
	c.t.Fatalf("no assignment of ada: %+v", list)
	return ""
}
