package saml

import (
	"bytes"
	"crypto/x509"
	"encoding/xml"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	crewjam "github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"

	"postern/internal/fault"
	"postern/internal/fetch"
	"postern/internal/match"
)

// users is a session provider of crewjam's: everybody is Ada.
type users struct{}

func (users) GetSession(http.ResponseWriter, *http.Request, *crewjam.IdpAuthnRequest) *crewjam.Session {
	return &crewjam.Session{ID: "s", CreateTime: time.Now(), ExpireTime: time.Now().Add(time.Hour), Index: "i-1", NameID: "ada-4711", NameIDFormat: formatPersistent,
		UserName: "ada", UserEmail: "ada@example.com", UserCommonName: "Ada Lovelace", Groups: []string{"staff", "engineers"}}
}

// parties knows us by our metadata.
type parties struct{ us *crewjam.EntityDescriptor }

func (p parties) GetServiceProvider(_ *http.Request, id string) (*crewjam.EntityDescriptor, error) {
	if id != p.us.EntityID {
		return nil, http.ErrNoLocation
	}
	return p.us, nil
}

var field = regexp.MustCompile(`name="(SAMLResponse|RelayState)" value="([^"]*)"`)

// TestIndependentProvider signs in at a provider that others wrote: it reads our metadata and our request, encrypts
// to our certificate, and we fetch its metadata over TLS.
func TestIndependentProvider(t *testing.T) {
	theirs, ours, _ := setUp(t)
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	base, _ := url.Parse(server.URL)
	idp := &crewjam.IdentityProvider{Key: theirs.key, Certificate: theirs.cert, SessionProvider: users{}, SignatureMethod: dsig.RSASHA256SignatureMethod,
		MetadataURL: *base.JoinPath("metadata"), SSOURL: *base.JoinPath("sso")}
	mux.HandleFunc("/metadata", idp.ServeMetadata)
	us, err := New(Config{MetadataURL: server.URL + "/metadata", EntityID: ourName, Consumer: consumer, Logout: logout, Secret: ours.pem(), SignRequests: true, Fetch: fetcher(t, server),
		GroupsAttribute: "eduPersonAffiliation"})
	if err != nil {
		t.Fatal(err)
	}
	metadata, err := us.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	var known crewjam.EntityDescriptor
	if err := xml.Unmarshal(metadata, &known); err != nil {
		t.Fatalf("our metadata: %v", err)
	}
	idp.ServiceProviderProvider = parties{&known}
	sent, s, err := us.Begin(t.Context(), Ask{})
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	idp.ServeSSO(answer, httptest.NewRequest(http.MethodGet, sent.URL, nil))
	form := url.Values{}
	for _, f := range field.FindAllStringSubmatch(answer.Body.String(), -1) {
		form.Set(f[1], html.UnescapeString(f[2]))
	}
	a, err := us.Finish(t.Context(), s, form)
	if err != nil {
		t.Fatalf("%v\n%d %.300s", err, answer.Code, answer.Body)
	}
	if a.Subject != "ada-4711" || a.Issuer != server.URL+"/metadata" || a.Claims["mail"] != "ada@example.com" || a.Session != "i-1" || !slices.Equal(a.Groups, []string{"engineers", "staff"}) {
		t.Errorf("got %+v", a)
	}
	if _, err := us.Finish(t.Context(), State{ID: "p1", Relay: s.Relay, Provider: s.Provider, Consumer: s.Consumer, Started: s.Started}, form); !fault.Is(err, fault.KindUpstream) {
		t.Errorf("in another sign-in: %v", err)
	}
}

func fetcher(t *testing.T, server *httptest.Server) *fetch.Client {
	t.Helper()
	u, _ := url.Parse(server.URL)
	rules, err := match.ParseRules("allow 127.0.0.1:" + u.Port())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c := fetch.New(fetch.Config{Rules: rules, Roots: roots, Timeout: 30 * time.Second})
	t.Cleanup(c.Close)
	return c
}

// TestFetchedMetadata: a new certificate is found when it is first used, and no flood of forged answers makes the
// provider answer more than once a minute.
func TestFetchedMetadata(t *testing.T) {
	theirs, _, other := setUp(t)
	var fetches atomic.Int64
	var mu sync.Mutex
	text, kind := metadataOf(theirs.cert), "application/samlmetadata+xml"
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetches.Add(1)
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Content-Type", kind)
		_, _ = bytes.NewBufferString(text).WriteTo(w)
	}))
	defer server.Close()
	w := newWorld(t, func(c *Config) { c.Metadata, c.MetadataURL, c.Fetch = "", server.URL, fetcher(t, server) })
	signIn := func(with keyPair) error {
		s := w.begin()
		_, err := w.finish(s, w.response(s.ID, signed(t, w.assertion(s.ID), with)))
		return err
	}
	if err := signIn(theirs); err != nil || fetches.Load() != 1 {
		t.Fatalf("%v after %d fetches", err, fetches.Load())
	}
	mu.Lock()
	text = metadataOf(other.cert)
	mu.Unlock()
	if err := signIn(other); !fault.Is(err, fault.KindUpstream) {
		t.Errorf("within the minute: %v", err)
	}
	w.now = w.now.Add(time.Minute)
	if err := signIn(other); err != nil || fetches.Load() != 2 {
		t.Errorf("the new certificate: %v after %d fetches", err, fetches.Load())
	}
	if err := signIn(theirs); !fault.Is(err, fault.KindUpstream) {
		t.Errorf("the old certificate: %v", err)
	}
	for range 20 {
		if err := signIn(theirs); err == nil {
			t.Error("a forged answer was taken")
		}
	}
	if n := fetches.Load(); n != 2 {
		t.Errorf("%d fetches within a minute", n)
	}
	mu.Lock()
	text, kind = "<html>s3cret</html>", "text/html"
	mu.Unlock()
	w.now = w.now.Add(2 * time.Hour)
	if err := signIn(other); err != nil {
		t.Errorf("while the metadata is away: %v", err)
	}
	w.now = w.now.Add(25 * time.Hour)
	if _, _, err := w.us.Begin(t.Context(), Ask{}); !fault.Is(err, fault.KindUpstream) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("after a day: %v", err)
	}
}
