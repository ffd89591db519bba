package control_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/posterntest/pg"
	"postern/internal/store"
	"postern/internal/wire"
)

// active has a connector report that its tunnels are up.
func (k *kit) active(a *agent) {
	k.Report(wire.Presence{Connector: string(a.id()), Instance: "i", Gateway: string(k.cfg.Gateway.ID), Tunnels: 2, Echo: k.cfg.Now(), Address: "192.0.2.1:5"})
}

// TestEachFinding makes one thing wrong at a time, on an instance of its own. The others of health_test.go need years, or
// several in a row.
func TestEachFinding(t *testing.T) {
	tests := []struct {
		code     string
		severity control.Severity
		words    string
		spoil    func(t *testing.T, k *kit)
	}{
		{"group-without-spare", control.SeverityNotice, "only one connector", func(_ *testing.T, k *kit) {
			k.application("wiki")
			k.active(k.enrol())
		}},
		{"public-certificate-expiring", control.SeverityWarning, "put.example.com", func(t *testing.T, k *kit) {
			chain, key := selfSigned(t, "put.example.com")
			must(t, 0, second(k.PutPublicCertificate(t.Context(), k.owner, "put.example.com", chain, key)))
		}},
		{"public-certificate-damaged", control.SeverityError, "Upload it again", func(t *testing.T, k *kit) {
			chain, key := selfSigned(t, "put.example.com")
			must(t, 0, second(k.PutPublicCertificate(t.Context(), k.owner, "put.example.com", chain, key)))
			cert, err := k.uploaded(t, "put.example.com")
			cert = must(t, cert, err)
			cert.Chain = "damaged"
			must(t, 0, k.store.Write(t.Context(), func(tx *store.Tx) error {
				if err := tx.UpdatePublicCertificate(t.Context(), &cert, []byte(key)); err != nil {
					return err
				}
				return second(tx.NextVersion(t.Context()))
			}))
			k.settled()
		}},
		{"upstream-secret-expiring", control.SeverityWarning, "in 9 days", func(t *testing.T, k *kit) {
			newAbroad(k, func(u *access.Upstream) { u.OIDC.SecretExpires = k.cfg.Now().Add(10*24*time.Hour - time.Minute) })
		}},
		{"upstream-secret-expiring", control.SeverityError, "ended on", func(t *testing.T, k *kit) {
			newAbroad(k, func(u *access.Upstream) { u.OIDC.SecretExpires = k.cfg.Now().Add(time.Hour) })
			k.pass(2 * time.Hour)
		}},
		{"upstream-away", control.SeverityError, "does not answer", func(t *testing.T, k *kit) {
			a := newAbroad(k)
			a.idp.Away(true)
			if _, err := a.Depart(t.Context(), control.Departure{Upstream: a.up.ID, Binding: binding}); err == nil {
				t.Error("somebody departed for a provider that is away")
			}
		}},
		{"export-failing", control.SeverityWarning, "do not reach logs", func(t *testing.T, k *kit) {
			made, err := k.CreateExport(t.Context(), k.owner, control.NewExport{Export: access.Export{Name: "logs", Kind: access.ExportSyslog,
				URL: "tcp://" + nobodyListens, AllowLoopback: true, Streams: []access.ExportStream{access.StreamAudit}}, Beginning: true})
			made = must(t, made, err)
			eventually(t, "the export to fail", func() bool {
				e, err := k.Export(t.Context(), k.owner, made.ID)
				return err == nil && len(e.States) == 1 && e.States[0].Error != ""
			})
			k.pass(10 * time.Minute)
		}},
		{"clock-skew", control.SeverityWarning, "differ by", func(_ *testing.T, k *kit) { k.pass(-time.Minute) }},
		{"break-glass-ready", control.SeverityNotice, "", func(t *testing.T, k *kit) {
			must(t, 0, second(k.CreateUser(t.Context(), k.owner, access.User{Name: "rescue", BreakGlass: true, Roles: []access.Role{access.RoleOwner}}, password)))
		}},
		{"break-glass-missing", control.SeverityWarning, "no break-glass user", func(t *testing.T, k *kit) {
			must(t, 0, second(k.CreatePolicy(t.Context(), k.owner, access.Policy{Name: "strong", Mode: access.ModeEnforce, AllApplications: true, Everyone: true, Conditions: access.Conditions{Strength: access.MultiFactor}})))
			k.settled()
		}},
	}
	for _, test := range tests {
		t.Run(test.code+" "+string(test.severity), func(t *testing.T) {
			both(t, func(t *testing.T, k *kit) {
				k.wantsNo(test.code)
				test.spoil(t, k)
				if f := k.wants(test.code, test.severity); !strings.Contains(f.Sentence+f.Cure, test.words) {
					t.Errorf("%+v does not say %q", f, test.words)
				}
			})
		})
	}
}

// nobodyListens is an address that the kernel gives nobody by chance.
const nobodyListens = "127.0.0.1:1"

// uploaded gives the uploaded certificate of a domain.
func (k *kit) uploaded(t *testing.T, domain string) (access.PublicCertificate, error) {
	var found access.PublicCertificate
	err := k.store.Read(t.Context(), func(tx *store.Tx) (err error) {
		found, err = tx.PublicCertificateByDomain(t.Context(), domain)
		return err
	})
	return found, err
}

// TestFindingsOfADatabaseThatOthersUse: another service changed the master key or the schema, or somebody cut the audit
// log: none of it is seen in the configuration.
func TestFindingsOfADatabaseThatOthersUse(t *testing.T) {
	t.Parallel()
	server := pg.New(t)
	for name, url := range map[string]string{"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "postern.db"), "postgres": server.Database(t)} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, url)
			k.wantsNo("audit-log-cut") // it has seen the end now
			db := openRaw(t, url)
			k.stop()
			if _, err := db.ExecContext(t.Context(), "DELETE FROM audit WHERE seq = (SELECT MAX(seq) FROM audit)"); err != nil {
				t.Fatal(err)
			}
			if f := k.wants("audit-log-cut", control.SeverityError); !strings.Contains(f.Sentence, "lost entry") {
				t.Errorf("%+v", f)
			}

			k.wantsNo("master-key-missing")
			key, err := os.ReadFile(k.keyFile)
			elsewhere := filepath.Join(t.TempDir(), "master.key")
			if err == nil {
				err = os.WriteFile(elsewhere, key, 0o600)
			}
			if err == nil {
				_, err = store.ChangeKey(t.Context(), store.Config{URL: url, KeyFile: elsewhere})
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := k.ExchangeRoot(t.Context(), k.owner); err == nil {
				t.Error("the root was exchanged without the master key")
			}
			k.wants("master-key-missing", control.SeverityError)
			if key, err = os.ReadFile(elsewhere); err == nil {
				err = os.WriteFile(k.keyFile, key, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := k.ExchangeRoot(t.Context(), k.owner); err != nil {
				t.Error(err)
			}
			k.wantsNo("master-key-missing")

			k.wantsNo("schema-newer")
			if _, err := db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) SELECT MAX(version_id) + 1, is_applied FROM goose_db_version GROUP BY is_applied"); err != nil {
				t.Fatal(err)
			}
			k.store = openStore(t, url, k.keyFile)
			k.cfg.Store = k.store
			k.Control = k.open()
			k.wants("schema-newer", control.SeverityNotice)
		})
	}
}

func openRaw(t *testing.T, url string) *sql.DB {
	t.Helper()
	driver := "pgx"
	if file, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, url = "sqlite", file
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// TestVersionsDiffer: two replicas of different versions, as in the middle of an upgrade.
func TestVersionsDiffer(t *testing.T) {
	t.Parallel()
	url := server.get().Database(t)
	one := newKit(t, url)
	one.wantsNo("versions-differ")
	newer := &kit{t: t, owner: one.owner, keyFile: one.keyFile, store: openStore(t, url, one.keyFile)}
	newer.cfg = testConfig(newer)
	newer.cfg.Gateway.Program = "9.9"
	newer.Control = newer.open()
	newer.run()
	eventually(t, "both to be known", func() bool {
		snap, err := one.Snapshot(t.Context(), 0)
		return err == nil && len(snap.Gateways) == 2
	})
	if f := one.wants("versions-differ", control.SeverityNotice); !strings.Contains(f.Sentence, "1 × 9.9") || !strings.Contains(f.Sentence, "1 × unknown") {
		t.Errorf("%+v", f)
	}
}

// TestDiskFindings is about room that no test can use up.
func TestDiskFindings(t *testing.T) {
	const gib = 1 << 30
	for _, test := range []struct {
		free, total uint64
		want        string
	}{
		{50 * gib, 100 * gib, ""},
		{6 * gib, 100 * gib, ""},
		{4 * gib, 100 * gib, "disk-nearly-full"},
		{900 << 20, 10 * gib, "disk-nearly-full"},
		{900 << 20, 100 * gib, "disk-full"},
		{200 << 20, 2 * gib, "disk-full"},
		{0, 100 * gib, "disk-full"},
	} {
		if got := control.DiskFinding(test.free, test.total); got != test.want {
			t.Errorf("%d of %d bytes free: %q, want %q", test.free, test.total, got, test.want)
		}
	}
}
