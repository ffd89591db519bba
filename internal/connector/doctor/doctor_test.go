package doctor_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/connector"
	"postern/internal/connector/doctor"
	"postern/internal/fault"
	"postern/internal/posterntest"
	"postern/internal/uplink"
	"postern/internal/wire"
)

// coded gives the findings of a code.
func coded(d wire.Diagnosis, code string) (all []wire.Finding) {
	for _, f := range d.Findings {
		if f.Code == code {
			all = append(all, f)
		}
	}
	return all
}

// want is what shall be found with a severity.
type want struct {
	severity wire.Severity
	codes    []string
}

func (w want) missing(d wire.Diagnosis) string {
	for _, code := range w.codes {
		if found := coded(d, code); len(found) == 0 || slices.ContainsFunc(found, func(f wire.Finding) bool { return f.Severity != w.severity }) {
			return code
		}
	}
	return ""
}

// until looks again and again until everything is found that is wanted: on a machine that is busy with other things an
// examination may find that something took too long.
func until(t *testing.T, look func() wire.Diagnosis, wants ...want) wire.Diagnosis {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		d, missing := look(), ""
		for _, w := range wants {
			missing += w.missing(d)
		}
		if missing == "" {
			return d
		}
		if time.Now().After(deadline) || t.Context().Err() != nil {
			text, _ := json.MarshalIndent(d.Findings, "", " ")
			t.Fatalf("no finding %s in %s", missing, text)
		}
	}
}

// examined is until with an examination by this process.
func examined(t *testing.T, cfg doctor.Config, wants ...want) wire.Diagnosis {
	t.Helper()
	return until(t, func() wire.Diagnosis { return examine(t, cfg) }, wants...)
}

func wants(severity wire.Severity, codes ...string) want { return want{severity, codes} }

func dialer(t *testing.T, proxy string) *uplink.Dialer {
	t.Helper()
	d, err := uplink.New(uplink.Config{Proxy: proxy, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// patiently is the examination's time: a test machine may be slow, and no test waits for its end.
const patiently = 2 * time.Minute

func examine(t *testing.T, cfg doctor.Config) wire.Diagnosis {
	t.Helper()
	cfg.Host, cfg.Within = wire.Host{Program: "test"}, patiently
	if cfg.Dialer == nil {
		cfg.Dialer = dialer(t, uplink.Direct)
	}
	return doctor.Examine(t.Context(), cfg)
}

// closed is an address on which nobody listens: the kernel gives nobody a port below 1024 by chance.
const closed = "127.0.0.1:1"

func TestAConnectorThatRuns(t *testing.T) {
	sys := posterntest.New(t)
	good := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead || r.URL.Path != "/" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		w.WriteHeader(http.StatusNotFound) // whatever it says below 500: it lives
	}))
	failing := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	sys.Publish("good", good.URL)
	sys.Publish("failing", failing.URL)
	sys.Publish("gone", "http://"+closed+"/")
	sys.Publish("denied", "http://127.0.0.2/")
	k := sys.Connector("hq-1")
	sys.Await("the targets", func() bool { return len(k.Status().Targets) == 4 })
	sys.Await("the socket for questions", func() bool { _, err := connector.ReadRequirements(t.Context(), k.State); return err == nil })

	d := until(t, func() wire.Diagnosis {
		d, err := connector.ReadDiagnosis(t.Context(), k.State)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(coded(d, "tunnel"), func(f wire.Finding) bool { return strings.Contains(f.Detail, "down and") }) {
			return wire.Diagnosis{} // no tunnel was measured in time
		}
		return d
	}, wants(wire.SeverityOK, "enrolled", "certificate", "running", "rules", "name", "service", "clock", "large-messages", "versions", "revocations", "tunnel", "application"),
		wants(wire.SeverityError, "application-unreachable"), wants(wire.SeverityWarning, "application-fails"))
	if !d.Running || d.Connector != string(k.ID) || d.Worst() != wire.SeverityError || d.Findings[0].Severity != wire.SeverityError {
		t.Errorf("%+v", d)
	}
	reasons := map[string]string{}
	for _, f := range coded(d, "application-unreachable") {
		reasons[f.Subject] = f.Reason
	}
	if reasons["gone"] != "connection-refused" || reasons["denied"] != "address-refused" || len(reasons) != 2 {
		t.Errorf("reasons: %v", reasons)
	}
	for _, f := range coded(d, "tunnel") {
		if !strings.Contains(f.Detail, "round trip") {
			t.Errorf("a tunnel: %s", f.Detail)
		}
	}
	needed, err := connector.ReadRequirements(t.Context(), k.State)
	if err != nil {
		t.Fatal(err)
	}
	var whys []string
	for _, q := range needed {
		whys = append(whys, q.Why)
		if q.Process == "" || q.Port == "" || q.Direction == "" {
			t.Errorf("a line lacks something: %+v", q)
		}
	}
	for _, why := range []string{"application good", "application gone", "application denied"} {
		if !slices.Contains(whys, why) {
			t.Errorf("%q is not among %q", why, whys)
		}
	}
}

func TestAConnectorThatDoesNotRun(t *testing.T) {
	sys := posterntest.New(t)
	k := sys.Connector("hq-1")
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := connector.ReadDiagnosis(t.Context(), k.State); err != connector.ErrNotRunning {
		t.Fatalf("ReadDiagnosis: %v", err)
	}
	examined(t, doctor.Config{State: k.State}, wants(wire.SeverityError, "not-running"), wants(wire.SeverityOK, "enrolled", "service", "clock", "large-messages", "gateway"))

	examined(t, doctor.Config{State: k.State, Now: func() time.Time { return time.Now().Add(-2 * time.Hour) }}, wants(wire.SeverityError, "clock-skewed"))
	examined(t, doctor.Config{State: k.State, Now: func() time.Time { return time.Now().Add(40 * 24 * time.Hour) }}, wants(wire.SeverityError, "certificate-expired"))

	if err := sys.API.Connectors.Delete(t.Context(), string(k.ID), 0); err != nil {
		t.Fatal(err)
	}
	examined(t, doctor.Config{State: k.State}, wants(wire.SeverityError, "gateway-refuses", "certificate-revoked"))

	sys.Stop()
	examined(t, doctor.Config{State: k.State}, wants(wire.SeverityError, "service-unreachable", "gateway-unreachable"))
	examined(t, doctor.Config{State: k.State, Dialer: dialer(t, "http://"+closed)}, wants(wire.SeverityOK, "enrolled"))
}

func TestAMachineThatIsNotEnrolled(t *testing.T) {
	sys := posterntest.New(t)
	state := filepath.Join(t.TempDir(), "state")
	examined(t, doctor.Config{State: state}, wants(wire.SeverityError, "not-enrolled"))
	if _, err := os.Stat(state); err == nil {
		t.Error("looking made the directory")
	}
	d := examined(t, doctor.Config{State: state, Service: sys.PortalURL}, wants(wire.SeverityNote, "enrolment-due", "service-unproven"), wants(wire.SeverityOK, "clock", "large-messages"))
	if d.Worst() != wire.SeverityNote {
		t.Errorf("worst: %s of %+v", d.Worst(), d.Findings)
	}
	token, err := wire.ParseEnrolmentToken(sys.Token("hq-1"))
	if err != nil {
		t.Fatal(err)
	}
	examined(t, doctor.Config{State: state, Token: &token}, wants(wire.SeverityOK, "service"))
	token.Fingerprint = strings.Repeat("ab", 32)
	examined(t, doctor.Config{State: state, Token: &token}, wants(wire.SeverityError, "wrong-authority"))
	if all, err := sys.API.Tokens.List(t.Context(), api.ListOptions{}); err != nil || !all.Items[0].Used.IsZero() {
		t.Errorf("the token was used up: %v", err)
	}
}

// names is a resolver that says what it was told.
type names struct{ err error }

func (n names) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) { return nil, n.err }

func TestNamesAndStrangers(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	unknown := names{&net.DNSError{IsNotFound: true}}
	examined(t, doctor.Config{State: state, Service: "https://service.invalid", Resolver: unknown}, wants(wire.SeverityError, "name-unknown", "service-unreachable"))
	examined(t, doctor.Config{State: state, Service: "https://service.invalid", Resolver: names{&net.DNSError{IsTimeout: true}}}, wants(wire.SeverityError, "dns-silent"))
	examined(t, doctor.Config{State: state, Service: "https://service.invalid", Resolver: unknown, Dialer: dialer(t, "http://"+closed)}, wants(wire.SeverityError, "proxy-failed"), wants(wire.SeverityNote, "proxy", "name-by-proxy"))

	plain := posterntest.NewBackend(t, http.NotFoundHandler())
	examined(t, doctor.Config{State: state, Service: strings.Replace(plain.URL, "http:", "https:", 1)}, wants(wire.SeverityError, "service-tls"))
}

func TestStateAndRules(t *testing.T) {
	sys := posterntest.New(t)
	k := sys.Connector("hq-1")
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
	rules := filepath.Join(t.TempDir(), "rules")
	write := func(text string, mode os.FileMode) {
		if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(rules, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		text string
		mode os.FileMode
		want string
	}{{"allow 10.0.0.0/8\n", 0o600, "rules"}, {"allow everything please\n", 0o600, "rules-wrong"}, {"allow 10.0.0.0/8\n", 0o666, "rules-wrong"}} {
		write(test.text, test.mode)
		severity := wire.SeverityError
		if test.want == "rules" {
			severity = wire.SeverityOK
		}
		examined(t, doctor.Config{State: k.State, Rules: rules}, wants(severity, test.want))
	}
	if err := os.Chmod(k.State, 0o755); err != nil {
		t.Fatal(err)
	}
	d := examined(t, doctor.Config{State: k.State}, wants(wire.SeverityError, "state-unusable"))
	if found := coded(d, "state-unusable")[0]; !strings.Contains(found.Detail, "chmod 700") {
		t.Errorf("it does not say what to do: %s", found.Detail)
	}
}

func TestAskedFromAfar(t *testing.T) {
	sys := posterntest.New(t)
	backend := posterntest.NewBackend(t, http.NotFoundHandler())
	sys.Publish("wiki", backend.URL)
	k := sys.Connector("hq-1")
	sys.Await("the target", func() bool { return len(k.Status().Targets) == 1 })
	var d api.Diagnosis
	var err error
	sys.Await("a diagnosis in which the application is reached", func() bool {
		if d, err = sys.API.Connectors.Diagnose(t.Context(), string(k.ID)); err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(d.Findings, func(f api.DiagnosisFinding) bool { return f.Code == "application" && f.Subject == "wiki" })
	})
	if d.Connector != string(k.ID) || !d.Running {
		t.Errorf("%+v", d)
	}
	if _, err := sys.API.Connectors.LastDiagnosis(t.Context(), string(k.ID)); !fault.Is(err, fault.KindNotFound) || !strings.Contains(err.Error(), "had no reason") {
		t.Errorf("the last one of its own accord: %v", err)
	}
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
	sys.Await("nobody to ask", func() bool {
		_, err = sys.API.Connectors.Diagnose(t.Context(), string(k.ID))
		return fault.Is(err, fault.KindUnavailable)
	})
	if !strings.Contains(err.Error(), "hq-1 has no tunnel") {
		t.Errorf("without a tunnel: %v", err)
	}
	if _, err := sys.API.Connectors.Diagnose(t.Context(), "con_00000000000000000000000000"); !fault.Is(err, fault.KindNotFound) {
		t.Errorf("of a connector that is not there: %v", err)
	}
}
