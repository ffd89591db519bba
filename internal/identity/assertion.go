package identity

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"postern/internal/fault"
)

// The bounds of an Assertion. An upstream that says more is refused, never cut short: half of somebody's groups
// would be a decision that nobody made.
const (
	MaxClaims      = 256      // claims of one assertion
	MaxClaimValues = 1_000    // values of one claim
	MaxClaimSize   = 8 << 10  // bytes of one value
	MaxGroups      = 10_000   // groups of one user
	MaxSubject     = 1_024    // bytes of a subject; OpenID Connect allows 255, distinguished names are longer
	maxName        = 512      // bytes of a claim's name, a method and a session
	maxClaimsSize  = 1 << 20  // bytes of all claims together
	maxRenewal     = 16 << 10 // bytes of what is asked with again
	maxGroupSize   = 2_048    // bytes of a group's name, which may be a distinguished one
	maxMethods     = 32
)

// Assertion is what an upstream says of somebody who proved to it who they are.
type Assertion struct {
	Issuer, Subject string         // together the key of the user; never a name or an e-mail address
	Claims          map[string]any // of each the value is a string, a bool, a float64 or a []string
	Groups          []string       // all of them: those beyond a token's limit and, where the upstream has such, nested ones
	Methods         []string       // how the user proved it (amr, RFC 8176), as far as the upstream says
	Context         string         // how, in the upstream's own word for it (acr, AuthnContextClassRef); may be empty
	Authenticated   time.Time      // when the user proved it there
	Session         string         // the upstream's session, for its logout; empty if it names none
	Until           time.Time      // when that is over; zero if the upstream does not say
	Renewal         []byte         // a secret to ask again with; empty if the upstream gave none
}

// ErrInteract is the cause of an upstream's answer that it would have to ask the user first, where it was
// to ask nothing.
var ErrInteract = errors.New("the upstream would have to ask the user first")

// Check says whether the assertion can be one: it names somebody, and everything in it is well-formed and within
// the bounds. The upstreams check what they give; a mapping may rely on it.
func (a *Assertion) Check() error {
	switch {
	case a.Issuer == "" || !plain(a.Issuer, MaxSubject):
		return badAssertion("names no issuer, or one that is not plain text of at most %d bytes", MaxSubject)
	case a.Subject == "" || !plain(a.Subject, MaxSubject):
		return badAssertion("names no subject, or one that is not plain text of at most %d bytes", MaxSubject)
	case len(a.Groups) > MaxGroups:
		return badAssertion("names %d groups, more than %d", len(a.Groups), MaxGroups)
	case len(a.Methods) > maxMethods:
		return badAssertion("names %d methods, more than %d", len(a.Methods), maxMethods)
	case a.Session != "" && !plain(a.Session, maxName):
		return badAssertion("names a session that is not plain text of at most %d bytes", maxName)
	case !plain(a.Context, MaxSubject):
		return badAssertion("names an authentication context that is not plain text of at most %d bytes", MaxSubject)
	case len(a.Renewal) > maxRenewal:
		return badAssertion("carries a refresh token of %d bytes, more than %d", len(a.Renewal), maxRenewal)
	}
	for _, g := range a.Groups {
		if g == "" || !plain(g, maxGroupSize) {
			return badAssertion("names a group that is empty or not plain text of at most %d bytes", maxGroupSize)
		}
	}
	for _, m := range a.Methods {
		if m == "" || !plain(m, maxName) {
			return badAssertion("names a method that is empty or not plain text of at most %d bytes", maxName)
		}
	}
	return a.checkClaims()
}

func (a *Assertion) checkClaims() error {
	if len(a.Claims) > MaxClaims {
		return badAssertion("carries %d claims, more than %d", len(a.Claims), MaxClaims)
	}
	total := 0
	for name, value := range a.Claims {
		if name == "" || !plain(name, maxName) {
			return badAssertion("carries a claim whose name is empty or not plain text of at most %d bytes", maxName)
		}
		total += len(name)
		switch v := value.(type) {
		case bool, float64:
		case string:
			if len(v) > MaxClaimSize || !utf8.ValidString(v) {
				return badAssertion("carries a claim %s that is not text of at most %d bytes", name, MaxClaimSize)
			}
			total += len(v)
		case []string:
			if len(v) > MaxClaimValues {
				return badAssertion("carries a claim %s of %d values, more than %d", name, len(v), MaxClaimValues)
			}
			for _, s := range v {
				if len(s) > MaxClaimSize || !utf8.ValidString(s) {
					return badAssertion("carries a claim %s with a value that is not text of at most %d bytes", name, MaxClaimSize)
				}
				total += len(s)
			}
		default:
			return badAssertion("carries a claim %s that is neither text, a number, true or false, nor a list of texts", name)
		}
	}
	if total > maxClaimsSize {
		return badAssertion("carries claims of %d bytes, more than %d", total, maxClaimsSize)
	}
	return nil
}

func badAssertion(format string, args ...any) error {
	return fault.New(fault.KindUpstream, "what the identity provider says of the user "+format, args...)
}

// plain tells whether the text is valid, at most so many bytes long, and free of control characters.
func plain(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
