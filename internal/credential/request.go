package credential

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"

	"postern/internal/fault"
	"postern/internal/wire"
)

// maxPayload bounds the signed part of a request, in bytes.
const maxPayload = 32 << 10

// Request gives the DER of a PKCS #10 request that proves possession of the key and asks for
// nothing else.
func Request(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fault.Internal(err, "make a certificate request")
	}
	return der, nil
}

// Sign makes a renewal or deregistration; it fills in Connector and Serial.
func (c *Credential) Sign(payload wire.RenewPayload) (wire.SignedRequest, error) {
	payload.Connector, payload.Serial = c.Identity.ID, c.Serial
	data, err := json.Marshal(payload)
	if err != nil {
		return wire.SignedRequest{}, fault.Internal(err, "encode a signed request")
	}
	sum := signedHash(data)
	signature, err := ecdsa.SignASN1(rand.Reader, c.Key, sum[:])
	if err != nil {
		return wire.SignedRequest{}, fault.Internal(err, "sign a request")
	}
	return wire.SignedRequest{Payload: data, Signature: signature}, nil
}

func signedHash(payload []byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte(wire.SignaturePrefix), payload...))
}

// OpenRequest is the service's side of Sign. It gives the payload only if it is signed for that
// purpose by the key of the certificate that find returns for its serial, and names that
// certificate's connector. Whether the certificate is revoked or replaced, find or the caller
// decides; expired ones are good here. find's own errors are passed on.
func OpenRequest(req wire.SignedRequest, purpose string, find func(serial string) (*x509.Certificate, error)) (wire.RenewPayload, *x509.Certificate, error) {
	deny := func(why string) (wire.RenewPayload, *x509.Certificate, error) {
		return wire.RenewPayload{}, nil, fault.Unauthenticated("the request %s", why)
	}
	if len(req.Payload) > maxPayload {
		return deny("is too large")
	}
	var payload wire.RenewPayload
	if json.Unmarshal(req.Payload, &payload) != nil {
		return deny("is malformed")
	}
	if payload.Purpose != purpose {
		return deny("is signed for another purpose")
	}
	leaf, err := find(payload.Serial)
	if err != nil {
		return wire.RenewPayload{}, nil, err
	}
	if leaf == nil || serialText(leaf) != payload.Serial {
		return deny("names an unknown certificate")
	}
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	sum := signedHash(req.Payload)
	if !ok || !ecdsa.VerifyASN1(key, sum[:], req.Signature) {
		return deny("is not signed by the key of its certificate")
	}
	id, err := leafIdentity(leaf)
	if err != nil {
		return wire.RenewPayload{}, nil, err
	}
	if id.Role != wire.RoleConnector || id.ID != payload.Connector {
		return deny("names another connector than its certificate")
	}
	return payload, leaf, nil
}
