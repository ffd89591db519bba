package process_test

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/client/process"
)

// TestName: the program of a socket is found by both addresses, whichever family, and in time.
func TestName(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want, f := filepath.Base(self), process.New()
	for _, test := range []struct{ network, listen, dial string }{
		{"tcp", "127.0.0.1:0", "127.0.0.1"}, {"tcp", "[::1]:0", "::1"}, {"tcp", "[::]:0", "127.0.0.1"}, {"udp", "127.0.0.1:0", "127.0.0.1"}, {"udp", "[::1]:0", "::1"},
	} {
		local, remote := connected(t, test.network, test.listen, test.dial)
		s := process.Socket{Network: test.network, Local: local, Remote: remote}
		if got := soon(f, s); got != want {
			t.Errorf("%v: %q, want %q", test, got, want)
		}
		s.Local = netip.AddrPortFrom(s.Local.Addr(), 1)
		if got := f.Name(s); got != "" {
			t.Errorf("nobody's: %q", got)
		}
	}
	if got := f.Name(process.Socket{}); got != "" {
		t.Errorf("of nothing: %q", got)
	}
	if got := process.OfPID(os.Getpid()); got != want {
		t.Errorf("by its id: %q", got)
	}
	var none *process.Finder
	if got := none.Name(process.Socket{}); got != "" {
		t.Errorf("without a finder: %q", got)
	}
}

// soon asks until the answer came in time: the first may take a scan of all processes.
func soon(f *process.Finder, s process.Socket) (name string) {
	for deadline := time.Now().Add(2 * time.Minute); name == "" && time.Now().Before(deadline); {
		name = f.Name(s)
	}
	return name
}

// connected gives both addresses of a socket of this process, as it sees them.
func connected(t *testing.T, network, listen, dial string) (local, remote netip.AddrPort) {
	t.Helper()
	var at string
	if network == "tcp" {
		l, err := net.Listen("tcp", listen)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		at = l.Addr().String()
	} else {
		l, err := net.ListenPacket("udp", listen)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		at = l.LocalAddr().String()
	}
	_, port, _ := net.SplitHostPort(at) // of a listener
	conn, err := net.Dial(network, net.JoinHostPort(dial, port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return netip.MustParseAddrPort(conn.LocalAddr().String()), netip.MustParseAddrPort(conn.RemoteAddr().String())
}

// TestAnother: of another process, which is not this one's child's name but its program.
func TestAnother(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String()) // of a listener
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bash, "-c", "exec 3<>/dev/tcp/127.0.0.1/"+port+"; read -u 3 line")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s := process.Socket{Network: "tcp", Local: netip.MustParseAddrPort(conn.RemoteAddr().String()), Remote: netip.MustParseAddrPort(conn.LocalAddr().String())}
	if got := soon(process.New(), s); !strings.HasPrefix(got, "bash") {
		t.Errorf("%q", got)
	}
	conn.Close()
	_ = cmd.Wait() // it ends with what it reads
}

// BenchmarkName is what each flow of a program that was seen before pays.
func BenchmarkName(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	s := process.Socket{Network: "tcp", Local: netip.MustParseAddrPort(conn.LocalAddr().String()), Remote: netip.MustParseAddrPort(conn.RemoteAddr().String())}
	f := process.New()
	soon(f, s)
	for b.Loop() {
		f.Name(s)
	}
}

// TestBudget: who asks without end is told nothing after a while, and again later.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := process.New()
		if !f.Afford(49*time.Millisecond) || f.Afford(time.Second) {
			t.Fatal("a second of searching was affordable, or none was")
		}
		time.Sleep(19 * time.Second)
		if f.Afford(0) {
			t.Error("searching was affordable before it had paid for itself")
		}
		time.Sleep(2 * time.Second)
		if !f.Afford(0) {
			t.Error("searching was not affordable again")
		}
	})
}
