// Package gateway carries people's requests to published applications.
//
// It answers one TLS port for everybody (browsers, connectors, enrolling agents), decides every
// request against the current snapshot, and hands it to a connector's tunnel. It promises:
//
//   - decide and forward the same thing: a request that a backend could read otherwise is refused;
//   - nothing reaches a private network before the decision, and a decision that changes cuts what
//     it allowed, streams included;
//   - a cut transfer never looks complete, and a client that leaves cancels the backend's work;
//   - it keeps serving its last snapshot, and the sessions it knows, when the control plane is away;
//   - whatever an unauthenticated peer can make grow has a limit and a counter.
package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/access"
	"postern/internal/wire"
)

// Config holds what a Gateway needs. Fields are required unless they say otherwise.
type Config struct {
	ID         string                // of this gateway
	Address    string                // that it advertises; told to other gateways
	Program    string                // its version; told to other gateways
	Log        *slog.Logger          // optional; discarded if nil
	Now        func() time.Time      // optional; time.Now if nil
	Registerer prometheus.Registerer // optional; metrics are kept but not exposed if nil

	Snapshots Snapshots
	Sessions  Sessions
	SignIns   SignIns
	Grants    Grants
	Keys      Keys
	Recorder  Recorder // optional
	Presence  Presence // optional
	Peers     Peers    // optional; there are no other gateways if nil

	Portal http.Handler // answers the portal's host
	Admin  http.Handler // answers the admin center's host; on Listeners.Admin only, if that is given
	Agent  http.Handler // answers the agent face (ALPN postern-agent/1)

	// Ask answers a question that the proven peer asked over its tunnel.
	Ask func(ctx context.Context, peer wire.Identity, question string, body []byte) ([]byte, error)
	// AskPeer answers a question that another gateway, which is proven, has of this one. Optional.
	AskPeer func(ctx context.Context, question string, body []byte) ([]byte, error)
	// CRL gives the certificate revocation list of our CA, DER. Optional; 404 if nil.
	CRL func(ctx context.Context) ([]byte, error)

	// ReachEvery is how often a connector is asked whether it reaches an application, without another reason. Optional; 5 minutes if zero.
	ReachEvery time.Duration

	// ProxyProtocolFrom lists the networks of load balancers whose connections begin by saying whose they are (PROXY protocol v2). From
	// everybody else such a beginning is no TLS and no HTTP. Optional.
	ProxyProtocolFrom []netip.Prefix

	Limits Limits        // zero values work
	Drain  time.Duration // optional; how long Serve waits for open requests when its context ends, 30s if zero
}

// Snapshots is the part of the control plane that tells what is published.
type Snapshots interface {
	// Snapshot waits for a snapshot newer than after.
	Snapshot(ctx context.Context, after uint64) (*access.Snapshot, error)
}

// Sessions tells who a session cookie stands for.
type Sessions interface {
	// Session gives the principal of an application's session cookie on a host.
	// KindUnauthenticated: the cookie is not good. KindUnavailable: nobody can tell now.
	Session(ctx context.Context, app access.ID, host, cookie string) (access.Principal, error)
	// Credential gives the principal of an access token or access key that was shown instead, and
	// until when it is good for what begins. Its errors are those of Session.
	Credential(ctx context.Context, shown access.Credential) (access.Principal, time.Time, error)
	// Device gives the principal who uses a device, by the access token that it showed, and until when that is good for what
	// begins. Its errors are those of Session.
	Device(ctx context.Context, shown access.DeviceToken) (access.Principal, time.Time, error)
	// Ended waits for endings after a sequence number. With 0 it answers at once with one Ending
	// of no kind whose Seq is the last one so far.
	Ended(ctx context.Context, after uint64) ([]access.Ending, error)
}

// SignIns begins and ends sessions on application hosts.
type SignIns interface {
	// Begin gives the portal URL that a browser is sent to.
	Begin(req access.SignInRequest) (url string, err error)
	// Swap turns the one-time code that the portal gave into a session of the application on the
	// host. Where only the binding is wrong, returnTo stands beside the error.
	Swap(ctx context.Context, shown access.CodeShown) (cookie, returnTo string, err error)
	// EndSession ends the session that the cookie stands for, and its parent with all children.
	EndSession(ctx context.Context, shown access.Credential) error
}

// Grants makes the signed decisions that connectors check.
type Grants interface {
	// Grant gives an application grant if who is nil, else a user grant.
	Grant(ctx context.Context, app access.ID, who *access.Principal) (text string, expires time.Time, err error)
}

// Keys holds certificates and what is needed to know agents.
type Keys interface {
	// PublicCertificate gives the certificate to present to browsers at a host.
	PublicCertificate(host string) (*tls.Certificate, error)
	// GatewayCertificate gives the chain (leaf, issuing, root) to present to agents.
	GatewayCertificate() (*tls.Certificate, error)
	// AgentRoots gives the certificates that agents' leaves end in, and the trust domain.
	AgentRoots() (roots *x509.CertPool, trustDomain string)
	// Revoked tells whether a certificate of our CA (serial in lower-case hex) is revoked.
	Revoked(serial string) bool
}

// Recorder keeps the record of each transaction. It must not block.
type Recorder interface {
	Record(wire.Record)
}

// Presence is told of each connector's tunnels whenever something changes. It must not block.
type Presence interface {
	Report(wire.Presence)
	// ReportGateway tells how a gateway is, this one or another.
	ReportGateway(wire.GatewayState)
}

// Listeners are what a Gateway serves.
type Listeners struct {
	TLS   net.Listener // port 443, plain TCP: the gateway does TLS
	Plain net.Listener // optional; port 80: redirects and the revocation list
	Admin net.Listener // optional; TLS too; the admin host is then served here only
}

// Limits bounds what peers can make grow. A zero field means the number in brackets.
type Limits struct {
	Connections         int           // open connections in all [50,000]
	AddressConnections  int           // open connections of one address, an IPv6 /64 being one [4,096]
	Handshakes          int           // TLS handshakes at once [4,096]
	AddressHandshakes   int           // TLS handshakes at once of one address, so that none takes all [1,024]
	MachineHandshakes   int           // TLS handshakes of connectors and other gateways a second [100 for each processor]
	Handshake           time.Duration // for a TLS handshake [10 s]
	RequestHeader       time.Duration // for a request's header [10 s]
	KeepAlive           time.Duration // idle connection of a browser [2 min]
	PageWrite           time.Duration // for a page of our own to be taken, once it is made [1 min]
	RequestHeaderBytes  int           // [64 KiB]
	ResponseHeaderBytes int64         // of a backend [256 KiB]
	Exchanges           int           // requests at once in all [20,000]
	AppExchanges        int           // requests at once of one application [5,000]
	AddressExchanges    int           // requests at once of one address, an IPv6 /64 being one [10,000]
	ConnectorTunnels    int           // tunnels of one connector [8]
	Asks                int           // questions at once of one connector's tunnel [16]
	Peers               int           // tunnels that other gateways dialled [64]
	PeerTunnels         int           // connectors' tunnels that one other gateway may tell of [65,536]
	PeerStreams         int           // streams of one tunnel with another gateway [16,384]
	PeerAsks            int           // questions to connectors at once of one tunnel with another gateway [64]
	Forwards            int           // streams carried for other gateways [16,384]
	Devices             int           // tunnels of devices in all [20,000]
	DeviceTunnels       int           // tunnels of one device [4]
	DeviceAsks          int           // questions at once of one device's tunnel, look-ups among them [256]
	Flows               int           // flows of devices in all [50,000]
	DeviceFlows         int           // flows of one device's tunnel [4,096]
	IdleStreams         int           // kept connections per application and tunnel [64]
	Sessions            int           // sessions remembered [100,000]
	SessionFresh        time.Duration // a session is not looked up again for this long [15 s]
	SessionStale        time.Duration // a session is honoured for this long while nobody can look it up [15 s: Sessions has a memory of its own]
}

func (l Limits) withDefaults() Limits {
	fill(&l.Connections, 50_000)
	fill(&l.AddressConnections, 4_096)
	fill(&l.Handshakes, 4_096)
	fill(&l.AddressHandshakes, 1_024)
	fill(&l.Handshake, 10*time.Second)
	fill(&l.RequestHeader, 10*time.Second)
	fill(&l.KeepAlive, 2*time.Minute)
	fill(&l.PageWrite, time.Minute)
	fill(&l.RequestHeaderBytes, 64<<10)
	fill(&l.ResponseHeaderBytes, 256<<10)
	fill(&l.Exchanges, 20_000)
	fill(&l.AppExchanges, 5_000)
	fill(&l.AddressExchanges, 10_000)
	fill(&l.ConnectorTunnels, 8)
	fill(&l.Asks, 16)
	fill(&l.Peers, 64)
	fill(&l.PeerTunnels, 65_536)
	fill(&l.PeerStreams, 16_384)
	fill(&l.PeerAsks, 64)
	fill(&l.Forwards, 16_384)
	fill(&l.Devices, 20_000)
	fill(&l.DeviceTunnels, 4)
	fill(&l.DeviceAsks, 256)
	fill(&l.Flows, 50_000)
	fill(&l.DeviceFlows, 4_096)
	fill(&l.IdleStreams, 64)
	fill(&l.Sessions, 100_000)
	fill(&l.SessionFresh, 15*time.Second)
	fill(&l.SessionStale, 15*time.Second)
	return l
}

// fill sets what was left zero.
func fill[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}
