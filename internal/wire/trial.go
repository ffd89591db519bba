package wire

import (
	"crypto/ed25519"
	"encoding/json"
	"time"

	"postern/internal/fault"
)

// QuestionTrial asks a connector to try a target that is in nobody's configuration; its body is a SignedTrial.
const QuestionTrial = "trial"

// MaxTrialLife bounds the life of a Trial; a connector refuses one that claims more.
const MaxTrialLife = 2 * time.Minute

// Trial is a target that a connector is to try, before an application with it is published. The control plane signs it with a
// key of grants: a gateway carries it and can make none, so that nobody makes a scanner of a connector.
type Trial struct {
	KeyID       string    `json:"kid"`
	TrustDomain string    `json:"trustDomain"`
	Connector   string    `json:"connector"` // it is for this one alone
	Target      Target    `json:"target"`    // without an application
	Path        string    `json:"path"`      // that is asked for, once, with GET
	Host        string    `json:"host"`      // that the request names
	Issued      time.Time `json:"issued"`
	Expires     time.Time `json:"expires"`
}

// SignedTrial is how a Trial travels.
type SignedTrial struct {
	Payload   []byte `json:"payload"` // JSON of a Trial
	Signature []byte `json:"signature"`
}

const trialPrefix = "postern-trial/1\n" // what is signed: this and the payload

// Sign gives the trial in its transport form.
func (t Trial) Sign(key ed25519.PrivateKey) (SignedTrial, error) {
	payload, err := json.Marshal(t)
	if err != nil {
		return SignedTrial{}, fault.Internal(err, "encode trial")
	}
	return SignedTrial{Payload: payload, Signature: ed25519.Sign(key, append([]byte(trialPrefix), payload...))}, nil
}

// VerifyTrial gives the trial if it is signed by a known key, of this instance, for the connector, and in force at now. The
// error's sentence is for an administrator.
func (v Verifier) VerifyTrial(s SignedTrial, connector string, now time.Time) (Trial, error) {
	deny := func(why string) (Trial, error) { return Trial{}, fault.Forbidden("the question %s", why) }
	t, err := Decode[Trial](s.Payload)
	if err != nil {
		return deny("is malformed")
	}
	key, ok := v.Keys[t.KeyID]
	if !ok || len(key) != ed25519.PublicKeySize {
		return deny("is signed by a key that this connector does not know")
	}
	if !ed25519.Verify(key, append([]byte(trialPrefix), s.Payload...), s.Signature) {
		return deny("has a wrong signature")
	}
	switch {
	case t.TrustDomain != v.TrustDomain:
		return deny("is of another service")
	case t.Connector != connector:
		return deny("is for another connector")
	case t.Expires.Sub(t.Issued) > MaxTrialLife:
		return deny("claims a life of more than two minutes")
	case now.Add(GrantSkew).Before(t.Issued):
		return deny("is not in force yet: this machine's clock is behind the service's")
	case !now.Add(-GrantSkew).Before(t.Expires):
		return deny("has expired")
	}
	return t, nil
}

// Tried is what came of a trial: how far it got, and what was seen on the way.
type Tried struct {
	Opened      *Opened      `json:"opened,omitempty"`  // the connection, if there was one
	Refusal     *Refusal     `json:"refusal,omitempty"` // why it went no further
	Certificate *Certificate `json:"certificate,omitempty"`
	Answer      *TrialAnswer `json:"answer,omitempty"` // to the request
}

// Certificate is what a backend showed in TLS, whether it was good or not.
type Certificate struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Names     []string  `json:"names,omitempty"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	SHA256    string    `json:"sha256"`              // lower-case hex
	Problem   string    `json:"problem"`             // why it is not trusted; empty: it is
	Code      string    `json:"code,omitempty"`      // the problem in a stable word
	TLS       string    `json:"tls,omitempty"`       // the version that was agreed on
	Unchecked bool      `json:"unchecked,omitempty"` // it would do, since the application says that it is not to be verified
}

// TrialAnswer is the head of an answer to one request.
type TrialAnswer struct {
	Protocol string        `json:"protocol,omitempty"`
	Status   int           `json:"status,omitempty"`
	Location string        `json:"location,omitempty"` // where it leads on to; nobody went there
	Server   string        `json:"server,omitempty"`
	Took     time.Duration `json:"took"`
	Error    string        `json:"error,omitempty"` // why there was none
}
