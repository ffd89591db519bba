package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/internal/fetch"
	"postern/internal/match"
)

const (
	clientID     = "postern"
	clientSecret = "s3cret of the client: +&%"
	callback     = "https://portal.example.com/upstreams/ups_1/callback"
	subject      = "248289761001"
)

// idp is an OpenID provider of the tests' own, which does whatever a test wants it to do wrong.
type idp struct {
	t      *testing.T
	server *httptest.Server
	issuer string

	keyFetches, metaFetches, exchanges atomic.Int64

	mu       sync.Mutex // guards the rest
	clock    time.Time
	key      crypto.Signer
	kid      string
	alg      jose.SignatureAlgorithm
	codes    map[string]sent
	refresh  string
	metadata func(map[string]any)
	claims   func(map[string]any) // of the ID token
	userinfo func(map[string]any)
	sign     func(map[string]any) string // instead of a good signature
	jwks     func() any                  // instead of the good keys
	handlers map[string]http.HandlerFunc // instead of the good answers, by path
}

// sent is what an authorization request asked for.
type sent struct{ nonce, challenge, redirect string }

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newIDP(t *testing.T) *idp {
	t.Helper()
	i := &idp{t: t, clock: time.Now().Truncate(time.Second), key: rsaKey(), kid: "k1", alg: jose.RS256, codes: map[string]sent{}, handlers: map[string]http.HandlerFunc{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", i.serve("metadata", i.discovery))
	mux.HandleFunc("/keys", i.serve("keys", i.keys))
	mux.HandleFunc("POST /token", i.serve("token", i.token))
	mux.HandleFunc("/userinfo", i.serve("userinfo", i.info))
	mux.HandleFunc("POST /v1.0/me/getMemberObjects", i.serve("graph", http.NotFound))
	mux.HandleFunc("/more", i.serve("more", http.NotFound))
	i.server = httptest.NewUnstartedServer(mux)
	i.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	i.server.StartTLS()
	t.Cleanup(func() {
		i.server.CloseClientConnections()
		i.server.Close()
	})
	i.issuer = i.server.URL
	return i
}

func (i *idp) serve(name string, good http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch name {
		case "keys":
			i.keyFetches.Add(1)
		case "metadata":
			i.metaFetches.Add(1)
		case "token":
			i.exchanges.Add(1)
		}
		i.mu.Lock()
		h := i.handlers[name]
		i.mu.Unlock()
		if h == nil {
			h = good
		}
		h(w, r)
	}
}

func (i *idp) now() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.clock
}

func (i *idp) pass(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.clock = i.clock.Add(d)
}

// client makes a provider as control does, with a client that may ask the test's server.
func (i *idp) client(change func(*Config)) *Provider {
	i.t.Helper()
	u, err := url.Parse(i.server.URL)
	if err != nil {
		i.t.Fatal(err)
	}
	rules, err := match.ParseRules("allow 127.0.0.1:" + u.Port())
	if err != nil {
		i.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(i.server.Certificate())
	asks := fetch.New(fetch.Config{Rules: rules, Roots: roots, Timeout: 30 * time.Second})
	i.t.Cleanup(asks.Close)
	cfg := Config{Issuer: i.issuer, ClientID: clientID, Secret: clientSecret, Redirect: callback, Fetch: asks, Now: i.now}
	if change != nil {
		change(&cfg)
	}
	p, err := New(cfg)
	if err != nil {
		i.t.Fatal(err)
	}
	return p
}

func (i *idp) discovery(w http.ResponseWriter, _ *http.Request) {
	m := map[string]any{
		"issuer": i.issuer, "authorization_endpoint": i.issuer + "/authorize?tenant=1", "token_endpoint": i.issuer + "/token",
		"userinfo_endpoint": i.issuer + "/userinfo", "jwks_uri": i.issuer + "/keys", "end_session_endpoint": i.issuer + "/logout",
		"response_types_supported": []string{"code"}, "scopes_supported": []string{"openid", "offline_access"},
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256", "EdDSA", "HS256", "none"}, "authorization_response_iss_parameter_supported": true,
	}
	if i.metadata != nil {
		i.metadata(m)
	}
	writeJSON(w, m)
}

func (i *idp) keys(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.jwks != nil {
		writeJSON(w, i.jwks())
		return
	}
	writeJSON(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: i.key.Public(), KeyID: i.kid, Use: "sig"}}})
}

// authorize is what the provider's pages do when the user has signed in there: they send the browser back.
func (i *idp) authorize(address string) url.Values {
	i.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		i.t.Fatal(err)
	}
	q := u.Query()
	i.mu.Lock()
	defer i.mu.Unlock()
	code := random()
	i.codes[code] = sent{q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri")}
	return url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {i.issuer}}
}

func (i *idp) token(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	fail := func(status int, code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":%q,"error_description":"s3cret"}`, code)
	}
	id, secret, _ := r.BasicAuth()
	id, _ = url.QueryUnescape(id)
	if secret, _ = url.QueryUnescape(secret); id != clientID || secret != clientSecret {
		fail(401, "invalid_client")
		return
	}
	nonce := ""
	switch r.FormValue("grant_type") {
	case "authorization_code":
		asked, ok := i.codes[r.FormValue("code")]
		delete(i.codes, r.FormValue("code"))
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if !ok || asked.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) || asked.redirect != r.FormValue("redirect_uri") {
			fail(400, "invalid_grant")
			return
		}
		nonce = asked.nonce
	case "refresh_token":
		if i.refresh == "" || r.FormValue("refresh_token") != i.refresh {
			fail(400, "invalid_grant")
			return
		}
	}
	i.refresh = random()
	access := "access-" + random()
	c := map[string]any{
		"iss": i.issuer, "aud": clientID, "sub": subject, "iat": i.clock.Unix(), "exp": i.clock.Add(time.Hour).Unix(), "nonce": nonce,
		"auth_time": i.clock.Add(-time.Minute).Unix(), "amr": []string{"pwd", "otp"}, "sid": "session-1", "groups": []string{"staff", "admins"},
		"at_hash": leftHalf(access), "address": map[string]any{"country": "DE"}, "email_verified": true, "level": 3,
	}
	if nonce == "" {
		delete(c, "nonce")
	}
	if i.claims != nil {
		i.claims(c)
	}
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	writeJSON(w, map[string]any{"access_token": access, "token_type": "bearer", "expires_in": 3600, "id_token": i.signed(c), "refresh_token": i.refresh})
}

func leftHalf(of string) string {
	sum := sha256.Sum256([]byte(of))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// signed signs as the provider does, or as the test wants it. The caller holds mu.
func (i *idp) signed(c map[string]any) string {
	if i.sign != nil {
		return i.sign(c)
	}
	return sign(i.t, jose.SigningKey{Algorithm: i.alg, Key: jose.JSONWebKey{Key: i.key, KeyID: i.kid}}, "JWT", c)
}

func sign(t *testing.T, key jose.SigningKey, kind string, c map[string]any) string {
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType(jose.ContentType(kind)))
	if err != nil {
		t.Error(err)
		return ""
	}
	payload, _ := json.Marshal(c)
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Error(err)
		return ""
	}
	text, _ := signed.CompactSerialize()
	return text
}

func (i *idp) info(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer access-") {
		w.WriteHeader(401)
		return
	}
	c := map[string]any{"sub": subject, "name": "Ada Lovelace", "email": "ada@example.com", "groups": []string{"from-userinfo"}}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.userinfo != nil {
		i.userinfo(c)
	}
	writeJSON(w, c)
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

func newEC(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newEd(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// everything is what an error and all its causes say.
func everything(err error) string {
	all := ""
	for ; err != nil; err = errors.Unwrap(err) {
		all += err.Error() + "\n"
	}
	return all
}

func pemOf(t *testing.T, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
