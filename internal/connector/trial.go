package connector

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"postern/internal/fault"
	"postern/internal/match"
	"postern/internal/wire"
)

// Bounds of trials: they are questions of administrators at a form, and no way to look around in the private network.
const (
	trialWithin  = 12 * time.Second // for all of one; less than what the service waits
	trialsAtOnce = 4
	trialsAMin   = 60
	trialHead    = 64 << 10 // bytes of an answer's head
	trialNames   = 50       // names of a certificate that are told
	trialText    = 512      // bytes of what a backend says
)

// trials bounds how many targets that nobody published are tried.
type trials struct {
	mu      sync.Mutex // guards the fields below
	running int
	since   time.Time // when the minute began that done counts in
	done    int
}

func (t *trials) enter(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.since) >= time.Minute || now.Before(t.since) {
		t.since, t.done = now, 0
	}
	if t.running >= trialsAtOnce || t.done >= trialsAMin {
		return false
	}
	t.running++
	t.done++
	return true
}

func (t *trials) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running--
}

// try goes the way to a target that no application has yet: local rules, look-up, connection, TLS, one request. The control
// plane signed it; the local rules hold as for every stream; nothing of a body is read.
func (c *Connector) try(ctx context.Context, signed wire.SignedTrial) wire.Tried {
	var trial wire.Trial
	t, refusal := c.decided(ctx, func(s *settings) (t *target, refusal *wire.Refusal) {
		trial, t, refusal = c.mayTry(s, signed)
		return t, refusal
	})
	if refusal != nil {
		return wire.Tried{Refusal: refusal}
	}
	if !c.trials.enter(c.cfg.Now()) {
		return wire.Tried{Refusal: refuse(wire.PhaseLimit, "too-many-trials", "the connector tries %d targets at once and %d in a minute at most, before they are published", trialsAtOnce, trialsAMin)}
	}
	defer c.trials.leave()
	ctx, cancel := context.WithTimeout(ctx, trialWithin)
	defer cancel()
	c.log.Info("target tried for an administrator", "host", clip(t.Host), "port", t.Port, "tls", t.TLS)
	return c.tryTarget(ctx, t, &trial)
}

// mayTry verifies the order by our own configuration, and makes the target.
func (c *Connector) mayTry(s *settings, signed wire.SignedTrial) (wire.Trial, *target, *wire.Refusal) {
	if s == nil { // a connector that has just begun
		return wire.Trial{}, nil, refuse(wire.PhaseTarget, codeConfigBehind, "the connector has no configuration yet")
	}
	trial, err := s.verifier.VerifyTrial(signed, s.Connector, c.cfg.Now())
	if err != nil {
		return wire.Trial{}, nil, refuse(wire.PhaseGrant, "grant-refused", "%s", err)
	}
	t, err := targetToTry(trial.Target)
	if err != nil {
		return wire.Trial{}, nil, refuse(wire.PhaseTarget, "target-unusable", "the target %s", err)
	}
	return trial, t, nil
}

func (c *Connector) tryTarget(ctx context.Context, t *target, trial *wire.Trial) wire.Tried {
	var seen wire.Tried
	if t.tls != nil {
		verifying := t.tls.Clone()
		verifying.ClientSessionCache = nil // each time is the first, so that the certificate is looked at
		t.tls = verifying
	}
	b, refusal := c.dialInTurn(ctx, t)
	if refusal != nil {
		seen.Refusal = refusal
		if refusal.Phase == wire.PhaseTLS {
			seen.Certificate = c.certificateAt(ctx, t)
		}
		return seen
	}
	defer b.Close()
	if conn, ok := b.Conn.(*tls.Conn); ok {
		seen.Certificate = certificateOf(conn.ConnectionState(), t)
	}
	if refusal := speaksHTTP2(t, b); refusal != nil {
		seen.Refusal = refusal
		return seen
	}
	seen.Opened = &b.opened
	if t.tls != nil || t.Protocol != "http2" { // there HTTP/2 was spoken, and that was all
		seen.Answer = askOnce(ctx, b, t, trial)
	}
	return seen
}

// targetToTry makes a target as a configuration would.
func targetToTry(w wire.Target) (*target, error) {
	host, err := match.ParseHost(w.Host)
	if err != nil {
		return nil, err
	}
	if w.Port == 0 {
		return nil, errors.New("has no port")
	}
	t := &target{Target: w, host: host}
	if w.TLS {
		t.tls, err = backendTLS(w, host)
	}
	return t, err
}

// certificateAt looks again at a backend whose certificate was not good, to tell what it shows. Nothing is sent there.
func (c *Connector) certificateAt(ctx context.Context, t *target) *wire.Certificate {
	unverified := *t
	unverified.tls = t.tls.Clone()
	unverified.tls.InsecureSkipVerify = true // it is looked at, and hung up on
	b, refusal := c.dialInTurn(ctx, &unverified)
	if refusal != nil {
		return nil
	}
	defer b.Close()
	conn, ok := b.Conn.(*tls.Conn)
	if !ok {
		return nil
	}
	return certificateOf(conn.ConnectionState(), t)
}

// certificateOf tells of the certificate that a backend showed, and whether it would be trusted if it were verified.
func certificateOf(state tls.ConnectionState, t *target) *wire.Certificate {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	leaf := state.PeerCertificates[0]
	sum := sha256.Sum256(leaf.Raw)
	shown := &wire.Certificate{
		Subject: cut(leaf.Subject.String()), Issuer: cut(leaf.Issuer.String()), NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter,
		SHA256: hex.EncodeToString(sum[:]), TLS: tls.VersionName(state.Version), Unchecked: t.SkipVerify,
	}
	for _, name := range leaf.DNSNames[:min(len(leaf.DNSNames), trialNames)] {
		shown.Names = append(shown.Names, cut(name))
	}
	for _, address := range leaf.IPAddresses[:min(len(leaf.IPAddresses), trialNames-len(shown.Names))] {
		shown.Names = append(shown.Names, address.String())
	}
	between := x509.NewCertPool()
	for _, more := range state.PeerCertificates[1:] {
		between.AddCert(more)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: t.tls.ServerName, Roots: t.tls.RootCAs, Intermediates: between}); err != nil {
		refusal := tlsRefusal(t, err)
		shown.Problem, shown.Code = cut(refusal.Message), refusal.Code
	}
	return shown
}

func cut(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), trialText)], "?")
}

// askOnce sends one request and reads the head of its answer. Redirects are told, not followed.
func askOnce(ctx context.Context, b *backend, t *target, trial *wire.Trial) *wire.TrialAnswer {
	began := time.Now()
	deadline, _ := ctx.Deadline()
	_ = b.SetDeadline(deadline) // fails on a closed connection, as what follows then does
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+trial.Host+trial.Path, nil)
	if err != nil {
		return &wire.TrialAnswer{Error: "the request cannot be made of this URL"}
	}
	request.Header.Set("User-Agent", "postern-connector (a test before it is published)")
	request.Close = true
	answer, err := roundTrip(b, t, request)
	took := time.Since(began)
	if err != nil {
		return &wire.TrialAnswer{Error: cut(fmt.Sprintf("no answer to GET %s: %v", trial.Path, plainError(err))), Took: took}
	}
	defer answer.Body.Close()
	return &wire.TrialAnswer{Protocol: answer.Proto, Status: answer.StatusCode, Location: cut(answer.Header.Get("Location")), Server: cut(answer.Header.Get("Server")), Took: took}
}

// roundTrip speaks on the connection that there is, HTTP/2 if that was agreed on.
func roundTrip(b *backend, t *target, request *http.Request) (*http.Response, error) {
	if b.opened.ALPN == alpnHTTP2 {
		request.URL.Scheme = "https"
		once := &http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return b.Conn, nil },
			ForceAttemptHTTP2: true, DisableCompression: true, MaxResponseHeaderBytes: trialHead}
		return once.RoundTrip(request)
	}
	if err := request.Write(b); err != nil {
		return nil, err
	}
	return http.ReadResponse(bufio.NewReader(&headReader{b, trialHead}), request)
}

// headReader bounds what is read of an answer.
type headReader struct {
	net.Conn
	left int
}

func (r *headReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, fault.New(fault.KindUpstream, "the head of the answer is longer than %d bytes", trialHead)
	}
	n, err := r.Conn.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

// plainError says what went wrong with an answer for people.
func plainError(err error) string {
	if isTimeout(err) {
		return "it did not come in time"
	}
	return err.Error()
}
