package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/client"
)

// TestExport: one file says all there is about the client, and holds nothing with which somebody could be the user or the device.
func TestExport(t *testing.T) {
	u := newUser(t)
	u.login()
	u.up()
	file := filepath.Join(t.TempDir(), "client.json")
	if _, errs, code := u.run("diagnose", "--export", file); code != exitOK || !strings.Contains(errs, "Written to") {
		t.Fatalf("%d %s", code, errs)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var e client.Export
	if err := json.Unmarshal(text, &e); err != nil || e.Status == nil || e.Status.User != "ada" || e.Rules == nil || len(e.Rules.Applications) != 1 || len(e.Logs) == 0 ||
		len(e.Diagnosis.Findings) == 0 || len(e.Missing) > 0 {
		t.Errorf("%v: %s", err, text)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	var kept struct{ Refresh, Access []byte }
	secret, err := os.ReadFile(filepath.Join(u.state, "sign-in.json"))
	if err == nil {
		err = json.Unmarshal(secret, &kept)
	}
	if err != nil || len(kept.Refresh) == 0 || len(kept.Access) == 0 {
		t.Fatalf("the sign-in on the disk: %v", err)
	}
	for _, token := range [][]byte{kept.Refresh, kept.Access} {
		if encoded, _ := json.Marshal(token); bytes.Contains(text, token) || bytes.Contains(text, bytes.Trim(encoded, `"`)) { // bytes are always encoded
			t.Error("a token is in it")
		}
	}
	files, _ := filepath.Glob(filepath.Join(u.state, "*.pem")) // the pattern is right
	keys := 0
	for _, path := range files {
		pem, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, after, found := bytes.Cut(pem, []byte("PRIVATE KEY-----\n"))
		if !found {
			continue
		}
		keys++
		if line, _, _ := bytes.Cut(after, []byte("\n")); bytes.Contains(text, line) || bytes.Contains(text, []byte("PRIVATE KEY")) {
			t.Errorf("the key of %s is in it", path)
		}
	}
	if keys == 0 {
		t.Errorf("no key is in %q: what was looked for?", files)
	}

	if _, errs, code := u.run("diagnose", "--export", filepath.Join(u.state, "no", "where")); code != exitError || !strings.Contains(errs, "--export") {
		t.Errorf("a file that cannot be written: %d %s", code, errs)
	}
	if out, _, code := u.run("names"); code != exitOK || !strings.HasPrefix(out, "NAME") {
		t.Errorf("names: %d %s", code, out)
	}
}
