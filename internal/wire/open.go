package wire

import (
	"encoding/json"
	"fmt"
	"time"
)

// Kind says what a stream is for.
type Kind string

// The kinds of stream. A receiver refuses any other.
const (
	KindDial Kind = "dial" // connect to an application's target and carry bytes
	KindAsk  Kind = "ask"  // one question and its answer
)

// Open is what opens a stream of a tunnel, the OPEN frame's message.
type Open struct {
	Kind        Kind   `json:"kind"`
	Question    string `json:"question,omitempty"`    // of KindAsk
	Application string `json:"application,omitempty"` // of KindDial
	Version     int64  `json:"version,omitempty"`     // the application's version that the opener relies on
	Grant       string `json:"grant,omitempty"`       // the signed grant, the first time on a tunnel
	GrantHash   string `json:"grantHash,omitempty"`   // afterwards: its hash, see GrantHash
	Request     string `json:"request,omitempty"`     // id of the request or flow, for both sides' logs
	User        string `json:"user,omitempty"`        // sign-in name, for the connector's Session log only
	// ALPN lists what the opener can speak to a backend with TLS, best first: "h2", "http/1.1". The connector offers these. A
	// list of one is a condition: a backend that does not agree to it is refused. Absent: HTTP/1.1 is offered.
	ALPN []string `json:"alpn,omitempty"`
	// Host, Port and Network say where the flow of a private application goes: a name or an address, and "tcp" or "udp". They are absent
	// for a web application, which has one target.
	Host    string `json:"host,omitempty"`
	Port    uint16 `json:"port,omitempty"`
	Network string `json:"network,omitempty"`
	// Client is the device's address and port as the gateway saw them, for a private application whose servers are told (Target.ProxyProtocol).
	Client string `json:"client,omitempty"`
	// Process is the program that wants the flow, of KindFlow: what the device says, for logs only.
	Process string `json:"process,omitempty"`
	// Forward is there when a gateway passes the stream, of KindDial or KindAsk, on to another one.
	Forward *Forward `json:"forward,omitempty"`
}

// Opened is the answer to a dial that worked.
type Opened struct {
	Address           string        `json:"address"`                     // that was dialled
	ALPN              string        `json:"alpn,omitempty"`              // that the backend chose in TLS
	CertificateSHA256 string        `json:"certificateSha256,omitempty"` // of the backend's leaf, lower-case hex
	Unverified        bool          `json:"unverified,omitempty"`        // the certificate was not verified, as the application says
	Resolve           time.Duration `json:"resolve"`                     // nanoseconds, as the next two
	Connect           time.Duration `json:"connect"`
	Handshake         time.Duration `json:"handshake,omitempty"`
}

// SpeaksHTTP2 gives the refusal that it amounts to if HTTP/2 was not agreed on with a backend that must speak it.
func (o *Opened) SpeaksHTTP2() *Refusal {
	if o.ALPN == "h2" {
		return nil
	}
	return &Refusal{Phase: PhaseTLS, Code: CodeNoHTTP2, Message: "the connector did not ask the application for HTTP/2, which that is set to: it is an older version; update it"}
}

// Phase says how far a dial came.
type Phase string

// The phases, in order.
const (
	PhaseGrant   Phase = "grant"   // the connector did not accept the grant
	PhaseTarget  Phase = "target"  // not in the connector's configuration
	PhaseLocal   Phase = "local"   // refused by the connector's local file or its address rules
	PhaseResolve Phase = "resolve" // the name was not found
	PhaseConnect Phase = "connect" // the backend did not accept the connection
	PhaseTLS     Phase = "tls"     // no TLS session with the backend
	PhaseLimit   Phase = "limit"   // the connector is at one of its limits or shutting down
	PhaseAsk     Phase = "ask"     // a question was not answered
	PhaseForward Phase = "forward" // the gateway that holds the connector's tunnel did not take the stream
)

// CodeNoHTTP2 is the code of a refusal in PhaseTLS: the backend does not speak HTTP/2, which it must.
const CodeNoHTTP2 = "no-http2"

// Refusal is the answer to an Open that was refused.
type Refusal struct {
	Phase   Phase  `json:"phase"`
	Code    string `json:"code"`    // stable word, such as "grant-expired" or "connection-refused"
	Message string `json:"message"` // a sentence for an administrator
	Timeout bool   `json:"timeout,omitempty"`
	Sent    bool   `json:"sent"` // whether a byte of the stream reached the backend; if not, trying elsewhere is safe
	// UnknownGrant says that GrantHash is not known here: open again with the full grant.
	UnknownGrant bool `json:"unknownGrant,omitempty"`
	// Request is the reference id under which a gateway logged the refused flow of a device.
	Request string `json:"request,omitempty"`
}

// Error gives the sentence with its phase.
func (r *Refusal) Error() string { return fmt.Sprintf("%s: %s", r.Phase, r.Message) }

// Encode gives the message's bytes.
func Encode(message any) []byte {
	data, err := json.Marshal(message)
	if err != nil {
		// Every message of this package marshals: they hold only strings, numbers, bytes and times.
		return nil
	}
	return data
}

// Decode reads a message and ignores fields it does not know.
func Decode[T any](data []byte) (T, error) {
	var message T
	if err := json.Unmarshal(data, &message); err != nil {
		return message, fmt.Errorf("read %T: %w", message, err)
	}
	return message, nil
}
