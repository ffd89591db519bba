package system

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postern/internal/posterntest"
)

// process is one of our programs, running.
type process struct {
	t    *testing.T
	name string
	args []string
	env  []string
	log  string // file that collects what every run of it wrote
	pen  string // the control group in which it runs, if not in ours

	input  bool     // it has a standard input, which ends with this process
	socket *os.File // that it is passed as systemd does, if any

	cmd  *exec.Cmd
	done chan error // gets the result of the current run once
	size int64      // of the log when the current run began
	mu   sync.Mutex // guards out
	out  bytes.Buffer
}

// newProcess prepares a program; start runs it.
func newProcess(t *testing.T, dir, program string, args ...string) *process {
	p := &process{t: t, name: program, args: args, log: filepath.Join(dir, program+".log")}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			text, _ := os.ReadFile(p.log)
			t.Logf("the end of %s's log:\n%s", program, tail(text, 4000))
		}
	})
	return p
}

func tail(text []byte, n int) []byte {
	if len(text) > n {
		return text[len(text)-n:]
	}
	return text
}

func (p *process) start() {
	p.t.Helper()
	file, err := os.OpenFile(p.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil {
		p.size = info.Size()
	}
	p.cmd = exec.Command(filepath.Join(programs, p.name), p.args...)
	if p.pen != "" {
		p.cmd = exec.Command("sh", append([]string{"-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, p.pen, filepath.Join(programs, p.name)}, p.args...)...)
	}
	p.cmd.Env = append(os.Environ(), p.env...)
	if p.socket != nil {
		p.cmd = exec.Command("sh", append([]string{"-c", `export LISTEN_PID=$$; exec "$0" "$@"`, filepath.Join(programs, p.name)}, p.args...)...)
		p.cmd.Env = append(os.Environ(), append(p.env, "LISTEN_FDS=1")...)
		p.cmd.ExtraFiles = []*os.File{p.socket}
	}
	p.cmd.Stderr = file
	// A program must not outlive a test binary that was killed.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if p.input {
		if _, err := p.cmd.StdinPipe(); err != nil {
			p.t.Fatal(err)
		}
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.name, err)
	}
	p.done = make(chan error, 1)
	go p.wait(p.cmd, stdout, p.done)
}

func (p *process) wait(cmd *exec.Cmd, stdout io.Reader, done chan<- error) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		p.mu.Lock()
		p.out.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
	}
	done <- cmd.Wait()
}

// logged reports whether the current run wrote this to its log.
func (p *process) logged(text string) bool {
	all, err := os.ReadFile(p.log)
	return err == nil && int64(len(all)) >= p.size && strings.Contains(string(all[p.size:]), text)
}

// printed gives what it wrote to standard output, in all runs.
func (p *process) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// kill ends it with SIGKILL and waits.
func (p *process) kill() { p.signal(syscall.SIGKILL) }

// signal sends a signal and waits for the end.
func (p *process) signal(s syscall.Signal) error {
	if p.done == nil {
		return nil
	}
	p.cmd.Process.Signal(s)
	return p.ended()
}

// ended waits for the end.
func (p *process) ended() error {
	p.t.Helper()
	select {
	case err := <-p.done:
		p.done = nil
		return err
	case <-time.After(posterntest.Patience):
		p.t.Fatalf("%s did not end", p.name)
		return nil
	}
}

// memory gives the resident memory in bytes, 0 if it does not run.
func (p *process) memory() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0
			}
			return kib << 10
		}
	}
	return 0
}
