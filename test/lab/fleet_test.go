//go:build linux

package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"postern/internal/api"
	"postern/test/size"
)

// fleet is a product with several connectors in one group, each on a machine of its own, and an application that says by whom it
// was asked and how often it got a request.
type fleet struct {
	*product
	members []*member
	api     *http.Client // of the owner

	mu    sync.Mutex        // guards asked
	asked map[string]string // requests that must not be repeated, and by whom they came; those that came twice are errors
}

// member is a connector of the fleet.
type member struct {
	f    *fleet
	host Host
	name string
	args []string // of the program, from its command on
	log  *transcript
	cmd  *exec.Cmd
}

// newFleet builds a lab with so many connectors: every other one is a service with a supervisor, the others have none.
func newFleet(t *testing.T, count int, service ...string) *fleet {
	t.Helper()
	f := &fleet{product: newProduct(t), asked: map[string]string{}}
	f.serveFleet()
	f.api = f.newUser().Client
	f.admin("applications", "create", "Notes", "--external-url", "https://"+appHost+"/", "--internal-url", "http://"+Backend.Addr()+":8080/")
	f.admin("users", "create", "ada", "--password-file", f.path("password"))
	f.admin("assignments", "create", "--application", "Notes", "--user", "ada")
	for i := range count {
		m := &member{f: f, host: []Host{Site, Site2, Site3}[i], name: fmt.Sprintf("site%d", i+1)}
		token := f.path("token-" + m.name)
		f.admin("tokens", "create", m.name, "--out", token)
		state := f.path("state-" + m.name)
		enrol := f.Command(m.host, filepath.Join(programs, "postern-connector"), "enrol", "--state", state, "--token-file", token, "--name", m.name)
		if out, err := enrol.CombinedOutput(); err != nil {
			t.Fatalf("enrol %s: %v: %s", m.name, err, out)
		}
		m.args = []string{"run", "--state", state}
		if i%2 == 1 {
			m.args = append([]string{"service", "--state", state}, service...)
		}
		m.args = append(m.args, "--metrics", "127.0.0.1:9464") // of its machine
		f.members = append(f.members, m)
		m.start()
	}
	for _, m := range f.members {
		m.await("active")
	}
	for _, m := range f.members {
		m.expectSmall()
	}
	page := f.user.SignIn("https://"+appHost+"/", "ada")
	if page.StatusCode != http.StatusOK {
		t.Fatalf("after sign-in: %s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	return f
}

func (m *member) start() {
	m.f.t.Helper()
	m.log = &transcript{}
	m.cmd = m.f.product.start(m.host, m.log, "postern-connector", m.args...)
}

// supervised tells whether a supervisor keeps it.
func (m *member) supervised() bool { return m.args[0] == "service" }

// worker gives the process that does the work: the newest child of a supervisor, or the connector itself.
func (m *member) worker() int {
	m.f.t.Helper()
	pid := m.cmd.Process.Pid
	if !m.supervised() {
		return pid
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	children := strings.Fields(string(text))
	if err != nil || len(children) == 0 {
		// A child of another thread of the supervisor is listed there.
		all, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		for _, path := range all {
			text, _ := os.ReadFile(path)
			children = append(children, strings.Fields(string(text))...)
		}
	}
	newest, since := 0, uint64(0) // a higher number says nothing: they begin again
	for _, child := range children {
		n, err := strconv.Atoi(child)
		if err != nil {
			continue
		}
		if began := startOf(n); newest == 0 || began > since {
			newest, since = n, began
		}
	}
	if newest == 0 {
		m.f.t.Fatalf("%s has no worker", m.name)
	}
	return newest
}

// startOf gives when a process began, in ticks since the machine did (proc_pid_stat(5), field 22); 0 if it has ended.
func startOf(pid int) uint64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	if len(fields) < 20 {
		return 0
	}
	began, _ := strconv.ParseUint(fields[19], 10, 64) // digits
	return began
}

// expectSmall holds that a connector that nobody uses takes little memory.
func (m *member) expectSmall() {
	m.f.t.Helper()
	const limit = 25 << 20 // bytes
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.worker()))
	if err != nil {
		m.f.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	var kib int64
	if n, err := fmt.Sscan(rest, &kib); n != 1 {
		m.f.t.Fatal(err)
	}
	m.f.t.Logf("%s: %.1f MiB resident with nothing to do", m.name, float64(kib)/1024)
	if kib<<10 > limit {
		m.f.t.Errorf("%s takes %d KiB although it has nothing to do", m.name, kib)
	}
}

func (m *member) signalWorker(s syscall.Signal) {
	m.f.t.Helper()
	if err := syscall.Kill(m.worker(), s); err != nil {
		m.f.t.Fatalf("%s: %v", m.name, err)
	}
}

// ended waits for the end of the process.
func (m *member) ended() error {
	m.f.t.Helper()
	done := make(chan error, 1)
	cmd := m.cmd
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		return err
	case <-time.After(3 * time.Minute): // a drain takes its time
		m.f.t.Fatalf("%s did not end", m.name)
		return nil
	}
}

// status asks the admin API how the connector is.
func (m *member) status() api.ConnectorStatus {
	for _, c := range m.f.connectors() {
		if c.Name == m.name {
			return c.Status
		}
	}
	return api.ConnectorStatus{}
}

// connectors lists them by the admin API, as the owner on the internet; none while it cannot be asked.
func (f *fleet) connectors() []api.Connector {
	key, err := os.ReadFile(f.path("key"))
	if err != nil {
		f.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, "https://"+adminHost+"/api/v1/connectors", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(key)))
	resp, err := f.api.Do(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	var list struct{ Items []api.Connector }
	if resp.StatusCode != http.StatusOK || json.NewDecoder(resp.Body).Decode(&list) != nil {
		return nil
	}
	return list.Items
}

// await waits until the service says this of the connector, and gives how long that took.
func (m *member) await(label string) time.Duration {
	m.f.t.Helper()
	return m.awaitThat("to be "+label, func(s api.ConnectorStatus) bool { return s.Label == label })
}

func (m *member) awaitThat(what string, is func(api.ConnectorStatus) bool) time.Duration {
	m.f.t.Helper()
	began := time.Now()
	for last := (api.ConnectorStatus{}); ; {
		if last = m.status(); is(last) {
			return time.Since(began)
		}
		if time.Since(began) > 2*time.Minute {
			m.f.t.Fatalf("waited for %s %s; it is %s, %s", m.name, what, last.Label, last.Why)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// expectWithin says that something took longer than promised.
func (f *fleet) expectWithin(what string, took, bar time.Duration) {
	f.t.Helper()
	f.t.Logf("%s: %v", what, took.Round(time.Millisecond))
	if limit := size.Within(bar); took > limit {
		f.t.Errorf("%s took %v, want %v", what, took.Round(time.Millisecond), limit)
	}
}

// serveFleet serves the application of the fleet.
func (f *fleet) serveFleet() {
	f.t.Helper()
	listener, err := f.Listen(Backend, net.JoinHostPort(Backend.Addr(), "8080"))
	if err != nil {
		f.t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", f.answer)
	mux.HandleFunc("/events", f.events)
	mux.HandleFunc("/download", download)
	mux.HandleFunc("/socket", socket)
	server := &http.Server{Handler: mux}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	f.t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			f.t.Errorf("the fleet's application: %v", err)
		}
	})
}

// by gives the host of the connector that a request came by.
func by(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}

// answer says by whom it was asked, after the time that the request asks for. A POST must come once.
func (f *fleet) answer(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		id := r.URL.Query().Get("id")
		f.mu.Lock()
		if before, again := f.asked[id]; again {
			f.t.Errorf("request %s came by %s and again by %s", id, before, by(r))
		}
		f.asked[id] = by(r)
		f.mu.Unlock()
	}
	if wait, err := time.ParseDuration(r.URL.Query().Get("wait")); err == nil {
		select {
		case <-time.After(wait):
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("By", by(r))
	_, _ = io.WriteString(w, pageText)
}

// cameBy gives by whom a request that must not be repeated came to the application; empty: it did not.
func (f *fleet) cameBy(id string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[id]
}

const tick = 200 * time.Millisecond // between what long answers say

// events says something now and then until somebody leaves.
func (f *fleet) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("By", by(r))
	w.Header().Set("Content-Type", "text/event-stream")
	for i := 0; ; i++ {
		if _, err := fmt.Fprintf(w, "data: %d\n\n", i); err != nil {
			return
		}
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-time.After(tick):
		case <-r.Context().Done():
			return
		}
	}
}

const downloadPart = 32 << 10 // bytes, 20 times a second

// download sends a file slowly.
func download(w http.ResponseWriter, r *http.Request) {
	parts, _ := strconv.Atoi(r.URL.Query().Get("parts"))
	w.Header().Set("By", by(r))
	w.Header().Set("Content-Length", strconv.Itoa(parts*downloadPart))
	for range parts {
		if _, err := w.Write(make([]byte, downloadPart)); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-time.After(tick / 4):
		case <-r.Context().Done():
			return
		}
	}
}

// socket is a WebSocket that returns what it is sent. Its first word is by whom it came.
func socket(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	err = conn.Write(r.Context(), websocket.MessageText, []byte(by(r)))
	for err == nil {
		var text []byte
		var kind websocket.MessageType
		if kind, text, err = conn.Read(r.Context()); err == nil {
			err = conn.Write(r.Context(), kind, text)
		}
	}
}

// other gives a member that is not the one given.
func (f *fleet) other(m *member) *member {
	return f.members[(slices.Index(f.members, m)+1)%len(f.members)]
}
