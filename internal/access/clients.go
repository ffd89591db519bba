package access

import (
	"slices"
	"strings"

	"postern/internal/fault"
)

// Clients is what holds for postern-client on all devices. There is one.
type Clients struct {
	Meta
	Off       bool // break glass: nothing goes through gateways, everything as if there were no client
	OffReason string
	Locked    []ClientSwitch // what users may not do; sorted, each once
}

// ClientsID is the id of the one that there is.
const ClientsID ID = "clients"

// ClientSwitch is something that users may do with their client unless it is locked. It has the name of the client's command.
type ClientSwitch string

// What can be locked.
const (
	SwitchPause  ClientSwitch = "pause"
	SwitchDown   ClientSwitch = "down"
	SwitchLogout ClientSwitch = "logout"
)

// ClientSwitches lists what can be locked.
func ClientSwitches() []ClientSwitch {
	return []ClientSwitch{SwitchDown, SwitchLogout, SwitchPause}
}

// Validate says everything that is wrong, and brings the rest into its order.
func (c *Clients) Validate() error {
	var p fault.Problems
	c.OffReason = strings.TrimSpace(c.OffReason)
	p.Check("offReason", CheckRemark(c.OffReason))
	for _, s := range c.Locked {
		if !slices.Contains(ClientSwitches(), s) {
			p.Add("locked", "must be of pause, down and logout; %q is not", fault.Readable(string(s)))
		}
	}
	c.Locked = slices.Clone(c.Locked)
	slices.Sort(c.Locked)
	if c.Locked = slices.Compact(c.Locked); len(c.Locked) == 0 {
		c.Locked = nil
	}
	return p.Err()
}
