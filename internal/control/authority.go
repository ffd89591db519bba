package control

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"time"

	"postern/internal/ca"
	"postern/internal/fault"
	"postern/internal/store"
)

// Our own CA has one root, except while roots are exchanged. Then there are two, and each issuing
// certificate of the new root has a twin of the same name and key under the root before: gateways show
// both, so that connectors that trust either root accept them, and nothing has to happen at one moment.
// "ca-root" and "ca-issuing" stay those of the root before until the exchange is finished, as programs
// of the version before know them.
type authority struct {
	root    ca.Root     // in force; during an exchange the one before
	issuers []ca.Issuer // signed by root, newest first
	next    *exchange   // nil: there is none
	pem     []byte      // the roots' certificates
}

// exchange is what is there of the next root.
type exchange struct {
	root    ca.Root
	issuer  ca.Issuer // the twin of issuers[0], signed by the next root
	started time.Time
}

// secretNext is the name of the sealed exchange.
const secretNext = "ca-next"

// storedExchange is how an exchange is sealed.
type storedExchange struct {
	Root    []byte    `json:"root"`   // PEM, as ca.Root.Marshal gives it
	Issuer  []byte    `json:"issuer"` // PEM, as ca.Issuer.Marshal gives it
	Started time.Time `json:"started"`
}

func (x *exchange) marshal() ([]byte, error) {
	root, err := x.root.Marshal()
	if err != nil {
		return nil, err
	}
	issuer, err := x.issuer.Marshal()
	if err != nil {
		return nil, err
	}
	return json.Marshal(storedExchange{root, issuer, x.started})
}

func parseExchange(data []byte) (*exchange, error) {
	var stored storedExchange
	if json.Unmarshal(data, &stored) != nil { // whose error might show a part of a key
		return nil, fault.Internal(nil, "the next authority is damaged")
	}
	root, err := ca.ParseRoot(stored.Root)
	if err != nil {
		return nil, err
	}
	issuer, err := ca.ParseIssuer(stored.Issuer)
	if err != nil {
		return nil, err
	}
	return &exchange{root, issuer, stored.Started}, nil
}

// readAuthority reads our own CA and checks that it hangs together.
func (c *Control) readAuthority(ctx context.Context, tx *store.Tx) (*authority, error) {
	data, err := tx.Secret(ctx, secretRoot)
	if err != nil {
		return nil, err
	}
	a := &authority{}
	if a.root, err = ca.ParseRoot(data); err != nil {
		return nil, err
	}
	if data, err = tx.Secret(ctx, secretIssuing); err != nil {
		return nil, err
	}
	if a.issuers, err = parseIssuers(data, c.now()); err != nil {
		return nil, err
	}
	for _, issuer := range a.issuers {
		if err := issuer.Cert.CheckSignatureFrom(a.root.Cert); err != nil {
			return nil, fault.Internal(err, "an issuing certificate is not signed by the root")
		}
	}
	data, err = tx.Secret(ctx, secretNext)
	if err == nil {
		a.next, err = parseExchange(data)
	}
	if err != nil && !fault.Is(err, fault.KindNotFound) {
		return nil, err
	}
	if a.next != nil {
		if err := a.next.issuer.Cert.CheckSignatureFrom(a.next.root.Cert); err != nil {
			return nil, fault.Internal(err, "the next issuing certificate is not signed by the next root")
		}
	}
	a.pem = encodeCertificates(a.roots())
	return a, nil
}

// roots gives the roots' certificates: what agents and browsers are to trust.
func (a *authority) roots() []*x509.Certificate {
	if a.next == nil {
		return []*x509.Certificate{a.root.Cert}
	}
	return []*x509.Certificate{a.root.Cert, a.next.root.Cert}
}

// newest gives the root that stays: tokens name it.
func (a *authority) newest() ca.Root {
	if a.next != nil {
		return a.next.root
	}
	return a.root
}

// chain gives what to send with a leaf: every way from it to one of our roots, and those. It is nil
// for a leaf that none of our issuers signed.
func (a *authority) chain(leaf *x509.Certificate) [][]byte {
	for i, issuer := range a.issuers {
		if leaf.CheckSignatureFrom(issuer.Cert) != nil {
			continue
		}
		out := [][]byte{leaf.Raw, issuer.Cert.Raw}
		if a.next != nil && i == 0 {
			out = append(out, a.next.issuer.Cert.Raw)
		}
		out = append(out, a.root.Cert.Raw)
		if a.next != nil && i == 0 {
			out = append(out, a.next.root.Cert.Raw)
		}
		return out
	}
	return nil
}

// signed reports whether the issuing certificate that signs now has signed the leaf.
func (a *authority) signed(leaf *x509.Certificate) bool {
	return bytes.Equal(leaf.AuthorityKeyId, a.issuers[0].Cert.SubjectKeyId) && leaf.CheckSignatureFrom(a.issuers[0].Cert) == nil
}

// wanted gives the key id of the issuing certificate that connectors should renew to, if they should.
func (a *authority) wanted() []byte {
	if a.next == nil {
		return nil
	}
	return a.issuers[0].Cert.SubjectKeyId
}

func encodeCertificates(list []*x509.Certificate) (out []byte) {
	for _, cert := range list {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})...)
	}
	return out
}

// marshalIssuers gives the secret that parseIssuers reads.
func marshalIssuers(list []ca.Issuer) (data []byte, err error) {
	for _, issuer := range list {
		text, err := issuer.Marshal()
		if err != nil {
			return nil, err
		}
		data = append(data, text...)
	}
	return data, nil
}
