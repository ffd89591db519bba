package client

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"postern/internal/wire"
)

// A browser that asks names by HTTPS on its own goes around the interface's name server (up --tun): private names are not found. Firefox asks the
// canary name first, unless a policy or its user told it not to; Chrome and its relatives go by their policies. Here is looked for those,
// where Linux has them. The proxies are not concerned: they are given the names.

const maxPolicies = 1 << 20 // bytes of a file

// browserPolicies are the files with policies of each browser, below the root.
var browserPolicies = map[string][]string{
	"Firefox":  {"etc/firefox/policies/policies.json", "usr/lib/firefox/distribution/policies.json", "usr/lib/firefox-esr/distribution/policies.json"},
	"Chrome":   {"etc/opt/chrome/policies/managed/*.json"},
	"Chromium": {"etc/chromium/policies/managed/*.json", "etc/chromium-browser/policies/managed/*.json"},
	"Edge":     {"etc/opt/edge/policies/managed/*.json"},
}

// policies is what is looked at in them.
type policies struct {
	Mode     string `json:"DnsOverHttpsMode"` // of Chrome and its relatives
	Policies struct {
		DNSOverHTTPS struct {
			Enabled bool `json:"Enabled"`
		} `json:"DNSOverHTTPS"`
	} `json:"policies"` // of Firefox
}

// trr is what Firefox keeps when its user chose DNS over HTTPS, with the network's name servers as a last resort (2) or without (3).
var trr = regexp.MustCompile(`(?m)^user_pref\("network\.trr\.mode", [23]\);`)

// browserNames finds browsers that ask names on their own.
func browserNames(root string) (found []wire.Finding) {
	for _, browser := range []string{"Firefox", "Chrome", "Chromium", "Edge"} {
		for _, pattern := range browserPolicies[browser] {
			files, _ := filepath.Glob(filepath.Join(root, pattern)) // the pattern is right
			for _, file := range files {
				var p policies
				if data, err := readSome(file); err != nil || json.Unmarshal(data, &p) != nil {
					continue // the browser reads it no better
				}
				if p.Mode == "secure" || p.Mode == "automatic" || p.Policies.DNSOverHTTPS.Enabled {
					found = append(found, browserFinding(browser, file, "a policy"))
				}
			}
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return found
	}
	files, _ := filepath.Glob(filepath.Join(root, home, ".mozilla/firefox/*/prefs.js")) // as above
	for _, file := range files {
		if data, err := readSome(file); err == nil && trr.Match(data) {
			found = append(found, browserFinding("Firefox", file, "its user's settings"))
		}
	}
	return found
}

func browserFinding(browser, file, by string) wire.Finding {
	const code = "browser-dns"
	return wire.Finding{Code: code, Severity: wire.SeverityWarning, Subject: file, Cure: cures[code],
		Detail: fmt.Sprintf("%s asks names by HTTPS on its own, by %s: private names are not found in it by up --tun, unless it uses a proxy of the client", browser, by)}
}

func readSome(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxPolicies) {
		err = os.ErrInvalid
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}
