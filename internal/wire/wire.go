// Package wire holds the messages between Postern's own programs: the service on one side, its
// connectors (later also other gateways and clients) on the other.
//
// They travel as JSON. Unknown fields are ignored, so that programs of neighbouring versions
// understand each other; an unknown value in a rule denies. Version history:
//
//	1  first
package wire

import (
	"net/url"
	"strings"
	"time"

	"postern/internal/fault"
)

// Version is the version of these messages that this build speaks.
const Version = 1

// The application protocols that select a face of port 443 in TLS (ALPN, RFC 7301).
const (
	ProtocolTunnel = "postern-tunnel/1" // mutually authenticated tunnels
	ProtocolAgent  = "postern-agent/1"  // enrol and renew: HTTP/1.1 with JSON, server-authenticated
)

// The way of both for those whose connections somebody else opens or ends TLS on: GET PathTunnel at the service's own host, with
// UpgradeTunnel as its Upgrade; what follows the answer 101 is our own TLS with one of the protocols above.
const (
	PathTunnel    = "/.postern/tunnel"
	UpgradeTunnel = "postern-tunnel"
)

// The paths of the agent face. All take POST and answer JSON, errors as problem documents
// (RFC 9457).
const (
	PathEnrol      = "/enrol"
	PathRenew      = "/renew"
	PathDeregister = "/deregister"
)

// Role says what a certificate of our CA may act as.
type Role string

// The roles.
const (
	RoleConnector Role = "connector"
	RoleGateway   Role = "gateway"
	RoleClient    Role = "client" // a device with postern-client
)

// Identity is what a certificate of our CA says of its holder, in its one SPIFFE URI
// (spiffe://trust-domain/role/id; the SPIFFE ID standard, section 2).
type Identity struct {
	TrustDomain string
	Role        Role
	ID          string
}

// String gives the SPIFFE ID.
func (i Identity) String() string { return i.URL().String() }

// URL gives the SPIFFE ID as a URL, for a certificate.
func (i Identity) URL() *url.URL {
	return &url.URL{Scheme: "spiffe", Host: i.TrustDomain, Path: "/" + string(i.Role) + "/" + i.ID}
}

// ParseIdentity reads a SPIFFE ID of one of our roles and refuses everything else.
func ParseIdentity(u *url.URL) (Identity, error) {
	parts := strings.Split(strings.TrimPrefix(u.Path, "/"), "/")
	if u.Scheme != "spiffe" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || len(parts) != 2 || parts[1] == "" {
		return Identity{}, fault.New(fault.KindUnauthenticated, "%q is not an identity of Postern", u.Redacted())
	}
	id := Identity{TrustDomain: u.Host, Role: Role(parts[0]), ID: parts[1]}
	if id.Role != RoleConnector && id.Role != RoleGateway && id.Role != RoleClient || id.String() != u.String() {
		return Identity{}, fault.New(fault.KindUnauthenticated, "%q is not an identity of Postern", u.Redacted())
	}
	return id, nil
}

// Host is what an agent tells of its machine.
type Host struct {
	MachineName string `json:"machineName"`
	OS          string `json:"os"`
	Arch        string `json:"arch"`
	Program     string `json:"program"` // the agent's own version
}

// EnrolRequest asks for a connector's first certificate.
type EnrolRequest struct {
	Version int    `json:"version"`
	TokenID string `json:"tokenId"`
	Secret  string `json:"secret"`
	CSR     []byte `json:"csr"` // DER of a PKCS #10 request (RFC 2986); only its key and its proof of possession count
	Name    string `json:"name,omitempty"`
	Host    Host   `json:"host"`
}

// Credential is what enrolment and renewal answer: a certificate and what is needed to use it.
// Asked again with the same key, the service answers the same.
type Credential struct {
	Connector   string    `json:"connector"` // its id; of a device, that
	TrustDomain string    `json:"trustDomain"`
	Certificate []byte    `json:"certificate"` // DER of the leaf
	Roots       []byte    `json:"roots"`       // PEM of the roots to pin from now on
	ServiceURL  string    `json:"serviceUrl"`
	Gateways    []Gateway `json:"gateways"`
	RenewAfter  time.Time `json:"renewAfter"` // half of the certificate's life
	Time        time.Time `json:"time"`       // the service's clock, to tell a skewed one
	// Waiting is until when the connector waits for an administrator's approval; zero: it does not.
	Waiting time.Time `json:"waiting,omitzero"`
}

// RenewPayload is the signed part of a renewal or a deregistration.
type RenewPayload struct {
	Purpose   string    `json:"purpose"` // PurposeRenew or PurposeDeregister
	Connector string    `json:"connector"`
	Serial    string    `json:"serial"`        // of the certificate whose key signs, lower-case hex
	CSR       []byte    `json:"csr,omitempty"` // of the new key, for a renewal
	Host      Host      `json:"host"`
	Time      time.Time `json:"time"`
}

// The purposes of a SignedRequest, each good for its own path only.
const (
	PurposeRenew      = "renew"
	PurposeDeregister = "deregister"
)

// SignedRequest proves who asks by a signature instead of a client certificate, so that it also
// works with a certificate that has expired. Signature is ECDSA (ASN.1, SHA-256) by the key of the
// certificate with the payload's serial over SignaturePrefix and the payload.
type SignedRequest struct {
	Payload   []byte `json:"payload"` // JSON of RenewPayload
	Signature []byte `json:"signature"`
}

// SignaturePrefix keeps signatures made for an agent request from meaning anything elsewhere.
const SignaturePrefix = "postern-agent/1\n"

// Gateway is one gateway that an agent may dial.
type Gateway struct {
	ID      string `json:"id"`
	Address string `json:"address"` // host:port
	// Far says that it is in another region than the connector's group, while one of that region runs.
	Far bool `json:"far,omitempty"`
}

// Configuration is all that a connector knows of the service. It is a pure function of the
// service's snapshot. Hash covers everything but Version and Hash.
type Configuration struct {
	Version    uint64            `json:"version"` // of the snapshot it was made from
	Hash       string            `json:"hash"`
	Connector  string            `json:"connector"`
	Name       string            `json:"name"`
	Group      string            `json:"group"`
	ServiceURL string            `json:"serviceUrl"`
	Roots      []byte            `json:"roots"` // PEM
	Gateways   []Gateway         `json:"gateways"`
	GrantKeys  map[string][]byte `json:"grantKeys"` // key id → Ed25519 public key
	Targets    []Target          `json:"targets"`   // sorted by application
	// Issuer is the key id of the issuing certificate that connectors' certificates should be of, while
	// authorities are exchanged: who has another renews now. Empty at other times.
	Issuer []byte `json:"issuer,omitempty"`
	// Until when every transaction is logged, and debug messages; zero: they are not.
	SessionLogUntil time.Time `json:"sessionLogUntil,omitzero"`
	DebugLogUntil   time.Time `json:"debugLogUntil,omitzero"`
	// Waiting is until when the connector waits for an administrator's approval: until then it has no targets. Zero: it does not.
	Waiting time.Time `json:"waiting,omitzero"`
}

// Target is where a connector may connect for one application.
type Target struct {
	Application string `json:"application"`
	Name        string `json:"name"`
	Version     int64  `json:"version"` // the application's own version
	Host        string `json:"host"`    // name or address
	Port        uint16 `json:"port"`
	TLS         bool   `json:"tls"`
	SkipVerify  bool   `json:"skipVerify,omitempty"`
	Roots       []byte `json:"roots,omitempty"` // PEM, beside the system's
	// Protocol is what is tried where nobody says with Open.ALPN what they speak: "http2", "auto", or HTTP/1.1.
	Protocol string `json:"protocol,omitempty"`
	// Segments are what a private application may be dialled at, in place of Host and Port: each stream names its own destination. A
	// connector that is older than these finds no host and refuses all streams.
	Segments []Segment `json:"segments,omitempty"`
	// ProxyProtocol is "v2" if the servers of a private application are told the device's address ahead of all bytes of a TCP flow.
	ProxyProtocol string `json:"proxyProtocol,omitempty"`
}

// Segment is a set of destinations of a private application, in the normal form of match.ParseSegment.
type Segment struct {
	Destination string `json:"destination"`
	Ports       string `json:"ports"`
	Protocol    string `json:"protocol"`
}

// AskConfiguration is the question for the configuration. The service answers at once when the
// agent's hash is not the current one, otherwise when it changes or when Wait is over (then with
// the unchanged configuration), so that one question serves as push and as poll.
type AskConfiguration struct {
	Hash string        `json:"hash"`
	Wait time.Duration `json:"wait"` // nanoseconds; the service bounds it
}

// Report is what a connector tells of itself from time to time.
type Report struct {
	Host    Host      `json:"host"`
	Started time.Time `json:"started"`
	Streams int       `json:"streams"`
	Time    time.Time `json:"time"`
	Serial  string    `json:"serial"`        // of the certificate in use
	Hash    string    `json:"hash"`          // of the configuration in force
	Way     string    `json:"way,omitempty"` // how its tunnels go, in words; empty: the plain way
	// Diagnosis is what the connector found when it last examined itself, since it had no tunnel for a while.
	Diagnosis *Diagnosis `json:"diagnosis,omitempty"`
	// Instance is of the process that reports; its samples count from its start.
	Instance string   `json:"instance,omitempty"`
	Load     *Load    `json:"load,omitempty"`
	Samples  []Sample `json:"samples,omitempty"` // that the service has not confirmed yet, the oldest first
}

// The questions that are asked over a tunnel. The asker opens a stream whose Open says KindAsk and
// the question's name, writes the question as JSON, closes its side and reads the JSON answer to
// the end; a refused stream carries a Refusal.
const (
	QuestionConfiguration = "configuration" // connector → service: AskConfiguration → SignedConfiguration
	QuestionReport        = "report"        // connector → service: Report → {}
	QuestionProbe         = "probe"         // service → connector: any JSON → the same
	QuestionReach         = "reach"         // service → connector: AskReach → Reach
)

// MaxAsk bounds a question, MaxAnswer an answer, in bytes.
const (
	MaxAsk    = 64 << 10
	MaxAnswer = 64 << 20
)
