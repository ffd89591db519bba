package cli

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"postern/internal/api"
	"postern/internal/disk"
	"postern/internal/fault"
)

const (
	maxSecret = 4 << 10 // bytes of a file with a key or a password
	maxFile   = 1 << 20 // bytes of other files that are sent
)

// account is what login keeps: which service, with which key, trusted how.
type account struct {
	Server string `json:"server"`
	Key    string `json:"key"`
	CA     string `json:"ca,omitempty"` // PEM
}

// accountPath is the file that login writes: in the user's own directory, never in the current one.
func accountPath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find your configuration directory: %w", err)
	}
	return filepath.Join(dir, "postern", "login.json"), nil
}

func readAccount() (account, error) {
	var a account
	path, err := accountPath()
	if err != nil {
		return a, nil // no home: flags and environment must do
	}
	data, err := disk.ReadSecret(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return a, fmt.Errorf("read your sign-in: %w", err)
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return a, fmt.Errorf("read your sign-in from %s: it is damaged; sign in again with postern login", path)
	}
	return a, nil
}

func writeAccount(a account) (string, error) {
	path, err := accountPath()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("make the directory of your sign-in: %w", err)
	}
	data, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write your sign-in: %w", err)
	}
	return path, disk.WriteFile(path, append(data, '\n'), 0o600)
}

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
	a, err := readAccount()
	if err != nil {
		return nil, err
	}
	server := setting(c, "server", "POSTERN_SERVER")
	if server == "" && c.Flags().Changed("server") {
		return nil, usage("--server must not be empty")
	}
	if server != "" && strings.TrimSuffix(server, "/") != a.Server {
		a = account{Server: server} // a key is never shown to another service than its own
	}
	if a.Server == "" {
		return nil, fault.Unauthenticated("no service is known")
	}
	if file := setting(c, "ca-file", "POSTERN_CA_FILE"); file != "" {
		if a.CA, err = readText(c, "--ca-file", file, maxFile); err != nil {
			return nil, err
		}
	}
	if file := setting(c, "api-key-file", "POSTERN_API_KEY_FILE"); file != "" {
		if a.Key, err = readSecret(c, "--api-key-file", file); err != nil {
			return nil, err
		}
	}
	if a.Key == "" {
		return nil, fault.Unauthenticated("no API key is known for %s", a.Server)
	}
	return client(c, a)
}

func client(c *cobra.Command, a account) (*api.Client, error) {
	cfg := api.Config{URL: a.Server, Key: a.Key, UserAgent: "postern/" + c.Root().Version}
	if a.CA != "" {
		// Beside the system's, so that a public certificate later on changes nothing here.
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		cfg.Roots = roots
		if !cfg.Roots.AppendCertsFromPEM([]byte(a.CA)) {
			return nil, usage("--ca-file has no PEM certificate")
		}
	}
	made, err := api.NewClient(cfg)
	if fault.Is(err, fault.KindInvalid) {
		return nil, usageError{renamed(err, func(string) string { return "--server" })}
	}
	return made, err
}

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
