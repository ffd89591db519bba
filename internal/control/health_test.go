package control_test

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/store"
)

// find gives the finding with a code, inspecting at this moment.
func (k *kit) find(code string) (control.Finding, bool) {
	k.t.Helper()
	k.Inspect(k.t.Context())
	list := k.Findings(k.t.Context())
	at := slices.IndexFunc(list, func(f control.Finding) bool { return f.Code == code })
	if at < 0 {
		return control.Finding{}, false
	}
	f := list[at]
	if f.Sentence == "" || f.Cure == "" || !strings.HasSuffix(f.Sentence, ".") || f.Severity == "" {
		k.t.Errorf("%+v is not complete", f)
	}
	return f, true
}

func (k *kit) wants(code string, severity control.Severity) control.Finding {
	k.t.Helper()
	f, ok := k.find(code)
	if !ok || f.Severity != severity {
		k.t.Errorf("found %+v, want %s %s", f, severity, code)
	}
	return f
}

func (k *kit) wantsNo(code string) {
	k.t.Helper()
	if f, ok := k.find(code); ok {
		k.t.Errorf("found %+v", f)
	}
}

// TestFindings makes one thing after the other wrong, and right again.
func TestFindings(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		k.wants("own-authority", control.SeverityNotice)
		for _, code := range []string{"database-away", "root-expiring", "issuing-expiring", "group-empty", "api-key-expiring", "token-expiring", "break-glass-missing", "clock-skew", "master-key-missing"} {
			k.wantsNo(code)
		}
		k.application("wiki")
		k.settled()
		if f := k.wants("group-empty", control.SeverityError); f.Object != k.defaultGroup() {
			t.Errorf("%+v is about something else", f)
		}
		k.enrol()
		k.wantsNo("group-empty")
		k.wants("group-unreachable", control.SeverityError)

		if _, _, err := k.CreateKey(ctx, k.owner, access.Key{Name: "robot", Roles: []access.Role{access.RoleReader}, Expires: k.cfg.Now().Add(20 * 24 * time.Hour)}); err != nil {
			t.Fatal(err)
		}
		k.wantsNo("api-key-expiring")
		k.token() // for an hour: nothing to tell of
		if _, _, err := k.CreateToken(ctx, k.owner, access.Token{Name: "later", Expires: k.cfg.Now().Add(7 * 24 * time.Hour)}); err != nil {
			t.Fatal(err)
		}
		k.wantsNo("token-expiring")
		k.pass(6*24*time.Hour + 2*time.Hour)
		k.wants("token-expiring", control.SeverityNotice)
		k.pass(10 * 24 * time.Hour)
		if f := k.wants("api-key-expiring", control.SeverityWarning); !strings.Contains(f.Sentence, "robot") || !strings.Contains(f.Sentence, "in 3 days") || f.Due.IsZero() {
			t.Errorf("%+v", f)
		}
		k.wantsNo("connector-certificate-expiring")
		k.pass(11 * 24 * time.Hour)
		k.wants("connector-certificate-expiring", control.SeverityWarning)
		k.wants("api-key-expiring", control.SeverityNotice) // it has ended
	})
}

// TestFindingsOfTheAuthority lets years pass while nothing renews.
func TestFindingsOfTheAuthority(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		if err := k.ExchangeRoot(t.Context(), k.owner); err != nil {
			t.Fatal(err)
		}
		k.settled()
		k.wantsNo("exchange-unfinished")
		k.pass(31 * 24 * time.Hour)
		k.wants("exchange-unfinished", control.SeverityWarning)
		k.pass(280 * 24 * time.Hour)
		k.wants("issuing-expiring", control.SeverityWarning)
		k.pass(100 * 24 * time.Hour)
		k.wants("issuing-expiring", control.SeverityError)
		k.wants("gateway-certificate-expiring", control.SeverityError)
		k.pass((5*365 - 31 - 280 - 100 - 20) * 24 * time.Hour)
		k.wants("root-expiring", control.SeverityWarning)
	})
}

// TestFindingsWithoutTheDatabase still tells what it knows, first that the database is away.
func TestFindingsWithoutTheDatabase(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.application("wiki")
		k.settled()
		k.Inspect(t.Context())
		if err := k.store.Close(); err != nil {
			t.Fatal(err)
		}
		list := k.Findings(t.Context())
		if len(list) < 2 || list[0].Severity != control.SeverityError || !slices.ContainsFunc(list, func(f control.Finding) bool { return f.Code == "database-away" }) ||
			!slices.ContainsFunc(list, func(f control.Finding) bool { return f.Code == "group-empty" }) {
			t.Errorf("found %+v", list)
		}
	})
}

// lines is a log that a test reads.
type lines struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (l *lines) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(data)
}

func (l *lines) count(words string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), words)
}

// TestFindingsInLogAndMetrics looks at the line of each day and at the gauges.
func TestFindingsInLogAndMetrics(t *testing.T) {
	log, registry := &lines{}, prometheus.NewRegistry()
	dir := t.TempDir()
	k := &kit{t: t, store: openStore(t, "sqlite:"+filepath.Join(dir, "postern.db"), filepath.Join(dir, "master.key"))}
	k.cfg = testConfig(k)
	k.cfg.Log, k.cfg.Registerer, k.cfg.Data = slog.New(slog.NewTextHandler(log, nil)), registry, dir
	k.Control = k.open()
	if err := k.store.Write(t.Context(), func(tx *store.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		k.Inspect(t.Context())
	}
	k.pass(340 * 24 * time.Hour)
	for range 3 {
		k.Inspect(t.Context())
	}
	if got := log.count("code=issuing-expiring"); got != 1 {
		t.Errorf("the log tells it %d times", got)
	}
	k.pass(25 * time.Hour)
	k.Inspect(t.Context())
	if got := log.count("code=issuing-expiring"); got != 2 {
		t.Errorf("the log tells it %d times the next day", got)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				seen[family.GetName()+" "+label.GetValue()] = true
			}
			if family.GetName() == "postern_expiry_seconds" && m.GetGauge().GetValue() == 0 {
				t.Error("an end without a time")
			}
		}
	}
	for _, want := range []string{"postern_expiry_seconds root", "postern_expiry_seconds issuing", "postern_expiry_seconds gateway", "postern_health_findings issuing-expiring"} {
		if !seen[want] {
			t.Errorf("there is no %s", want)
		}
	}
}
