package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postern/internal/api"
	"postern/internal/fault"
	"postern/internal/oauth"
	"postern/internal/uplink"
	"postern/internal/wire"
)

// signIn is the other way to enrol than a token: an administrator signs in on any device and allows it.
type signIn struct {
	adminURL    string
	fingerprint string
	caFile      string
	group       string
	hold        bool

	dialer *uplink.Dialer // how this machine gets out; set before token
}

const (
	signInWithin = 15 * time.Minute
	signInClient = "postern-cli" // administrators' programs on a command line are one client to the service
	signInToken  = 10 * time.Minute
)

func (s *signIn) add(f *pflag.FlagSet) {
	f.StringVar(&s.adminURL, "admin-url", "", "`URL` of the admin center: an administrator signs in there with a code, instead of a token")
	f.StringVar(&s.fingerprint, "ca-fingerprint", "", "`SHA-256` of the service's authority, as postern authority show tells it, where this machine does not trust the admin center's certificate")
	f.StringVar(&s.caFile, "ca-file", "", "`file` of authorities to trust for the admin center, instead of --ca-fingerprint")
	f.StringVar(&s.group, "group", "", "connector `group` of a connector that is enrolled by a sign-in (default the default group)")
	f.BoolVar(&s.hold, "hold", false, "a connector that is enrolled by a sign-in waits until an administrator approves it: postern connectors approve")
}

// ownFlags are those of no concern to a service that is installed.
func (s *signIn) ownFlags() []string {
	return []string{"admin-url", "ca-fingerprint", "ca-file", "group", "hold"}
}

// token has an administrator sign in and makes an enrolment token in their name. The sign-in ends here: what is left on
// this machine is the token, which is used at once.
func (s *signIn) token(cmd *cobra.Command, name string) (wire.EnrolmentToken, error) {
	var none wire.EnrolmentToken
	ctx, cancel := context.WithTimeout(cmd.Context(), signInWithin)
	defer cancel()
	server, err := api.CheckServer(s.adminURL)
	if err != nil {
		return none, fault.Invalid("--admin-url", "must be the https URL of the admin center: %v", err)
	}
	roots, err := s.roots(ctx, server)
	if err != nil {
		return none, err
	}
	issuer, err := oauth.Protects(ctx, oauth.HTTPBy(s.dial, roots), server.String())
	if err != nil {
		return none, s.untrusted(ctx, server, err)
	}
	program, err := oauth.Discover(ctx, oauth.HTTPBy(s.dial, roots), issuer, signInClient)
	if err != nil {
		return none, s.untrusted(ctx, server, err)
	}
	out := cmd.ErrOrStderr()
	got, err := program.Device(ctx, oauth.Ask{Resource: server.String(), Name: "connector " + name}, func(code oauth.Code) {
		fmt.Fprintf(out, "To enrol this machine (%s), an administrator opens %s in a browser, on any device, and types this code:\n\n    %s\n\nor opens %s\n\n"+
			"Waiting until %s …\n", name, code.Address, code.Code, code.Complete, code.Expires.Format("15:04"))
	})
	if err != nil {
		return none, fmt.Errorf("sign in at %s: %w", server, err)
	}
	defer func() { // also when the administrator may not do this
		for _, token := range []string{got.Refresh, got.Access} {
			if err := program.Revoke(context.WithoutCancel(ctx), token); err != nil {
				fmt.Fprintf(out, "postern-connector: the sign-in could not be ended: end it at your account's page (%v)\n", err)
			}
		}
	}()
	return s.make(ctx, server, roots, got.Access, name)
}

// dial goes out as the connector does.
func (s *signIn) dial(ctx context.Context, _, address string) (net.Conn, error) {
	return s.dialer.Dial(ctx, address)
}

// make makes the token.
func (s *signIn) make(ctx context.Context, server *url.URL, roots *x509.CertPool, access, name string) (wire.EnrolmentToken, error) {
	client, err := api.NewClient(api.Config{
		URL: server.String(), Roots: roots, UserAgent: "postern-connector/" + version, Dial: s.dial,
		Token: func(context.Context) (string, error) { return access, nil },
	})
	if err != nil {
		return wire.EnrolmentToken{}, err
	}
	defer client.Close()
	made, err := client.Tokens.Create(ctx, api.TokenInput{
		Name: "sign-in at " + name, ConnectorGroup: s.group, Expires: time.Now().Add(signInToken), Hold: s.hold,
	})
	if err != nil {
		return wire.EnrolmentToken{}, fmt.Errorf("make an enrolment token: %w", err)
	}
	return wire.ParseEnrolmentToken(made.Text)
}

// roots gives whom to trust for the admin center; nil: whom this machine trusts.
func (s *signIn) roots(ctx context.Context, server *url.URL) (*x509.CertPool, error) {
	roots := x509.NewCertPool()
	switch {
	case s.caFile != "" && s.fingerprint != "":
		return nil, fault.Invalid("--ca-file", "and --ca-fingerprint are two ways to say the same: give one")
	case s.caFile != "":
		data, err := os.ReadFile(s.caFile)
		if err != nil || !roots.AppendCertsFromPEM(data) {
			return nil, fault.Invalid("--ca-file", "must be a file of certificates (PEM)")
		}
		return roots, nil
	case s.fingerprint == "":
		return nil, nil
	}
	pin, err := hex.DecodeString(strings.ToLower(strings.ReplaceAll(s.fingerprint, ":", "")))
	if err != nil || len(pin) != sha256.Size {
		return nil, fault.Invalid("--ca-fingerprint", "must be the 64 hexadecimal digits of a SHA-256, as postern authority show tells it")
	}
	shown, err := s.authority(ctx, server)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(shown.Raw)
	if string(sum[:]) != string(pin) {
		return nil, fault.New(fault.KindUpstream, "%s shows an authority with the fingerprint %s, not the one that was given: is something in between?",
			server.Host, hex.EncodeToString(sum[:]))
	}
	roots.AddCert(shown) // it is the one that the administrator named
	return roots, nil
}

// authority asks the service for its authority: its face for machines shows it. Whether it is to be trusted is another question.
func (s *signIn) authority(ctx context.Context, server *url.URL) (*x509.Certificate, error) {
	address := server.Host
	if server.Port() == "" {
		address = net.JoinHostPort(server.Hostname(), "443")
	}
	raw, err := s.dialer.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, &tls.Config{
		ServerName: server.Hostname(), NextProtos: []string{wire.ProtocolAgent}, MinVersion: tls.VersionTLS13,
		InsecureSkipVerify: true, // nothing is sent; what it shows is compared
	})
	defer conn.Close() // only looked at
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, fault.Unavailable("%s does not speak to connectors: %v", address, err)
	}
	chain := conn.ConnectionState().PeerCertificates
	last := chain[len(chain)-1] // a client's handshake succeeds with one certificate at least
	if !last.IsCA {
		return nil, fault.New(fault.KindUpstream, "%s shows no authority", address)
	}
	return last, nil
}

// untrusted turns the error of a certificate that this machine does not trust into what to do.
func (s *signIn) untrusted(ctx context.Context, server *url.URL, err error) error {
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); !unknown || s.fingerprint != "" || s.caFile != "" {
		return err
	}
	shown, askErr := s.authority(ctx, server)
	if askErr != nil {
		return err
	}
	return fmt.Errorf("%w\nIf the service's own authority issued its certificate: it shows one with the fingerprint %x. "+
		"If postern authority show tells the same, repeat this with --ca-fingerprint and that", err, sha256.Sum256(shown.Raw))
}
