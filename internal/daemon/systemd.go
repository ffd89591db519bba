package daemon

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// Ready tells systemd that the program serves. It does nothing where systemd does not ask to be told.
func Ready() error { return notify(systemd.SdNotifyReady) }

// Say tells systemd in a sentence how the program is, which systemctl status shows.
func Say(text string) error { return notify("STATUS=" + strings.ReplaceAll(text, "\n", " ")) }

// Alive tells systemd's watchdog that the program moves, if there is one. Watchdog does so regularly.
func Alive() {
	if os.Getenv("WATCHDOG_USEC") != "" {
		_ = notify(systemd.SdNotifyWatchdog) // systemd misses it then
	}
}

func notify(state string) error {
	if _, err := systemd.SdNotify(false, state); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}

// Watchdog is a task for Run: while healthy returns nil it assures systemd twice per interval that the
// program lives, so that one which hangs is started anew. It returns nil when ctx ends,
// and at once where no watchdog is set.
func Watchdog(ctx context.Context, healthy func(ctx context.Context) error) error {
	interval, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		return fmt.Errorf("read systemd's watchdog interval: %w", err)
	}
	if interval == 0 {
		return nil
	}
	tick := time.NewTicker(interval / 2)
	defer tick.Stop()
	for {
		if healthy(ctx) == nil {
			if err := notify(systemd.SdNotifyWatchdog); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Inherited holds the listening sockets that systemd opened for this program (socket activation).
// They outlive the program: connections wait in them while it restarts. It is not safe for concurrent use.
type Inherited struct {
	sockets []inheritedSocket
}

type inheritedSocket struct {
	name string
	net.Listener
}

// Inherit takes over the listeners that were passed to this process, none where there are none.
// Call it once, early in main: it clears the environment by which they came, so that no child takes them.
func Inherit() (*Inherited, error) {
	in := &Inherited{}
	for _, file := range activation.Files(true) {
		name := file.Name()
		l, err := net.FileListener(file)
		_ = file.Close() // the listener has a duplicate of its own
		if err != nil {
			return nil, fmt.Errorf("inherit socket %q, which is not a listening stream socket: %w", name, err)
		}
		in.sockets = append(in.sockets, inheritedSocket{name, l})
	}
	return in, nil
}

// Listen returns the inherited socket of that name (FileDescriptorName= in the socket unit), or else an
// inherited one with the port of address, or else a new TCP listener on address.
func (in *Inherited) Listen(name, address string) (net.Listener, error) {
	at := slices.IndexFunc(in.sockets, func(s inheritedSocket) bool { return s.name == name })
	if at < 0 {
		at = slices.IndexFunc(in.sockets, func(s inheritedSocket) bool { return samePort(s.Addr(), address) })
	}
	if at < 0 {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, fmt.Errorf("listen for %s on %s: %w", name, address, err)
		}
		return l, nil
	}
	l := in.sockets[at].Listener
	in.sockets = slices.Delete(in.sockets, at, at+1)
	return l, nil
}

// Close closes what nobody claimed and says so in its error: a unit that passes a socket the program does
// not serve would leave its peers waiting for ever.
func (in *Inherited) Close() error {
	var names []string
	for _, s := range in.sockets {
		names = append(names, fmt.Sprintf("%s (%s)", s.name, s.Addr()))
		_ = s.Listener.Close() // nothing was accepted from it
	}
	in.sockets = nil
	if len(names) > 0 {
		return fmt.Errorf("systemd passed sockets that nothing here serves: %s", strings.Join(names, ", "))
	}
	return nil
}

func samePort(addr net.Addr, address string) bool {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return false
	}
	want, err := net.ResolveTCPAddr("tcp", address)
	return err == nil && want.Port != 0 && want.Port == tcp.Port
}
