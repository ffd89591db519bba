package uplink

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

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
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Invalid("KRB5_CONFIG", "names a file that cannot be read: %v", err)
	}
	conf, err := config.NewFromString(string(text))
	if _, old := errors.AsType[config.UnsupportedDirective](err); err != nil && !old { // those of Kerberos 4 say nothing to us
		return nil, fault.Invalid("KRB5_CONFIG", "%s is not understood: %v", path, err)
	}
	if conf.LibDefaults.DefaultRealm == "" {
		conf.LibDefaults.DefaultRealm = realm
	}
	// A realm whose KDCs the file does not list is looked for in DNS unless it forbids that, as MIT's library does: the file that Linux
	// distributions install lists none of ours.
	if !strings.Contains(string(text), "dns_lookup_kdc") {
		conf.LibDefaults.DNSLookupKDC = true
	}
	return conf, nil
}

// authorization gives what to say to a proxy: a ticket for the service HTTP at its name. Each time it is a fresh one: dials
// are rare, and nothing can be out of date.
func (d *Dialer) authorization(ctx context.Context, proxy string) (string, error) {
	if _, err := netip.ParseAddr(proxy); err == nil {
		return "", fault.Unauthenticated("the proxy %s wants Negotiate: name it by its host name, since Kerberos knows services by names", proxy)
	}
	type result struct {
		token string
		err   error
	}
	done := make(chan result, 1)
	go func() { // ends by the library's own timeouts, which know no context
		token, err := d.ticket("HTTP/" + proxy)
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

// keyRefused is how long a key that the KDC did not accept is not shown to it again. Whoever shows a wrong key at each dial has the
// account locked within seconds; so it stays below the few times in half an hour that domains allow.
const keyRefused = 10 * time.Minute

// refusedKey remembers the key that a KDC did not accept last. Its zero value is none.
type refusedKey struct {
	mu   sync.Mutex // guards the fields below
	sum  [sha256.Size]byte
	when time.Time
	err  error
}

// before gives the error with which the keys of a keytab were refused of late, and their sum for after.
func (r *refusedKey) before(path string) (sum [sha256.Size]byte, err error) {
	text, readErr := os.ReadFile(path)
	if readErr != nil {
		return sum, nil // whoever uses it finds out
	}
	sum = sha256.Sum256(text)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil && r.sum == sum && time.Since(r.when) < keyRefused {
		return sum, r.err
	}
	return sum, nil
}

// after notes what became of keys.
func (r *refusedKey) after(sum [sha256.Size]byte, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = nil
	if err != nil && strings.Contains(err.Error(), "KDC_ERR_PREAUTH_FAILED") {
		r.sum, r.when, r.err = sum, time.Now(), err
	}
}

// ticket gives a ticket for a service, as authorization says it; with keys that were refused of late it asks nobody.
func (d *Dialer) ticket(service string) (string, error) {
	if d.kerberos.Keytab == "" {
		return d.kerberos.token(service)
	}
	sum, err := d.refused.before(d.kerberos.Keytab)
	if err != nil {
		return "", err
	}
	token, err := d.kerberos.token(service)
	d.refused.after(sum, err)
	return token, err
}

// kerberosError says what is to be done. The library tells a KDC's errors by their names in a text.
func kerberosError(proxy string, err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e
	}
	cures := []struct{ code, cure string }{
		{"KDC_ERR_S_PRINCIPAL_UNKNOWN", "the KDC knows no service HTTP/" + proxy + ": is the proxy named as in its service principal?"},
		{"KDC_ERR_C_PRINCIPAL_UNKNOWN", "the KDC does not know the principal: is proxy-principal right?"},
		{"KDC_ERR_PREAUTH_FAILED", "the KDC does not accept the key: make a new keytab, since the password was changed (this one is tried again in ten minutes at most)"},
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
