package client

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBrowserNames: policies and settings that have a browser ask names on its own are found, others and broken files are not.
func TestBrowserNames(t *testing.T) {
	home := filepath.Join(string(filepath.Separator), "home", "ada")
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	profile := strings.TrimPrefix(home, string(filepath.Separator)) + "/.mozilla/firefox/x.default/prefs.js"
	for _, test := range []struct {
		file, text string
		want       string
	}{
		{"etc/firefox/policies/policies.json", `{"policies":{"DNSOverHTTPS":{"Enabled":true,"Locked":true}}}`, "Firefox"},
		{"etc/firefox/policies/policies.json", `{"policies":{"DNSOverHTTPS":{"Enabled":false}}}`, ""},
		{"etc/opt/chrome/policies/managed/a.json", `{"DnsOverHttpsMode":"secure"}`, "Chrome"},
		{"etc/chromium/policies/managed/b.json", `{"DnsOverHttpsMode":"automatic","Other":1}`, "Chromium"},
		{"etc/opt/edge/policies/managed/c.json", `{"DnsOverHttpsMode":"off"}`, ""},
		{"etc/opt/edge/policies/managed/c.json", `no JSON`, ""},
		{profile, "user_pref(\"a\", 1);\nuser_pref(\"network.trr.mode\", 3);\n", "Firefox"},
		{profile, "user_pref(\"network.trr.mode\", 5);\n", ""},
	} {
		root := t.TempDir()
		path := filepath.Join(root, test.file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		found := browserNames(root)
		if test.want == "" && len(found) > 0 || test.want != "" && (len(found) != 1 || !strings.HasPrefix(found[0].Detail, test.want+" ") || found[0].Cure == "" || found[0].Subject != path) {
			t.Errorf("%s %s: %+v", test.file, test.text, found)
		}
	}
}
