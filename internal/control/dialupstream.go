package control

import (
	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity/ldap"
)

// dialUpstream makes what speaks to an upstream. Nothing is dialled yet.
func (c *Control) dialUpstream(u access.Upstream, secret []byte) (*client, error) {
	made := &client{upstream: u, secret: secret}
	var err error
	switch u.Kind {
	case access.UpstreamLDAP:
		var d *ldap.Client
		d, err = ldap.New(ldap.Config{Settings: *u.LDAP, Domains: u.Domains, Claims: u.Mapping.Claims(u.Kind), Password: string(secret), Now: c.now})
		made.directory = d
	default:
		err = fault.Unavailable("upstreams of kind %q cannot be used yet", u.Kind)
	}
	return made, err
}
