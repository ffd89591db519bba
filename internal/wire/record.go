package wire

import "time"

// Record is one transaction as the gateway saw it: a request and its reply, or a flow. It is what
// traffic logs keep.
type Record struct {
	Time        time.Time     `json:"time"`
	Request     string        `json:"request"` // the reference id that error pages show
	Gateway     string        `json:"gateway"`
	Application string        `json:"application,omitempty"`
	Connector   string        `json:"connector,omitempty"`
	Via         string        `json:"via,omitempty"`    // the gateway that holds the connector's tunnel, if it is another one
	User        string        `json:"user,omitempty"`   // sign-in name
	UserID      string        `json:"userId,omitempty"` // names the user for ever
	Session     string        `json:"session,omitempty"`
	Device      string        `json:"device,omitempty"`     // id, of a flow
	DeviceName  string        `json:"deviceName,omitempty"` // as it was then
	Process     string        `json:"process,omitempty"`    // the program that wanted the flow, as the device says
	Segment     string        `json:"segment,omitempty"`    // of the application, by which the flow is its
	Client      string        `json:"client"`               // address:port
	UserAgent   string        `json:"userAgent,omitempty"`
	Protocol    string        `json:"protocol"`
	Method      string        `json:"method"`
	Host        string        `json:"host"`
	Path        string        `json:"path"` // without the query, which may hold secrets
	Status      int           `json:"status"`
	Outcome     Outcome       `json:"outcome"`
	Action      string        `json:"action"`               // "allow" or "deny"
	Reason      string        `json:"reason,omitempty"`     // stable word of a denial or failure
	Hop         string        `json:"hop,omitempty"`        // that failed
	Policy      string        `json:"policy,omitempty"`     // that denied
	Condition   string        `json:"condition,omitempty"`  // of it, that was not met
	BreakGlass  string        `json:"breakGlass,omitempty"` // the policy that would have denied anybody but a break-glass user
	Received    int64         `json:"received"`             // body bytes from the client
	Sent        int64         `json:"sent"`                 // body bytes to the client
	Open        time.Duration `json:"open"`                 // until the stream was there; 0 for a kept one
	FirstByte   time.Duration `json:"firstByte"`            // until the backend's response header
	Duration    time.Duration `json:"duration"`
	Complete    bool          `json:"complete"` // false when the reply was cut
	// Reports are policies in force only to report, that would have denied.
	Reports []PolicyReport `json:"reports,omitempty"`

	// What follows the gateway leaves to whoever keeps the record.

	Count           int    `json:"count,omitempty"`           // of a summary: how many requests it stands for; 0: this is one request
	ApplicationName string `json:"applicationName,omitempty"` // as it was then, like the next three
	ConnectorName   string `json:"connectorName,omitempty"`
	ConnectorGroup  string `json:"connectorGroup,omitempty"` // its name
	Destination     string `json:"destination,omitempty"`    // host:port in the private network that the application stands for
}

// Outcome says what became of a request. Each request has exactly one.
type Outcome string

// The outcomes.
const (
	OutcomeForwarded Outcome = "forwarded" // a backend's reply was begun
	OutcomeRefused   Outcome = "refused"   // it was answered with no, or what was asked does not exist
	OutcomeFailed    Outcome = "failed"    // something on the way did not work, or the client left before there was a reply
	OutcomeServed    Outcome = "served"    // Postern answered itself: a page of its own, a redirect to sign in
	// OutcomeUnrecorded is of a summary only: nobody knows what these became, because there was no room to note it.
	OutcomeUnrecorded Outcome = "unrecorded"
)

// Outcomes lists those that a record may have.
func Outcomes() []Outcome {
	return []Outcome{OutcomeForwarded, OutcomeRefused, OutcomeFailed, OutcomeServed, OutcomeUnrecorded}
}

// Requests gives how many requests a record stands for.
func (r *Record) Requests() int { return max(1, r.Count) }

// PolicyReport is a condition of a policy that a request did not meet.
type PolicyReport struct {
	Policy    string `json:"policy"`
	Condition string `json:"condition"`
}

// Presence is what a gateway knows of one connector's tunnels to it.
type Presence struct {
	Connector string        `json:"connector"`
	Instance  string        `json:"instance"` // of the connector's process
	Gateway   string        `json:"gateway"`
	Tunnels   int           `json:"tunnels"` // 0: the last one was lost
	Streams   int           `json:"streams"`
	Address   string        `json:"address"` // from where the connector dialled
	Echo      time.Time     `json:"echo"`    // when it last echoed a probe; zero: never
	RoundTrip time.Duration `json:"roundTrip"`
	Report    *Report       `json:"report,omitempty"` // the last that it made
	// Unreached are applications that the connector does not reach, although it has a tunnel.
	Unreached []Unreached `json:"unreached,omitempty"`
}

// Unreached is an application that a connector does not reach, and why.
type Unreached struct {
	Application string    `json:"application"`
	Phase       Phase     `json:"phase"`
	Code        string    `json:"code"`
	Message     string    `json:"message"`
	Since       time.Time `json:"since"`
}
