//go:build linux

package lab

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/quic-go/quic-go"

	"postern/test/size"
)

// expectPrograms has programs of the device use the site's servers by a way.
func (s *site) expectPrograms(w way) {
	s.t.Helper()
	for _, one := range []struct {
		name string
		udp  bool
		do   func(way)
	}{
		{"ssh", false, s.expectSSH}, {"PostgreSQL", false, s.expectPostgreSQL}, {"redis", false, s.expectRedis}, {"SMB", false, s.expectSMB},
		{"iperf3 TCP", false, s.expectBulk}, {"iperf3 UDP", true, s.expectBulkDatagrams}, {"QUIC", true, s.expectQUICBy}, {"DNS", true, s.expectNamesBy},
	} {
		if one.udp && !w.udp || w.ssh != nil && one.name != "ssh" {
			continue
		}
		began := time.Now()
		one.do(w)
		s.t.Logf("%s, %s at %s: %v", w.name, one.name, s.name, time.Since(began).Round(time.Millisecond))
	}
}

// random gives a file of random bytes, always the same, and its hash.
func (s *site) random() (path, sum string) {
	s.t.Helper()
	path = s.path("random")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close() // written to once, and read back here
	if info, err := file.Stat(); err == nil && info.Size() == 0 {
		if _, err := io.CopyN(file, rand.Reader, size.Of[int64](8<<20, 1<<30)); err != nil {
			s.t.Fatal(err)
		}
	}
	return path, s.sum(path)
}

// sum is the hash of a file, which is removed if it is no original.
func (s *site) sum(path string) string {
	s.t.Helper()
	file, err := os.Open(path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close() // only read from
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		s.t.Fatal(err)
	}
	if filepath.Base(path) != "random" {
		_ = os.Remove(path) // goes with the test at the latest
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// expectSSH logs in, and copies a file there and back.
func (s *site) expectSSH(w way) {
	s.t.Helper()
	host, port := w.to(s, sshPort)
	options := append([]string{"-q", "-F", "none", "-i", s.path("ssh-key"), "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "-o", "Port=" + port}, w.ssh...)
	program := func(name string, args ...string) string {
		return s.by(w, name, append(append([]string{}, options...), args...)...)
	}
	if got := program("ssh", "root@"+host, "echo", "$SSH_CONNECTION"); !strings.HasPrefix(got, Site.Addr()+" ") {
		s.t.Errorf("%s: ssh came from %q", w.name, got)
	}
	path, want := s.random()
	there, back := filepath.Join(s.dir, "there"), filepath.Join(s.dir, "back")
	program("scp", path, "root@"+host+":"+there)
	program("scp", "root@"+host+":"+there, back)
	if got := s.sum(there); got != want {
		s.t.Errorf("%s: scp: what arrived has the hash %s, want %s", w.name, got, want)
	}
	if got := s.sum(back); got != want {
		s.t.Errorf("%s: scp: what came back has the hash %s, want %s", w.name, got, want)
	}
}

// expectPostgreSQL fills a database, uses it, and dumps it: from the device as on site.
func (s *site) expectPostgreSQL(w way) {
	s.t.Helper()
	host, port := w.to(s, pgPort)
	bench := func(args ...string) string {
		return s.by(w, "pgbench", append([]string{"-h", host, "-p", port, "-U", "postern"}, append(args, "postgres")...)...)
	}
	bench("-i", "-q", "-s", size.Of("1", "10"))
	if out := bench("-n", "-c", "4", "-T", size.Of("1", "10")); !strings.Contains(out, "number of failed transactions: 0 ") {
		s.t.Errorf("%s: pgbench: %s", w.name, out)
	}
	near := dump(s.by(w, "pg_dump", s.postgres(host, port)...))
	far := dump(s.Run(s.inside, "pg_dump", s.postgres(s.backend.Addr(), pgPort)...))
	if near != far || len(far) < 1<<20 {
		s.t.Errorf("%s: pg_dump: %d bytes through the client, %d on site", w.name, len(near), len(far))
	}
}

// dump is a dump without the random words with which newer versions guard it.
func dump(text string) string {
	return regexp.MustCompile(`(?m)^\\(un)?restrict .*\n`).ReplaceAllString(text, "")
}

func (s *site) expectRedis(w way) {
	s.t.Helper()
	host, port := w.to(s, redisPort)
	out := s.by(w, "redis-benchmark", "-h", host, "-p", port, "-n", size.Of("2000", "50000"), "-c", "20", "-q", "-t", "set,get,lpush", "-d", "1000")
	if strings.Count(out, "requests per second") < 3 {
		s.t.Errorf("%s: redis-benchmark: %s", w.name, out)
	}
}

// expectSMB puts a file on a share and gets it back.
func (s *site) expectSMB(w way) {
	s.t.Helper()
	host, port := w.to(s, smbPort)
	path, want := s.random()
	back := filepath.Join(s.dir, "back")
	// A name that it remembers is one that proxychains does not: it gives names addresses of its own in each process.
	out := s.by(w, "smbclient", "-s", s.file("smbclient.conf", "[global]\nname cache timeout = 0\nname resolve order = host\nlock directory = "+s.dir+"\n"), "-N", "-p", port,
		"//"+host+"/share", "-c", "put "+path+" there; get there "+back+"; del there")
	if got := s.sum(back); got != want {
		s.t.Errorf("%s: SMB: what came back has the hash %s, want %s: %s", w.name, got, want, out)
	}
}

// throughput is what iperf3 says of one run.
type throughput struct {
	End struct {
		Sum struct { // of datagrams
			Bytes   float64 `json:"bytes"`
			Packets float64 `json:"packets"`
			Lost    float64 `json:"lost_packets"`
		} `json:"sum"`
		Received struct {
			Bytes float64 `json:"bytes"`
			Rate  float64 `json:"bits_per_second"`
		} `json:"sum_received"`
	} `json:"end"`
}

func (s *site) iperf(w way, args ...string) (result throughput) {
	s.t.Helper()
	host, port := w.to(s, iperfPort)
	out := s.by(w, "iperf3", append([]string{"-J", "-c", host, "-p", port, "-t", size.Of("1", "5")}, args...)...)
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		s.t.Fatalf("%s: iperf3: %v: %s", w.name, err, out)
	}
	return result
}

// expectBulk moves bytes both ways, over several connections.
func (s *site) expectBulk(w way) {
	s.t.Helper()
	for _, args := range [][]string{{"-P", "4"}, {"-P", "4", "-R"}} {
		r := s.iperf(w, args...)
		s.t.Logf("%s: iperf3 TCP %v: %.0f Mbit/s", w.name, args, r.End.Received.Rate/1e6)
		if r.End.Received.Bytes < 1<<20 {
			s.t.Errorf("%s: iperf3 TCP %v: %+v", w.name, args, r)
		}
	}
}

// expectBulkDatagrams sends 10 Mbit/s of datagrams each way: few are lost. At small size, beside all of the lab, some arrive: what comes while
// a process waits for its turn of the processor is lost in its socket.
func (s *site) expectBulkDatagrams(w way) {
	s.t.Helper()
	for _, args := range [][]string{{"-u", "-b", "10M", "-l", "1200"}, {"-u", "-b", "10M", "-l", "1200", "-R"}} {
		r := s.iperf(w, args...).End.Sum
		for again := 0; r.Packets == 0 && again < 2; again++ { // it sent nothing and said that all is well: seen once, beside all of the lab
			r = s.iperf(w, args...).End.Sum
		}
		s.t.Logf("%s: iperf3 UDP %v: %.0f of %.0f datagrams lost", w.name, args, r.Lost, r.Packets)
		if r.Packets < size.Of(1., 500) || r.Lost > r.Packets*size.Of(0.95, 0.05) {
			s.t.Errorf("%s: iperf3 UDP %v: %+v", w.name, args, r)
		}
	}
}

func (s *site) expectQUICBy(w way) {
	s.t.Helper()
	host, port := w.to(s, quicPort)
	conn, err := s.ListenPacket(Device, ":0")
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if net.ParseIP(host) == nil { // looked up as the device's programs do
		host, _, _ = strings.Cut(s.Run(Device, "getent", "ahostsv4", host), " ")
	}
	to, err := net.ResolveUDPAddr("udp", net.JoinHostPort(host, port))
	if err != nil {
		s.t.Fatal(err)
	}
	s.expectQUIC(w.name, conn, to)
}

// expectQUIC sends bytes through QUIC and wants them back.
func (s *site) expectQUIC(way string, conn net.PacketConn, to net.Addr) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	peer, err := quic.Dial(ctx, conn, to, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"echo"}}, nil)
	if err != nil {
		s.t.Errorf("%s: QUIC to %s: %v", way, to, err)
		return
	}
	defer func() { _ = peer.CloseWithError(0, "") }()
	stream, err := peer.OpenStreamSync(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	sent := make([]byte, size.Of(2<<20, 64<<20))
	_, _ = rand.Read(sent)                                        // never fails
	go func() { _, _ = stream.Write(sent); _ = stream.Close() }() // ends with the connection
	if got, err := io.ReadAll(stream); err != nil || !bytes.Equal(got, sent) {
		s.t.Errorf("%s: QUIC: %d of %d bytes came back, %v", way, len(got), len(sent), err)
	}
}

// manyNames are names that the site's server knows.
func (s *site) manyNames() (names []string) {
	for i := range 100 {
		names = append(names, fmt.Sprintf("n%d.%s", i, s.zone))
	}
	return names
}

// expectNamesBy asks the site's own name server.
func (s *site) expectNamesBy(w way) {
	s.t.Helper()
	host, port := w.to(s, "53")
	if net.ParseIP(host) == nil {
		host, _, _ = strings.Cut(s.Run(Device, "getent", "ahostsv4", host), " ")
	}
	s.expectNames(s, host, port, "")
}

var dnsperfSaid = regexp.MustCompile(`(?s)Queries sent: +(\d+).*Queries completed: +(\d+).*Response codes: +NOERROR (\d+)`)

// expectNames asks for a site's names, a thousand times a second as far as the machine is not too busy to ask: every answer comes, and says that
// there is such a name.
func (d *device) expectNames(s *site, server, port, mode string) {
	d.t.Helper()
	questions := d.file("questions", strings.Join(s.manyNames(), " A\n")+" A\n")
	args := []string{"-s", server, "-p", port, "-d", questions, "-Q", "1000", "-l", size.Of("2", "30"), "-c", "4"}
	if mode != "" {
		args = append(args, "-m", mode)
	}
	out := d.Run(Device, "dnsperf", args...)
	said := dnsperfSaid.FindStringSubmatch(out)
	if said == nil {
		d.t.Fatalf("dnsperf of %s: %s", server, out)
	}
	sent, _ := strconv.Atoi(said[1]) // digits
	good, _ := strconv.Atoi(said[3])
	d.t.Logf("dnsperf of %s:%s %s: %d questions, %d answers", server, port, mode, sent, good)
	if least := size.Of(100, 25_000); sent < least || sent-good > sent/size.Of(100, 1000) {
		d.t.Errorf("dnsperf of %s: of %d questions, at least %d of them wanted, %d were answered: %s", server, sent, least, good, out)
	}
}

// associated is a socket whose datagrams go to one destination by SOCKS5.
type associated struct {
	net.PacketConn
	relay  net.Addr
	header []byte
	to     net.Addr
}

type destination string

func (destination) Network() string  { return "udp" }
func (d destination) String() string { return string(d) }

// associate has the client's SOCKS5 proxy carry datagrams to a name.
func (d *device) associate(host, port string) *associated {
	d.t.Helper()
	control, err := d.Dial(d.t.Context(), Device, "tcp", net.JoinHostPort("127.0.0.1", socksPort))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { control.Close() })
	answer := make([]byte, 12)
	_, err = control.Write([]byte{5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0})
	if _, readErr := io.ReadFull(control, answer); errors.Join(err, readErr) != nil || answer[3] != 0 || answer[5] != 1 {
		d.t.Fatalf("associate: %v, %v: %x", err, readErr, answer)
	}
	conn, err := d.ListenPacket(Device, "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { conn.Close() })
	number, _ := strconv.Atoi(port) // a constant of ours
	header := append([]byte{0, 0, 0, 3, byte(len(host))}, host...)
	if ip := net.ParseIP(host).To4(); ip != nil {
		header = append([]byte{0, 0, 0, 1}, ip...)
	}
	return &associated{PacketConn: conn, relay: &net.UDPAddr{IP: answer[6:10], Port: int(binary.BigEndian.Uint16(answer[10:]))},
		header: binary.BigEndian.AppendUint16(header, uint16(number)), to: destination(net.JoinHostPort(host, port))}
}

func (a *associated) Write(p []byte) (int, error) { return a.WriteTo(p, nil) }

func (a *associated) Read(p []byte) (int, error) { n, _, err := a.ReadFrom(p); return n, err }

func (a *associated) WriteTo(p []byte, _ net.Addr) (int, error) {
	_, err := a.PacketConn.WriteTo(append(bytes.Clone(a.header), p...), a.relay)
	return len(p), err
}

// ReadFrom reads what the destination sent, which the proxy names by the address that it has.
func (a *associated) ReadFrom(p []byte) (int, net.Addr, error) {
	buffer := make([]byte, 1<<16)
	n, _, err := a.PacketConn.ReadFrom(buffer)
	if err != nil {
		return 0, nil, err
	}
	head := map[byte]int{1: 10, 3: 7 + int(buffer[4]), 4: 22}[buffer[3]]
	if head == 0 || n < head {
		return 0, nil, fmt.Errorf("a datagram of the proxy without a header: %x", buffer[:n])
	}
	return copy(p, buffer[head:n]), a.to, nil
}
