package system_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/connector"
	"postern/internal/posterntest"
	"postern/internal/wire"
	"postern/test/size"
)

// TestExchangeOfTheRootUnderLoad exchanges the root while people use an application over two
// connectors. Not one request is lost, and both connectors follow by themselves.
func TestExchangeOfTheRootUnderLoad(t *testing.T) {
	sys := posterntest.New(t)
	first, second := sys.Connector("first"), sys.Connector("second")
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "page %s", r.URL.Path)
	}))
	app := sys.Publish("wiki", backend.URL)
	sys.Assign(app, sys.User("ada"))
	browser := sys.Browser()
	browser.SignIn(sys.URL("wiki", "/"), "ada")
	oldToken := sys.Token("old")

	ctx, stop := context.WithCancel(t.Context())
	var sent atomic.Int64
	var people sync.WaitGroup
	for person := range 4 {
		people.Go(func() { use(ctx, t, browser, sys.URL("wiki", fmt.Sprint("/", person)), &sent) })
	}
	defer people.Wait()
	defer stop()
	flows := func() {
		t.Helper()
		before := sent.Load()
		sys.Await("requests to be answered", func() bool { return sent.Load() >= before+int64(size.Of(50, 2000)) })
	}
	flows()
	if _, err := sys.API.ExchangeRoot(t.Context()); err != nil {
		t.Fatal(err)
	}
	sys.AwaitFor(20*time.Second+2*posterntest.Patience, "both connectors to renew under the next root", func() bool {
		state, err := sys.API.Authority(t.Context())
		return err == nil && state.Exchange != nil && len(state.Exchange.Waiting) == 0
	})
	flows()
	enrolsWith(t, sys, oldToken) // a token of before, while the exchange is under way
	roots, err := os.ReadFile(sys.Service.RootsPath())
	if err != nil || strings.Count(string(roots), "BEGIN CERTIFICATE") != 2 {
		t.Errorf("the file for browsers has %d roots (%v)", strings.Count(string(roots), "BEGIN CERTIFICATE"), err)
	}
	oldRoots := sys.Roots
	sys.Trust(roots)
	sys.API = sys.Client(sys.Key)
	newToken := sys.Token("new") // it names the next root, and outlives the exchange
	if _, err := sys.API.FinishExchange(t.Context(), api.AuthorityFinish{}); err != nil {
		t.Fatal(err)
	}
	flows()
	stop()
	people.Wait()
	sys.AwaitConnector(first.ID, "active")
	sys.AwaitConnector(second.ID, "active")
	enrolsWith(t, sys, newToken)
	for _, c := range []*posterntest.Connector{first, second} { // from what they have on their disks
		if err := c.Stop(); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		sys.Run(c)
	}
	if shown := chainAt(t, sys); shown.Verify(oldRoots) == nil {
		t.Error("a host is still shown under the root before")
	}
	t.Logf("%d requests, none lost", sent.Load())
}

// use asks for a page again and again; anything but the page fails the test.
func use(ctx context.Context, t *testing.T, browser *posterntest.Browser, target string, sent *atomic.Int64) {
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := browser.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(string(text), "page ") {
			t.Errorf("%s %q %v", resp.Status, text, err)
			return
		}
		sent.Add(1)
	}
}

func enrolsWith(t *testing.T, sys *posterntest.System, text string) {
	t.Helper()
	token, err := wire.ParseEnrolmentToken(text)
	if err != nil {
		t.Fatal(err)
	}
	_, err = connector.Enrol(t.Context(), connector.Enrolment{State: t.TempDir() + "/state", Token: token, Dialer: sys.Dialer(), Log: sys.Log})
	if err != nil {
		t.Error(err)
	}
}

// shown is what a host presents.
type shown []*x509.Certificate

// Verify says whether it leads to one of the roots.
func (s shown) Verify(roots *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, cert := range s[1:] {
		between.AddCert(cert)
	}
	_, err := s[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	return err
}

// chainAt gives what the portal presents.
func chainAt(t *testing.T, sys *posterntest.System) shown {
	t.Helper()
	conn, err := tls.Dial("tcp", sys.Address(), &tls.Config{ServerName: "portal.test.localhost", RootCAs: sys.Roots})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates
}
