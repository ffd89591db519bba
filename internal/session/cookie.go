// Package session knows what a browser holds to stay signed in, and remembers who that is.
//
// A cookie carries a MAC, so a forged one dies without a look-up; a code and a cookie are kept only
// as hashes; a request to sign in travels signed, so nothing is stored for somebody who has not
// signed in. Cache remembers principals in memory until they change. The package has no SQL.
package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

// Scope is where a session's cookie is good: the portal, or one external host. It goes into the
// MAC, so that a cookie taken to another host is as good as a forged one. Applications that share a
// host share its session, since a browser gives all of them the same cookie; each is decided on
// its own.
type Scope struct {
	Kind access.SessionKind
	Host string // of SessionApplication and SessionCenter
}

// Of gives the scope of a session.
func Of(s *access.Session) Scope { return Scope{s.Kind, s.Host} }

// Keyring holds the MAC keys by their ids. New cookies and requests are made with the active one.
type Keyring struct {
	Active string            `json:"active"`
	Keys   map[string][]byte `json:"keys"` // 32 bytes each

	live *atomic.Pointer[Keyring] // of a shared one: what all its copies use instead of the fields
}

// Shared gives a keyring whose copies all use what Replace puts into one of them.
func (k Keyring) Shared() Keyring {
	k.live = new(atomic.Pointer[Keyring])
	k.Replace(Keyring{Active: k.Active, Keys: k.Keys})
	return k
}

// Replace has all copies of a shared keyring use next's keys from now on.
func (k Keyring) Replace(next Keyring) { k.live.Store(&next) }

// current gives the keyring in use.
func (k Keyring) current() Keyring {
	if k.live == nil {
		return k
	}
	return *k.live.Load()
}

// NewKeyring makes a keyring with one new key.
func NewKeyring() Keyring {
	id, key := make([]byte, 4), make([]byte, 32)
	rand.Read(id)
	rand.Read(key)
	name := text.EncodeToString(id)
	return Keyring{Active: name, Keys: map[string][]byte{name: key}}
}

// Check says whether the keyring can be used.
func (k Keyring) Check() error {
	k = k.current()
	for _, key := range k.Keys {
		if len(key) != 32 {
			return fault.Internal(nil, "a session key is damaged")
		}
	}
	if k.Keys[k.Active] == nil {
		return fault.Internal(nil, "there is no active session key")
	}
	return nil
}

// text is strict, so that a value has one spelling: a flipped bit never goes unseen.
var text = base64.RawURLEncoding.Strict()

const (
	secretSize = 32
	maxCookie  = 512
	version    = "1"
)

// Secret makes the secret of a cookie or a code, 256 random bits as text.
func Secret() string {
	raw := make([]byte, secretSize)
	rand.Read(raw)
	return text.EncodeToString(raw)
}

// Hash gives what is stored of a secret.
func Hash(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// Cookie gives the cookie's value for a session with that secret: version, key id, session id,
// secret and MAC.
func (k Keyring) Cookie(scope Scope, id access.ID, secret string) string {
	k = k.current()
	body := version + "." + k.Active + "." + string(id) + "." + secret
	return body + "." + text.EncodeToString(mac(k.Keys[k.Active], "cookie", cookieInput(scope, body)...))
}

// Parse gives the session id and the secret's hash of a cookie that was made here for the scope. It
// says KindUnauthenticated of any other.
func (k Keyring) Parse(scope Scope, cookie string) (id access.ID, hash []byte, err error) {
	bad := fault.Unauthenticated("you are not signed in")
	if len(cookie) > maxCookie {
		return "", nil, bad
	}
	parts := strings.Split(cookie, ".")
	if len(parts) != 5 || parts[0] != version {
		return "", nil, bad
	}
	key, ok := k.current().Keys[parts[1]]
	got, err := text.DecodeString(parts[4])
	if !ok || err != nil {
		return "", nil, bad
	}
	body := cookie[:len(cookie)-len(parts[4])-1]
	if !hmac.Equal(got, mac(key, "cookie", cookieInput(scope, body)...)) {
		return "", nil, bad
	}
	id = access.ID(parts[2])
	if !id.Valid(access.PrefixSession) {
		return "", nil, bad
	}
	return id, Hash(parts[3]), nil
}

func cookieInput(scope Scope, body string) []string {
	return []string{string(scope.Kind), scope.Host, body}
}

// SameHash compares hashes in constant time.
func SameHash(a, b []byte) bool { return len(a) > 0 && subtle.ConstantTimeCompare(a, b) == 1 }

// mac covers a purpose and the parts, each with its length, so that no two inputs look alike.
func mac(key []byte, purpose string, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range append([]string{"postern-session/1", purpose}, parts...) {
		var size [8]byte
		for i := range size {
			size[i] = byte(len(part) >> (56 - 8*i))
		}
		h.Write(size[:])
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// RequestLife is how long a signed SignInRequest is good: the time somebody may take to sign in.
const RequestLife = 10 * time.Minute

// MaxReturn bounds the path and query to come back to, and MaxRequest the whole signed request.
const (
	MaxReturn  = 2048
	MaxRequest = 6144
)

type signedRequest struct {
	Request access.SignInRequest `json:"r"`
	Expires int64                `json:"e"` // Unix seconds
}

// SignRequest gives the request in the form that travels through the browser.
func (k Keyring) SignRequest(r access.SignInRequest, now time.Time) (string, error) {
	if len(r.Return) > MaxReturn {
		return "", fault.New(fault.KindTooLarge, "the address to come back to is longer than %d characters", MaxReturn)
	}
	payload, err := json.Marshal(signedRequest{r, now.Add(RequestLife).Unix()})
	if err != nil {
		return "", fault.Internal(err, "encode a sign-in request")
	}
	k = k.current()
	body := version + "." + k.Active + "." + text.EncodeToString(payload)
	signed := body + "." + text.EncodeToString(mac(k.Keys[k.Active], "request", body))
	if len(signed) > MaxRequest {
		return "", fault.New(fault.KindTooLarge, "the address to come back to is too long")
	}
	return signed, nil
}

// ParseRequest gives a request that SignRequest made less than RequestLife ago.
func (k Keyring) ParseRequest(signed string, now time.Time) (access.SignInRequest, error) {
	bad := fault.Invalid("request", "is not one that this service made; please open the application again")
	if len(signed) > MaxRequest {
		return access.SignInRequest{}, bad
	}
	parts := strings.Split(signed, ".")
	if len(parts) != 4 || parts[0] != version {
		return access.SignInRequest{}, bad
	}
	key, ok := k.current().Keys[parts[1]]
	got, err := text.DecodeString(parts[3])
	if !ok || err != nil || !hmac.Equal(got, mac(key, "request", signed[:len(signed)-len(parts[3])-1])) {
		return access.SignInRequest{}, bad
	}
	var r signedRequest
	payload, err := text.DecodeString(parts[2])
	if err != nil || json.Unmarshal(payload, &r) != nil {
		return access.SignInRequest{}, bad
	}
	if now.Unix() >= r.Expires {
		return access.SignInRequest{}, fault.New(fault.KindGone, "signing in took longer than ten minutes; please open the application again")
	}
	return r.Request, nil
}
