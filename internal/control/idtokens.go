package control

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"

	"postern/internal/fault"
	"postern/internal/session"
)

// codeOf gives the OAuthCode of an error, or nothing.
func codeOf(err error) OAuthCode {
	code, _ := errors.AsType[OAuthCode](err)
	return code
}

// idKeys sign ID tokens.
var idKeys = sealedKeys{
	list: "oauth-keys", newest: "oauth-key", overlap: accessLife + 2*keysAhead,
	fresh: func() ([]byte, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return x509.MarshalPKCS8PrivateKey(key)
	},
	id: func(k storedKey) (string, error) {
		key, err := newIDKey(k)
		return key.public.ID, err
	},
}

// idKey signs ID tokens.
type idKey struct {
	term
	key    *ecdsa.PrivateKey
	public JWK
}

func newIDKey(stored storedKey) (idKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(stored.Seed)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return idKey{}, fault.Internal(nil, "the key of ID tokens is damaged") // an error might show a part of it
	}
	public, err := jwkOf(&key.PublicKey)
	return idKey{stored.term, key, public}, err
}

var b64 = base64.RawURLEncoding

// A JWK is the public half of a signing key (RFC 7517, RFC 7518).
type JWK struct {
	Kind      string `json:"kty"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
}

// OAuthKeys gives the keys with which ID tokens are checked: those in use, and the next one ahead of its use.
func (c *Control) OAuthKeys() (list []JWK) {
	for _, k := range c.signing.Load().ids {
		if k.good(c.now()) {
			list = append(list, k.public)
		}
	}
	return list
}

func jwkOf(key *ecdsa.PublicKey) (JWK, error) {
	point, err := key.Bytes()
	if err != nil {
		return JWK{}, fault.Internal(nil, "the key of ID tokens is damaged")
	}
	x, y := point[1:33], point[33:]
	// The thumbprint of RFC 7638 names the key: the same on every replica, another for another key.
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + b64.EncodeToString(x) + `","y":"` + b64.EncodeToString(y) + `"}`))
	return JWK{
		Kind: "EC", Use: "sig", Algorithm: "ES256", ID: b64.EncodeToString(sum[:]), Curve: "P-256",
		X: b64.EncodeToString(x), Y: b64.EncodeToString(y),
	}, nil
}

// idToken says to a program who signed in (OpenID Connect Core, section 2). It opens nothing.
func (c *Control) idToken(of session.Entry, who oauthClient, nonce string) (string, error) {
	now := c.now()
	key := current(c.signing.Load().ids, now)
	claims := map[string]any{
		"iss": c.Issuer(), "sub": of.Principal.User, "aud": who.id, "iat": now.Unix(), "exp": now.Add(accessLife).Unix(),
		"auth_time": of.Session.Authenticated.Unix(), "amr": of.Session.Methods, "sid": of.Session.ID,
		"preferred_username": of.Principal.Name,
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	head, err := json.Marshal(map[string]string{"alg": "ES256", "typ": "JWT", "kid": key.public.ID})
	if err != nil {
		return "", fault.Internal(err, "encode an ID token")
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", fault.Internal(err, "encode an ID token")
	}
	text := b64.EncodeToString(head) + "." + b64.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key.key, sum[:])
	if err != nil {
		return "", fault.Internal(err, "sign an ID token")
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return text + "." + b64.EncodeToString(signature), nil
}
