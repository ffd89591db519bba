package access

import (
	"time"
	"unicode"
	"unicode/utf8"

	"postern/internal/fault"
)

// PrefixRequest is the prefix of access requests' ids.
const PrefixRequest = "req"

// RequestState says where an access request stands.
type RequestState string

// The states of an access request. All but the first are final.
const (
	RequestPending   RequestState = "pending"
	RequestApproved  RequestState = "approved"
	RequestDenied    RequestState = "denied"
	RequestWithdrawn RequestState = "withdrawn" // by who asked
)

// RequestStates lists them.
func RequestStates() []RequestState {
	return []RequestState{RequestPending, RequestApproved, RequestDenied, RequestWithdrawn}
}

// Bounds of access requests.
const (
	MaxRequestPeriod = 365 * 24 * time.Hour
	MinRequestPeriod = time.Hour
	MaxPending       = 20 // of one user at a time
	MaxReason        = 500
)

// AccessRequest is a user's wish to use an application for a period.
type AccessRequest struct {
	Meta
	Application ID
	User        ID
	Reason      string
	Period      time.Duration
	State       RequestState
	Decided     time.Time // zero while pending
	DecidedBy   ID
	DecidedName string    // its name at that time
	Answer      string    // what who decided said
	Expires     time.Time // of what was granted; zero where nothing was
	Assignment  ID        // that was granted
}

// Validate says everything that is wrong with what a user asks for.
func (r *AccessRequest) Validate() error {
	var p fault.Problems
	if !r.Application.Valid(PrefixApplication) {
		p.Add("application", "must be the id of an application")
	}
	if r.Reason == "" {
		p.Add("reason", "must not be empty: say what you need the application for")
	}
	p.Check("reason", CheckRemark(r.Reason))
	p.Check("period", CheckPeriod(r.Period))
	return p.Err()
}

// CheckPeriod says what is wrong with the period of a request or of what is granted.
func CheckPeriod(d time.Duration) error {
	if d < MinRequestPeriod || d > MaxRequestPeriod {
		return fault.New(fault.KindInvalid, "must be between 1 hour and 365 days")
	}
	return nil
}

// CheckRemark says what is wrong with what somebody wrote to somebody else.
func CheckRemark(text string) error {
	if utf8.RuneCountInString(text) > MaxReason || !utf8.ValidString(text) {
		return fault.New(fault.KindInvalid, "must be valid text of at most %d characters", MaxReason)
	}
	for _, r := range text {
		if r != '\n' && r != '\t' && (!unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r)) {
			return fault.New(fault.KindInvalid, "must not contain control or invisible characters")
		}
	}
	return nil
}
