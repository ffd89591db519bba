package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postern/internal/dial"
	"postern/internal/fault"
	"postern/internal/uplink"
	"postern/internal/uplink/pac"
)

// proxyFlags say how the connector gets out of its network.
type proxyFlags struct {
	proxy     string
	userFile  string
	keytab    string
	principal string
	cache     string

	backend       string
	backendDirect string
}

func (p *proxyFlags) add(f *pflag.FlagSet) {
	f.StringVar(&p.proxy, "proxy", "", "`URL` of an outbound proxy (http, https, socks5), pac:URL or pac:FILE, wpad or wpad:DOMAIN, or direct (default HTTPS_PROXY and NO_PROXY)")
	f.StringVar(&p.userFile, "proxy-user-file", "", "`file` with user:password for proxies that want them and whose URL names none")
	f.StringVar(&p.keytab, "proxy-keytab", "", "`file` with a Kerberos key, for proxies that want Negotiate")
	f.StringVar(&p.principal, "proxy-principal", "", "`NAME@REALM` whose key in --proxy-keytab is used (default the first)")
	f.StringVar(&p.cache, "proxy-credentials-cache", "", "`file` of Kerberos credentials that somebody else keeps fresh, instead of --proxy-keytab")
	f.StringVar(&p.backend, "backend-proxy", "", "`URL` of a proxy before applications (http, socks5; default direct)")
	f.StringVar(&p.backendDirect, "backend-no-proxy", "", "`networks` that are connected to directly in spite of --backend-proxy, such as 10.0.0.0/8")
}

// check refuses a password as an argument, which every user of the machine can read; the environment can not.
func (p *proxyFlags) check() error {
	if _, rest, ok := strings.Cut(p.proxy, "@"); ok && rest != "" {
		return fault.Invalid("--proxy", "must not carry a password, which every user of this machine could read: set POSTERN_CONNECTOR_PROXY instead, or --proxy-user-file")
	}
	if _, rest, ok := strings.Cut(p.backend, "@"); ok && rest != "" {
		return fault.Invalid("--backend-proxy", "must not carry a password, which every user of this machine could read: set POSTERN_CONNECTOR_BACKEND_PROXY instead")
	}
	return nil
}

func (p *proxyFlags) dialer() (*uplink.Dialer, error) {
	cfg := uplink.Config{
		Proxy: p.proxy, Kerberos: uplink.Kerberos{Keytab: p.keytab, Principal: p.principal, Cache: p.cache}, Script: pac.Process(self(), proxyScript),
	}
	if p.userFile != "" {
		user, err := readUser(p.userFile)
		if err != nil {
			return nil, err
		}
		cfg.User = user
	}
	return uplink.New(cfg)
}

// flagged names the flag in an error about what it was set to.
func flagged(flag string, err error) error {
	wrong, ok := errors.AsType[*fault.Error](err)
	if !ok || len(wrong.Fields) != 1 {
		return fmt.Errorf("%s: %w", flag, err)
	}
	if !strings.HasPrefix(wrong.Fields[0].Name, "--") { // a flag of its own is named already
		wrong.Fields[0].Name = flag
	}
	return err
}

// backends gives how to connect to applications; nil: directly.
func (p *proxyFlags) backends() (dial.One, error) { return uplink.Backends(p.backend, p.backendDirect) }

// self gives this program, for a process of its own.
func self() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

// readUser reads user:password from the first line of a file.
func readUser(path string) (*url.Userinfo, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fault.Invalid("--proxy-user-file", "cannot be read: %v", err)
	}
	defer file.Close() // only read from
	data, err := io.ReadAll(io.LimitReader(file, maxToken))
	if err != nil {
		return nil, fault.Invalid("--proxy-user-file", "cannot be read: %v", err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	name, password, ok := strings.Cut(strings.TrimSuffix(line, "\r"), ":")
	if !ok || name == "" {
		return nil, fault.Invalid("--proxy-user-file", "must hold user:password in its first line")
	}
	return url.UserPassword(name, password), nil
}

const proxyScript = "proxy-script"

// proxyScriptCommand is the process that runs a proxy script: see package pac.
func proxyScriptCommand() *cobra.Command {
	return &cobra.Command{
		Use:    proxyScript,
		Short:  "Run a proxy auto-configuration script, as a process that the connector starts",
		Hidden: true,
		Args:   noToken,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := pac.Serve(cmd.InOrStdin(), cmd.OutOrStdout(), os.Exit); err != nil {
				return fmt.Errorf("proxy script: %w", err)
			}
			return nil
		},
	}
}
