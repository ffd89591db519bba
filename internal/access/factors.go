package access

import (
	"slices"
	"time"
)

// PrefixFactor is the prefix of factors' ids.
const PrefixFactor = "fac"

// FactorKind says what sort of second factor something is.
type FactorKind string

// The kinds of factor.
const (
	FactorTOTP    FactorKind = "totp"    // codes of an authenticator app (RFC 6238)
	FactorPasskey FactorKind = "passkey" // a WebAuthn credential, good also as the only factor
)

// MaxFactors is how many factors one user may have.
const MaxFactors = 10

// Factor is something that a user proves to have beside, or instead of, knowing a password.
type Factor struct {
	ID         ID
	User       ID
	Kind       FactorKind
	Name       string
	Credential []byte // of a passkey: what the browser calls it
	Secret     []byte // the seed, or the passkey's public record; sealed in the store
	Counter    int64  // the last time step whose code was used, or the passkey's signature counter
	Created    time.Time
	LastUsed   time.Time // zero for never
}

// The methods with which somebody authenticated: values of "amr" (RFC 8176), and one of our own
// for what that does not know.
const (
	MethodPassword = "pwd"
	MethodTOTP     = "otp"
	MethodPasskey  = "pop"  // possession of a passkey's key
	MethodVerified = "user" // the passkey checked who used it, by PIN or biometrics
	MethodRecovery = "recovery"
	MethodUpstream = "fed" // an upstream vouches for the user, who proved it there
	MethodMultiple = "mfa" // an upstream says that it was more than one factor
)

// Strong reports whether the methods prove more than one factor: a password or an upstream's word and
// something else, a passkey that verified its user, or an upstream's word for more than one.
func Strong(methods []string) bool {
	has := func(m string) bool { return slices.Contains(methods, m) }
	return has(MethodPasskey) && has(MethodVerified) || has(MethodUpstream) && has(MethodMultiple) ||
		(has(MethodPassword) || has(MethodUpstream)) && (has(MethodTOTP) || has(MethodPasskey) || has(MethodRecovery))
}

// LinkKind says what a link is for.
type LinkKind string

// The kinds of link.
const (
	LinkInvitation LinkKind = "invitation" // the first password of a new user
	LinkReset      LinkKind = "reset"      // another password of one who has lost it
)

// Link is a one-time link with which a user sets a password. Its code is not in it, only a hash.
type Link struct {
	Hash    []byte // SHA-256 of the code
	User    ID
	Kind    LinkKind
	Created time.Time
	Expires time.Time
}
