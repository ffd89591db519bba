package connector

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"postern/internal/match"
	"postern/internal/wire"
)

// Names finds what is known of names beside their addresses. *net.Resolver does.
type Names interface {
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupAddr(ctx context.Context, addr string) ([]string, error)
	LookupCNAME(ctx context.Context, host string) (string, error)
}

// lookup says what a name of a private application stands for in this network: for a user who was granted the application, and only for
// names, and addresses, that one of its segments has. The local rules are about ports; they are asked when a flow comes.
func (c *Connector) lookup(ctx context.Context, q wire.SignedLookup) wire.Looked {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	t, refusal := c.decided(ctx, func(s *settings) (*target, *wire.Refusal) { return c.mayLookUp(s, q) })
	if refusal != nil {
		return wire.Looked{Refusal: refusal}
	}
	found, err := c.find(ctx, t, q.Type)
	var dns *net.DNSError
	switch {
	case err == nil:
		found.Exists = true
	case errors.As(err, &dns) && dns.IsNotFound:
		// Of one type there may be nothing though there is something of another: that is no name that does not exist.
		found = wire.Looked{Exists: q.Type != wire.LookupAddress && q.Type != wire.LookupPointer && c.known(ctx, t)}
	default:
		return wire.Looked{Refusal: resolveRefusal(t, err)}
	}
	return found
}

// mayLookUp verifies the grant and finds the target, both by our own configuration.
func (c *Connector) mayLookUp(s *settings, q wire.SignedLookup) (*target, *wire.Refusal) {
	if s == nil {
		return nil, refuse(wire.PhaseTarget, codeConfigBehind, "the connector has no configuration yet")
	}
	grant, err := s.verifier.Verify(q.Grant, q.Application, c.cfg.Now())
	if err != nil {
		return nil, refuse(wire.PhaseGrant, grantCode(q.Grant, s, c.cfg.Now()), "%s", err)
	}
	if grant.Kind != wire.GrantUser {
		return nil, refuse(wire.PhaseGrant, "grant-refused", "the grant is for an application, not for a user")
	}
	t, refusal := targetOf(s, q.Application, q.Version)
	if refusal != nil {
		return nil, refusal
	}
	host, err := match.ParseHost(q.Name)
	switch {
	case err != nil || host.Addr.IsValid() != (q.Type == wire.LookupPointer):
		return nil, refuse(wire.PhaseTarget, "destination-malformed", "the name %q cannot be looked up", clip(q.Name))
	case t.segments == nil || len(t.segments.Covering(host)) == 0:
		return nil, refuse(wire.PhaseTarget, "destination-unknown", "%s is in no segment of the application, as this connector knows it", clip(q.Name))
	}
	one := *t
	one.host, one.Host = host, host.String()
	return &one, nil
}

// find looks one type up.
func (c *Connector) find(ctx context.Context, t *target, of wire.LookupType) (found wire.Looked, err error) {
	name := t.host.Name + "." // complete: what is meant was said by the device
	switch of {
	case wire.LookupAddress:
		var all []netip.Addr
		if all, err = c.cfg.Resolver.LookupNetIP(ctx, "ip", name); err != nil {
			return found, err
		}
		for _, addr := range all {
			if addr.Zone() == "" {
				found.Addresses = append(found.Addresses, addr.Unmap())
			}
		}
	case wire.LookupService:
		var all []*net.SRV
		_, all, err = c.cfg.Names.LookupSRV(ctx, "", "", name)
		for _, s := range all {
			found.Services = append(found.Services, wire.Service{Target: s.Target, Port: s.Port, Priority: s.Priority, Weight: s.Weight})
		}
	case wire.LookupText:
		found.Texts, err = c.cfg.Names.LookupTXT(ctx, name)
	case wire.LookupAlias:
		var to string
		if to, err = c.cfg.Names.LookupCNAME(ctx, name); err == nil && to != name {
			found.Names = []string{to}
		}
	case wire.LookupPointer:
		found.Names, err = c.cfg.Names.LookupAddr(ctx, t.host.Addr.String())
	}
	found.Addresses, found.Services = some(found.Addresses), some(found.Services)
	found.Texts, found.Names = some(found.Texts), some(found.Names)
	return found, err
}

// known reports whether a name has an address.
func (c *Connector) known(ctx context.Context, t *target) bool {
	_, err := c.cfg.Resolver.LookupNetIP(ctx, "ip", t.host.Name+".")
	return err == nil
}

func some[T any](list []T) []T { return list[:min(len(list), wire.MaxLooked)] }
