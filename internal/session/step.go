package session

import (
	"encoding/json"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

// StepKind says what has to come next.
type StepKind string

// The kinds of step.
const (
	StepSecond    StepKind = "second"    // the password was right: now the second factor
	StepEnrol     StepKind = "enrol"     // the password was right, but a second factor must be enrolled first
	StepPasskey   StepKind = "passkey"   // nobody is known: a passkey may say who it is
	StepAdd       StepKind = "add"       // somebody signed in adds a factor
	StepConfirmed StepKind = "confirmed" // somebody signed in has just proven again who they are
	StepUpstream  StepKind = "upstream"  // nobody is known: an upstream may say who it is
)

// StepLife is how long a step may take.
const StepLife = 10 * time.Minute

// maxStep bounds a signed step, in bytes.
const maxStep = 8192

// Step is where somebody stands who is about to sign in or to confirm it. It is not stored but
// travels signed through the browser, bound to a cookie that scripts cannot read: whoever steals a
// page, or a step from another browser, holds nothing. Its ID is spent when it is completed.
type Step struct {
	Kind     StepKind  `json:"k"`
	ID       string    `json:"i"`
	User     access.ID `json:"u,omitempty"`
	Session  access.ID `json:"s,omitempty"` // of who is signed in already; empty in a sign-in
	Methods  []string  `json:"m,omitempty"` // what was proven so far
	Started  time.Time `json:"t"`           // before what was proven was read
	Seed     []byte    `json:"o,omitempty"` // of the authenticator app to be added
	Ceremony []byte    `json:"c,omitempty"` // state of the passkey ceremony, or of the upstream, that may answer
	Upstream access.ID `json:"p,omitempty"` // that is asked, or that vouched for the user
	// PasswordSet is when the password that was proven was set: whoever has another one since has to begin again.
	PasswordSet time.Time `json:"w,omitzero"`
	// Subject is a hash of what the upstream calls the user.
	Subject []byte `json:"b,omitempty"`
	// Need is set where the session of who is signed in is to prove this much from now on.
	Need access.Strength `json:"n,omitempty"`
	// Proof is set where the upstream is only to vouch once more for who is signed in; Silent where it may ask nothing.
	Proof  bool `json:"v,omitempty"`
	Silent bool `json:"q,omitempty"`
}

// Expires is when the step can be shown no more.
func (s *Step) Expires() time.Time { return s.Started.Add(StepLife) }

// SignStep gives the step in the form that travels through the browser whose binding cookie it is.
func (k Keyring) SignStep(s Step, binding string) (string, error) {
	payload, err := json.Marshal(s)
	if err != nil {
		return "", fault.Internal(err, "encode a step of a sign-in")
	}
	k = k.current()
	body := version + "." + k.Active + "." + text.EncodeToString(payload)
	return body + "." + text.EncodeToString(mac(k.Keys[k.Active], "step", body, binding)), nil
}

// ParseStep gives a step that SignStep made less than StepLife ago, for the same browser.
func (k Keyring) ParseStep(signed, binding string, now time.Time) (Step, error) {
	bad := fault.New(fault.KindGone, "this sign-in began in another browser or is damaged; please begin again")
	parts := strings.Split(signed, ".")
	if len(signed) > maxStep || binding == "" || len(parts) != 4 || parts[0] != version {
		return Step{}, bad
	}
	key, ok := k.current().Keys[parts[1]]
	got, err := text.DecodeString(parts[3])
	body := signed[:len(signed)-len(parts[3])-1]
	if !ok || err != nil || !SameHash(got, mac(key, "step", body, binding)) {
		return Step{}, bad
	}
	var s Step
	payload, err := text.DecodeString(parts[2])
	if err != nil || json.Unmarshal(payload, &s) != nil {
		return Step{}, bad
	}
	if !now.Before(s.Expires()) {
		return Step{}, fault.New(fault.KindGone, "this took longer than ten minutes; please begin again")
	}
	return s, nil
}
