package oidc

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/internal/fault"
	"postern/internal/fetch"
	"postern/internal/identity"
	"postern/internal/match"
)

// claim makes the ID token say something else; nil takes a claim out.
func claim(name string, value any) func(*idp) {
	return func(i *idp) { i.claims = func(c map[string]any) { c[name] = value } }
}

func at(name string, from time.Duration) func(*idp) {
	return func(i *idp) { i.claims = func(c map[string]any) { c[name] = i.clock.Add(from).Unix() } }
}

// signedBy makes the ID token be signed so.
func signedBy(f func(i *idp, header, payload string) string, header map[string]any) func(*idp) {
	return func(i *idp) {
		i.sign = func(c map[string]any) string {
			h, _ := json.Marshal(header)
			p, _ := json.Marshal(c)
			return f(i, base64.RawURLEncoding.EncodeToString(h), base64.RawURLEncoding.EncodeToString(p))
		}
	}
}

func with(key jose.JSONWebKey, alg jose.SignatureAlgorithm, kind string) func(*idp) {
	return func(i *idp) {
		i.sign = func(c map[string]any) string { return sign(i.t, jose.SigningKey{Algorithm: alg, Key: key}, kind, c) }
	}
}

func hmacSigned(secret func(i *idp) []byte) func(i *idp, header, payload string) string {
	return func(i *idp, header, payload string) string {
		mac := hmac.New(sha256.New, secret(i))
		mac.Write([]byte(header + "." + payload))
		return header + "." + payload + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
}

func otherRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestFaultyProvider: whatever a provider does wrong, there is never an assertion, always one short error, and the
// keys are fetched once a minute at most.
func TestFaultyProvider(t *testing.T) {
	other := otherRSA(t)
	public, err := x509.MarshalPKIXPublicKey(rsaKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	unsigned := func(_ *idp, header, payload string) string { return header + "." + payload + "." }
	tests := []struct {
		name   string
		change func(*idp)
		kind   fault.Kind
		want   string
	}{
		// Signatures.
		{"another key under the known id", with(jose.JSONWebKey{Key: other, KeyID: "k1"}, jose.RS256, "JWT"), fault.KindUpstream, "signature"},
		{"a key that is not listed", with(jose.JSONWebKey{Key: other, KeyID: "k2"}, jose.RS256, "JWT"), fault.KindUnavailable, "not known yet"},
		{"the key itself in the token", func(i *idp) {
			i.sign = func(c map[string]any) string {
				signer, _ := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: other}, &jose.SignerOptions{EmbedJWK: true})
				p, _ := json.Marshal(c)
				s, _ := signer.Sign(p)
				text, _ := s.CompactSerialize()
				return text
			}
		}, fault.KindUpstream, "signature"},
		{"no signature (none)", signedBy(unsigned, map[string]any{"alg": "none"}), fault.KindUpstream, "not signed in a way"},
		{"no signature (None)", signedBy(unsigned, map[string]any{"alg": "None", "kid": "k1"}), fault.KindUpstream, "not signed in a way"},
		{"no signature (RS256)", signedBy(unsigned, map[string]any{"alg": "RS256", "kid": "k1"}), fault.KindUpstream, "signature"},
		{"no algorithm", signedBy(unsigned, map[string]any{"kid": "k1"}), fault.KindUpstream, "not signed in a way"},
		{"HS256 with the public key in DER", signedBy(hmacSigned(func(*idp) []byte { return public }), map[string]any{"alg": "HS256", "kid": "k1"}), fault.KindUpstream, "not signed in a way"},
		{"HS256 with the public key in PEM", signedBy(hmacSigned(func(*idp) []byte {
			return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
		}), map[string]any{"alg": "HS256", "kid": "k1"}), fault.KindUpstream, "not signed in a way"},
		{"HS256 with our secret", signedBy(hmacSigned(func(*idp) []byte { return []byte(clientSecret) }), map[string]any{"alg": "HS256"}), fault.KindUpstream, "not signed in a way"},
		{"an algorithm that the provider does not use", with(jose.JSONWebKey{Key: rsaKey(), KeyID: "k1"}, jose.PS256, "JWT"), fault.KindUpstream, "not signed in a way"},
		{"a critical header that nobody knows", signedBy(unsigned, map[string]any{"alg": "RS256", "kid": "k1", "crit": []string{"x"}, "x": 1}), fault.KindUpstream, ""},
		{"an access token instead", with(jose.JSONWebKey{Key: rsaKey(), KeyID: "k1"}, jose.RS256, "at+jwt"), fault.KindUpstream, "of the type"},
		{"a logout token instead", with(jose.JSONWebKey{Key: rsaKey(), KeyID: "k1"}, jose.RS256, "logout+jwt"), fault.KindUpstream, "of the type"},
		{"a changed payload", func(i *idp) {
			i.sign = func(c map[string]any) string {
				good := strings.Split(sign(i.t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: rsaKey(), KeyID: "k1"}}, "JWT", c), ".")
				c["sub"] = "admin"
				p, _ := json.Marshal(c)
				return good[0] + "." + base64.RawURLEncoding.EncodeToString(p) + "." + good[2]
			}
		}, fault.KindUpstream, "signature"},
		{"an encrypted token", func(i *idp) { i.sign = func(map[string]any) string { return "a.b.c.d.e" } }, fault.KindUpstream, "not signed in a way"},
		{"a token in JSON", func(i *idp) {
			i.sign = func(map[string]any) string { return `{"payload":"e30","signatures":[]}` }
		}, fault.KindUpstream, "not signed in a way"},
		{"no token", func(i *idp) { i.sign = func(map[string]any) string { return "" } }, fault.KindUpstream, "missing"},
		{"nonsense", func(i *idp) { i.sign = func(map[string]any) string { return "s3cret" } }, fault.KindUpstream, "not signed in a way"},
		{"a token without end", func(i *idp) { i.sign = func(map[string]any) string { return strings.Repeat("a", maxToken+1) } }, fault.KindUpstream, "longer than"},
		{"a payload that is no JSON", func(i *idp) {
			i.sign = func(map[string]any) string {
				signer, _ := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: rsaKey(), KeyID: "k1"}}, nil)
				s, _ := signer.Sign([]byte("s3cret"))
				text, _ := s.CompactSerialize()
				return text
			}
		}, fault.KindUpstream, "cannot be read"},
		// What it says.
		{"another issuer", claim("iss", "https://other.example.com"), fault.KindUpstream, "issued by"},
		{"the issuer with a slash", func(i *idp) { i.claims = func(c map[string]any) { c["iss"] = i.issuer + "/" } }, fault.KindUpstream, "issued by"},
		{"no issuer", claim("iss", nil), fault.KindUpstream, "issued by"},
		{"a list of issuers", func(i *idp) { i.claims = func(c map[string]any) { c["iss"] = []string{i.issuer} } }, fault.KindUpstream, "issued by"},
		{"another audience", claim("aud", "other"), fault.KindUpstream, "aud"},
		{"no audience", claim("aud", nil), fault.KindUpstream, "aud"},
		{"an audience that is a number", claim("aud", 7), fault.KindUpstream, "aud"},
		{"an audience with a number", claim("aud", []any{clientID, 7}), fault.KindUpstream, "aud"},
		{"an audience that contains our name", claim("aud", clientID+"-other"), fault.KindUpstream, "aud"},
		{"several audiences without azp", claim("aud", []string{clientID, "other"}), fault.KindUpstream, "azp"},
		{"issued to somebody else", claim("azp", "other"), fault.KindUpstream, "azp"},
		{"issued to a number", claim("azp", 7), fault.KindUpstream, "azp"},
		{"expired", at("exp", -5*time.Minute), fault.KindUpstream, "expired"},
		{"no expiry", claim("exp", nil), fault.KindUpstream, "expired"},
		{"an expiry that is a text", claim("exp", "9999999999"), fault.KindUpstream, "expired"},
		{"an expiry beyond all times", claim("exp", json.Number("1e300")), fault.KindUpstream, "expired"},
		{"not good yet", at("nbf", 5*time.Minute), fault.KindUpstream, "not good yet"},
		{"made in the future", at("iat", 5*time.Minute), fault.KindUpstream, "from the future"},
		{"made before this sign-in", at("iat", -10*time.Minute), fault.KindUpstream, "older than this sign-in"},
		{"no time", claim("iat", nil), fault.KindUpstream, "when it was made"},
		{"no nonce", claim("nonce", nil), fault.KindUpstream, "nonce"},
		{"another nonce", claim("nonce", "other"), fault.KindUpstream, "nonce"},
		{"an empty nonce", claim("nonce", ""), fault.KindUpstream, "nonce"},
		{"a list of nonces", claim("nonce", []string{"a"}), fault.KindUpstream, "nonce"},
		{"no subject", claim("sub", nil), fault.KindUpstream, "sub"},
		{"an empty subject", claim("sub", ""), fault.KindUpstream, "sub"},
		{"a subject that is a number", claim("sub", 7), fault.KindUpstream, "sub"},
		{"a subject without end", claim("sub", strings.Repeat("x", 5000)), fault.KindUpstream, "sub"},
		{"a subject with a NUL", func(i *idp) {
			i.claims = func(c map[string]any) { c["sub"] = "a\x00b" }
			i.userinfo = func(c map[string]any) { c["sub"] = "a\x00b" }
		}, fault.KindUpstream, "no subject"},
		{"a wrong at_hash", claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), fault.KindUpstream, "at_hash"},
		{"an at_hash that is a number", claim("at_hash", 7), fault.KindUpstream, "at_hash"},
		{"signed in there in the future", at("auth_time", time.Hour), fault.KindUpstream, "auth_time"},
		{"groups that are an object", claim("groups", map[string]any{"a": 1}), fault.KindUpstream, "groups"},
		{"groups that are numbers", claim("groups", []any{1, 2}), fault.KindUpstream, "groups"},
		{"a claim without end", claim("x", strings.Repeat("x", 20<<10)), fault.KindUpstream, "claim x"},
		{"claims without end", func(i *idp) {
			i.claims = func(c map[string]any) {
				for n := range 300 {
					c[fmt.Sprint("c", n)] = n
				}
			}
		}, fault.KindUpstream, "claims"},
		// Userinfo.
		{"userinfo of somebody else", func(i *idp) { i.userinfo = func(c map[string]any) { c["sub"] = "other" } }, fault.KindUpstream, "userinfo"},
		{"userinfo of nobody", func(i *idp) { i.userinfo = func(c map[string]any) { delete(c, "sub") } }, fault.KindUpstream, "userinfo"},
		{"userinfo refused", func(i *idp) { i.handlers["userinfo"] = status(403, "{}") }, fault.KindUpstream, "status 403"},
		{"userinfo in HTML", func(i *idp) { i.handlers["userinfo"] = page }, fault.KindUpstream, "web page"},
		// The token endpoint.
		{"tokens in HTML", func(i *idp) { i.handlers["token"] = page }, fault.KindUpstream, "web page"},
		{"no access token", func(i *idp) { i.handlers["token"] = status(200, `{"token_type":"Bearer","id_token":"x"}`) }, fault.KindUpstream, "access token"},
		{"another type of token", func(i *idp) { i.handlers["token"] = status(200, `{"access_token":"x","token_type":"mac"}`) }, fault.KindUpstream, "Bearer"},
		{"tokens without end", func(i *idp) { i.handlers["token"] = endless }, fault.KindUpstream, "more than"},
		{"a redirect of the secret", func(i *idp) {
			i.handlers["token"] = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, i.issuer+"/more", http.StatusTemporaryRedirect)
			}
		}, fault.KindUpstream, "redirect"},
		{"our secret is wrong", func(i *idp) {
			i.handlers["token"] = status(401, `{"error":"invalid_client","error_description":"s3cret"}`)
		}, fault.KindUpstream, "client id and secret"},
		{"out of order", func(i *idp) { i.handlers["token"] = status(503, `s3cret`) }, fault.KindUnavailable, "status 503"},
		// Keys.
		{"keys in HTML", func(i *idp) { i.handlers["keys"] = page }, fault.KindUpstream, "web page"},
		{"keys without end", func(i *idp) { i.handlers["keys"] = endless }, fault.KindUpstream, "more than"},
		{"a flood of keys", func(i *idp) {
			i.jwks = func() any {
				set := jose.JSONWebKeySet{}
				for n := range maxKeys + 1 {
					set.Keys = append(set.Keys, jose.JSONWebKey{Key: rsaKey().Public(), KeyID: fmt.Sprint(n)})
				}
				return set
			}
		}, fault.KindUpstream, "65 keys"},
		{"no keys", func(i *idp) { i.jwks = func() any { return jose.JSONWebKeySet{} } }, fault.KindUpstream, "no key"},
		{"the private key", func(i *idp) {
			i.jwks = func() any { return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: rsaKey(), KeyID: "k1"}}} }
		}, fault.KindUpstream, "no key"},
		{"a symmetric key", func(i *idp) {
			i.jwks = func() any {
				return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: []byte(clientSecret), KeyID: "k1"}}}
			}
		}, fault.KindUpstream, "no key"},
		{"a key for encryption", func(i *idp) {
			i.jwks = func() any {
				return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: rsaKey().Public(), KeyID: "k1", Use: "enc"}}}
			}
		}, fault.KindUpstream, "no key"},
		{"a key for another algorithm", func(i *idp) {
			i.jwks = func() any {
				return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: rsaKey().Public(), KeyID: "k1", Algorithm: "PS256"}}}
			}
		}, fault.KindUnavailable, "not known yet"},
		{"two keys of one id", func(i *idp) {
			i.jwks = func() any {
				return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: rsaKey().Public(), KeyID: "k1"}, {Key: other.Public(), KeyID: "k1"}}}
			}
		}, fault.KindUnavailable, "not known yet"},
		{"a key that is too large to check with", func(i *idp) {
			i.jwks = func() any {
				return map[string]any{"keys": []any{map[string]string{"kty": "RSA", "kid": "k1", "e": "AQAB", "n": strings.Repeat("_", 2000)}}}
			}
		}, fault.KindUpstream, "no key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			i := newIDP(t)
			test.change(i)
			p := i.client(nil)
			for range 3 { // nothing that a bad answer leaves behind makes the next one good
				a, err := i.signIn(p, Ask{})
				judge(t, a, err, test.kind, test.want)
			}
			if n := i.keyFetches.Load(); n > 1 {
				t.Errorf("the keys were fetched %d times in a minute", n)
			}
		})
	}
}

// judge says whether an error is what is due: of that kind, short, and without anything that is nobody's business.
func judge(t *testing.T, a identity.Assertion, err error, kind fault.Kind, want string) {
	t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(err.Error(), want) || len(err.Error()) > 400 {
		t.Errorf("got %v (%s), want %s that says %q", err, fault.KindOf(err), kind, want)
	}
	if a.Subject != "" || a.Issuer != "" || a.Renewal != nil || a.Claims != nil || a.Groups != nil {
		t.Errorf("it says something of %.40q all the same", a.Subject)
	}
	if text := everything(err); strings.Contains(text, "s3cret") || strings.Contains(text, "access-") {
		t.Errorf("the error tells: %s", text)
	}
}

func page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	_, _ = io.WriteString(w, "<html>s3cret</html>")
}

func endless(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	for chunk := []byte(strings.Repeat(`{"s3cret":`, 1000)); ; {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// TestFaultyMetadata: nobody is even sent there.
func TestFaultyMetadata(t *testing.T) {
	set := func(name string, value any) func(*idp) {
		return func(i *idp) { i.metadata = func(m map[string]any) { m[name] = value } }
	}
	tests := []struct {
		name   string
		change func(*idp)
		kind   fault.Kind
		want   string
	}{
		{"another issuer", set("issuer", "https://other.example.com"), fault.KindUpstream, "for the issuer"},
		{"no issuer", set("issuer", ""), fault.KindUpstream, "for the issuer"},
		{"an issuer that is a number", set("issuer", 7), fault.KindUpstream, "not what is due"},
		{"a place to sign in that is a script", set("authorization_endpoint", "javascript:alert(1)"), fault.KindUpstream, "authorization_endpoint"},
		{"a place to sign in without TLS", set("authorization_endpoint", "http://login.example.com/"), fault.KindUpstream, "authorization_endpoint"},
		{"a place to sign in with a fragment", set("authorization_endpoint", "https://login.example.com/#x"), fault.KindUpstream, "authorization_endpoint"},
		{"no place for tokens", set("token_endpoint", ""), fault.KindUpstream, "token_endpoint"},
		{"keys without TLS", set("jwks_uri", "http://login.example.com/keys"), fault.KindUpstream, "jwks_uri"},
		{"a logout without TLS", set("end_session_endpoint", "http://login.example.com/"), fault.KindUpstream, "end_session_endpoint"},
		{"no code flow", set("response_types_supported", []string{"id_token"}), fault.KindUpstream, "authorization code flow"},
		{"only algorithms that we do not accept", set("id_token_signing_alg_values_supported", []string{"HS256", "none"}), fault.KindUpstream, "no algorithm"},
		{"HTML", func(i *idp) { i.handlers["metadata"] = page }, fault.KindUpstream, "web page"},
		{"without end", func(i *idp) { i.handlers["metadata"] = endless }, fault.KindUpstream, "more than"},
		{"a redirect in a circle", func(i *idp) {
			i.handlers["metadata"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }
		}, fault.KindUpstream, "redirect"},
		{"not there", func(i *idp) { i.handlers["metadata"] = http.NotFound }, fault.KindUpstream, "status 404"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			i := newIDP(t)
			test.change(i)
			p := i.client(nil)
			for range 5 {
				a, err := i.signIn(p, Ask{})
				judge(t, a, err, test.kind, test.want)
			}
			if n := i.metaFetches.Load(); n != 1 {
				t.Errorf("the metadata was fetched %d times at once", n)
			}
			i.mu.Lock()
			i.metadata, i.handlers = nil, map[string]http.HandlerFunc{}
			i.mu.Unlock()
			i.pass(metaPause)
			if _, err := i.signIn(p, Ask{}); err != nil {
				t.Errorf("when the provider is well again: %v", err)
			}
		})
	}
}

// TestAddressesOfMetadata: what a provider names is asked no further than the provider itself.
func TestAddressesOfMetadata(t *testing.T) {
	for _, address := range []string{"https://127.0.0.1:1/", "https://localhost:1/", "https://169.254.169.254/keys", "https://10.0.0.1/", "https://[::1]/", "https://2130706433/", "https://[::ffff:a9fe:a9fe]/"} {
		for _, name := range []string{"token_endpoint", "jwks_uri", "userinfo_endpoint"} {
			t.Run(name+" "+address, func(t *testing.T) {
				i := newIDP(t)
				i.metadata = func(m map[string]any) { m[name] = address }
				a, err := i.signIn(i.client(nil), Ask{})
				judge(t, a, err, fault.KindInvalid, "")
			})
		}
	}
}

// TestSlowProvider: an answer that never comes is waited for as long as the client says.
func TestSlowProvider(t *testing.T) {
	for _, name := range []string{"metadata", "keys", "token", "userinfo"} {
		t.Run(name, func(t *testing.T) {
			i := newIDP(t)
			i.handlers[name] = func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				<-r.Context().Done()
			}
			p := i.client(func(c *Config) {
				roots := x509.NewCertPool()
				roots.AddCert(i.server.Certificate())
				rules, _ := match.ParseRules("allow 127.0.0.1")
				c.Fetch = fetch.New(fetch.Config{Rules: rules, Roots: roots, Timeout: time.Second})
				t.Cleanup(c.Fetch.Close)
			})
			a, err := i.signIn(p, Ask{})
			judge(t, a, err, fault.KindTimeout, "did not answer within 1s")
		})
	}
}
