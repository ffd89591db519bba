package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/api"
	"postern/internal/fault"
	"postern/internal/oauth"
)

// loginWithin is how long somebody may take in the browser.
const loginWithin = 10 * time.Minute

func login() *cobra.Command {
	c := &cobra.Command{Use: "login [URL]", Short: "Sign in: in the browser, by a code on another device, or with an API key",
		Long: "Sign in to a service, for the other commands.\n\n" +
			"Without flags you sign in as yourself in your browser: your roles and second factor count, and\n" +
			"your account's page lists the command line and signs it out. With --device a short code is\n" +
			"shown that you type in the browser of another machine: for servers and containers. With\n" +
			"--key-file it is an API key that signs in, for automation.\n\n" +
			"What was signed in with is kept in a file of your configuration directory that only you can read.\n" +
			"You may be signed in to several services: postern contexts lists them, --server chooses.",
		Example: "  postern login https://admin.example.com\n  postern login https://admin.example.com --device\n" +
			"  postern login https://admin.example.com --key-file first.key --ca-file postern-ca.pem",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(neverArgument, "key", "--key-file")
			}
			return nil
		}}
	f := c.Flags()
	f.String("server", "", "`URL` of the admin host; instead of the argument")
	f.Bool("device", false, "show a code to be typed in the browser of another machine")
	f.Bool("no-browser", false, "only print the address, do not open a browser")
	f.String("key-file", "", "sign in with the API key in this `file`, - for standard input")
	f.String("ca-file", "", "PEM `file` with the authority of the service's certificate, when it is private")
	f.String("key", "", "")
	_ = f.MarkHidden("key") // the flag exists
	c.MarkFlagsMutuallyExclusive("device", "key-file")
	c.RunE = runLogin
	return c
}

func runLogin(c *cobra.Command, args []string) error {
	if c.Flags().Changed("key") {
		return usage("--key: "+neverArgument, "key", "--key-file")
	}
	a, err := readLogin(c, args)
	if err != nil {
		return err
	}
	key, err := readKey(c)
	if err != nil {
		return err
	}
	if a.Key = key; key == "" {
		if a, err = a.signIn(c); err != nil {
			return fmt.Errorf("sign in to %s: %w", a.Server, err)
		}
	}
	me, err := a.me(c)
	if err != nil {
		return fmt.Errorf("sign in to %s: %w", a.Server, err)
	}
	path, err := keep(c.Context(), a)
	if err != nil {
		return err
	}
	with := fmt.Sprintf("with the API key %q", cell(me.Name))
	if a.Key == "" {
		with = "as " + cell(me.Name)
	}
	roles := "no roles: you may use applications, not administer"
	if len(me.Roles) > 0 {
		roles = comma(me.Roles)
	}
	fmt.Fprintf(c.ErrOrStderr(), "Signed in to %s %s (%s). Kept in %s.\n", a.Server, with, cell(roles), path)
	return nil
}

// me asks the service who the account is. The token at hand is used as it is: nothing is kept yet.
func (a account) me(c *cobra.Command) (api.Me, error) {
	if a.Key == "" {
		a.Key, a.Refresh = a.Access[""].Token, ""
	}
	made, err := client(c, a)
	if err != nil {
		return api.Me{}, err
	}
	defer made.Close()
	return made.Me(c.Context())
}

// readLogin gives where to sign in.
func readLogin(c *cobra.Command, args []string) (account, error) {
	a := account{Server: setting(c, "server", "POSTERN_SERVER")}
	if len(args) == 1 {
		if c.Flags().Changed("server") {
			return a, usage("give the URL once: as an argument or with --server")
		}
		a.Server = args[0]
	}
	var known account
	if all, err := readLogins(); err == nil {
		known = all.pick(a.Server) // signing in again needs neither the URL nor its authority
	}
	if a.Server == "" {
		a.Server = known.Server
	}
	u, err := api.CheckServer(a.Server)
	if err != nil {
		return a, usageError{renamed(err, func(string) string { return "URL" })}
	}
	a.Server, a.CA = u.String(), known.CA
	if file := setting(c, "ca-file", "POSTERN_CA_FILE"); file != "" {
		a.CA, err = readText(c, "--ca-file", file, maxFile)
	}
	return a, err
}

// readKey gives the API key to sign in with, or nothing when a person signs in.
func readKey(c *cobra.Command) (key string, err error) {
	device, err := c.Flags().GetBool("device")
	switch file := os.Getenv("POSTERN_API_KEY_FILE"); {
	case err != nil:
		return "", err
	case c.Flags().Changed("key-file"):
		key, err = ask(c, "key-file", "API key", false)
	case file != "" && !device:
		key, err = readSecret(c, "$POSTERN_API_KEY_FILE", file)
	}
	return strings.TrimSpace(key), err
}

// signIn signs a person in.
func (a account) signIn(c *cobra.Command) (account, error) {
	roots, err := a.roots()
	if err != nil {
		return a, err
	}
	ctx, cancel := context.WithTimeout(c.Context(), loginWithin)
	defer cancel()
	if a.Issuer, err = oauth.Protects(ctx, oauth.HTTP(roots), a.Server); err != nil {
		return a, err
	}
	program, err := a.program(ctx)
	if err != nil {
		return a, err
	}
	device, err := c.Flags().GetBool("device")
	if err != nil {
		return a, err
	}
	ask := oauth.Ask{Name: machineName()}
	var got oauth.Tokens
	if device {
		got, err = program.Device(ctx, ask, func(code oauth.Code) { showCode(c, code) })
	} else {
		got, err = program.Browser(ctx, ask, func(address string) { showAddress(c, address) })
	}
	if err != nil {
		return a, err
	}
	a.Refresh, a.Access = got.Refresh, map[string]pass{"": {got.Access, got.Expires}}
	return a, nil
}

// machineName gives what this machine is called to the user, who is asked whether it may sign in.
func machineName() string {
	name, err := os.Hostname()
	if err != nil || len(name) > 64 {
		return ""
	}
	return name
}

func showCode(c *cobra.Command, code oauth.Code) {
	fmt.Fprintf(c.ErrOrStderr(), "Open %s in a browser, on any machine, and type this code:\n\n    %s\n\nor open %s\n\n"+
		"Waiting for you to allow it there, until %s …\n", code.Address, code.Code, code.Complete, code.Expires.Format("15:04"))
}

func showAddress(c *cobra.Command, address string) {
	quiet, _ := c.Flags().GetBool("no-browser") // the flag exists
	if !quiet && openBrowser(c.Context(), address) == nil {
		fmt.Fprintf(c.ErrOrStderr(), "Sign in in the browser that opens. If none does, open this address on this machine:\n\n    %s\n\n", address)
	} else {
		fmt.Fprintf(c.ErrOrStderr(), "Open this address in a browser on this machine:\n\n    %s\n\n", address)
	}
	fmt.Fprintf(c.ErrOrStderr(), "No browser here? End this and use: postern login --device\nWaiting …\n")
}

// openBrowser starts the user's browser and does not wait for it.
func openBrowser(ctx context.Context, address string) error {
	name, args := "xdg-open", []string{address}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", address}
	default:
		if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
			return errors.New("there is no screen")
		}
	}
	started := exec.CommandContext(context.WithoutCancel(ctx), name, args...)
	if err := started.Start(); err != nil {
		return err
	}
	go func() { _ = started.Wait() }() // it is the browser's own business how it ends
	return nil
}

func logout() *cobra.Command {
	c := &cobra.Command{Use: "logout", Short: "Sign out: end the sign-in of the command line, or forget the API key", Args: cobra.NoArgs,
		Long: "Sign out of the service that commands ask, or of --server. A sign-in of your own ends there, too.\n" +
			"An API key is only forgotten here; postern keys delete ends it."}
	c.Flags().String("server", "", "`URL` of the admin host; default: the current one")
	c.RunE = func(c *cobra.Command, _ []string) error {
		all, err := readLogins()
		if err != nil && !errors.Is(err, errDamaged) {
			return err
		}
		a := all.pick(setting(c, "server", "POSTERN_SERVER"))
		if a.Key == "" && a.Refresh == "" {
			if _, err := changeLogins(c.Context(), func(*logins) error { return nil }); err != nil { // forgets a damaged file
				return err
			}
			fmt.Fprintln(c.ErrOrStderr(), "You were not signed in.")
			return nil
		}
		var ended error
		_, err = changeLogins(c.Context(), func(all *logins) error {
			now := all.Services[a.Server]
			delete(all.Services, a.Server)
			if now.Refresh != "" {
				ended = now.revoke(c.Context())
			}
			return nil
		})
		switch {
		case err != nil:
			return fmt.Errorf("sign out: %w", err)
		case ended != nil:
			return fmt.Errorf("the sign-in is forgotten here, but %s was not told: %w; end it on the page of your account", a.Server, ended)
		case a.Refresh != "":
			fmt.Fprintf(c.ErrOrStderr(), "Signed out of %s.\n", a.Server)
		default:
			fmt.Fprintf(c.ErrOrStderr(), "Signed out of %s. The API key itself stays good; postern keys delete ends it.\n", a.Server)
		}
		return nil
	}
	return c
}

func (a account) revoke(ctx context.Context) error {
	program, err := a.program(ctx)
	if err != nil {
		return err
	}
	return program.Revoke(ctx, a.Refresh)
}

func whoami() *cobra.Command {
	c := &cobra.Command{Use: "whoami", Short: "Say which service this is, who you are there, and how you are signed in", Args: cobra.NoArgs}
	connectFlags(c)
	outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		me, err := client.Me(c.Context())
		if err != nil {
			return err
		}
		switch how {
		case "json", "yaml":
			return encode(c.OutOrStdout(), how, me)
		case "name":
			_, err := fmt.Fprintln(c.OutOrStdout(), cell(me.Name))
			return err
		}
		by := "an API key"
		if me.Kind == "user" {
			by = "your own sign-in; the page of your account lists and ends it"
		}
		rows := [][]string{
			{"Service:", cell(client.URL())}, {"Kind:", cell(me.Kind)}, {"Name:", cell(me.Name)}, {"Roles:", cell(comma(me.Roles))}, {"ID:", cell(me.ID)},
			{"Signed in by:", by},
		}
		if len(me.Scopes) > 0 {
			rows = append(rows, []string{"Scopes:", cell(comma(me.Scopes))})
		}
		return table(c.OutOrStdout(), nil, rows)
	}
	return c
}

// contexts lists where somebody is signed in, and chooses.
func contexts() *cobra.Command {
	c := &cobra.Command{Use: "contexts", Short: "List the services that you are signed in to", Args: cobra.NoArgs,
		Long: "List the services that you are signed in to. The one with the star is asked by all commands; --server asks another."}
	c.RunE = func(c *cobra.Command, _ []string) error {
		all, err := readLogins()
		if err != nil {
			return err
		}
		var rows [][]string
		for _, server := range slices.Sorted(maps.Keys(all.Services)) {
			star, by := "", "API key"
			if server == all.Current {
				star = "*"
			}
			if all.Services[server].Refresh != "" {
				by = "your own sign-in"
			}
			rows = append(rows, []string{star, cell(server), by})
		}
		if len(rows) == 0 {
			fmt.Fprintln(c.ErrOrStderr(), "You are not signed in anywhere. Sign in with: postern login URL")
			return nil
		}
		return table(c.OutOrStdout(), []string{"", "SERVICE", "SIGNED IN BY"}, rows)
	}
	use := &cobra.Command{Use: "use URL", Short: "Choose the service that commands ask", Args: cobra.ExactArgs(1),
		Example: "  postern contexts use https://admin.example.com",
		RunE: func(c *cobra.Command, args []string) error {
			server := strings.TrimSuffix(args[0], "/")
			_, err := changeLogins(c.Context(), func(all *logins) error {
				if _, ok := all.Services[server]; !ok {
					return fault.NotFound("you are not signed in to %s; postern contexts lists where you are", server)
				}
				all.Current = server
				return nil
			})
			return err
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			all, _ := readLogins() // what cannot be read completes nothing
			return slices.Sorted(maps.Keys(all.Services)), cobra.ShellCompDirectiveNoFileComp
		}}
	c.AddCommand(use)
	return c
}
