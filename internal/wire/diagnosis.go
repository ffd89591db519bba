package wire

import (
	"cmp"
	"time"
)

// PathHello answers everybody who reaches the agent face. It tells nothing of the service but its clock.
const PathHello = "/hello"

// MaxHello bounds the padding of a Hello and of its answer, in bytes.
const MaxHello = 32 << 10

// Hello asks whether the way to the service carries messages of a size, before anybody has proven anything.
type Hello struct {
	Padding string `json:"padding,omitempty"`
	Want    int    `json:"want,omitempty"` // bytes of padding in the answer; never more than came
}

// HelloAnswer answers Hello.
type HelloAnswer struct {
	Version int       `json:"version"` // of these messages
	Time    time.Time `json:"time"`
	Address string    `json:"address"` // from where the question came, as the service sees it
	Padding string    `json:"padding,omitempty"`
}

// QuestionMeasure is asked by a connector over its tunnel: Measure → Measured. It tells how fast the tunnel is.
const QuestionMeasure = "measure"

// MaxMeasure bounds the padding of Measured, in bytes; that of Measure fits into MaxAsk.
const MaxMeasure = 1 << 20

// Measure asks for so many bytes, bringing some.
type Measure struct {
	Padding string `json:"padding,omitempty"`
	Want    int    `json:"want,omitempty"`
}

// Measured answers Measure.
type Measured struct {
	Version int       `json:"version"` // of these messages
	Program string    `json:"program"` // the service's own version
	Time    time.Time `json:"time"`
	Padding string    `json:"padding,omitempty"`
}

// QuestionDoctor asks a connector to look what is wrong with it: AskDoctor → Diagnosis.
const QuestionDoctor = "doctor"

// AskDoctor is the question for a diagnosis.
type AskDoctor struct{}

// Severity says how bad a finding is.
type Severity string

// The severities.
const (
	SeverityOK      Severity = "ok"   // it was looked at and is well
	SeverityNote    Severity = "note" // worth knowing; nothing is wrong
	SeverityWarning Severity = "warning"
	SeverityError   Severity = "error"
)

// rank orders severities; one that is unknown is as bad as can be.
func (s Severity) rank() int {
	switch s {
	case SeverityOK:
		return 0
	case SeverityNote:
		return 1
	case SeverityWarning:
		return 2
	}
	return 3
}

// Finding is one thing that a diagnosis looked at.
type Finding struct {
	Code     string   `json:"code"` // stable; docs/doctor.md lists them
	Severity Severity `json:"severity"`
	Subject  string   `json:"subject,omitempty"` // a gateway, an application, a file
	Reason   string   `json:"reason,omitempty"`  // of an application: the code of the refusal that a stream would get
	Detail   string   `json:"detail"`            // what was found, and its cause where it is known
	Cure     string   `json:"cure,omitempty"`    // what to do; empty when nothing is to be done
}

// Diagnosis is what a connector found out about itself, its machine and its network. It holds no secrets.
type Diagnosis struct {
	Connector string        `json:"connector,omitempty"`
	Service   string        `json:"service,omitempty"`
	Program   string        `json:"program"`
	Time      time.Time     `json:"time"`
	Took      time.Duration `json:"took"` // nanoseconds
	Running   bool          `json:"running"`
	Findings  []Finding     `json:"findings"`
}

// Worst gives the severity of the worst finding.
func (d Diagnosis) Worst() Severity {
	worst := SeverityOK
	for _, f := range d.Findings {
		if cmp.Compare(f.Severity.rank(), worst.rank()) > 0 {
			worst = f.Severity
		}
	}
	return worst
}
