package wire

import "net/netip"

// QuestionLookup asks what a private name stands for: a device its gateway (AskLookup → Looked), and that a connector of the application
// that the name belongs to (SignedLookup → Looked).
const QuestionLookup = "lookup"

// LookupType says what is asked of a name.
type LookupType string

// The types. Others are answered as names that have none.
const (
	LookupAddress LookupType = "address" // A and AAAA (RFC 1035, RFC 3596)
	LookupService LookupType = "srv"     // SRV (RFC 2782)
	LookupText    LookupType = "txt"
	LookupAlias   LookupType = "cname" // the name that it stands for in the end
	LookupPointer LookupType = "ptr"   // the names of an address, which is asked for instead of a name
)

// AskLookup is the question of a device.
type AskLookup struct {
	Name string     `json:"name"`
	Type LookupType `json:"type"`
}

// SignedLookup is that of a gateway: for one application, with the grant of the user who asks.
type SignedLookup struct {
	AskLookup
	Application string `json:"application"`
	Version     int64  `json:"version"` // of the application that the asker knows
	Grant       string `json:"grant"`
}

// Looked is what is known of a name.
type Looked struct {
	Application string       `json:"application,omitempty"` // that the name belongs to; a gateway says it
	Exists      bool         `json:"exists"`                // the name is known, also if there is nothing of the type
	Addresses   []netip.Addr `json:"addresses,omitempty"`
	Services    []Service    `json:"services,omitempty"`
	Texts       []string     `json:"texts,omitempty"`
	Names       []string     `json:"names,omitempty"` // of LookupAlias and LookupPointer
	Refusal     *Refusal     `json:"refusal,omitempty"`
}

// Service is where one serves.
type Service struct {
	Target   string `json:"target"`
	Port     uint16 `json:"port"`
	Priority uint16 `json:"priority"`
	Weight   uint16 `json:"weight"`
}

// MaxLooked bounds how many of each there are in an answer.
const MaxLooked = 64
