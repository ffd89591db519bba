package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"postern/internal/fault"
)

// accepted lists the algorithms of signatures that we accept: none that is symmetric, because then whoever can check
// a signature could make one, and never "none".
var accepted = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

func algorithmNames() (names []string) {
	for _, a := range accepted {
		names = append(names, string(a))
	}
	return names
}

// algorithms gives those of the provider's that we accept. A provider that lists none signs with RS256, which it must.
func (m *metadata) algorithms() []jose.SignatureAlgorithm {
	if len(m.Algorithms) == 0 {
		return []jose.SignatureAlgorithm{jose.RS256}
	}
	return slices.DeleteFunc(slices.Clone(accepted), func(a jose.SignatureAlgorithm) bool { return !slices.Contains(m.Algorithms, string(a)) })
}

// The sizes of RSA keys that are checked with. Below is no safety; above, a signature costs too much.
const (
	minRSA = 2048
	maxRSA = 8192
)

type keySet struct{ keys []jose.JSONWebKey }

// fetchKeys reads the provider's keys. One that we do not understand is none of ours; too many are refused.
func (p *Provider) fetchKeys(ctx context.Context) (*keySet, error) {
	m, err := p.meta(ctx)
	if err != nil {
		return nil, err
	}
	var document struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := p.cfg.Fetch.JSON(ctx, m.Keys, &document); err != nil {
		return nil, err
	}
	if len(document.Keys) > maxKeys {
		return nil, fault.New(fault.KindUpstream, "the identity provider lists %d keys, more than %d", len(document.Keys), maxKeys)
	}
	set := &keySet{}
	for _, raw := range document.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) == nil && usable(k) {
			set.keys = append(set.keys, k)
		}
	}
	if len(set.keys) == 0 {
		return nil, fault.New(fault.KindUpstream, "the identity provider lists no key that signatures can be checked with")
	}
	return set, nil
}

func usable(k jose.JSONWebKey) bool {
	if k.Use != "" && k.Use != "sig" || len(k.KeyID) > 1024 {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= minRSA && key.N.BitLen() <= maxRSA
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false // private and symmetric ones, too: who publishes those has none
}

// fits tells whether a key is for an algorithm.
func fits(k jose.JSONWebKey, algorithm string) bool {
	if k.Algorithm != "" {
		return k.Algorithm == algorithm
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return algorithm[:2] == "RS" || algorithm[:2] == "PS"
	case *ecdsa.PublicKey:
		want := map[string]int{"ES256": 256, "ES384": 384, "ES512": 521}
		return want[algorithm] == key.Curve.Params().BitSize
	case ed25519.PublicKey:
		return algorithm == string(jose.EdDSA)
	}
	return false
}

// find gives the one key that a signature names. A signature that names none is checked only if there is no choice.
func (s *keySet) find(id, algorithm string) (jose.JSONWebKey, bool) {
	var found []jose.JSONWebKey
	for _, k := range s.keys {
		if (id == "" || k.KeyID == id) && fits(k, algorithm) {
			found = append(found, k)
		}
	}
	if len(found) != 1 {
		return jose.JSONWebKey{}, false
	}
	return found[0], true
}

// verify checks the signature of a token and gives what it says. A key that is not known yet is asked for, once a
// minute at the most, whoever asks.
func (p *Provider) verify(ctx context.Context, token string, types ...string) ([]byte, error) {
	m, err := p.meta(ctx)
	if err != nil {
		return nil, err
	}
	if token == "" || len(token) > maxToken {
		return nil, refused("its token is missing or longer than %d bytes", maxToken)
	}
	signed, err := jose.ParseSignedCompact(token, m.algorithms())
	if err != nil || len(signed.Signatures) != 1 {
		return nil, refused("its token is not signed in a way that we accept")
	}
	header := signed.Signatures[0].Protected
	if kind, ok := header.ExtraHeaders[jose.HeaderType].(string); ok && !slices.Contains(types, kind) {
		return nil, refused("its token is of the type %q", fault.Readable(kind))
	}
	keys, loaded, err := p.keys.Value(ctx)
	if err != nil {
		return nil, err
	}
	key, ok := keys.find(header.KeyID, header.Algorithm)
	if !ok {
		if keys, err = p.keys.Newer(ctx, loaded); err != nil {
			return nil, p.unknownKey(err)
		}
		if key, ok = keys.find(header.KeyID, header.Algorithm); !ok {
			return nil, refused("its token is signed with a key that the provider does not list")
		}
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return nil, refused("the signature of its token is wrong")
	}
	return payload, nil
}

// unknownKey says that a key is not known and could not be asked for just now.
func (p *Provider) unknownKey(err error) error {
	if !fault.Is(err, fault.KindUnavailable) {
		return err
	}
	again := fault.Unavailable("the identity provider signs with a key that is not known yet; please try again in a minute").Because(err)
	return again.After(keysPause)
}
