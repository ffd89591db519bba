//go:build linux

package lab

import (
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/test/size"
)

const flowsWithin = 3 * time.Second // new flows, after what was wrong is mended

// TestPrivateFaults: a connector is killed, the gateway is started again, the device gets another address, its network is away: new flows work
// soon after. What the client changed on the machine is put back at its end, or after a power failure at its next start.
func TestPrivateFaults(t *testing.T) {
	t.Parallel()
	d := newDevice(t, "10.20.0.20:80", ".corp.test:80")
	d.admin("tokens", "create", "second", "--out", d.path("token2"))
	d.ResolveBy(Site2, Backend.Addr(), privateZone, false)
	second := func() *exec.Cmd {
		return d.start(Site2, io.Discard, "postern-connector", "run", "--state", d.path("connector2"), "--token-file", d.path("token2"), "--name", "second", "--log-level", "warn")
	}
	other := second()
	d.awaitConnectors(2)
	before := d.machine()
	stop := d.up()
	d.expectBackAfter("nothing", func() {})

	d.expectBackAfter("the first connector was killed", func() { end(d.connector) })
	d.startConnector()
	d.awaitConnectors(2)
	d.expectBackAfter("the second connector was killed", func() { end(other) })
	other = second()
	d.awaitConnectors(2)

	end(d.service)
	d.startService()
	d.system.Await("the service", func() bool {
		conn, err := d.Dial(t.Context(), Internet, "tcp", Service.Addr()+":443")
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	d.expectBackAfter("the gateway was started again", func() {})
	d.awaitConnectors(2)

	for range size.Of(1, 5) {
		d.expectBackAfter("the device got another address", func() { d.address(Device.Addr(), "203.0.113.3") })
		d.expectBackAfter("the device got its address again", func() { d.address("203.0.113.3", Device.Addr()) })
	}

	d.Run(Device, "ip", "link", "set", "wan", "down")
	<-time.After(size.Of(4*time.Second, 30*time.Second)) // the outage itself
	d.expectBackAfter("the network was away", func() {
		d.Run(Device, "ip", "link", "set", "wan", "up")
		d.Run(Device, "ip", "route", "replace", "default", "via", Internet.Addr())
	})
	stop(syscall.SIGTERM)
	d.expectMachine("the client ended", before)

	// A power failure takes the processes, the interface and the rules; the file of name servers stays as it was.
	stop = d.up()
	stop(syscall.SIGKILL)
	for _, priority := range []string{"5210", "5211"} {
		_, _ = d.Command(Device, "ip", "rule", "del", "priority", priority).CombinedOutput()
		_, _ = d.Command(Device, "ip", "-6", "rule", "del", "priority", priority).CombinedOutput()
	}
	if list := d.Run(Device, "ip", "rule"); strings.Contains(list, "5210") || strings.Contains(list, "5211") {
		t.Fatalf("a machine that starts has rules: %s", list)
	}
	stop = d.up()
	d.expectBackAfter("a power failure", func() {})
	stop(syscall.SIGTERM)
	d.expectMachine("a power failure, and the client's next end", before)
	d.expectNothingInboundOf(Site, Site2)
}

// address gives the device another address, as another network does.
func (d *device) address(from, to string) {
	d.t.Helper()
	d.Run(Device, "ip", "addr", "del", from+"/24", "dev", "wan")
	d.Run(Device, "ip", "addr", "add", to+"/24", "dev", "wan")
	d.Run(Device, "ip", "route", "replace", "default", "via", Internet.Addr())
}

// expectBackAfter does something, after which new flows must soon work, by name and by address.
func (d *device) expectBackAfter(what string, do func()) {
	d.t.Helper()
	do()
	began := time.Now()
	for _, to := range []string{Backend.Addr(), databaseHost} {
		d.system.Await("new flows after "+what, func() bool {
			out, err := d.Command(Device, "curl", "-sS", "--max-time", "1", "http://"+to+"/").CombinedOutput()
			return err == nil && string(out) == pageText
		})
	}
	took := time.Since(began)
	d.t.Logf("%s: new flows after %v", what, took.Round(time.Millisecond))
	if took > size.Within(flowsWithin) {
		d.t.Errorf("%s: new flows only after %v", what, took)
	}
}

func (d *device) expectMachine(after, want string) {
	d.t.Helper()
	if got := d.machine(); got != want {
		d.t.Errorf("after %s the machine is\n%s\nbefore it was\n%s", after, got, want)
	}
}

// awaitConnectors waits until so many are active.
func (p *product) awaitConnectors(count int) {
	p.t.Helper()
	p.system.Await("the connectors to be active", func() bool {
		return strings.Count(p.admin("connectors", "list", "-o", "json"), `"label": "active"`) == count
	})
}
