//go:build linux

package bench

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/posterntest"
)

// A way is one by which a program's connection comes to the backend.
type way struct {
	Name string
	tag  string // of its metric
	PIDs []int  // the processes whose CPU counts
	dial func() (net.Conn, error)
}

// private is a service, a connector and a client, each a process, before a backend of this one.
type private struct {
	postern way // PIDs: service, connector, client
	system  *posterntest.System
	serve   func() int
	backend netip.AddrPort
	socks   string
	dir     string
}

// startPrivate makes a private application of the backend and signs a user in on a device.
func startPrivate(b *testing.B) *private {
	b.Helper()
	subject := startService(b)
	system := subject.system
	w := &private{system: system, serve: subject.serve, backend: startBackend(b), dir: b.TempDir(), socks: net.JoinHostPort("127.0.0.1", strconv.Itoa(posterntest.FreePort(b)))}
	app := system.Private("bench", api.Segment{Destination: "127.0.0.1", Ports: strconv.Itoa(int(w.backend.Port())), Protocol: "both"})
	system.Assign(app, system.User("ada"))
	state := filepath.Join(w.dir, "client")
	system.SignInDevice("ada", state, nil)
	client := startProgram(b, system.Dir, "postern-client", "up", "--state", state, "--socks", w.socks)
	w.postern = way{Name: "postern", PIDs: append(subject.PIDs, client), dial: func() (net.Conn, error) { return socks(w.socks, w.backend) }}
	system.Await("a flow of the client", func() bool { return useOnce(w.postern) == nil })
	return w
}

// startBackend echoes what comes after an e, sends as many bytes as are asked for after a d, and echoes datagrams.
func startBackend(b *testing.B) netip.AddrPort {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	at := listener.Addr().(*net.TCPAddr).AddrPort()
	packets, err := net.ListenPacket("udp", at.String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = listener.Close(), packets.Close() })
	go acceptAll(listener)
	go func() {
		for buffer := make([]byte, 1<<16); ; {
			n, from, err := packets.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = packets.WriteTo(buffer[:n], from)
		}
	}()
	return at
}

func acceptAll(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			answer(conn)
		}()
	}
}

func answer(conn net.Conn) {
	head := make([]byte, 9)
	if _, err := io.ReadFull(conn, head[:1]); err != nil {
		return
	}
	if head[0] == 'e' {
		_, _ = io.CopyBuffer(struct{ io.Writer }{conn}, struct{ io.Reader }{conn}, make([]byte, 512)) // small: thousands of them are idle
		return
	}
	if _, err := io.ReadFull(conn, head[1:]); err != nil {
		return
	}
	piece := make([]byte, 64<<10)
	for left := int64(binary.BigEndian.Uint64(head[1:])); left > 0; {
		n, err := conn.Write(piece[:min(left, int64(len(piece)))])
		if err != nil {
			return
		}
		left -= int64(n)
	}
}

// socks opens a flow by a SOCKS proxy (RFC 1928).
func socks(proxy string, to netip.AddrPort) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", proxy, patience)
	if err != nil {
		return nil, err
	}
	reply, err := asked(conn, 1, to)
	if err == nil && reply[3] != 0 {
		err = fmt.Errorf("the SOCKS proxy answered %d", reply[3])
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// asked sends a SOCKS greeting and command and gives both answers: two bytes and ten.
func asked(conn net.Conn, command byte, to netip.AddrPort) ([]byte, error) {
	_ = conn.SetDeadline(time.Now().Add(patience))
	defer conn.SetDeadline(time.Time{})
	if _, err := conn.Write(append([]byte{5, 1, 0}, 5, command)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(append([]byte{0}, socksAddress(to)...)); err != nil {
		return nil, err
	}
	reply := make([]byte, 12)
	_, err := io.ReadFull(conn, reply)
	return reply, err
}

func socksAddress(to netip.AddrPort) []byte {
	ip := to.Addr().As4()
	return binary.BigEndian.AppendUint16(append([]byte{1}, ip[:]...), to.Port())
}

func (w *private) direct() way {
	return way{Name: "direct", tag: "direct", dial: func() (net.Conn, error) { return net.Dial("tcp", w.backend.String()) }}
}

// directTLS gives a way to the backend by TLS 1.3 alone.
func (w *private) directTLS(b *testing.B) way {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		b.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		b.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}, MinVersion: tls.VersionTLS13})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = listener.Close() })
	go acceptAll(listener)
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return way{Name: "direct TLS", tag: "tls", dial: func() (net.Conn, error) {
		return tls.Dial("tcp", listener.Addr().String(), &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13})
	}}
}

// datagrams gives a socket to the backend.
func (w *private) datagrams() (net.Conn, error) { return net.Dial("udp", w.backend.String()) }

// socksDatagrams gives one by the SOCKS proxy.
func (w *private) socksDatagrams() (net.Conn, error) {
	control, err := net.DialTimeout("tcp", w.socks, patience)
	if err != nil {
		return nil, err
	}
	reply, err := asked(control, 3, netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
	if err != nil {
		_ = control.Close()
		return nil, err
	}
	relay := netip.AddrPortFrom(netip.AddrFrom4([4]byte(reply[6:10])), binary.BigEndian.Uint16(reply[10:]))
	conn, err := net.Dial("udp", relay.String())
	return &associated{Conn: conn, control: control, head: append([]byte{0, 0, 0}, socksAddress(w.backend)...)}, err
}

// associated puts the proxy's head before each datagram.
type associated struct {
	net.Conn
	control net.Conn
	head    []byte
}

func (a *associated) Write(p []byte) (int, error) {
	_, err := a.Conn.Write(append(a.head[:len(a.head):len(a.head)], p...))
	return len(p), err
}

func (a *associated) Close() error {
	_ = a.control.Close()
	return a.Conn.Close()
}

// forwarded gives a port that ssh forwards over two hops (ssh -J).
func (w *private) forwarded(b *testing.B) way {
	b.Helper()
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(posterntest.FreePort(b)))
	w.ssh(b, "two", "-L", at+":"+w.backend.String())
	awaitDial(b, at)
	return way{Name: "ssh -J", tag: "ssh", dial: func() (net.Conn, error) { return net.Dial("tcp", at) }}
}

// dynamic gives the SOCKS proxy of an ssh over one hop or two (ssh -D).
func (w *private) dynamic(b *testing.B, hops string) way {
	b.Helper()
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(posterntest.FreePort(b)))
	w.ssh(b, hops, "-D", at)
	awaitDial(b, at)
	return way{Name: "ssh -D, hops: " + hops, tag: "ssh-" + hops, dial: func() (net.Conn, error) { return socks(at, w.backend) }}
}

// ssh starts hops, each a server of its own, and a client over them.
func (w *private) ssh(b *testing.B, hops string, args ...string) {
	b.Helper()
	dir := b.TempDir()
	me, err := user.Current()
	if err != nil {
		b.Fatal(err)
	}
	run := func(name string, args ...string) {
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			b.Fatalf("%s: %v: %s", name, err, out)
		}
	}
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			b.Fatal(err)
		}
		return path
	}
	key := filepath.Join(dir, "key")
	run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		b.Fatal(err)
	}
	if os.Geteuid() == 0 {
		_ = os.MkdirAll("/run/sshd", 0o755) // where sshd goes for what it does without rights
	}
	allowed := file("allowed", public)
	var config bytes.Buffer
	for _, hop := range []string{"one", "two"} {
		port := posterntest.FreePort(b)
		server := file("sshd-"+hop, fmt.Appendf(nil, "ListenAddress 127.0.0.1:%d\nHostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPidFile none\nMaxSessions 1000\n", port, key, allowed))
		start(b, look(b, "sshd"), "-D", "-e", "-f", server)
		awaitDial(b, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		fmt.Fprintf(&config, "Host %s\nHostName 127.0.0.1\nPort %d\n", hop, port)
		if hop == "two" {
			config.WriteString("ProxyJump one\n")
		}
	}
	fmt.Fprintf(&config, "Host *\nUser %s\nIdentityFile %s\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\nExitOnForwardFailure yes\n", me.Username, key)
	start(b, look(b, "ssh"), append([]string{"-N", "-F", file("ssh", config.Bytes()), hops}, args...)...)
}

// start runs a program until the benchmark ends.
func start(b *testing.B, path string, args ...string) {
	b.Helper()
	cmd := exec.Command(path, args...)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}
