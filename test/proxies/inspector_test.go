package proxies

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/connector"
	"postern/internal/connector/doctor"
	"postern/internal/posterntest"
	"postern/internal/uplink"
	"postern/internal/wire"
)

// inspection is the authority of a proxy that opens TLS.
type inspection struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newInspection(t testing.TB) *inspection {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Corporate Inspection CA"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(t)
	return &inspection{key, must(x509.ParseCertificate(der))(t)}
}

// pem writes certificate and key into one file, as squid wants them.
func (i *inspection) pem(t testing.TB, dir string) string {
	t.Helper()
	der := must(x509.MarshalPKCS8PrivateKey(i.key))(t)
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	path := filepath.Join(dir, "inspection.pem")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func (i *inspection) certificate(name string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, leaf, i.cert, key.Public(), i.key)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// proxy is a CONNECT proxy on loopback that opens the TLS of whatever goes through it and knows nothing but HTTP/1.1. upgrades: it lets
// Upgrade pass.
func (i *inspection) proxy(t testing.TB, upgrades bool) string {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	var running sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	keep := func(c net.Conn) {
		mu.Lock()
		defer mu.Unlock()
		open = append(open, c)
	}
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			keep(c)
			running.Go(func() {
				defer c.Close()
				_ = i.inspect(c, upgrades, keep) // whoever goes through it notices
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return l.Addr().String()
}

func (i *inspection) inspect(c net.Conn, upgrades bool, keep func(net.Conn)) error {
	request, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil || request.Method != http.MethodConnect {
		return errors.New("no CONNECT")
	}
	host, port, err := net.SplitHostPort(request.Host)
	if err != nil {
		return err
	}
	onward, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", port), &tls.Config{ServerName: host, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		return err
	}
	keep(onward)
	defer onward.Close()
	if _, err := io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return err
	}
	inside := tls.Server(c, &tls.Config{NextProtos: []string{"http/1.1"}, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return i.certificate(hello.ServerName)
	}})
	if err := inside.Handshake(); err != nil {
		return err
	}
	return pass(inside, onward, upgrades)
}

// pass passes one request on and then, if it may, everything.
func pass(inside, onward *tls.Conn, upgrades bool) error {
	reader := bufio.NewReader(inside)
	request, err := http.ReadRequest(reader)
	if err != nil {
		return err
	}
	if !upgrades {
		request.Header.Del("Connection")
		request.Header.Del("Upgrade")
	}
	if err := request.Write(onward); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(onward, reader)
		onward.Close()
	}()
	io.Copy(inside, onward)
	inside.Close()
	<-done
	return nil
}

// TestInterceptionIsGoneAround: through a proxy that opens TLS a connector enrols, renews and serves all the same, by its own TLS
// inside the proxy's, and everybody is told who opens it.
func TestInterceptionIsGoneAround(t *testing.T) {
	w := newWorld(t)
	proxy := newInspection(t).proxy(t, true)
	c, log := w.enrol("inspected", uplink.Config{Proxy: "http://" + proxy})
	w.carries()
	const issuer = "CN=Corporate Inspection CA"
	w.way(c.ID, `(certificate issued by "`+issuer+`")`)
	if !strings.Contains(log.String(), "tunnel up by HTTP Upgrade") || !strings.Contains(log.String(), issuer) {
		t.Errorf("the log does not tell who opens TLS:\n%s", log)
	}
	status := must(connector.ReadStatus(t.Context(), c.State))(t)
	if len(status.Tunnels) == 0 || !strings.Contains(status.Tunnels[0].Way, issuer) {
		t.Errorf("the status does not tell who opens TLS: %+v", status.Tunnels)
	}
	found := must(w.API.Connectors.Diagnose(t.Context(), string(c.ID)))(t)
	at := slices.IndexFunc(found.Findings, func(f api.DiagnosisFinding) bool { return f.Code == "opened-on-the-way" })
	if at < 0 || !strings.Contains(found.Findings[at].Detail, issuer) {
		t.Errorf("the doctor does not tell who opens TLS: %+v", found.Findings)
	}
}

// TestInterceptionWithoutUpgrade: where the proxy lets no Upgrade pass, the error names it and both cures.
func TestInterceptionWithoutUpgrade(t *testing.T) {
	w := newWorld(t)
	proxy := newInspection(t).proxy(t, false)
	dialer := must(uplink.New(uplink.Config{Proxy: "http://" + proxy, Timeout: 30 * time.Second}))(t)
	token := must(wire.ParseEnrolmentToken(w.Token("inspected")))(t)
	log := &logBuffer{}
	_, err := connector.Enrol(t.Context(), connector.Enrolment{State: filepath.Join(t.TempDir(), "state"), Token: token, Name: "inspected", Dialer: dialer,
		Host: wire.Host{MachineName: "test", OS: "linux", Arch: "amd64", Program: "test"}, Log: log.logger()})
	e, ok := errors.AsType[*uplink.Intercepted](err)
	if !ok || e.Issuer != "CN=Corporate Inspection CA" {
		t.Fatalf("%v", err)
	}
	for _, part := range []string{"exempt this address from inspection", "the upgrade was answered with 426", "must pass Upgrade: postern-tunnel on"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
	found := doctor.Examine(t.Context(), doctor.Config{State: filepath.Join(t.TempDir(), "state"), Token: &token, Dialer: dialer, Within: posterntest.Patience})
	names := func(f wire.Finding) bool {
		return f.Code == "intercepted" && f.Severity == wire.SeverityError && strings.Contains(f.Detail, e.Issuer) && f.Cure != ""
	}
	if !slices.ContainsFunc(found.Findings, names) {
		t.Errorf("the doctor of a machine that is not enrolled does not tell who opens TLS: %+v", found.Findings)
	}
}

// TestAnInterceptorThatComes: a proxy that begins to open TLS, and lets no Upgrade pass, is named by a connector that was there before:
// in its log, in what its machine's doctor says and, as soon as it has a way again, in the API.
func TestAnInterceptorThatComes(t *testing.T) {
	w := newWorld(t)
	i := newInspection(t)
	c, _ := w.enrol("office", uplink.Config{})
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	dialer := must(uplink.New(uplink.Config{Proxy: "http://" + i.proxy(t, false), Timeout: 30 * time.Second}))(t)
	log := &logBuffer{}
	inspected := must(connector.New(connector.Config{State: c.State, Dialer: dialer, Log: log.logger(),
		Host: wire.Host{MachineName: "test", OS: "linux", Arch: "amd64", Program: "test"}}))(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- inspected.Run(ctx) }()
	stop := sync.OnceValue(func() error { cancel(); return <-ended })
	defer stop()
	const issuer = "CN=Corporate Inspection CA"
	w.Await("the log to name who opens TLS", func() bool {
		return strings.Contains(log.String(), "connection intercepted") && strings.Contains(log.String(), issuer)
	})
	status := must(connector.ReadStatus(t.Context(), c.State))(t)
	if status.LastError == nil || !strings.Contains(status.LastError.Text, issuer) {
		t.Errorf("the status does not tell who opens TLS: %+v", status.LastError)
	}
	found := must(connector.ReadDiagnosis(t.Context(), c.State))(t)
	for _, code := range []string{"intercepted", "no-tunnel"} {
		if !slices.ContainsFunc(found.Findings, func(f wire.Finding) bool {
			return f.Code == code && f.Severity == wire.SeverityError && (code != "intercepted" || strings.Contains(f.Detail, issuer))
		}) {
			t.Errorf("the doctor does not say %s: %+v", code, found.Findings)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	through := must(uplink.New(uplink.Config{Proxy: "http://" + i.proxy(t, true), Timeout: posterntest.Patience}))(t)
	w.Run(c, func(cc *connector.Config) { cc.Dialer, cc.Log = through, log.logger() })
	w.way(c.ID, `(certificate issued by "`+issuer+`")`)
	w.carries()
}

// TestSquidThatOpensTLS: the same with squid as the one who opens TLS (ssl-bump), which passes our Upgrade on where it is told to.
func TestSquidThatOpensTLS(t *testing.T) {
	if !need(t, "squid", certHelper) {
		return
	}
	w := newWorld(t)
	portal, _, _ := net.SplitHostPort(w.host())
	dir := workspace(t)
	authority := newInspection(t).pem(t, dir)
	store := filepath.Join(dir, "certificates")
	if out, err := exec.Command(certHelper, "-c", "-s", store, "-M", "4MB").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	give(t, dir)
	bump := startSquid(t, []string{portal}, "ssl-bump generate-host-certificates=on dynamic_cert_mem_cache_size=4MB tls-cert="+authority,
		"sslcrtd_program "+certHelper+" -s "+store+" -M 4MB", "sslcrtd_children 1", "ssl_bump bump all",
		"tls_outgoing_options flags=DONT_VERIFY_PEER", "sslproxy_cert_error allow all",
		"http_upgrade_request_protocols postern-tunnel allow all", "http_access allow all")
	c, log := w.enrol("bumped", uplink.Config{Proxy: "http://127.0.0.1:" + bump.port})
	w.carries()
	w.way(c.ID, "Corporate Inspection CA")
	if !strings.Contains(log.String(), "tunnel up by HTTP Upgrade") {
		t.Errorf("the log does not tell who opens TLS:\n%s", log)
	}
}
