package control

import (
	"context"
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

// secretOAuth is the name of the sealed key that signs ID tokens.
const secretOAuth = "oauth-key"

// openOAuth reads the key that signs ID tokens, and makes it first if there is none.
func (c *Control) openOAuth(ctx context.Context) error {
	data, err := c.secret(ctx, secretOAuth, func() ([]byte, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return x509.MarshalPKCS8PrivateKey(key)
	})
	if err != nil {
		return err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(data)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return fault.Internal(nil, "the key of ID tokens is damaged") // an error might show a part of it
	}
	c.instance.oauth = key
	return nil
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

// OAuthKeys gives the keys with which ID tokens are checked.
func (c *Control) OAuthKeys() []JWK {
	point, _ := c.instance.oauth.PublicKey.Bytes() // of a curve with such bytes: cannot fail
	x, y := point[1:33], point[33:]
	// The thumbprint of RFC 7638 names the key: the same on every replica, another for another key.
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + b64.EncodeToString(x) + `","y":"` + b64.EncodeToString(y) + `"}`))
	return []JWK{{
		Kind: "EC", Use: "sig", Algorithm: "ES256", ID: b64.EncodeToString(sum[:]), Curve: "P-256",
		X: b64.EncodeToString(x), Y: b64.EncodeToString(y),
	}}
}

// idToken says to a program who signed in (OpenID Connect Core, section 2). It opens nothing.
func (c *Control) idToken(of session.Entry, who oauthClient, nonce string) (string, error) {
	now := c.now()
	claims := map[string]any{
		"iss": c.Issuer(), "sub": of.Principal.User, "aud": who.id, "iat": now.Unix(), "exp": now.Add(accessLife).Unix(),
		"auth_time": of.Session.Authenticated.Unix(), "amr": of.Session.Methods, "sid": of.Session.ID,
		"preferred_username": of.Principal.Name,
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	head, err := json.Marshal(map[string]string{"alg": "ES256", "typ": "JWT", "kid": c.OAuthKeys()[0].ID})
	if err != nil {
		return "", fault.Internal(err, "encode an ID token")
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", fault.Internal(err, "encode an ID token")
	}
	text := b64.EncodeToString(head) + "." + b64.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, c.instance.oauth, sum[:])
	if err != nil {
		return "", fault.Internal(err, "sign an ID token")
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return text + "." + b64.EncodeToString(signature), nil
}
