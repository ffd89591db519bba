package uplink

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKerberosSettings: the KDC of a realm is that of the file, or is found by DNS where there is no file or it does not say.
func TestKerberosSettings(t *testing.T) {
	const realm = "CORP.TEST"
	for name, test := range map[string]struct {
		text string
		dns  bool
		kdcs int
	}{
		"none":             {"", true, 0},
		"another realm":    {"[libdefaults]\n default_realm = ATHENA.TEST\n[realms]\n ATHENA.TEST = {\n  kdc = kerberos.athena.test\n }\n", true, 0},
		"the realm":        {"[realms]\n CORP.TEST = {\n  kdc = dc1.corp.test\n  kdc = dc2.corp.test\n }\n", true, 2},
		"DNS is forbidden": {"[libdefaults]\n dns_lookup_kdc = false\n", false, 0},
		"Kerberos 4":       {"[realms]\n CORP.TEST = {\n  kdc = dc1.corp.test\n  v4_realm = CORP\n }\n", true, 1},
	} {
		path := filepath.Join(t.TempDir(), "krb5.conf")
		if test.text != "" {
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		conf, err := Kerberos{Config: path}.config(realm)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		kdcs := 0
		for _, r := range conf.Realms {
			if r.Realm == realm {
				kdcs = len(r.KDC)
			}
		}
		if conf.LibDefaults.DNSLookupKDC != test.dns || kdcs != test.kdcs || conf.LibDefaults.DefaultRealm == "" {
			t.Errorf("%s: DNS %v, %d KDCs, default realm %q", name, conf.LibDefaults.DNSLookupKDC, kdcs, conf.LibDefaults.DefaultRealm)
		}
	}
	path := filepath.Join(t.TempDir(), "krb5.conf")
	if err := os.WriteFile(path, []byte("[libdefaults]\n default_realm\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (Kerberos{Config: path}).config(realm); err == nil || !strings.Contains(err.Error(), path+" is not understood") {
		t.Errorf("nonsense: %v", err)
	}
	if _, err := (Kerberos{Config: filepath.Dir(path)}).config(realm); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("a directory: %v", err)
	}
}
