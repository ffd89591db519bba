package cli

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"postern/internal/api"
	"postern/internal/disk"
	"postern/internal/fault"
	"postern/internal/oauth"
)

const (
	maxSecret = 4 << 10 // bytes of a file with a key or a password
	maxFile   = 1 << 20 // bytes of other files that are sent
)

// connectFlags are those of every command that asks the service.
func connectFlags(c *cobra.Command) {
	f := c.PersistentFlags()
	f.String("server", "", "`URL` of the admin host; default: $POSTERN_SERVER or where you signed in")
	f.String("api-key-file", "", "`file` with the API key, - for standard input; default: $POSTERN_API_KEY_FILE or your sign-in")
	f.String("ca-file", "", "PEM `file` with the authority of the service's certificate; default: $POSTERN_CA_FILE or your sign-in")
}

// setting gives a flag's value or else the environment variable's.
func setting(c *cobra.Command, flag, variable string) string {
	if f := c.Flags().Lookup(flag); f != nil && f.Changed {
		return f.Value.String()
	}
	return os.Getenv(variable)
}

// connect makes the client that flags, environment and sign-in describe.
func connect(c *cobra.Command) (*api.Client, error) {
	a, err := chosen(c)
	if err != nil {
		return nil, err
	}
	if a.Key == "" && a.Refresh == "" {
		return nil, fault.Unauthenticated("no API key is known for %s, and you are not signed in there", a.Server)
	}
	return client(c, a)
}

// chosen gives the account that flags, environment and sign-in describe.
func chosen(c *cobra.Command) (account, error) {
	all, err := readLogins()
	if err != nil {
		return account{}, err
	}
	server := setting(c, "server", "POSTERN_SERVER")
	if server == "" && c.Flags().Changed("server") {
		return account{}, usage("--server must not be empty")
	}
	a := all.pick(server)
	if a.Server == "" {
		return a, fault.Unauthenticated("no service is known")
	}
	if file := setting(c, "ca-file", "POSTERN_CA_FILE"); file != "" {
		if a.CA, err = readText(c, "--ca-file", file, maxFile); err != nil {
			return a, err
		}
	}
	if file := setting(c, "api-key-file", "POSTERN_API_KEY_FILE"); file != "" {
		if a.Key, err = readSecret(c, "--api-key-file", file); err != nil {
			return a, err
		}
	}
	return a, nil
}

func client(c *cobra.Command, a account) (*api.Client, error) {
	cfg := api.Config{URL: a.Server, Key: a.Key, UserAgent: "postern/" + c.Root().Version}
	if a.Key == "" && a.Refresh != "" {
		cfg.Token = func(ctx context.Context) (string, error) { return a.token(ctx, "") }
	}
	var err error
	if cfg.Roots, err = a.roots(); err != nil {
		return nil, err
	}
	made, err := api.NewClient(cfg)
	if fault.Is(err, fault.KindInvalid) {
		return nil, usageError{renamed(err, func(string) string { return "--server" })}
	}
	return made, err
}

// roots gives the authorities to trust: nil for the system's. A private one stands beside those, so
// that a public certificate later on changes nothing here.
func (a account) roots() (*x509.CertPool, error) {
	if a.CA == "" {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM([]byte(a.CA)) {
		return nil, usage("--ca-file has no PEM certificate")
	}
	return roots, nil
}

// program makes what signs in at the account's service.
func (a account) program(ctx context.Context) (*oauth.Client, error) {
	roots, err := a.roots()
	if err != nil {
		return nil, err
	}
	return oauth.Discover(ctx, oauth.HTTP(roots), a.Issuer, programID)
}

// programID is this program's name as an OAuth client.
const programID = "postern-cli"

// readText reads a file that a flag names, or standard input for "-".
func readText(c *cobra.Command, flag, path string, limit int64) (string, error) {
	var in io.Reader = c.InOrStdin()
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return "", usage("%s: %v", flag, err)
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return "", usage("%s: %v", flag, err)
	}
	if int64(len(data)) > limit {
		return "", usage("%s has more than %d bytes", flag, limit)
	}
	return string(data), nil
}

// readSecret reads a secret of one line from a file that nobody else may read, or from standard
// input for "-".
func readSecret(c *cobra.Command, flag, path string) (string, error) {
	text, err := readText(c, flag, path, maxSecret)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(path); path != "-" && err == nil && info.Mode().IsRegular() {
		if err := disk.CheckSecret(path); err != nil {
			return "", usage("%s: %v", flag, err)
		}
	}
	return oneLine(flag, text)
}

func oneLine(flag, text string) (string, error) {
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	switch {
	case text == "":
		return "", usage("%s is empty", flag)
	case strings.ContainsAny(text, "\r\n\x00"):
		return "", usage("%s must be one line", flag)
	}
	return text, nil
}

// ask gets a secret: from the file that the flag names, from a terminal without echo, or from
// standard input.
func ask(c *cobra.Command, flag, what string, twice bool) (string, error) {
	if f := c.Flags().Lookup(flag); f != nil && f.Changed {
		return readSecret(c, "--"+flag, f.Value.String())
	}
	terminal, ok := c.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(terminal.Fd())) {
		text, err := readText(c, "standard input", "-", maxSecret)
		if err != nil {
			return "", err
		}
		return oneLine("the "+what+" on standard input", text)
	}
	first, err := prompt(c, terminal, what+": ")
	if err != nil || !twice {
		return first, err
	}
	second, err := prompt(c, terminal, what+" again: ")
	if err == nil && first != second {
		return "", usage("the two are not the same")
	}
	return first, err
}

func prompt(c *cobra.Command, terminal *os.File, text string) (string, error) {
	fmt.Fprint(c.ErrOrStderr(), text)
	secret, err := term.ReadPassword(int(terminal.Fd()))
	fmt.Fprintln(c.ErrOrStderr())
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	return oneLine("the answer", string(secret))
}

// confirm asks before something is lost. Where nobody can answer, --yes must be said.
func confirm(c *cobra.Command, question string) error {
	if yes, err := c.Flags().GetBool("yes"); err == nil && yes {
		return nil
	}
	terminal, ok := c.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(terminal.Fd())) {
		return usage("%s Say --yes, since nobody can be asked here", question)
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s [y/N] ", question)
	line, err := bufio.NewReader(terminal).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read from the terminal: %w", err)
	}
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return errors.New("nothing was done")
	}
	return nil
}
