package uplink

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"postern/internal/fault"
	"postern/internal/wire"
)

const (
	upgradedFor = 10 * time.Minute // that an address is dialled by Upgrade at once; then it is seen whether that is still needed
	maxUpgrades = 64               // addresses that are remembered
	busyFor     = 15 * time.Second // that an address may turn us away between two looks for somebody else than a busy service
)

// upgrades remembers the addresses that are reached by HTTP's Upgrade only.
type upgrades struct {
	mu    sync.Mutex // guards until
	until map[string]time.Time
}

func newUpgrades() *upgrades { return &upgrades{until: map[string]time.Time{}} }

func (u *upgrades) due(address string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return time.Now().Before(u.until[address])
}

func (u *upgrades) note(address string, works bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !works {
		delete(u.until, address)
		return
	}
	if len(u.until) >= maxUpgrades {
		clear(u.until) // it is a memory of what to try first, nothing more
	}
	u.until[address] = time.Now().Add(upgradedFor)
}

// busy remembers since when an address has turned us away as a service does that has too many handshakes to do. To ask such a one again
// who it is, and by Upgrade, would make one handshake into four just when there are too many.
type busy struct {
	mu    sync.Mutex // guards since
	since map[string]time.Time
}

func newBusy() *busy { return &busy{since: map[string]time.Time{}} }

// still notes that an address turned us away, and reports whether that is to be taken for a busy service. Once in busyFor it is not: ten
// thousand that come back at once take longer than that, and each look costs such a service what a connector more would.
func (b *busy) still(address string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	since, known := b.since[address]
	if known && time.Since(since) < busyFor {
		return true
	}
	if len(b.since) >= maxUpgrades {
		clear(b.since)
	}
	b.since[address] = time.Now()
	return !known
}

func (b *busy) over(address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.since, address)
}

// outerTLS is somebody else's TLS around our own. To close it waits for nobody: what there is to say ours has said.
type outerTLS struct {
	*tls.Conn
	raw net.Conn
}

func (o outerTLS) Close() error { return o.raw.Close() }

// upgrade goes inside somebody else's TLS: it asks for wire.PathTunnel at the service's host and makes our own TLS on the
// connection that this becomes. Who ends the outer TLS is not looked at; the inner one is pinned as ever, and nothing but it goes through.
func (d *Dialer) upgrade(ctx context.Context, s secured) (*tls.Conn, Way, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	raw, way, err := d.dial(ctx, s.address)
	if err != nil {
		return nil, way, err
	}
	outer := outerTLS{tls.Client(raw, &tls.Config{ServerName: s.portal(), InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}), raw}
	if err := outer.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, way, fmt.Errorf("the outer TLS did not come about (%s)", rootCause(err))
	}
	if certificates := outer.ConnectionState().PeerCertificates; len(certificates) > 0 {
		way.Issuer = certificates[0].Issuer.String()
	}
	way.Upgraded = true
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
	err = askUpgrade(outer, s.authority())
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		raw.Close()
		return nil, way, err
	}
	conn, _, err := s.handshake(ctx, outer)
	if err != nil {
		return nil, way, fmt.Errorf("our own TLS inside it did not come about (%s)", rootCause(err))
	}
	return conn, way, nil
}

// askUpgrade has the connection become one that carries our own protocol (RFC 9110, section 7.8).
func askUpgrade(conn net.Conn, host string) error {
	head := "GET " + wire.PathTunnel + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: Upgrade\r\nUpgrade: " + wire.UpgradeTunnel + "\r\nUser-Agent: postern\r\n\r\n"
	if _, err := io.WriteString(conn, head); err != nil {
		return fmt.Errorf("ask for the upgrade: %s", rootCause(err))
	}
	reader := bufio.NewReader(io.LimitReader(conn, maxHead))
	answer, err := http.ReadResponse(reader, &http.Request{Method: http.MethodGet})
	if err != nil {
		return fmt.Errorf("no answer to the upgrade (%s)", rootCause(err))
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the upgrade was answered with %d: what ends TLS on the way must pass Upgrade: %s on to the service", answer.StatusCode, wire.UpgradeTunnel)
	}
	if !strings.EqualFold(answer.Header.Get("Upgrade"), wire.UpgradeTunnel) || reader.Buffered() > 0 {
		return errors.New("the upgrade was answered by something else than a Postern service")
	}
	return nil
}

// blocked reports whether somebody between us and the service may be why no TLS came about, so that the way inside his is worth a try.
func blocked(err error) bool {
	if other, ok := errors.AsType[*Intercepted](err); ok {
		return other.Service == ""
	}
	e, ok := errors.AsType[*Error](err)
	return ok && e.blocked
}

// alsoUpgrade says in the error of the plain way that the other one failed, too, and why.
func alsoUpgrade(first, err error) error {
	said := "inside that TLS, by HTTP Upgrade, there is no way either: " + err.Error()
	if other, ok := errors.AsType[*Intercepted](first); ok {
		other.Upgrade = said
		return other
	}
	if e, ok := errors.AsType[*Error](first); ok {
		e.Fault = fault.New(e.Fault.Kind, "%s (%s)", e.Fault.Error(), said).Because(errors.Unwrap(e.Fault))
		return e
	}
	return first
}
