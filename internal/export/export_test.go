package export_test

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/internal/export"
	"postern/internal/fault"
	"postern/internal/fetch"
	"postern/internal/match"
)

const patience = 30 * time.Second

var at = time.Date(2026, 11, 1, 12, 0, 0, 123456000, time.UTC)

func events(count int) []export.Event {
	var list []export.Event
	for i := range count {
		list = append(list, export.Event{Stream: []string{"audit", "sign-ins"}[i*2/count], ID: fmt.Sprint("aud_", i), Seq: uint64(i + 1), Time: at, Warning: i%2 == 1,
			Summary: "a \"quoted\" ] \\ summary\nwith a line", Data: json.RawMessage(fmt.Sprintf(`{"id":"aud_%d","name":"Näme <b>"}`, i))})
	}
	return list
}

func sender(t *testing.T, cfg export.Config, address string, roots *x509.CertPool) export.Sender {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := match.ParseRules("allow 127.0.0.0/8:" + port)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Fetch = fetch.New(fetch.Config{Rules: rules, Roots: roots})
	cfg.Host, cfg.Instance, cfg.Now = "access.example.com", "postern-test", func() time.Time { return at }
	s, err := export.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// certificate gives a server's for 127.0.0.1, and who trusts it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, pool
}

// listen serves one connection after the other and gives what each brought.
func listen(t *testing.T, secure *tls.Config, serve func(net.Conn) []byte) (string, chan []byte) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	t.Cleanup(func() { l.Close() })
	got := make(chan []byte, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			got <- serve(conn)
		}
	}()
	return l.Addr().String(), got
}

func readAll(conn net.Conn) []byte {
	defer conn.Close()
	data, _ := io.ReadAll(conn)
	return data
}

// frames splits counted octets (RFC 6587, 3.4.1).
func frames(t *testing.T, data []byte) (list []string) {
	t.Helper()
	in := bufio.NewReader(strings.NewReader(string(data)))
	for {
		length, err := in.ReadString(' ')
		if err == io.EOF && length == "" {
			return list
		}
		n, bad := strconv.Atoi(strings.TrimSuffix(length, " "))
		if err != nil || bad != nil || n <= 0 || strings.HasPrefix(length, "0") {
			t.Fatalf("length %q: %v", length, err)
		}
		message := make([]byte, n)
		if _, err := io.ReadFull(in, message); err != nil {
			t.Fatalf("a message of %d bytes: %v", n, err)
		}
		list = append(list, string(message))
	}
}

// rfc5424 is the grammar of section 6, as far as our messages use it.
var rfc5424 = regexp.MustCompile(`^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) ` +
	`\[([^ ="\]]{1,32}@\d+)((?: [^ ="\]]{1,32}="(?:[^"\\\]\x00-\x1f]|\\["\\\]])*")+)\] (.*)$`)

func checkMessages(t *testing.T, messages []string, want []export.Event) {
	t.Helper()
	if len(messages) != len(want) {
		t.Fatalf("%d messages, want %d", len(messages), len(want))
	}
	for i, m := range messages {
		parts := rfc5424.FindStringSubmatch(m)
		if parts == nil {
			t.Fatalf("no message of RFC 5424: %q", m)
		}
		pri, _ := strconv.Atoi(parts[1])
		facility, name := 13, "audit"
		if want[i].Stream != "audit" {
			facility, name = 10, "sign-in"
		}
		severity := 6
		if want[i].Warning {
			severity = 4
		}
		if pri != facility*8+severity || parts[3] != "access.example.com" || parts[4] != "postern" || parts[6] != name || parts[9] != string(want[i].Data) ||
			!strings.Contains(parts[8], fmt.Sprintf(` id="%s" seq="%d"`, want[i].ID, want[i].Seq)) {
			t.Errorf("%q", m)
		}
	}
}

func TestSyslog(t *testing.T) {
	secure, roots := certificate(t)
	for _, test := range []struct {
		network string
		secure  *tls.Config
	}{{"tcp", nil}, {"tls", secure}} {
		t.Run(test.network, func(t *testing.T) {
			address, got := listen(t, test.secure, readAll)
			s := sender(t, export.Config{Kind: export.KindSyslog, URL: test.network + "://" + address}, address, roots)
			for range 2 {
				list := events(300)
				if err := s.Send(t.Context(), list); err != nil {
					t.Fatal(err)
				}
				checkMessages(t, frames(t, <-got), list)
			}
		})
	}
	t.Run("udp", func(t *testing.T) {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		s := sender(t, export.Config{Kind: export.KindSyslog, URL: "udp://" + conn.LocalAddr().String()}, conn.LocalAddr().String(), nil)
		list := events(10)
		list[9].Data = json.RawMessage(`"` + strings.Repeat("x", 70_000) + `"`)
		if err := s.Send(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		list[9].Data = json.RawMessage(`{"truncated":true}`)
		var messages []string
		buffer := make([]byte, 1<<16)
		for range list {
			n, _, err := conn.ReadFrom(buffer)
			if err != nil {
				t.Fatal(err)
			}
			messages = append(messages, string(buffer[:n]))
		}
		checkMessages(t, messages, list)
	})
}

// TestSyslogLosesNothing says that only what the other side has read counts as sent.
func TestSyslogLosesNothing(t *testing.T) {
	reset := func(conn net.Conn) []byte {
		_, _ = io.ReadFull(conn, make([]byte, 10))
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
		return nil
	}
	talks := func(conn net.Conn) []byte {
		_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		return readAll(conn)
	}
	address, _ := listen(t, nil, reset)
	chatty, _ := listen(t, nil, talks)
	plain, _ := listen(t, nil, readAll)
	secure, _ := certificate(t)
	untrusted, _ := listen(t, secure, readAll)
	for name, url := range map[string]string{"reset while we write": "tcp://" + address, "another protocol": "tcp://" + chatty, "nobody there": "tcp://127.0.0.1:1",
		"no TLS": "tls://" + plain, "not trusted": "tls://" + untrusted} {
		s := sender(t, export.Config{Kind: export.KindSyslog, URL: url}, strings.SplitN(url, "://", 2)[1], x509.NewCertPool())
		err := s.Send(t.Context(), events(2000))
		if err == nil || fault.KindOf(err) == fault.KindInternal {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := sender(t, export.Config{Kind: export.KindSyslog, URL: "tcp://" + plain}, plain, nil)
	if err := s.Send(ctx, events(1)); err == nil {
		t.Error("sent after the end")
	}
}

// TestNotEverywhere says that a destination is under the rules of what others named.
func TestNotEverywhere(t *testing.T) {
	for _, url := range []string{"tcp://127.0.0.1:22", "udp://[::1]:514", "tls://169.254.169.254:6514", "tcp://10.0.0.1:514", "tcp://0:514", "tcp://localhost:514"} {
		s, err := export.New(export.Config{Kind: export.KindSyslog, URL: url, Fetch: fetch.New(fetch.Config{}), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Send(t.Context(), events(1)); !fault.Is(err, fault.KindInvalid) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// request is what a server got.
type request struct {
	head http.Header
	body []byte
}

func server(t *testing.T, answer func(w http.ResponseWriter)) (*httptest.Server, *x509.CertPool, chan request) {
	t.Helper()
	got := make(chan request, 10)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Header, body}
		answer(w)
	}))
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s, pool, got
}

func TestWebhook(t *testing.T) {
	s, roots, got := server(t, func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) })
	list := events(7)
	type posted struct {
		Stream string          `json:"stream"`
		ID     string          `json:"id"`
		Seq    uint64          `json:"seq"`
		Data   json.RawMessage `json:"data"`
	}
	for _, array := range []bool{false, true} {
		secret := []byte("s3cret")
		send := sender(t, export.Config{Kind: export.KindWebhook, URL: s.URL + "/hook", Array: array, Secret: secret}, s.Listener.Addr().String(), roots)
		if err := send.Send(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		r := <-got
		mac := hmac.New(sha256.New, secret)
		fmt.Fprintf(mac, "%d.%s", at.Unix(), r.body)
		if want := fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil))); r.head.Get("Postern-Signature") != want {
			t.Errorf("signature %q, want %q", r.head.Get("Postern-Signature"), want)
		}
		var found []posted
		if array {
			if err := json.Unmarshal(r.body, &found); err != nil || r.head.Get("Content-Type") != "application/json" {
				t.Fatal(err, r.head)
			}
		} else {
			for _, line := range strings.Split(strings.TrimSuffix(string(r.body), "\n"), "\n") {
				var one posted
				if err := json.Unmarshal([]byte(line), &one); err != nil {
					t.Fatal(err)
				}
				found = append(found, one)
			}
		}
		if !slices.EqualFunc(found, list, func(p posted, e export.Event) bool {
			return p.ID == e.ID && p.Seq == e.Seq && p.Stream == e.Stream && string(p.Data) == string(e.Data)
		}) {
			t.Errorf("array %v: %s", array, r.body)
		}
	}
}

func TestRefusalsAreErrors(t *testing.T) {
	for status, kind := range map[int]fault.Kind{503: fault.KindUnavailable, 429: fault.KindUnavailable, 400: fault.KindUpstream, 401: fault.KindUpstream, 302: fault.KindUpstream} {
		s, roots, _ := server(t, func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(status)
		})
		for _, way := range []string{export.KindWebhook, export.KindOTLP} {
			send := sender(t, export.Config{Kind: way, URL: s.URL, Secret: []byte("topsecret")}, s.Listener.Addr().String(), roots)
			err := send.Send(t.Context(), events(2))
			if !fault.Is(err, kind) || strings.Contains(err.Error(), "topsecret") {
				t.Errorf("%s, status %d: %v", way, status, err)
			}
		}
	}
}

// collector is what opentelemetry/proto/collector/logs/v1 says, as strictly as JSON can be read.
type collector struct {
	ResourceLogs []struct {
		Resource  struct{ Attributes []attribute } `json:"resource"`
		ScopeLogs []struct {
			Scope      struct{ Name string } `json:"scope"`
			LogRecords []struct {
				TimeUnixNano         uint64 `json:"timeUnixNano,string"`
				ObservedTimeUnixNano uint64 `json:"observedTimeUnixNano,string"`
				SeverityNumber       int32
				SeverityText         string
				EventName            string
				Body                 struct{ StringValue string }
				Attributes           []attribute
			}
		}
	}
}

type attribute struct {
	Key   string
	Value struct{ StringValue string }
}

func TestOTLP(t *testing.T) {
	reply := ""
	s, roots, got := server(t, func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, reply)
	})
	send := sender(t, export.Config{Kind: export.KindOTLP, URL: s.URL + "/v1/logs", Secret: []byte("token")}, s.Listener.Addr().String(), roots)
	list := events(6)
	for _, reply = range []string{"", "{}", `{"partialSuccess":{}}`, `{"partialSuccess":{"rejectedLogRecords":"0"}}`} {
		if err := send.Send(t.Context(), list); err != nil {
			t.Fatal(reply, err)
		}
		r := <-got
		strict := json.NewDecoder(strings.NewReader(string(r.body)))
		strict.DisallowUnknownFields()
		var c collector
		if err := strict.Decode(&c); err != nil {
			t.Fatal(err, string(r.body))
		}
		if r.head.Get("Authorization") != "Bearer token" || len(c.ResourceLogs) != 1 || len(c.ResourceLogs[0].ScopeLogs) != 2 {
			t.Fatalf("%v %s", r.head, r.body)
		}
		i := 0
		for _, scope := range c.ResourceLogs[0].ScopeLogs {
			for _, record := range scope.LogRecords {
				if scope.Scope.Name != "postern/"+list[i].Stream || record.TimeUnixNano != uint64(at.UnixNano()) || record.Body.StringValue != string(list[i].Data) ||
					record.Attributes[0].Value.StringValue != list[i].ID || (record.SeverityNumber == 13) != list[i].Warning {
					t.Errorf("%+v", record)
				}
				i++
			}
		}
		if i != len(list) {
			t.Errorf("%d records", i)
		}
	}
	for _, reply = range []string{`{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"no room"}}`, `{"partialSuccess":{"rejectedLogRecords":2}}`} {
		if err := send.Send(t.Context(), list); !fault.Is(err, fault.KindUpstream) {
			t.Errorf("%s: %v", reply, err)
		}
		<-got
	}
}
