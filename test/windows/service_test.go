//go:build linux

package windows

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/connector"
	"postern/internal/posterntest"
)

// await waits as long as Wine may take on a slow machine.
func await(t testing.TB, what string, ready func() bool) {
	t.Helper()
	deadline := time.Now().Add(slow)
	for tick := time.NewTicker(100 * time.Millisecond); !ready(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for: %s", slow, what)
		}
	}
}

// connectors gives those that the service knows by their names.
func connectors(s *posterntest.System) map[string]api.Connector {
	list, err := s.API.Connectors.List(s.T.Context(), api.ListOptions{})
	if err != nil {
		s.T.Fatal(err)
	}
	all := map[string]api.Connector{}
	for _, c := range list.Items {
		all[c.Name] = c
	}
	return all
}

func awaitLabel(s *posterntest.System, name, label string) {
	s.T.Helper()
	await(s.T, name+" to be "+label, func() bool { return connectors(s)[name].Status.Label == label })
}

// TestService is the life of a connector as a Windows service: one command installs, enrols and starts it; it carries traffic, is
// updated and restarted, becomes another connector, and leaves nothing.
func TestService(t *testing.T) {
	s := posterntest.New(t)
	m := newMachine(t)
	m.write(`C:\rules`, "allow 127.0.0.1\n")
	m.write(`C:\token`, s.Token("office")+"\n")

	m.fails("no service postern-connector is installed", "start")
	m.fails("--token-file", "install", "--token-file", `C:\nothing`)
	m.fails("no connector is running here", "status")
	if m.exists(state) || m.exists(installed) {
		t.Error("a refused installation left something")
	}
	out := m.run("install", "--token-file", `C:\token`, "--rules", `C:\rules`, "--name", "office", "--log-level", "debug", "--admin-log", "file,eventlog")
	if strings.Contains(out, "Warning") {
		t.Errorf("install warns:\n%s", out)
	}
	awaitLabel(s, "office", "active")
	m.registered()
	m.counts()
	carriesTraffic(s)

	m.says(`"state": "ok"`, "status", "-o", "json")
	m.says(`C:\ProgramData\postern-connector\credential.pem`, "status")
	m.says("tunnel up", "logs")
	m.says("wiki", "doctor")
	m.says("Inbound: nothing", "doctor", "--requirements")
	m.changes(s)

	out = m.run("uninstall")
	for _, left := range []string{state, installed} {
		if m.exists(left) {
			t.Errorf("uninstall left %s:\n%s", left, out)
		}
	}
	for _, key := range []string{serviceKey, eventKey + "PosternConnector", eventKey + "PosternConnectorSession", countersKey + connector.Performance().Provider} {
		if m.registry(key) != "" {
			t.Errorf("uninstall left %s:\n%s", key, out)
		}
	}
	if left := connectors(s); len(left) != 0 {
		t.Errorf("the service still knows %v", left)
	}
}

const (
	serviceKey = `HKLM\SYSTEM\CurrentControlSet\Services\postern-connector`
	eventKey   = `HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\`

	countersKey = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Perflib\_V2Providers\`
)

// counts looks for the performance counters: their texts are in the installed program under the numbers that Windows looks for, and the
// service publishes values. Wine has nothing that reads them.
func (m *machine) counts() {
	m.t.Helper()
	set := connector.Performance()
	text := m.registry(countersKey + set.Provider)
	if !strings.Contains(text, `C:\Program Files\Postern\postern-connector.exe`) {
		m.t.Errorf("the performance counters are registered for another program:\n%s", text)
	}
	for number, words := range set.Strings() {
		if line := fmt.Sprintf("    %d    REG_SZ    %s\n", number, words); !strings.Contains(text, line) {
			m.t.Errorf("no text %d, %q:\n%s", number, words, text)
		}
	}
	await(m.t, "the performance counters to be published", func() bool {
		return strings.Contains(m.read(state+`\logs\program.log`), "performance counters published")
	})
}

// TestCounters runs the tests of performance counters that need a Windows.
func TestCounters(t *testing.T) {
	m := newMachine(t)
	program := `C:\counters.exe`
	cmd := exec.Command("go", "test", "-c", "-o", m.path(program), "postern/internal/counters")
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	if out, err := m.host(nil, wine, program, "-test.v"); err != nil || !strings.Contains(out, "PASS: TestProvider") {
		t.Errorf("%v\n%s", err, out)
	}
}

// registered looks at what Windows knows of the service. What Wine has no place for, delayed start and recovery, is not in it.
func (m *machine) registered() {
	m.t.Helper()
	for key, words := range map[string][]string{
		serviceKey: {
			`"C:\Program Files\Postern\postern-connector.exe" service`, `NT AUTHORITY\NetworkService`, "Postern connector", "by outbound connections only",
			"Start    REG_DWORD    0x2", // automatic
			"Type    REG_DWORD    0x10", // a process of its own
		},
		eventKey + "PosternConnector":        {"EventCreate.exe", "0x7"},
		eventKey + "PosternConnectorSession": {"EventCreate.exe", "0x7"},
	} {
		text := m.registry(key)
		for _, word := range words {
			if !strings.Contains(text, word) {
				m.t.Errorf("%s has not %q:\n%s", key, word, text)
			}
		}
	}
}

// carriesTraffic publishes an application, and a person reads it in a browser.
func carriesTraffic(s *posterntest.System) {
	s.T.Helper()
	backend := posterntest.NewBackend(s.T, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("private")) }))
	s.Assign(s.Publish("wiki", backend.URL), s.User("ada"))
	if page := s.Browser().SignIn(s.URL("wiki", "/"), "ada"); page.Text != "private" {
		s.T.Fatalf("through the service: %s: %s", page.Status, page.Text)
	}
}

// changes stops and starts the service, hands over to a new worker, installs another version, and enrols again.
func (m *machine) changes(s *posterntest.System) {
	m.t.Helper()
	m.run("stop")
	m.fails("no connector is running here", "status")
	m.run("start")
	awaitLabel(s, "office", "active")
	m.run("restart")
	await(m.t, "the hand-over", func() bool {
		return strings.Contains(m.read(state+`\logs\program.log`), "the new worker works")
	})
	m.build(newer, "2.0")
	m.run("install", "--rules", `C:\rules`, "--admin-log", "file,eventlog") // over a program that runs
	await(m.t, "the new version", func() bool {
		out, err := m.try("status", "-o", "json")
		return err == nil && strings.Contains(out, `"program": "2.0"`)
	})
	before := connectors(s)["office"].ID
	m.write(`C:\token`, s.Token("office2")+"\n")
	m.run("enrol", "--again", "--token-file", `C:\token`, "--name", "office2")
	awaitLabel(s, "office2", "active")
	if c := connectors(s)["office"]; before == "" || c.ID == before {
		m.t.Errorf("the old connector %q is still there: %+v", before, c)
	}
}

// TestPreparedDirectory: every user of a Windows may make directories and links in ProgramData. What somebody else made there
// beforehand is not taken for the service's.
func TestPreparedDirectory(t *testing.T) {
	m := newMachine(t)
	const somebody = 65534
	path := m.path(state)
	tests := []struct {
		name, words string
		prepare     func() error
	}{
		{"a link", "it is a link that leads elsewhere", func() error { return os.Symlink(t.TempDir(), path) }},
		{"a file", "it is a file", func() error { return os.WriteFile(path, nil, 0o600) }},
		{"somebody's directory", "was not made by an administrator", func() error {
			return errors.Join(os.Mkdir(path, 0o755), os.Chown(path, somebody, somebody))
		}},
		{"somebody's file in it", `credential.pem was not made by an administrator`, func() error {
			file := filepath.Join(path, "credential.pem")
			return errors.Join(os.Mkdir(path, 0o755), os.WriteFile(file, nil, 0o644), os.Chown(file, somebody, somebody))
		}},
	}
	for _, test := range tests {
		if err := test.prepare(); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		m.fails(test.words, "install", "--no-start")
		if m.registry(serviceKey) != "" {
			t.Errorf("%s: it is installed", test.name)
		}
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(path, 0o755); err != nil { // by an administrator
		t.Fatal(err)
	}
	m.run("install", "--no-start")
}
