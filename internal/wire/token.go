package wire

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"

	"postern/internal/fault"
)

// EnrolmentToken is what an administrator hands to a connector: where the service is, how to know
// it, and the one-time secret.
type EnrolmentToken struct {
	TrustDomain string `json:"i"`
	ServiceURL  string `json:"u"`
	Fingerprint string `json:"f"` // SHA-256 of the CA root's DER, lower-case hex
	ID          string `json:"t"`
	Secret      string `json:"s"`
}

const (
	tokenMark   = "postern-enrol-" // of every version
	tokenPrefix = tokenMark + "1."
)

// IsEnrolmentToken reports whether a text is meant as a token, of whatever version, and thus a secret.
func IsEnrolmentToken(text string) bool { return strings.HasPrefix(strings.TrimSpace(text), tokenMark) }

// String gives the token as text on one line.
func (t EnrolmentToken) String() string {
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(Encode(t))
}

// ParseEnrolmentToken reads a token. Blanks around it are ignored, since it comes from files.
func ParseEnrolmentToken(text string) (EnrolmentToken, error) {
	bad := func(why string) (EnrolmentToken, error) {
		return EnrolmentToken{}, fault.Invalid("token", "%s", why)
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return bad("is empty")
	}
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok {
		return bad("is not an enrolment token (they start with " + tokenPrefix + ")")
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if err != nil {
		return bad("is damaged: was it copied whole and on one line?")
	}
	var t EnrolmentToken
	if json.Unmarshal(data, &t) != nil {
		return bad("is damaged: was it copied whole and on one line?")
	}
	u, err := url.Parse(t.ServiceURL)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return bad("names no service URL")
	}
	if sum, err := hex.DecodeString(t.Fingerprint); err != nil || len(sum) != 32 {
		return bad("names no certificate authority")
	}
	if t.TrustDomain == "" || t.ID == "" || t.Secret == "" {
		return bad("is incomplete")
	}
	return t, nil
}
