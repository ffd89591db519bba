package cli_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"

	"github.com/rogpeppe/go-internal/testscript"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/wire"
)

// device enrols a device, as postern-client does for whoever signs in with it: device USER MACHINE SYSTEM VERSION.
func device(ts *testscript.TestScript, _ bool, args []string) {
	c, _ := ts.Value("control").(*control.Control)
	ctx, anyone := context.Background(), access.Actor{Kind: access.ActorAnyone, Address: "192.0.2.7"}
	in, err := c.SignIn(ctx, anyone, control.Credentials{Name: args[0], Password: password, Binding: "a browser's secret of many letters"})
	ts.Check(err)
	code, err := c.BeginDevice(ctx, anyone, control.DeviceRequest{Client: access.ClientDevice})
	ts.Check(err)
	ts.Check(c.DecideDevice(ctx, anyone, in.Who, code.User, true))
	tokens, err := c.ProgramTokens(ctx, anyone, control.TokenRequest{Type: control.GrantDevice, Client: access.ClientDevice, Device: code.Device})
	ts.Check(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	ts.Check(err)
	_, err = c.EnrolDevice(ctx, anyone, tokens.Access, wire.DeviceRequest{Version: wire.Version, CSR: csr, OSVersion: "12",
		Host: wire.Host{MachineName: args[1], OS: args[2], Arch: "amd64", Program: args[3]}})
	ts.Check(err)
}
