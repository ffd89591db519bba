package wire

import "time"

// What devices say to the service and it to them.
//
// A device has a key of its own. Its user signs in with the program on it (OAuth, client postern-client) and asks the portal for the
// device's certificate with the access token. With that certificate the device dials a gateway (ProtocolTunnel), says by
// QuestionSession who uses it, is told by QuestionRules what that user may reach, and opens one stream of KindFlow for each
// connection or exchange of datagrams.

// PathDevice is where the portal's host takes a DeviceRequest (POST, JSON, with the access token as a bearer) and answers a Credential,
// whose Connector is the device's id. Errors are problem documents (RFC 9457).
const PathDevice = "/device-certificate"

// DeviceRequest asks for a device's certificate: its first, or a new one for the key that it has. Asked again, the service answers for
// the same device. From then on the device's facts are those told here.
type DeviceRequest struct {
	Version   int    `json:"version"`
	CSR       []byte `json:"csr"`            // DER of a PKCS #10 request (RFC 2986); only its key and its proof of possession count
	Name      string `json:"name,omitempty"` // of the device, for people; the machine's if empty
	Host      Host   `json:"host"`
	OSVersion string `json:"osVersion,omitempty"` // such as "12 (bookworm)" or "10.0.22631"
}

// The questions that a device asks its gateway over its tunnel.
const (
	QuestionSession = "session" // AskSession → SessionKnown; before it nothing else is answered
	QuestionRules   = "rules"   // AskRules → Rules
)

// AskSession says who uses the device, by an access token. A newer one is shown before the one before ends.
type AskSession struct {
	Token string `json:"token"`
}

// SessionKnown is the answer: whose session it is, and until when the token is good. The next one must be shown before that.
type SessionKnown struct {
	User  string    `json:"user"` // sign-in name
	Until time.Time `json:"until"`
	Time  time.Time `json:"time"` // the gateway's clock
}

// AskRules is the question for what the user may reach. The gateway answers at once when Hash is not that of the current rules,
// otherwise when they change or when Wait is over.
type AskRules struct {
	Hash string        `json:"hash"`
	Wait time.Duration `json:"wait"` // nanoseconds; the gateway bounds it
}

// Rules is all that a device is told: what its user may reach just now, from there, with that device.
type Rules struct {
	Version      uint64         `json:"version"`       // of the snapshot they were made from
	Hash         string         `json:"hash"`          // covers everything but Version and Hash
	Off          bool           `json:"off,omitempty"` // an administrator turned all clients off: everything goes as if there were none
	OffReason    string         `json:"offReason,omitempty"`
	Locked       []ClientSwitch `json:"locked,omitempty"` // what the user may not do; a client leaves alone what it does not know
	Applications []Rule         `json:"applications"`     // sorted by application
	ServiceURL   string         `json:"serviceUrl"`
	Roots        []byte         `json:"roots"` // PEM
	Gateways     []Gateway      `json:"gateways"`
	Issuer       []byte         `json:"issuer,omitempty"` // key id of the issuing certificate that devices should renew to, while the authority is exchanged
}

// ClientSwitch is something that a user may do with the client unless it is locked.
type ClientSwitch string

// What can be locked: the client's commands of these names.
const (
	SwitchPause  ClientSwitch = "pause"
	SwitchDown   ClientSwitch = "down"
	SwitchLogout ClientSwitch = "logout"
)

// Rule is a private application that the user may use.
type Rule struct {
	Application string    `json:"application"`
	Name        string    `json:"name"`
	QuickAccess bool      `json:"quickAccess,omitempty"` // it comes after all others
	Segments    []Segment `json:"segments"`
	Direct      bool      `json:"direct,omitempty"` // while no gateway is reached its destinations are dialled directly; otherwise they are blocked
}

// KindFlow is a stream of a device: to Open.Host and Open.Port by Open.Network, in Open.Application if that is given, else in the one that
// the destination belongs to. It is answered with FlowOpened or a Refusal.
const KindFlow Kind = "flow"

// FlowOpened is the answer to a flow that goes.
type FlowOpened struct {
	Request     string `json:"request"` // its reference id
	Application string `json:"application"`
	Address     string `json:"address"` // that the connector dialled
}

// PhaseDecide is of refusals of a gateway: nobody's destination, or the user may not use it.
const PhaseDecide Phase = "decide"

// The codes of refusals in PhaseDecide; those of policies are their reasons.
const (
	CodeNoSession       = "no-session"       // no good token was shown: sign in, or show a newer one
	CodeNobodys         = "nobodys"          // the destination is in no segment of any application
	CodeNotAssigned     = "not-assigned"     // the user may not use the application
	CodeNoConnector     = "no-connector"     // none of the application's connectors has a tunnel
	CodeMalformed       = "malformed"        // no destination can be read
	CodeNotApplications = "not-applications" // the named application has no such destination
)
