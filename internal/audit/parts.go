package audit

import "fmt"

// State is how far a Verifier came, to go on with another time. It must come back as it was given: whoever
// could change it could have a chain called whole.
type State struct {
	Report Report `json:"report"`
	Before string `json:"before"`
	Next   uint64 `json:"next"`
}

// Pause ends a part of a verification. later are the entries of erasures behind it, which may tell of what this
// part lacks; they are verified in their own parts. A problem is final, and then there is nothing to go on with.
func (v *Verifier) Pause(later []Record) (State, bool) {
	for i := range later {
		v.told(&later[i])
	}
	if v.report.Problem == nil {
		v.unsaid()
	}
	return State{v.report, v.before, v.next}, v.Good()
}

// Pending reports whether something was erased of which no entry told so far.
func (v *Verifier) Pending() bool { return len(v.erased)+len(v.cleared) > 0 }

// Report gives what was found so far.
func (v *Verifier) Report() Report { return v.report }

// Resume makes a verifier that goes on where another one paused.
func Resume(public string, s State) (*Verifier, error) {
	v, err := NewVerifier(public, Head{})
	if err != nil {
		return nil, err
	}
	if s.Next == 0 || s.Report.Key != v.report.Key || s.Report.Problem != nil {
		return nil, fmt.Errorf("the verification did not come as far as it says, or was of another log")
	}
	v.report, v.before, v.next = s.Report, s.Before, s.Next
	return v, nil
}
