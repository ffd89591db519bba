package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"postern/internal/api"
	"postern/internal/posterntest"
)

// enrolling runs enrol with the admin center's address. An administrator opens the address that it shows and answers.
func enrolling(t *testing.T, sys *posterntest.System, answer string, more ...string) (code int, out, errs string) {
	t.Helper()
	read, write := io.Pipe()
	var said bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		lines := bufio.NewScanner(io.TeeReader(read, &said))
		for lines.Scan() {
			if address, ok := strings.CutPrefix(lines.Text(), "or opens "); ok {
				decide(t, sys, address, answer)
			}
		}
	}()
	var printed bytes.Buffer
	args := append([]string{"enrol", "--admin-url", sys.AdminURL, "--proxy", "direct", "--name", "by-hand"}, more...) // the last --proxy counts
	code = execute(t.Context(), args, stdio{strings.NewReader(""), &printed, write})
	_ = write.Close() // never fails
	<-done
	return code, printed.String(), said.String()
}

var userCode = regexp.MustCompile(`name="user_code" value="([^"]*)"`)

func decide(t *testing.T, sys *posterntest.System, address, answer string) {
	browser := sys.Browser()
	page := browser.SignIn(address, "owner")
	found := userCode.FindStringSubmatch(page.Text)
	if found == nil {
		t.Errorf("%s: %s", page.Status, page.Text)
		return
	}
	browser.Post(sys.PortalURL+"/device", url.Values{"user_code": {found[1]}})
	browser.Post(sys.PortalURL+"/device/decide", url.Values{"user_code": {found[1]}, "answer": {answer}})
}

// TestEnrolBySignIn: an administrator allows a machine on another device. Trust in the service is checked first: without it no
// code is shown.
func TestEnrolBySignIn(t *testing.T) {
	sys := posterntest.New(t)
	block, _ := pem.Decode(sys.RootsPEM)
	sum := sha256.Sum256(block.Bytes)
	fingerprint := hex.EncodeToString(sum[:])
	state := filepath.Join(t.TempDir(), "state")

	code, _, errs := enrolling(t, sys, "allow", "--state", state)
	if code == 0 || !strings.Contains(errs, "fingerprint "+fingerprint) || !strings.Contains(errs, "--ca-fingerprint") || strings.Contains(errs, "types this code") {
		t.Errorf("a service that this machine does not trust: %d\n%s", code, errs)
	}
	code, _, errs = enrolling(t, sys, "allow", "--state", state, "--ca-fingerprint", strings.Repeat("0", 64))
	if code == 0 || !strings.Contains(errs, "not the one that was given") || strings.Contains(errs, "types this code") {
		t.Errorf("another authority: %d\n%s", code, errs)
	}
	code, _, errs = enrolling(t, sys, "deny", "--state", state, "--ca-fingerprint", fingerprint)
	if code == 0 || !strings.Contains(errs, "types this code") {
		t.Errorf("denied: %d\n%s", code, errs)
	}
	code, out, errs := enrolling(t, sys, "allow", "--state", state, "--ca-fingerprint", strings.ToUpper(fingerprint))
	if code != 0 || !strings.Contains(out, "Enrolled as connector") {
		t.Errorf("allowed: %d\n%s\n%s", code, out, errs)
	}
	if strings.Contains(out+errs, "could not be ended") {
		t.Errorf("the sign-in goes on: %s", errs)
	}
	code, _, errs = enrolling(t, sys, "allow", "--state", state, "--token-file", "also")
	if code == 0 || !strings.Contains(errs, "two ways to enrol") {
		t.Errorf("two ways: %d\n%s", code, errs)
	}
	all, err := sys.API.Connectors.List(t.Context(), api.ListOptions{})
	if err != nil || len(all.Items) != 1 || all.Items[0].Name != "by-hand" {
		t.Errorf("connectors: %+v, %v", all, err)
	}
}

// connectProxy is a proxy that remembers whom it was asked to connect to.
type connectProxy struct {
	*httptest.Server
	mu    sync.Mutex // guards asked
	asked []string
}

func newConnectProxy(t *testing.T) *connectProxy {
	p := &connectProxy{}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *connectProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Host)
	p.mu.Unlock()
	_, port, _ := net.SplitHostPort(r.Host)
	onward, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil || r.Method != http.MethodConnect {
		http.Error(w, "no", http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusOK)
	conn, come, err := http.NewResponseController(w).Hijack()
	if err != nil {
		onward.Close()
		return
	}
	go func() { _, _ = io.Copy(onward, come); onward.Close() }() // the server may have read the beginning already
	_, _ = io.Copy(conn, onward)
	conn.Close()
}

func (p *connectProxy) hosts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Compact(slices.Clone(p.asked))
}

// TestEnrolBySignInThroughAProxy: nothing of a sign-in goes past the configured proxy, the first look at the service's authority included.
func TestEnrolBySignInThroughAProxy(t *testing.T) {
	sys := posterntest.New(t)
	block, _ := pem.Decode(sys.RootsPEM)
	sum := sha256.Sum256(block.Bytes)
	admin, portal := strings.TrimPrefix(sys.AdminURL, "https://"), strings.TrimPrefix(sys.PortalURL, "https://")
	state := filepath.Join(t.TempDir(), "state")

	first := newConnectProxy(t)
	code, _, errs := enrolling(t, sys, "allow", "--state", state, "--proxy", first.URL, "--ca-fingerprint", strings.Repeat("0", 64))
	if got := first.hosts(); code == 0 || !strings.Contains(errs, "not the one that was given") || !slices.Equal(got, []string{admin}) {
		t.Errorf("the look at the authority: %d, by way of the proxy: %q\n%s", code, got, errs)
	}
	second := newConnectProxy(t)
	code, _, errs = enrolling(t, sys, "allow", "--state", state, "--proxy", second.URL, "--ca-fingerprint", hex.EncodeToString(sum[:]))
	if got := second.hosts(); code != 0 || !slices.Contains(got, admin) || !slices.Contains(got, portal) {
		t.Errorf("%d, by way of the proxy: %q\n%s", code, got, errs)
	}
	gone := newConnectProxy(t)
	gone.Close()
	code, _, errs = enrolling(t, sys, "allow", "--state", filepath.Join(t.TempDir(), "state"), "--proxy", gone.URL, "--ca-fingerprint", hex.EncodeToString(sum[:]))
	if code == 0 || !strings.Contains(errs, "the proxy on the way") {
		t.Errorf("a proxy that is away: %d\n%s", code, errs)
	}
}
