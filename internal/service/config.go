package service

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/daemon"
	"postern/internal/fault"
	"postern/internal/store"
)

// Off as an address means: do not listen.
const Off = "off"

// Config is the service's settings: `postern serve` has a flag and an environment variable for
// each. Every field's zero value works.
type Config struct {
	Data            string        // directory of database, master key and RootsFile; /var/lib/postern, or below the user's own directories when not root
	Database        string        // postgres:// URL; SQLite in Data if empty
	KeyFile         string        // master key that seals secrets in the database; Data/master.key, made at the first start, if empty
	URL             string        // where people sign in and connectors enrol; https:// and this machine's name if empty
	AdminURL        string        // admin center and admin API; the URL with "admin." before its host if empty
	Listen          string        // TLS for everybody; ":443" if empty
	ListenPlain     string        // redirects and the revocation list; ":80" if empty, "off" for none
	AdminListen     string        // where the admin center is served instead of Listen; empty: on Listen
	MetricsListen   string        // metrics and health; "127.0.0.1:9600" if empty, "off" for none
	ProxyProtocol   []string      // networks of load balancers whose connections begin with a PROXY protocol header (version 2); none if empty
	GatewayAddress  string        // host:port that connectors dial; host and port of URL if empty
	Region          string        // where this gateway is, in a word; optional
	ArchiveAfter    time.Duration // of absence a connector is archived [10 days]
	AuditRetention  time.Duration // of the audit log [what the configuration says]
	SignInRetention time.Duration // of the sign-in log [what the configuration says]
	TrafficAge      time.Duration // how long the traffic log keeps records [what the configuration says]
	TrafficBytes    int64         // how large the traffic log becomes [what the configuration says]; negative: there is none
	SecondFactor    bool          // nobody gets in without a second factor; who has none adds one at the next sign-in
	Certificate     time.Duration // of a connector's, device's or gateway's certificate [30 days]
	Drain           time.Duration // how long open requests may take when stopping; 30 s if zero

	BreachedPasswords string // a file or an https URL with passwords that nobody may choose, as Have I Been Pwned has them; none if empty

	Version string // of the program, shown in lists

	Log      *slog.Logger                                     // slog.Default() if nil
	Now      func() time.Time                                 // optional; time.Now if nil
	Listener func(name, address string) (net.Listener, error) // opens listeners; net.Listen if nil

	proxyProtocol []netip.Prefix // of ProxyProtocol
}

func (c Config) complete() (Config, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Listener == nil {
		c.Listener = func(_, address string) (net.Listener, error) { return net.Listen("tcp", address) }
	}
	setDefault(&c.Listen, ":443")
	setDefault(&c.ListenPlain, ":80")
	setDefault(&c.MetricsListen, "127.0.0.1:9600")
	if c.Data == "" {
		dir, err := daemon.StateDir("postern")
		if err != nil {
			return c, err
		}
		c.Data = dir
	}
	if err := c.completeURLs(); err != nil {
		return c, err
	}
	if err := c.completeProxyProtocol(); err != nil {
		return c, err
	}
	for flag, kept := range map[string]time.Duration{"audit-retention": c.AuditRetention, "sign-in-retention": c.SignInRetention, "traffic-retention": c.TrafficAge} {
		if kept < 0 {
			return c, fault.Invalid(flag, "must not be negative")
		}
	}
	if c.Certificate < 0 {
		return c, fault.Invalid("certificate", "must not be negative")
	}
	if c.Drain < 0 {
		return c, fault.Invalid("drain", "must not be negative")
	}
	if c.Drain == 0 {
		c.Drain = 30 * time.Second
	}
	return c, nil
}

func (c *Config) completeProxyProtocol() error {
	c.proxyProtocol = nil
	for _, text := range c.ProxyProtocol {
		network, err := netip.ParsePrefix(text)
		if addr, single := netip.ParseAddr(text); err != nil && single == nil {
			network, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || network.Addr().Zone() != "" {
			return fault.Invalid("proxy-protocol-from", "must list addresses or networks such as 10.0.0.5 or 10.0.0.0/24; %q is neither", text)
		}
		c.proxyProtocol = append(c.proxyProtocol, network.Masked())
	}
	return nil
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

func (c *Config) completeURLs() error {
	if c.URL == "" {
		name, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("find this machine's name for --url: %w", err)
		}
		c.URL = "https://" + strings.ToLower(name)
		if _, port, err := net.SplitHostPort(c.Listen); err == nil && port != "443" {
			c.URL += ":" + port
		}
	}
	portal, err := serviceURL("url", c.URL)
	if err != nil {
		return err
	}
	c.URL = portal.Origin()
	if c.AdminURL == "" {
		c.AdminURL = access.Endpoint{Scheme: "https", Host: "admin." + portal.Host, Port: portal.Port}.Origin()
	}
	admin, err := serviceURL("admin-url", c.AdminURL)
	if err != nil {
		return err
	}
	if admin.Host == portal.Host {
		return fault.Invalid("admin-url", "must have another host than url (%s)", portal.Host)
	}
	c.AdminURL = admin.Origin()
	setDefault(&c.GatewayAddress, portal.Address())
	if c.Region != "" {
		if err := access.CheckName(c.Region); err != nil {
			return fault.Invalid("region", "%s", err)
		}
	}
	host, port, err := net.SplitHostPort(c.GatewayAddress)
	if err != nil || host == "" || port == "" || port == "0" {
		return fault.Invalid("gateway-address", "must be host:port as connectors dial it; %q is not", c.GatewayAddress)
	}
	return nil
}

// serviceURL reads the URL of one of the service's own hosts: https, a name, no path.
func serviceURL(flag, raw string) (access.Endpoint, error) {
	e, err := access.ParseEndpoint(raw)
	if err != nil {
		return e, fault.Invalid(flag, "%s", err)
	}
	switch {
	case e.Scheme != "https":
		return e, fault.Invalid(flag, "must start with https://")
	case e.Path != "/":
		return e, fault.Invalid(flag, "must not have a path")
	case net.ParseIP(e.Host) != nil:
		return e, fault.Invalid(flag, "must have a host name, not an IP address")
	}
	return e, nil
}

// Storage gives where the database and the master key are: from Data, Database and KeyFile alone.
func (c Config) Storage() (store.Config, error) {
	if c.Data == "" {
		dir, err := daemon.StateDir("postern")
		if err != nil {
			return store.Config{}, err
		}
		c.Data = dir
	}
	out := store.Config{URL: c.Database, KeyFile: c.KeyFile, Log: c.Log}
	setDefault(&out.URL, (&url.URL{Scheme: "sqlite", Opaque: filepath.Join(c.Data, "postern.db")}).String())
	setDefault(&out.KeyFile, filepath.Join(c.Data, "master.key"))
	return out, nil
}

// openStore opens the database and the master key, making both at the first start.
func (s *Service) openStore(ctx context.Context) error {
	if err := os.MkdirAll(s.cfg.Data, 0o700); err != nil {
		return fmt.Errorf("make the data directory (--data): %w", err)
	}
	where, err := s.cfg.Storage()
	if err != nil {
		return err
	}
	s.store, err = store.Open(ctx, where)
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	return nil
}
