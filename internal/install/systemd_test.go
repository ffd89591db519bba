package install

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func example() unit {
	return unit{
		By: "postern-connector", Service: Service{Name: "postern-connector", Title: "Postern connector", Program: "/bin/true", Arguments: []string{"service", "--state", "/var/lib/postern-connector"}},
		State: "/var/lib/postern-connector", Settings: "/etc/postern-connector/settings", User: "daemon", MadeUser: true,
	}
}

// network is a service with an interface of its own.
func network() unit {
	return unit{
		By: "postern-client", Service: Service{Name: "postern-client", Title: "Postern client", Program: "/bin/true", Arguments: []string{"service"}, Network: true},
		State: "/var/lib/postern-client", Settings: "/etc/postern-client/settings",
	}
}

// TestUnit has systemd itself read the units, and judge what they allow: 0 is nothing, 10 is everything.
func TestUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("systemd-analyze is missing")
		}
		fmt.Println("NOT RUN: systemd-analyze is missing")
		return
	}
	for _, test := range []struct {
		unit  unit
		worst float64
	}{{example(), 2}, {network(), 4}} {
		t.Run(test.unit.Name, func(t *testing.T) { judge(t, test.unit, test.worst) })
	}
}

func judge(t *testing.T, u unit, worst float64) {
	path := filepath.Join(t.TempDir(), u.Name+".service")
	if err := os.WriteFile(path, []byte(u.text()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput()
	for line := range strings.Lines(string(out)) { // it reads all units that this one names, too
		if strings.Contains(line, u.Name) {
			t.Errorf("verify: %s", line)
		}
	}
	if err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
	out, err = exec.Command("systemd-analyze", "security", "--offline=true", path).CombinedOutput()
	_, last, _ := strings.Cut(string(out), "Overall exposure level for "+u.Name+".service: ")
	var score float64
	if n, _ := fmt.Sscanf(last, "%f", &score); n != 1 || err != nil || score > worst {
		t.Errorf("score %v (at most %v), %v\n%s", score, worst, err, out)
	}
	t.Logf("systemd's score of exposure: %.1f", score)
}

func TestUnitWords(t *testing.T) {
	tests := []struct{ word, want string }{
		{"/usr/bin/x", "/usr/bin/x"},
		{"100%", "100%%"},
		{"$HOME", "$$HOME"},
		{"with space", `"with space"`},
		{`a"b\c`, `"a\"b\\c"`},
		{"", `""`},
	}
	for _, test := range tests {
		if got := unitWord(test.word); got != test.want {
			t.Errorf("%q: %s, want %s", test.word, got, test.want)
		}
	}
}

func TestSettings(t *testing.T) {
	settings := []Setting{{"A", "plain"}, {"B", `q"uo\te$x` + "`"}, {"C", ""}, {"D", "http://user:p%40ss@proxy:3128"}}
	if diff := cmp.Diff(settings, parseSettings(settingsText(settings))); diff != "" {
		t.Error(diff)
	}
	byHand := "# a comment\n; another\n\nA=x\nB='single $quoted'\n  C=\"d\\\"e\"\nno line of ours\nD=\"\n"
	want := []Setting{{"A", "x"}, {"B", "single $quoted"}, {"C", `d"e`}, {"D", `"`}}
	if diff := cmp.Diff(want, parseSettings(byHand)); diff != "" {
		t.Error(diff)
	}
}

// TestShellAgrees has a shell read the settings, which knows quotes as systemd does.
func TestShellAgrees(t *testing.T) {
	value := `q"uo\te$x` + "`" + ` 'end`
	path := filepath.Join(t.TempDir(), "settings")
	if err := os.WriteFile(path, []byte(settingsText([]Setting{{"VALUE", value}})), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-c", `. "$0"; printf %s "$VALUE"`, path).Output()
	if err != nil || string(out) != value {
		t.Errorf("%q, %v", out, err)
	}
}

func TestNames(t *testing.T) {
	for name, good := range map[string]bool{
		"postern-connector": true, "postern-connector-lab2": true, "": false, "Postern": false, "a--b": false, "a/b": false, "a b": false,
		"-a": false, "a.service": false, strings.Repeat("a", maxName+1): false,
	} {
		if err := (Service{Name: name}).check(); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := (Service{Name: "a", Settings: []Setting{{"A", "two\nlines"}}}).check(); err == nil {
		t.Error("a setting of two lines is taken")
	}
}
