package control

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/ca"
	"postern/internal/fault"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/wire"
)

// enrolAgain is how long the connector that used a token may ask again, when the answer was lost.
const enrolAgain = 10 * time.Minute

// Enrol registers a connector with a one-time token. One transaction checks the token, spends it,
// and creates the connector and its certificate's serial; the same key asking again soon gets the
// same answer.
func (c *Control) Enrol(ctx context.Context, by access.Actor, req wire.EnrolRequest) (wire.Credential, error) {
	r := request{by: by, perm: enrolConnector, object: access.ID(short(req.TokenID, 64)), name: req.Name}
	public, err := ca.ParseCSR(req.CSR)
	if err != nil {
		c.refused(ctx, r, err)
		return wire.Credential{}, err
	}
	issue := ca.Request{Profile: ca.ProfileConnector, Public: public, Lifetime: c.cfg.Settings.Certificate}
	connector := access.Connector{
		Meta: access.Meta{ID: access.NewID(access.PrefixConnector, c.now())},
		Name: req.Name,
		Host: hostFacts(req.Host),
	}
	row, err := c.reserved(issue, c.identityOf(connector.ID).String())
	if err != nil {
		return wire.Credential{}, err
	}
	spent, row, err := c.enrolledBefore(ctx, req, row)
	if err != nil {
		c.refused(ctx, r, err)
		return wire.Credential{}, err
	}
	if spent.Used.IsZero() {
		spent.UsedBy = connector.ID
		if err := c.act(ctx, r, func(ch *change) error { return ch.enrol(req, connector, row) }); err != nil {
			if fault.Is(err, fault.KindGone) { // raced, perhaps by our own first try
				return c.enrolledAgain(ctx, req, issue, err)
			}
			return wire.Credential{}, err
		}
	}
	return c.credential(ctx, spent.UsedBy, row, issue)
}

// enrolledAgain answers a request that lost the race for its token: with the winner's answer if the
// winner had the same key.
func (c *Control) enrolledAgain(ctx context.Context, req wire.EnrolRequest, issue ca.Request, lost error) (wire.Credential, error) {
	row, err := c.reserved(issue, "")
	if err != nil {
		return wire.Credential{}, err
	}
	spent, row, err := c.enrolledBefore(ctx, req, row)
	if err != nil || spent.Used.IsZero() {
		return wire.Credential{}, lost
	}
	return c.credential(ctx, spent.UsedBy, row, issue)
}

// enrolledBefore checks the token. For one that the same key has just used it gives the certificate
// of that time, for an unused one the row as it came.
func (c *Control) enrolledBefore(
	ctx context.Context, req wire.EnrolRequest, row store.IssuedCertificate,
) (t access.Token, _ store.IssuedCertificate, err error) {
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		if t, err = c.checkEnrolment(ctx, tx, req); err != nil || t.Used.IsZero() {
			return err
		}
		gone := fault.New(fault.KindGone, "the enrolment token was used at %s; make a new one", t.Used.Format(time.RFC3339))
		if !session.SameHash(t.KeyHash, keyHash(row)) || c.now().Sub(t.Used) > enrolAgain {
			return gone
		}
		row, err = tx.IssuedByKeyHash(ctx, c.identityOf(t.UsedBy).String(), row.KeyHash)
		return orElse(err, fault.KindNotFound, gone)
	})
	return t, row, err
}

// keyHash is a certificate's key hash as tokens store it.
func keyHash(row store.IssuedCertificate) []byte {
	hash, err := hex.DecodeString(row.KeyHash)
	if err != nil {
		return nil
	}
	return hash
}

// checkEnrolment finds the token and compares its secret in constant time. It says the same of an
// unknown token and of a wrong secret, which both are of another service or tampered with.
func (c *Control) checkEnrolment(ctx context.Context, tx *store.Tx, req wire.EnrolRequest) (access.Token, error) {
	bad := fault.Unauthenticated("this service does not know the enrolment token: it is of another service, was deleted, or was not copied whole")
	id := access.ID(req.TokenID)
	if !id.Valid(access.PrefixToken) || len(req.Secret) > 256 {
		return access.Token{}, bad
	}
	t, err := tx.Token(ctx, id)
	if fault.Is(err, fault.KindNotFound) {
		session.SameHash(session.Hash(req.Secret), session.Hash(""))
		return access.Token{}, bad
	}
	if err != nil {
		return access.Token{}, err
	}
	if !session.SameHash(t.Hash, session.Hash(req.Secret)) {
		return access.Token{}, bad
	}
	if t.Used.IsZero() && expired(t.Expires, c.now()) {
		return access.Token{}, fault.New(fault.KindGone, "the enrolment token expired at %s; make a new one", t.Expires.Format(time.RFC3339))
	}
	return t, nil
}

// enrol spends the token and creates what it stands for.
func (ch *change) enrol(req wire.EnrolRequest, connector access.Connector, row store.IssuedCertificate) error {
	t, err := ch.c.checkEnrolment(ch.ctx, ch.tx, req)
	if err != nil {
		return err
	}
	ok, err := ch.tx.SpendToken(ch.ctx, store.Spending{Token: t.ID, Connector: connector.ID, KeyHash: keyHash(row), Time: ch.now})
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.KindGone, "the enrolment token was used by another connector; make a new one")
	}
	connector.Meta = access.Meta{ID: connector.ID, Version: 1, Created: ch.now, Updated: ch.now}
	connector.GroupID = t.GroupID
	if t.Hold {
		connector.Waiting = ch.now.Add(access.ApprovalWithin)
	}
	connector.Serial, connector.NotAfter = row.Serial, row.NotAfter
	connector.LastSeen, connector.Address = ch.now, ch.by.Address
	if connector.Name, err = ch.freeConnectorName(connector); err != nil {
		return err
	}
	if err := connector.Validate(); err != nil {
		return err
	}
	if err := ch.tx.InsertConnector(ch.ctx, &connector); err != nil {
		return err
	}
	if err := ch.tx.ReserveSerial(ch.ctx, &row); err != nil {
		return err
	}
	ch.audit(enrolConnector, object{connector.Meta, connector.Name}, nil, struct {
		access.Connector
		Token access.ID
	}{connector, t.ID})
	return nil
}

// freeConnectorName gives the name that was asked for, or the machine's, with a number if another
// connector has it.
func (ch *change) freeConnectorName(k access.Connector) (string, error) {
	name := k.Name
	if name == "" {
		name = k.Host.MachineName
		if access.CheckName(name) != nil {
			name = "connector"
		}
	}
	all, err := ch.tx.AllConnectors(ch.ctx)
	if err != nil {
		return "", err
	}
	taken := map[string]bool{}
	for _, other := range all {
		taken[strings.ToLower(other.Name)] = true
	}
	return freeName(name, taken), nil
}

// freeName gives the name, or the name with the first number that nobody has.
func freeName(name string, taken map[string]bool) string {
	free := name
	for n := 2; taken[strings.ToLower(free)]; n++ {
		suffix := fmt.Sprintf(" %d", n)
		runes := []rune(name)
		free = string(runes[:min(len(runes), 128-len(suffix))]) + suffix
	}
	return free
}

// hostFacts takes what a peer tells of itself within bounds.
func hostFacts(h wire.Host) access.HostFacts {
	return access.HostFacts{MachineName: told(h.MachineName), OS: told(h.OS), Arch: told(h.Arch), Program: told(h.Program)}
}

// told takes one fact within bounds.
func told(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return short(strings.TrimSpace(s), 120)
}

// credential signs what was reserved and gives the connector all that it needs.
func (c *Control) credential(ctx context.Context, connector access.ID, row store.IssuedCertificate, issue ca.Request) (wire.Credential, error) {
	if row.State == store.CertificateRevoked {
		return wire.Credential{}, fault.Forbidden("the certificate is revoked; enrol again")
	}
	issue.Identity = c.identityOf(connector)
	der, err := c.certify(ctx, row, issue)
	if err != nil {
		return wire.Credential{}, err
	}
	waiting, err := c.waitsUntil(ctx, connector)
	if err != nil {
		return wire.Credential{}, err
	}
	out := c.credentialOf(connector, row, der)
	out.Waiting = waiting
	return out, nil
}

// credentialOf gives what goes with an agent's certificate.
func (c *Control) credentialOf(agent access.ID, row store.IssuedCertificate, der []byte) wire.Credential {
	out := wire.Credential{
		Connector:   string(agent),
		TrustDomain: c.instance.trustDomain,
		Certificate: der,
		Roots:       c.authority.Load().pem,
		ServiceURL:  c.cfg.Names.PortalURL,
		RenewAfter:  renewAfter(&row),
		Time:        c.now(),
	}
	for _, g := range c.current().Gateways {
		out.Gateways = append(out.Gateways, wire.Gateway{ID: string(g.ID), Address: g.Address})
	}
	return out
}
