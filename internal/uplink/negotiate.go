package uplink

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/spnego"

	"postern/internal/fault"
)

// Kerberos says how to prove who we are to a proxy that asks for it (Negotiate). The zero value: not at all.
type Kerberos struct {
	Keytab    string // file with the key of Principal
	Principal string // NAME@REALM; the first of the keytab if empty
	Cache     string // file of credentials that somebody else keeps fresh (kinit, k5start), instead of a keytab
	Config    string // KRB5_CONFIG or /etc/krb5.conf if empty; without that file the KDC is found by DNS
}

func (k Kerberos) given() bool { return k.Keytab != "" || k.Cache != "" }

// check reads the files once, so that what is wrong with them is told at the start. They are read anew for each use: keys change.
func (k Kerberos) check() error {
	if k.Keytab != "" && k.Cache != "" {
		return fault.Invalid("proxy-credentials-cache", "must not be given together with proxy-keytab: one of them says who we are")
	}
	if k.Principal != "" && k.Keytab == "" {
		return fault.Invalid("proxy-principal", "needs proxy-keytab, the file with its key")
	}
	if k.Cache != "" {
		return nil // it may be made later than we start
	}
	c, err := k.client()
	if err == nil {
		c.Destroy()
	}
	return err
}

// client gives a client of the KDC. It does not speak with it yet.
func (k Kerberos) client() (*client.Client, error) {
	if k.Cache != "" {
		return k.cached()
	}
	keys, err := keytab.Load(k.Keytab)
	if err != nil {
		return nil, fault.Invalid("proxy-keytab", "cannot be read: %v", err)
	}
	name, realm := k.principal(keys)
	if name == "" || realm == "" {
		return nil, fault.Invalid("proxy-principal", "must be NAME@REALM")
	}
	conf, err := k.config(realm)
	if err != nil {
		return nil, err
	}
	return client.NewWithKeytab(name, realm, keys, conf, client.DisablePAFXFAST(true)), nil
}

func (k Kerberos) principal(keys *keytab.Keytab) (name, realm string) {
	if k.Principal != "" {
		at := strings.LastIndex(k.Principal, "@")
		return k.Principal[:max(at, 0)], k.Principal[at+1:]
	}
	if len(keys.Entries) == 0 {
		return "", ""
	}
	first := keys.Entries[0].Principal
	return strings.Join(first.Components, "/"), first.Realm
}

func (k Kerberos) cached() (*client.Client, error) {
	cache, err := credentials.LoadCCache(k.Cache)
	if err != nil {
		return nil, fault.Invalid("proxy-credentials-cache", "cannot be read: %v", err)
	}
	conf, err := k.config(cache.GetClientRealm())
	if err != nil {
		return nil, err
	}
	c, err := client.NewFromCCache(cache, conf, client.DisablePAFXFAST(true))
	if err != nil {
		return nil, fault.Invalid("proxy-credentials-cache", "holds no ticket that can be used: %v", err)
	}
	return c, nil
}

func (k Kerberos) config(realm string) (*config.Config, error) {
	path := k.Config
	if path == "" {
		path = os.Getenv("KRB5_CONFIG")
	}
	if path == "" {
		path = "/etc/krb5.conf"
	}
	conf, err := config.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		conf, err = config.New(), nil
		conf.LibDefaults.DefaultRealm, conf.LibDefaults.DNSLookupKDC = realm, true
	}
	if err != nil {
		return nil, fault.Invalid("KRB5_CONFIG", "%s is not understood: %v", path, err)
	}
	return conf, nil
}

// authorization gives what to say to a proxy: a ticket for the service HTTP at its name. Each time it is a fresh one: dials
// are rare, and nothing can be out of date.
func (k Kerberos) authorization(ctx context.Context, proxy string) (string, error) {
	if _, err := netip.ParseAddr(proxy); err == nil {
		return "", fault.Unauthenticated("the proxy %s wants Negotiate: name it by its host name, since Kerberos knows services by names", proxy)
	}
	type result struct {
		token string
		err   error
	}
	done := make(chan result, 1)
	go func() { // ends by the library's own timeouts, which know no context
		token, err := k.token("HTTP/" + proxy)
		done <- result{token, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return "", kerberosError(proxy, r.err)
		}
		return "Negotiate " + r.token, nil
	case <-ctx.Done():
		return "", fault.New(fault.KindTimeout, "the proxy %s wants Negotiate, and the Kerberos KDC did not answer in time: does the firewall let this machine to it (port 88)?", proxy)
	}
}

func (k Kerberos) token(service string) (string, error) {
	c, err := k.client()
	if err != nil {
		return "", err
	}
	defer c.Destroy()
	negotiation := spnego.SPNEGOClient(c, service)
	if err := negotiation.AcquireCred(); err != nil {
		return "", err
	}
	first, err := negotiation.InitSecContext()
	if err != nil {
		return "", err
	}
	token, err := first.Marshal()
	return base64.StdEncoding.EncodeToString(token), err
}

// kerberosError says what is to be done. The library tells a KDC's errors by their names in a text.
func kerberosError(proxy string, err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e
	}
	cures := []struct{ code, cure string }{
		{"KDC_ERR_S_PRINCIPAL_UNKNOWN", "the KDC knows no service HTTP/" + proxy + ": is the proxy named as in its service principal?"},
		{"KDC_ERR_C_PRINCIPAL_UNKNOWN", "the KDC does not know the principal: is proxy-principal right?"},
		{"KDC_ERR_PREAUTH_FAILED", "the KDC does not accept the key: make a new keytab, since the password was changed"},
		{"keytab incorrect", "the KDC uses another key than the keytab has: make a new keytab, since the password was changed"},
		{"KDC_ERR_ETYPE_NOSUPP", "the KDC and the keytab have no kind of encryption in common: make a new keytab with AES keys"},
		{"KDC_ERR_KEY_EXPIRED", "the principal's password has expired"},
		{"KDC_ERR_CLIENT_REVOKED", "the principal is disabled or locked"},
		{"KRB_AP_ERR_SKEW", "this machine's clock differs from the KDC's by more than Kerberos allows"},
		{"KRB_AP_ERR_TKT_EXPIRED", "the ticket in the cache has expired: who keeps it fresh?"},
	}
	said := "no ticket can be had: does this machine reach the KDC (port 88), and does it find it (krb5.conf or DNS)?"
	for _, each := range cures {
		if strings.Contains(err.Error(), each.code) {
			said = each.cure
			break
		}
	}
	return fault.Unauthenticated("the proxy %s wants Negotiate: %s", proxy, said).Because(fmt.Errorf("kerberos: %w", err))
}
