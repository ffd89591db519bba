// Package proxyflags is how agents are told by which proxy to go out: the same flags for each program.
package proxyflags

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

const maxFile = 64 << 10 // bytes of a file with a user

// Flags say how a program gets out of its network.
type Flags struct {
	variable  string // of the environment that may carry a password
	proxy     string
	userFile  string
	keytab    string
	principal string
	cache     string
}

// Add adds the flags to a command's. The variable is the one of the environment that sets --proxy.
func (p *Flags) Add(f *pflag.FlagSet, variable string) {
	p.variable = variable
	f.StringVar(&p.proxy, "proxy", "", "`URL` of an outbound proxy (http, https, socks5), pac:URL or pac:FILE, wpad or wpad:DOMAIN, or direct (default HTTPS_PROXY and NO_PROXY)")
	f.StringVar(&p.userFile, "proxy-user-file", "", "`file` with user:password for proxies that want them and whose URL names none")
	f.StringVar(&p.keytab, "proxy-keytab", "", "`file` with a Kerberos key, for proxies that want Negotiate")
	f.StringVar(&p.principal, "proxy-principal", "", "`NAME@REALM` whose key in --proxy-keytab is used (default the first)")
	f.StringVar(&p.cache, "proxy-credentials-cache", "", "`file` of Kerberos credentials that somebody else keeps fresh, instead of --proxy-keytab")
}

// Check refuses a password as an argument.
func (p *Flags) Check() error {
	return NoPassword("--proxy", p.proxy, "set "+p.variable+" instead, or --proxy-user-file")
}

// NoPassword refuses a URL with a password as an argument, which every user of the machine can read; the environment can not.
func NoPassword(flag, value, instead string) error {
	if _, rest, ok := strings.Cut(value, "@"); ok && rest != "" {
		return fault.Invalid(flag, "must not carry a password, which every user of this machine could read: %s", instead)
	}
	return nil
}

// Dialer gives what goes out as the flags say. What is wrong with them names the flag.
func (p *Flags) Dialer() (*uplink.Dialer, error) {
	cfg := uplink.Config{
		Proxy: p.proxy, Kerberos: uplink.Kerberos{Keytab: p.keytab, Principal: p.principal, Cache: p.cache}, Script: pac.Process(Self(), proxyScript),
	}
	if p.userFile != "" {
		name, password, err := ReadUser("--proxy-user-file", p.userFile)
		if err != nil {
			return nil, err
		}
		cfg.User = url.UserPassword(name, password)
	}
	d, err := uplink.New(cfg)
	if err != nil {
		return nil, Named("--proxy", err)
	}
	return d, nil
}

// Named names the flag in an error about what it was set to, unless that names one already.
func Named(flag string, err error) error {
	wrong, ok := errors.AsType[*fault.Error](err)
	if !ok || len(wrong.Fields) != 1 {
		return fmt.Errorf("%s: %w", flag, err)
	}
	if !strings.HasPrefix(wrong.Fields[0].Name, "--") {
		wrong.Fields[0].Name = flag
	}
	return err
}

// Self gives the path of this program, for a process of its own or a command that somebody is to type.
func Self() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

// ReadUser reads user:password from the first line of a file.
func ReadUser(flag, path string) (name, password string, err error) {
	data, err := ReadFile(flag, path)
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

// ReadFile reads a small file that a flag names.
func ReadFile(flag, path string) ([]byte, error) {
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

// Command is the process that runs a proxy script, of the program that starts it: see package pac.
func Command(args cobra.PositionalArgs) *cobra.Command {
	return &cobra.Command{
		Use:    proxyScript,
		Short:  "Run a proxy auto-configuration script, as a process that this program starts",
		Hidden: true,
		Args:   args,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := pac.Serve(cmd.InOrStdin(), cmd.OutOrStdout(), os.Exit); err != nil {
				return fmt.Errorf("proxy script: %w", err)
			}
			return nil
		},
	}
}
