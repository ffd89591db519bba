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

	"postern/internal/fault"
	"postern/internal/uplink"
	"postern/internal/uplink/pac"
)

const maxFile = 64 << 10 // bytes of a file with a user or with certificates

// proxyFlags say how the client gets out of its network.
type proxyFlags struct {
	proxy     string
	userFile  string
	keytab    string
	principal string
	cache     string
}

func (p *proxyFlags) add(f *pflag.FlagSet) {
	f.StringVar(&p.proxy, "proxy", "", "`URL` of an outbound proxy (http, https, socks5), pac:URL or pac:FILE, wpad or wpad:DOMAIN, or direct (default HTTPS_PROXY and NO_PROXY)")
	f.StringVar(&p.userFile, "proxy-user-file", "", "`file` with user:password for proxies that want them and whose URL names none")
	f.StringVar(&p.keytab, "proxy-keytab", "", "`file` with a Kerberos key, for proxies that want Negotiate")
	f.StringVar(&p.principal, "proxy-principal", "", "`NAME@REALM` whose key in --proxy-keytab is used (default the first)")
	f.StringVar(&p.cache, "proxy-credentials-cache", "", "`file` of Kerberos credentials that somebody else keeps fresh, instead of --proxy-keytab")
}

// check refuses a password as an argument, which every user of the machine can read; the environment can not.
func (p *proxyFlags) check() error {
	if _, rest, ok := strings.Cut(p.proxy, "@"); ok && rest != "" {
		return fault.Invalid("--proxy", "must not carry a password, which every user of this machine could read: set POSTERN_CLIENT_PROXY instead, or --proxy-user-file")
	}
	return nil
}

func (p *proxyFlags) dialer() (*uplink.Dialer, error) {
	cfg := uplink.Config{
		Proxy: p.proxy, Kerberos: uplink.Kerberos{Keytab: p.keytab, Principal: p.principal, Cache: p.cache}, Script: pac.Process(self(), proxyScript),
	}
	if p.userFile != "" {
		name, password, err := readUser("--proxy-user-file", p.userFile)
		if err != nil {
			return nil, err
		}
		cfg.User = url.UserPassword(name, password)
	}
	d, err := uplink.New(cfg)
	if wrong, ok := errors.AsType[*fault.Error](err); ok && len(wrong.Fields) == 1 && !strings.HasPrefix(wrong.Fields[0].Name, "--") {
		wrong.Fields[0].Name = "--proxy"
	}
	return d, err
}

// self gives this program, for a process of its own.
func self() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

// readUser reads user:password from the first line of a file.
func readUser(flag, path string) (name, password string, err error) {
	data, err := readFile(flag, path)
	if err != nil {
		return "", "", err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	name, password, ok := strings.Cut(strings.TrimSuffix(line, "\r"), ":")
	if !ok || name == "" {
		return "", "", fault.Invalid(flag, "must hold user:password in its first line")
	}
	return name, password, nil
}

func readFile(flag, path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fault.Invalid(flag, "cannot be read: %v", err)
	}
	defer file.Close() // only read from
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil || len(data) > maxFile {
		return nil, fault.Invalid(flag, "cannot be read, or is larger than %d bytes", maxFile)
	}
	return data, nil
}

const proxyScript = "proxy-script"

// proxyScriptCommand is the process that runs a proxy script: see package pac.
func proxyScriptCommand() *cobra.Command {
	return &cobra.Command{
		Use:    proxyScript,
		Short:  "Run a proxy auto-configuration script, as a process that the client starts",
		Hidden: true,
		Args:   arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := pac.Serve(cmd.InOrStdin(), cmd.OutOrStdout(), os.Exit); err != nil {
				return fmt.Errorf("proxy script: %w", err)
			}
			return nil
		},
	}
}
