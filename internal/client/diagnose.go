package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"postern/internal/credential"
	"postern/internal/fault"
	"postern/internal/uplink"
	"postern/internal/wire"
)

const (
	checkWithin = 15 * time.Second // for each look at somebody else
	skewMost    = 2 * time.Minute  // from which on certificates and tokens are in danger
)

// examination looks at one thing after the other.
type examination struct {
	state    *State
	dialer   *uplink.Dialer
	findings []wire.Finding
	kept     signIn
	cred     *credential.Credential
}

// Diagnose looks what keeps the client of a state directory from working, and says what to do. It changes nothing but that the sign-in has a
// newer token.
// c is the client that runs, if it does in this process.
func Diagnose(ctx context.Context, state *State, dialer *uplink.Dialer, program string, c *Client) wire.Diagnosis {
	began := time.Now()
	x := &examination{state: state, dialer: dialer}
	running := c != nil
	if running {
		x.status(c.Status())
	} else {
		running = x.running(ctx)
	}
	if x.signedIn() {
		x.wayOut()
		if x.service(ctx) {
			x.token(ctx)
		}
		x.clock(ctx)
		x.gateways(ctx)
	}
	x.findings = append(x.findings, browserNames("/")...)
	d := wire.Diagnosis{Service: x.kept.Service, Program: program, Time: began, Took: time.Since(began), Running: running, Findings: x.findings}
	return d
}

func (x *examination) found(severity wire.Severity, code, subject, detail string) {
	x.findings = append(x.findings, wire.Finding{Code: code, Severity: severity, Subject: subject, Detail: detail, Cure: cures[code]})
}

// cures say what to do about what is found.
var cures = map[string]string{
	"signed-out":          "Sign in: postern-client login URL",
	"state-unusable":      "Do what it says, or remove the state directory and sign in again.",
	"certificate-expired": "Nothing, if the sign-in is good: it is renewed as soon as the service is reached by postern-client up.",
	"not-running":         "Start it: postern-client up",
	"not-connected":       "The findings about the service, the sign-in and the gateways say why.",
	"own-proxy":           "The client would go out through itself: start it without these variables, or with --proxy direct.",
	"proxy-failed":        "Check --proxy or HTTPS_PROXY.",
	"service-unreachable": "Check the network, the proxy and, if it is about the certificate, sign in with --ca-file.",
	"captive-portal":      "Sign in at the network's own page; the client goes on by itself.",
	"browser-dns":         "Turn it off in this browser, or have it use a proxy of the client (postern-client up --socks 1080).",
	"sign-in-over":        "Sign in again: postern-client login",
	"sign-in-unknown":     "Try again when the service is reached.",
	"clock-wrong":         "Set this machine's clock: certificates and tokens are judged by it.",
	"clock-unknown":       "The detail says what is in the way.",
	"gateway-unreachable": "Have the firewall let this machine out to it, or have the administrator correct its address.",
	"device-refused":      "Sign in again. If it was revoked: postern-client login --new-device",
}

// running asks the client that runs, if one does.
func (x *examination) running(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	remote, err := Connect(ctx, x.state.path)
	if errors.Is(err, ErrNotRunning) {
		x.found(wire.SeverityNote, "not-running", "", "postern-client up is not running")
		return false
	}
	var s Status
	if err == nil {
		defer remote.Close()
		s, err = remote.Status(ctx)
	}
	if err != nil {
		x.found(wire.SeverityError, "not-running", "", fmt.Sprintf("the client that runs does not answer: %s", err))
		return false
	}
	x.status(s)
	return true
}

// status says how the client is that runs.
func (x *examination) status(s Status) {
	switch {
	case s.State == StateConnected:
		x.found(wire.SeverityOK, "connected", s.User, fmt.Sprintf("connected over %d tunnels, %d applications", len(s.Tunnels), s.Rules.Applications))
	case s.State == StatePaused, s.State == StateOff:
		x.found(wire.SeverityWarning, "not-connected", s.State, strings.Join(s.Why, "; "))
	default:
		x.found(wire.SeverityError, "not-connected", s.State, strings.Join(s.Why, "; "))
	}
	x.ownProxy(s.Listeners)
}

// ownProxy looks whether the environment has this program go out through the client's own proxy.
func (x *examination) ownProxy(listeners []Listener) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "POSTERN_CLIENT_PROXY"} {
		u, err := url.Parse(os.Getenv(name))
		if err != nil || u.Host == "" {
			continue
		}
		for _, l := range listeners {
			_, port, _ := net.SplitHostPort(l.Address)
			if ip := net.ParseIP(u.Hostname()); u.Port() == port && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
				x.found(wire.SeverityError, "own-proxy", name, fmt.Sprintf("it names the client's own %s proxy on %s", l.Kind, l.Address))
			}
		}
	}
}

func (x *examination) signedIn() bool {
	var err error
	if x.kept, err = x.state.signIn(); err == nil {
		x.cred, err = x.state.dir.Load()
	}
	switch {
	case errors.Is(err, ErrSignedOut), fault.Is(err, fault.KindNotFound):
		x.found(wire.SeverityError, "signed-out", "", "nobody is signed in here")
		return false
	case err != nil:
		x.found(wire.SeverityError, "state-unusable", x.state.path, err.Error())
		return false
	}
	until := x.cred.Leaf.NotAfter.Local().Format("2006-01-02 15:04")
	if time.Now().After(x.cred.Leaf.NotAfter) {
		x.found(wire.SeverityWarning, "certificate-expired", x.cred.Identity.ID, "the device's certificate has expired on "+until)
	} else {
		x.found(wire.SeverityOK, "certificate", x.cred.Identity.ID, "the device's certificate is good until "+until)
	}
	return true
}

// wayOut says which proxy is on the way.
func (x *examination) wayOut() {
	u, err := url.Parse(x.kept.Service)
	if err != nil {
		return // the sign-in was checked
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	proxy, err := x.dialer.Proxy(net.JoinHostPort(u.Hostname(), port))
	switch {
	case err != nil:
		x.found(wire.SeverityError, "proxy-failed", u.Host, fmt.Sprintf("no proxy can be chosen: %s", err))
	case proxy != "":
		x.found(wire.SeverityNote, "proxy", proxy, "is on the way to "+u.Host)
	}
}

// service looks whether the portal is reached, and trusted.
func (x *examination) service(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	if _, err := x.kept.program(ctx, x.dialer); err != nil {
		x.found(wire.SeverityError, "service-unreachable", x.kept.Service, err.Error())
		if page := captivePortal(ctx, x.kept.Service, x.dialer.Dial); page != "" {
			x.found(wire.SeverityError, "captive-portal", page, captiveWhy(page))
		}
		return false
	}
	x.found(wire.SeverityOK, "service", x.kept.Service, "is reached, and its certificate is trusted")
	return true
}

func (x *examination) token(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	_, shown, _ := x.kept.tokens() // what cannot be read is said by the next; the service itself is to say whether the sign-in is good
	switch _, kept, err := x.state.token(ctx, x.dialer, shown); {
	case fault.Is(err, fault.KindUnauthenticated):
		x.found(wire.SeverityError, "sign-in-over", x.kept.Service, err.Error())
	case err != nil:
		x.found(wire.SeverityWarning, "sign-in-unknown", x.kept.Service, err.Error())
	default:
		x.found(wire.SeverityOK, "sign-in", x.kept.Service, "the sign-in is good; its token until "+kept.Expires.Local().Format("15:04:05"))
	}
}

// clock compares this machine's clock with the service's.
func (x *examination) clock(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	var answer wire.HelloAnswer
	config, err := x.cred.AgentTLS()
	if err == nil {
		var face *uplink.Service
		if face, err = x.dialer.Service(x.cred.Connection.ServiceURL, config); err == nil {
			err = face.Post(ctx, wire.PathHello, wire.Hello{}, &answer)
		}
	}
	if err != nil {
		x.found(wire.SeverityWarning, "clock-unknown", x.cred.Connection.ServiceURL, "the service's clock could not be asked: "+err.Error())
		return
	}
	skew := time.Since(answer.Time).Round(time.Second)
	if skew.Abs() > skewMost {
		x.found(wire.SeverityError, "clock-wrong", "", fmt.Sprintf("this machine's clock is %s off the service's", skew))
		return
	}
	x.found(wire.SeverityOK, "clock", "", fmt.Sprintf("this machine's clock is right (%s off); the service sees it at %s", skew, answer.Address))
}

// gateways makes a tunnel to each gateway, and ends it when the gateway has said who it is.
func (x *examination) gateways(ctx context.Context) {
	config, err := x.cred.TunnelTLS()
	if err != nil {
		x.found(wire.SeverityError, "state-unusable", x.state.path, err.Error())
		return
	}
	for _, g := range x.cred.Connection.Gateways {
		way, err := x.gateway(ctx, uplink.Tunnel{Gateway: g, Service: x.cred.Connection.ServiceURL, TLS: config})
		switch {
		case uplink.Rejected(err):
			x.found(wire.SeverityError, "device-refused", g.Address, "it does not take the device's certificate: "+err.Error())
		case err != nil:
			x.found(wire.SeverityError, "gateway-unreachable", g.Address, err.Error())
		default:
			x.found(wire.SeverityOK, "gateway", g.Address, strings.TrimSpace("is reached "+way.String()))
		}
	}
}

func (x *examination) gateway(ctx context.Context, t uplink.Tunnel) (uplink.Way, error) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	conn, way, err := x.dialer.TunnelBy(ctx, t)
	if err != nil {
		return way, err
	}
	defer conn.Close() // nothing was said
	_ = conn.SetReadDeadline(time.Now().Add(helloTimeout))
	_, err = conn.Read(make([]byte, 1)) // of its HELLO; or that it does not take the certificate, which shows only now
	return way, err
}
