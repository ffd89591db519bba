package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/internal/fault"
)

// assertionLife is how long a proof of our key is good.
const assertionLife = time.Minute

// sign proves who we are with our private key (private_key_jwt, RFC 7523). A certificate beside the key names it
// to providers that know us by it, such as Entra.
//
// It is for the issuer alone, which no other provider can name as its own. Providers that still want their token
// endpoint, which OpenID Connect Core 1.0 (section 9) suggests, say invalid_client and get that from then on; of Entra it is known.
func (p *Provider) sign(m *metadata, form url.Values) error {
	key, certificate, err := readKey(p.cfg.Secret)
	if err != nil {
		return err
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	if certificate != nil {
		sum := sha256.Sum256(certificate)
		options = options.WithHeader("x5t#S256", base64.RawURLEncoding.EncodeToString(sum[:]))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: m.algorithmFor(key), Key: key}, options)
	if err != nil {
		return fault.New(fault.KindInvalid, "the client's private key cannot be used: it must be RSA, P-256, P-384, P-521 or Ed25519")
	}
	audience := p.cfg.Issuer
	if p.forEndpoint.Load() || m.Graph != "" {
		audience = m.Token
	}
	now := p.cfg.Now()
	payload, err := json.Marshal(map[string]any{
		"iss": p.cfg.ClientID, "sub": p.cfg.ClientID, "aud": audience, "jti": random(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return fault.Internal(err, "encode the proof of our key")
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return fault.Internal(err, "sign the proof of our key")
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		return fault.Internal(err, "encode the proof of our key")
	}
	form.Set("client_id", p.cfg.ClientID)
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", text)
	return nil
}

// readKey reads a private key, PKCS #8, PKCS #1 or SEC 1, and the first certificate beside it.
func readKey(text string) (key crypto.Signer, certificate []byte, err error) {
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch block.Type {
		case "CERTIFICATE":
			if certificate == nil {
				certificate = block.Bytes
			}
			continue
		}
		var parsed any
		if parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
			if parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
				parsed, _ = x509.ParseECPrivateKey(block.Bytes)
			}
		}
		if signer, ok := parsed.(crypto.Signer); ok && key == nil {
			key = signer
		}
	}
	if key == nil {
		return nil, nil, fault.New(fault.KindInvalid, "the client's secret looks like PEM but holds no private key without a password")
	}
	return key, certificate, nil
}

// algorithmFor gives the algorithm with which a key of ours signs. RSA's older one is what every provider takes.
func (m *metadata) algorithmFor(key crypto.Signer) jose.SignatureAlgorithm {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if slices.Contains(m.TokenAuthAlgs, string(jose.PS256)) && !slices.Contains(m.TokenAuthAlgs, string(jose.RS256)) {
			return jose.PS256
		}
		return jose.RS256
	case *ecdsa.PrivateKey:
		switch k.Curve.Params().BitSize {
		case 256:
			return jose.ES256
		case 384:
			return jose.ES384
		}
		return jose.ES512
	case ed25519.PrivateKey:
		return jose.EdDSA
	}
	return ""
}
