// Package idp is an OpenID Connect provider for tests: real TLS, real signatures, a user who is
// always ready to sign in. It does what a provider must and can be told to be away.
package idp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// What the service is called here, and its secret.
const (
	ClientID = "postern"
	Secret   = "the client's secret"
)

// User is somebody the provider knows.
type User struct {
	Subject string
	Claims  map[string]any
	Refused bool // is not let in any more
}

// Provider is a running one.
type Provider struct {
	t      testing.TB
	server *httptest.Server
	key    *ecdsa.PrivateKey

	mu      sync.Mutex // guards the rest
	users   map[string]User
	who     string // signs in next
	grants  map[string]grant
	ahead   time.Duration
	away    bool
	denied  string
	renewed int

	behaviour Behaviour
	asked     url.Values // the last sign-in's query
	asks      int
}

// grant is what a code or a refresh token is good for.
type grant struct {
	subject, sid, nonce, challenge, redirect string
	at                                       time.Time // when the user signed in
	acr                                      string
	amr                                      []string
}

// New starts a provider that ends with the test.
func New(t testing.TB) *Provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{t: t, key: key, users: map[string]User{}, grants: map[string]grant{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.metadata)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /end", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.FormValue("post_logout_redirect_uri"), http.StatusSeeOther)
	})
	p.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		away := p.away
		p.mu.Unlock()
		if away {
			http.Error(w, "out of order", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.server.Close)
	return p
}

// Issuer gives the provider's issuer.
func (p *Provider) Issuer() string { return p.server.URL }

// CA gives the certificate to trust, PEM.
func (p *Provider) CA() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw}))
}

// Client gives an HTTP client that trusts the provider and shows redirects.
func (p *Provider) Client() *http.Client {
	c := *p.server.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// Put adds or changes somebody, who is the one to sign in next.
func (p *Provider) Put(u User) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users[u.Subject] = u
	p.who = u.Subject
}

// Away makes the provider answer nothing useful, or come back.
func (p *Provider) Away(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
}

// Deny makes the provider answer the next sign-in with an error.
func (p *Provider) Deny(code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denied = code
}

// Ahead sets how far the provider's clock is ahead.
func (p *Provider) Ahead(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ahead = d
}

// Renewed counts how often it was asked again about somebody.
func (p *Provider) Renewed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.renewed
}

// Sessions lists what the provider calls the sessions of somebody.
func (p *Provider) Sessions(subject string) (list []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := map[string]bool{}
	for _, g := range p.grants {
		if g.subject == subject && !seen[g.sid] {
			seen[g.sid] = true
			list = append(list, g.sid)
		}
	}
	return list
}

func (p *Provider) now() time.Time { return time.Now().Add(p.ahead) }

func (p *Provider) metadata(w http.ResponseWriter, _ *http.Request) {
	write(w, map[string]any{
		"issuer": p.Issuer(), "authorization_endpoint": p.Issuer() + "/authorize", "token_endpoint": p.Issuer() + "/token",
		"jwks_uri": p.Issuer() + "/keys", "end_session_endpoint": p.Issuer() + "/end", "response_types_supported": []string{"code"},
		"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"ES256"},
		"scopes_supported": []string{"openid", "profile", "email", "offline_access"}, "code_challenge_methods_supported": []string{"S256"},
		"authorization_response_iss_parameter_supported": true, "backchannel_logout_supported": true, "backchannel_logout_session_supported": true,
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic"},
	})
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	write(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &p.key.PublicKey, KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("client_id") != ClientID || q.Get("code_challenge") == "" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	answer := url.Values{"state": {q.Get("state")}, "iss": {p.Issuer()}}
	g, refusal := p.signedIn(q)
	if refusal != "" {
		answer.Set("error", refusal)
	} else {
		code := rand.Text()
		g.subject, g.sid, g.nonce, g.challenge, g.redirect = p.who, rand.Text(), q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri")
		p.grants[code] = g
		answer.Set("code", code)
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, secret, _ := r.BasicAuth()
	secret, _ = url.QueryUnescape(secret)
	key, refresh := r.FormValue("code"), r.FormValue("grant_type") == "refresh_token"
	if refresh {
		key = r.FormValue("refresh_token")
		p.renewed++
	}
	g, ok := p.grants[key]
	delete(p.grants, key)
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	proven := refresh || base64.RawURLEncoding.EncodeToString(sum[:]) == g.challenge && r.FormValue("redirect_uri") == g.redirect
	user := p.users[g.subject]
	if id != ClientID || secret != Secret || !ok || !proven || user.Refused {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		write(w, map[string]any{"error": "invalid_grant"})
		return
	}
	now := p.now()
	c := map[string]any{"iss": p.Issuer(), "aud": ClientID, "sub": g.subject, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"auth_time": g.at.Unix(), "sid": g.sid}
	if !refresh {
		c["nonce"] = g.nonce
	}
	if g.acr != "" {
		c["acr"] = g.acr
	}
	if len(g.amr) > 0 {
		c["amr"] = g.amr
	}
	for name, value := range user.Claims {
		c[name] = value
	}
	answer := map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 300, "id_token": p.sign("JWT", c)}
	if !p.behaviour.NoRefresh {
		next := rand.Text()
		p.grants[next] = g
		answer["refresh_token"] = next
	}
	if p.behaviour.Loses {
		http.Error(w, "lost", http.StatusBadGateway)
		return
	}
	write(w, answer)
}

func (p *Provider) sign(kind string, claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: "1"}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(kind)))
	if err != nil {
		p.t.Error(err)
		return ""
	}
	body, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	signed, err := signer.Sign(body)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		p.t.Error(err)
	}
	return text
}

// LogoutToken makes what the provider posts when a session ends. Claims that are given replace its
// own; nil takes one away.
func (p *Provider) LogoutToken(claims map[string]any) string {
	p.mu.Lock()
	now := p.now()
	p.mu.Unlock()
	c := map[string]any{"iss": p.Issuer(), "aud": ClientID, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": rand.Text(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}
	for name, value := range claims {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return p.sign("logout+jwt", c)
}

// Post posts a logout token as the provider does.
func (p *Provider) Post(client *http.Client, address, token string) (*http.Response, error) {
	return client.Post(address, "application/x-www-form-urlencoded", strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
}

func write(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // values of our own; who has gone reads nothing
}
