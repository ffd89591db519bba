package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/agent/proxyflags"
	"postern/internal/client"
	"postern/internal/fault"
	"postern/internal/oauth"
)

const signInWithin = 10 * time.Minute

// loginFlags are the flags of login.
type loginFlags struct {
	*settings
	code      bool
	noBrowser bool
	newDevice bool
	caFile    string
	name      string
}

func loginCommand(s *settings) *cobra.Command {
	flags := &loginFlags{settings: s}
	cmd := &cobra.Command{
		Use:   "login [URL]",
		Short: "Sign in, and make this machine a device of yours",
		Long: `login signs you in at your organisation's Postern service, in your browser or, with --device-code, by a code that you
type in the browser of another machine. The first time it makes a key for this machine, which never leaves it, and
has the service know the machine as a device of yours; your account's page lists it. Without URL you sign in again
where you were.

A postern-client up that is running goes on with the new sign-in by itself. Where the client is a service of the machine
(postern-client install), you sign in on that one: it is yours until you log out.

What you are signed in with lies in the state directory, where only you can read it; on Windows it is encrypted for
your user on that machine, too.`,
		Example: `  postern-client login https://access.example.com
  postern-client login https://access.example.com --device-code
  postern-client login https://access.example.com --ca-file postern-ca.pem`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			url := ""
			if len(args) == 1 {
				url = args[0]
			}
			return flags.run(cmd.Context(), url)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&flags.code, "device-code", false, "show a code to be typed in the browser of another machine")
	f.BoolVar(&flags.noBrowser, "no-browser", false, "only print the address, do not open a browser")
	f.BoolVar(&flags.newDevice, "new-device", false, "make a new key: after the device was revoked, or when this machine was copied from another one")
	f.StringVar(&flags.caFile, "ca-file", "", "PEM `file` with the authority of the service's certificate, when it is private")
	f.StringVar(&flags.name, "name", "", "`name` of this device on the account's page (default the machine's)")
	return cmd
}

func (l *loginFlags) run(ctx context.Context, url string) error {
	q := client.LoginAsk{URL: url, Name: l.name, NewDevice: l.newDevice, Code: l.code}
	var err error
	if l.caFile != "" {
		if q.CA, err = proxyflags.ReadFile("--ca-file", l.caFile); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, signInWithin)
	defer cancel()
	machine, err := l.machine(ctx)
	if err != nil {
		return err
	}
	out := l.std.err
	var done client.SignedIn
	if machine != nil {
		defer machine.Close()
		done, err = machine.Login(ctx, q, l.address, l.shown)
	} else {
		done, err = l.signIn(ctx, q)
	}
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	word := "is a device of yours"
	if done.Fresh {
		word = "is a new device of yours"
	}
	fmt.Fprintf(out, "Signed in at %s. This machine %s (%s).\n", done.Service, word, done.Device)
	if machine != nil {
		fmt.Fprintln(out, "The client is a service of this machine, which goes on with it. It is yours until postern-client logout.")
	} else if remote, err := client.Connect(ctx, l.state); err == nil {
		remote.Close()
		fmt.Fprintln(out, "The client that runs goes on with it.")
	} else {
		fmt.Fprintln(out, "Now start the client: postern-client up --socks 1080")
	}
	return nil
}

// signIn signs in on the client of the state directory.
func (l *loginFlags) signIn(ctx context.Context, q client.LoginAsk) (done client.SignedIn, err error) {
	state, err := l.open()
	if err != nil {
		return done, err
	}
	dialer, err := l.proxy.Dialer()
	if err != nil {
		return done, err
	}
	in := client.SignIn{State: state, URL: q.URL, CA: q.CA, Dialer: dialer, Host: host(), OSVersion: osVersion(), Name: q.Name, NewDevice: q.NewDevice, Browser: l.address}
	if q.Code {
		in.Device = l.shown
	}
	return client.Login(ctx, in)
}

func (l *loginFlags) address(address string) { showAddress(l.std.err, address, l.noBrowser) }

func (l *loginFlags) shown(code oauth.Code) { showCode(l.std.err, code) }

func showCode(out io.Writer, code oauth.Code) {
	fmt.Fprintf(out, "Open %s in a browser, on any machine, and type this code:\n\n    %s\n\nor open %s\n\n"+
		"Waiting for you to allow it there, until %s …\n", code.Address, code.Code, code.Complete, code.Expires.Format("15:04"))
}

func showAddress(out io.Writer, address string, quiet bool) {
	if !quiet && openBrowser(address) == nil {
		fmt.Fprintf(out, "Sign in in the browser that opens. If none does, open this address on this machine:\n\n    %s\n\n", address)
	} else {
		fmt.Fprintf(out, "Open this address in a browser on this machine:\n\n    %s\n\n", address)
	}
	fmt.Fprintln(out, "No browser here? End this and use: postern-client login --device-code\nWaiting …")
}

// openBrowser starts the user's browser and does not wait for it.
func openBrowser(address string) error {
	if u, err := url.Parse(address); err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("it is no address of a page") // systems open programs, too
	}
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
	started := exec.Command(name, args...)
	if err := started.Start(); err != nil {
		return err
	}
	go func() { _ = started.Wait() }() // it is the browser's own business how it ends
	return nil
}

func logoutCommand(s *settings) *cobra.Command {
	var forget bool
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "Sign out here and at the service; what is open through the client ends",
		Long: `logout ends your sign-in, here and at the service. The machine stays a device of yours, for the next login; with --forget
its key and certificate are removed, too. To have the service forget it, revoke it on your account's page.`,
		Example: "  postern-client logout\n  postern-client logout --forget",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			service, err := s.logout(cmd.Context(), forget)
			switch {
			case service == "" && fault.Is(err, fault.KindUnauthenticated):
				fmt.Fprintln(s.std.err, "You were not signed in.")
				return nil
			case service == "" && err != nil:
				return err
			case err != nil:
				return fmt.Errorf("you are signed out here, but %s was not told: %w; end the sign-in on the page of your account", service, err)
			}
			fmt.Fprintf(s.std.err, "Signed out of %s.\n", service)
			return nil
		},
	}
	cmd.Flags().BoolVar(&forget, "forget", false, "remove the device's key and certificate, too")
	return cmd
}

// logout has the client that runs end the sign-in, since it knows whether that is allowed; if none runs, this process does.
func (s *settings) logout(ctx context.Context, forget bool) (service string, err error) {
	remote, err := s.connect(ctx)
	if err == nil {
		defer remote.Close()
		return remote.Logout(ctx, forget)
	}
	if !errors.Is(err, client.ErrNotRunning) {
		return "", err
	}
	state, err := s.open()
	if err != nil {
		return "", err
	}
	dialer, err := s.proxy.Dialer()
	if err != nil {
		return "", err
	}
	return client.Logout(ctx, state, dialer, forget)
}

// notSignedIn is the error for those who have to sign in first.
func notSignedIn(err error) error {
	if errors.Is(err, client.ErrSignedOut) || fault.Is(err, fault.KindUnauthenticated) {
		return err
	}
	return fmt.Errorf("start: %w", err)
}
