package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"postern/internal/fault"
)

// Passkeys makes and checks the ceremonies of WebAuthn level 3 for one host. It stores nothing: a
// ceremony's state goes to whoever began it, who brings it back unchanged.
type Passkeys struct{ party *webauthn.WebAuthn }

// NewPasskeys makes Passkeys for the portal's URL. Its host is the relying party's id, so a passkey
// is good for that host only and survives a change of the port.
func NewPasskeys(portal string) (*Passkeys, error) {
	u, err := url.Parse(portal)
	if err != nil {
		return nil, fmt.Errorf("read the portal's URL: %w", err)
	}
	party, err := webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: "Postern", RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation,
	})
	if err != nil {
		return nil, fmt.Errorf("prepare passkeys for %s: %w", u.Host, err)
	}
	return &Passkeys{party}, nil
}

// Ceremony is one under way: what the browser is asked, and the state to bring back.
type Ceremony struct {
	Options []byte // JSON for navigator.credentials
	State   []byte
}

// Passkey is what is kept of a passkey.
type Passkey struct {
	Credential []byte // what the browser calls it
	Record     []byte // its public record
	Counter    int64
}

// Holder is a user with the passkeys that it has.
type Holder struct {
	Handle   []byte // never shown, never changed
	Name     string
	Label    string // the name for people
	Passkeys []Passkey
}

func (h Holder) WebAuthnID() []byte          { return h.Handle }
func (h Holder) WebAuthnName() string        { return h.Name }
func (h Holder) WebAuthnDisplayName() string { return h.Label }

// WebAuthnCredentials leaves out a record that cannot be read: it proves nothing.
func (h Holder) WebAuthnCredentials() []webauthn.Credential {
	var list []webauthn.Credential
	for _, p := range h.Passkeys {
		var c webauthn.Credential
		if json.Unmarshal(p.Record, &c) == nil {
			c.Authenticator.SignCount = uint32(min(max(p.Counter, 0), math.MaxUint32))
			list = append(list, c)
		}
	}
	return list
}

// Register begins to make a passkey that can be found without a name and verifies its user.
func (p *Passkeys) Register(h Holder) (Ceremony, error) {
	options, state, err := p.party.BeginRegistration(h,
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		}),
		webauthn.WithExclusions(webauthn.Credentials(h.WebAuthnCredentials()).CredentialDescriptors()))
	if err != nil {
		return Ceremony{}, fault.Internal(err, "begin to register a passkey")
	}
	return ceremony(options.Response, state)
}

// Registered checks what the browser answered to Register.
func (p *Passkeys) Registered(h Holder, state, answer []byte) (Passkey, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Passkey{}, badPasskey(err)
	}
	var data webauthn.SessionData
	if err := json.Unmarshal(state, &data); err != nil {
		return Passkey{}, badPasskey(err)
	}
	made, err := p.party.CreateCredential(h, data, parsed)
	if err != nil {
		return Passkey{}, badPasskey(err)
	}
	made.Attestation = webauthn.CredentialAttestation{} // none was asked for, and it names the device
	record, err := json.Marshal(made)
	if err != nil {
		return Passkey{}, fault.Internal(err, "encode a passkey")
	}
	return Passkey{Credential: made.ID, Record: record, Counter: int64(made.Authenticator.SignCount)}, nil
}

// Ask begins to use one of the holder's passkeys, as the factor beside a password.
func (p *Passkeys) Ask(h Holder) (Ceremony, error) {
	options, state, err := p.party.BeginLogin(h, webauthn.WithUserVerification(protocol.VerificationPreferred))
	if err != nil {
		return Ceremony{}, fault.Internal(err, "begin to ask for a passkey")
	}
	return ceremony(options.Response, state)
}

// AskAnyone begins to use a passkey of whoever has one here, as the only factor.
func (p *Passkeys) AskAnyone() (Ceremony, error) {
	options, state, err := p.party.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Ceremony{}, fault.Internal(err, "begin to ask for a passkey")
	}
	return ceremony(options.Response, state)
}

func ceremony(options any, state *webauthn.SessionData) (Ceremony, error) {
	asked, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, fault.Internal(err, "encode what a browser is asked")
	}
	kept, err := json.Marshal(state)
	if err != nil {
		return Ceremony{}, fault.Internal(err, "encode the state of a passkey ceremony")
	}
	return Ceremony{Options: asked, State: kept}, nil
}

// Named gives the passkey that a browser's answer claims to come from, before anything is proven.
func Named(answer []byte) ([]byte, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return nil, badPasskey(err)
	}
	return parsed.RawID, nil
}

// Proof is what an answer proved.
type Proof struct {
	Credential []byte
	Counter    int64
	Verified   bool // the authenticator verified who used it
}

// Check checks what the browser answered to Ask or AskAnyone. A counter that has not grown is
// refused: there may be a copy of the key (WebAuthn level 3, section 6.1.1).
func (p *Passkeys) Check(h Holder, state, answer []byte) (Proof, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return Proof{}, badPasskey(err)
	}
	var data webauthn.SessionData
	if err := json.Unmarshal(state, &data); err != nil {
		return Proof{}, badPasskey(err)
	}
	var used *webauthn.Credential
	if len(data.UserID) == 0 { // of AskAnyone: the answer must name its user itself
		_, used, err = p.party.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
			if string(handle) != string(h.Handle) {
				return nil, errors.New("the passkey is another user's")
			}
			return h, nil
		}, data, parsed)
	} else {
		used, err = p.party.ValidateLogin(h, data, parsed)
	}
	if err != nil {
		return Proof{}, badPasskey(err)
	}
	if used.Authenticator.CloneWarning {
		return Proof{}, fault.Unauthenticated("this passkey may have been copied and was refused; sign in another way and remove it")
	}
	return Proof{Credential: used.ID, Counter: int64(used.Authenticator.SignCount), Verified: parsed.Response.AuthenticatorData.Flags.HasUserVerified()}, nil
}

func badPasskey(err error) error {
	return fault.Unauthenticated("the passkey was not accepted; please try again").Because(err)
}
