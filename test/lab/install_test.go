//go:build linux

package lab

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/posterntest"
)

// machine is the site's host with system directories and users of its own, and a systemctl that does what the units say.
type machine struct {
	*product
	dir     string
	pid     string
	program string
}

func newMachine(p *product) *machine {
	p.t.Helper()
	return newMachineAt(p, Site, "postern-connector")
}

// newMachineAt is a machine at another place, onto which a program was downloaded.
func newMachineAt(p *product, at Host, program string) *machine {
	p.t.Helper()
	m := &machine{product: p, dir: p.path("machine"), program: program}
	if err := os.Chmod(p.dir, 0o755); err != nil { // the service's user reads what is below
		p.t.Fatal(err)
	}
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := p.Start(at, "unshare", "--mount", "--propagation", "private", filepath.Join(testdata, "machine"), m.dir)
	m.pid = strconv.Itoa(cmd.Process.Pid)
	p.system.Await("the machine", func() bool { _, err := os.Stat(filepath.Join(m.dir, "ready")); return err == nil })
	m.copy(filepath.Join(testdata, "systemctl"), "bin/systemctl")
	m.copy(filepath.Join(programs, program), "downloaded")
	p.t.Cleanup(func() {
		logs, _ := filepath.Glob(filepath.Join(m.dir, "run/little/*.log"))
		for _, path := range logs {
			if text, err := os.ReadFile(path); err == nil && p.t.Failed() {
				p.t.Logf("%s:\n%s", filepath.Base(path), text)
			}
		}
	})
	return m
}

func (m *machine) copy(from, to string) {
	m.t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(filepath.Join(m.dir, to), data, 0o755)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// command runs the program on the machine: the installed one if there is one.
func (m *machine) command(args ...string) *exec.Cmd {
	program := "/usr/local/bin/" + m.program
	if _, err := os.Stat(filepath.Join(m.dir, "local/bin", m.program)); err != nil {
		program = filepath.Join(m.dir, "downloaded")
	}
	cmd := exec.Command("nsenter", append([]string{"--target", m.pid, "--mount", "--net", program}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(m.dir, "bin")+":"+os.Getenv("PATH"))
	return cmd
}

func (m *machine) try(args ...string) (string, error) {
	out, err := m.command(args...).CombinedOutput()
	return string(out), err
}

func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		m.t.Fatalf("%s %s: %v\n%s", m.program, strings.Join(args, " "), err, out)
	}
	return out
}

// fails runs a command that must fail with these words.
func (m *machine) fails(words string, args ...string) {
	m.t.Helper()
	if out, err := m.try(args...); err == nil || !strings.Contains(out, words) {
		m.t.Errorf("%s %s: %v, not %q:\n%s", m.program, strings.Join(args, " "), err, words, out)
	}
}

// files lists what is in the machine's system directories, and who is a user.
func (m *machine) files() (all []string) {
	m.t.Helper()
	for _, dir := range []string{"etc", "lib", "local"} {
		err := filepath.WalkDir(filepath.Join(m.dir, dir), func(path string, _ fs.DirEntry, err error) error {
			if !strings.HasSuffix(path, "-") && !strings.HasSuffix(path, ".pwd.lock") { // copies and a lock of passwd's own
				all = append(all, strings.TrimPrefix(path, m.dir))
			}
			return err
		})
		if err != nil {
			m.t.Fatal(err)
		}
	}
	users, err := os.ReadFile(filepath.Join(m.dir, "etc/passwd"))
	if err != nil {
		m.t.Fatal(err)
	}
	return append(all, strings.Split(string(users), "\n")...)
}

func (m *machine) token(name string) string {
	m.t.Helper()
	path := m.path("token-" + name)
	m.admin("tokens", "create", name, "--out", path)
	return path
}

func (m *machine) awaitOK(args ...string) {
	m.t.Helper()
	m.system.Await("status to be ok", func() bool {
		out, err := m.try(append([]string{"status", "-o", "json"}, args...)...)
		return err == nil && strings.Contains(out, `"state": "ok"`)
	})
}

// TestInstall: one command installs, enrols and starts a connector that carries traffic; it is restarted without a gap,
// re-enrolled in place, has a neighbour on the same machine, and leaves nothing.
func TestInstall(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.publish()
	m := newMachine(p)
	before := m.files()
	m.fails("takes no argument", "install", "not-a-flag")
	m.fails("--token-file", "install", "--token-file", "/nonexistent")
	m.fails("no service postern-connector is installed", "start")
	if diff := cmp.Diff(before, m.files()); diff != "" {
		t.Errorf("a refused installation left: %s", diff)
	}
	m.run("install", "--token-file", p.path("token"), "--name", "site", "--log-level", "debug")
	m.awaitOK()
	p.awaitActive()
	p.signIn()
	m.expectModes()
	m.expectConfined()
	m.restartUnderLoad()
	p.admin("connectors", "delete", "site", "--yes")
	m.run("enrol", "--again", "--token-file", m.token("again"), "--name", "again")
	m.awaitOK()
	p.awaitActive()

	m.run("install", "--instance", "two", "--token-file", m.token("two"), "--name", "two")
	m.awaitOK("--instance", "two")
	m.run("stop")
	m.fails("no connector is running", "status")
	if a := p.open(posterntest.Patience); !a.good() {
		t.Errorf("with the other connector: %d %s", a.status, a.text)
	}
	m.run("start")
	m.awaitOK()

	m.run("uninstall", "--instance", "two")
	m.awaitOK()
	out := m.run("uninstall")
	if !strings.Contains(out, "no longer knows this connector") {
		t.Errorf("uninstall said %q", out)
	}
	if list := p.admin("connectors", "list", "-o", "json"); strings.Contains(list, `"label"`) {
		t.Errorf("the service still knows: %s", list)
	}
	if diff := cmp.Diff(before, m.files()); diff != "" {
		t.Errorf("left: %s", diff)
	}
}

// TestInstallAnImage: installed without a start, it enrols when it is started first.
func TestInstallAnImage(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.publish()
	m := newMachine(p)
	if err := os.RemoveAll(filepath.Join(m.dir, "run/systemd")); err != nil {
		t.Fatal(err)
	}
	m.fails("systemd does not run here", "install", "--token-file", p.path("token"))
	m.run("install", "--no-start", "--token-file", p.path("token"), "--name", "image")
	if err := os.MkdirAll(filepath.Join(m.dir, "run/systemd/system"), 0o755); err != nil {
		t.Fatal(err)
	}
	m.run("start") // the image's first start
	m.awaitOK()
	if _, err := os.Stat(filepath.Join(m.dir, "lib/postern-connector/token")); err == nil {
		t.Error("the token is still there")
	}
	m.run("install", "--instance", "later")
	m.fails("no connector is running", "status", "--instance", "later")
	m.run("enrol", "--instance", "later", "--token-file", m.token("later"))
	m.awaitOK("--instance", "later")
}

// expectModes holds that the service's files are its own, and its settings root's.
func (m *machine) expectModes() {
	m.t.Helper()
	for path, mode := range map[string]fs.FileMode{
		"lib/postern-connector": fs.ModeDir | 0o700, "lib/postern-connector/credential.pem": 0o600, "etc/postern-connector/settings": 0o600,
		"etc/systemd/system/postern-connector.service": 0o644, "local/bin/postern-connector": 0o755,
	} {
		info, err := os.Stat(filepath.Join(m.dir, path))
		if err != nil || info.Mode() != mode {
			m.t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	who, err := exec.Command("stat", "--format=%U", filepath.Join(m.dir, "lib/postern-connector/credential.pem")).Output()
	if err != nil || strings.TrimSpace(string(who)) == "root" {
		m.t.Errorf("the credential is of %s, %v", who, err)
	}
	settings, err := os.ReadFile(filepath.Join(m.dir, "etc/postern-connector/settings"))
	if lines := strings.Split(string(settings), "\n"); err != nil || !slices.Contains(lines, `POSTERN_CONNECTOR_LOG_LEVEL="debug"`) {
		m.t.Errorf("settings: %v\n%s", err, settings)
	}
}

// expectConfined holds that the service does all this as a user of its own, without any privilege, where it can write to nothing but its state.
func (m *machine) expectConfined() {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.dir, "run/little/postern-connector.pid"))
	if err != nil {
		m.t.Fatal(err)
	}
	pid := strings.TrimSpace(string(text))
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		m.t.Fatal(err)
	}
	for _, want := range []string{"CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(string(status), want) {
			m.t.Errorf("the process is not %q:\n%s", want, status)
		}
	}
	if strings.Contains(string(status), "Uid:\t0") {
		m.t.Error("the process is root's")
	}
	for _, dir := range []string{"/", "/etc", "/etc/postern-connector", "/opt", "/run", "/tmp", "/usr/local/bin", "/var/lib", "/var/tmp"} {
		out, err := exec.Command("nsenter", "--target", pid, "--mount", "touch", filepath.Join(dir, "postern-was-here")).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "Read-only file system") {
			m.t.Errorf("whoever is where the service is can write to %s: %v %s", dir, err, out)
		}
	}
}

// restartUnderLoad holds that no request fails while a new worker takes over.
func (m *machine) restartUnderLoad() {
	m.t.Helper()
	stop, load := make(chan struct{}), make(chan answer, 1)
	requests := 0
	go func() {
		var bad answer
		defer func() { load <- bad }()
		for ; ; requests++ {
			select {
			case <-stop:
				return
			default:
			}
			if a := m.open(posterntest.Patience); !a.good() {
				bad = a
			}
		}
	}()
	log := filepath.Join(m.dir, "run/little/postern-connector.log")
	m.run("restart")
	m.system.Await("the old worker to end", func() bool {
		text, err := os.ReadFile(log)
		return err == nil && strings.Contains(string(text), `msg="worker ended" worker=1`)
	})
	m.awaitOK()
	close(stop)
	if bad := <-load; bad.status != 0 {
		m.t.Errorf("during the restart: %d %s", bad.status, bad.text)
	}
	m.t.Logf("%d requests during the restart", requests)
}
