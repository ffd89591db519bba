package admin_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/admin"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/identity"
	"postern/internal/posterntest/fresh"
	"postern/internal/store"
	"postern/internal/wire"
)

const password = "correct horse battery staple"

// A system is a real store, a real control plane and the real handler on a real HTTPS server, set
// up by its first Owner.
type system struct {
	*testing.T
	control *control.Control
	handler *admin.Handler
	server  *httptest.Server
	code    string // of the set-up
	key     string // of the Owner
	owner   *api.Client
	counter atomic.Int64
}

func newSystem(t *testing.T, change ...func(*admin.Config)) *system {
	t.Helper()
	s := newUnclaimed(t, change...)
	done, err := s.client("").Setup(t.Context(), api.SetupRequest{Code: s.code, Name: "owner", Password: password})
	if err != nil {
		t.Fatalf("set up: %v", err)
	}
	s.key = done.Key
	s.owner = s.client(done.Key)
	return s
}

func newUnclaimed(t *testing.T, change ...func(*admin.Config)) *system {
	t.Helper()
	dir := t.TempDir()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	db, err := store.Open(t.Context(), store.Config{URL: fresh.SQLite(t), KeyFile: filepath.Join(dir, "master.key"), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	names := access.Names{PortalURL: "https://portal.example.com", AdminURL: "https://admin.example.com"}
	s := &system{T: t}
	s.control, err = control.New(t.Context(), control.Config{Store: db, Log: log, Names: names, Passwords: identity.PasswordConfig{Cost: identity.Cost{Memory: 64, Time: 1, Lanes: 1}},
		Gateway: access.Gateway{ID: access.NewID(access.PrefixGateway, time.Now()), Address: "gateway.example.com:443"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.control.Run(ctx) }()
	cfg := admin.Config{Control: s.control, Log: log, URL: names.AdminURL}
	for _, c := range change {
		c(&cfg)
	}
	s.handler = admin.New(cfg)
	s.server = httptest.NewTLSServer(s.handler)
	t.Cleanup(func() {
		s.server.Close()
		cancel()
		<-ended
		db.Close()
	})
	if s.code, _, err = s.control.SetupCode(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *system) client(key string) *api.Client {
	s.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.server.Certificate())
	c, err := api.NewClient(api.Config{URL: s.server.URL, Key: key, Roots: roots})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(c.Close)
	return c
}

// as gives the secret of a new API key with the roles.
func (s *system) as(roles ...string) string {
	s.Helper()
	made, err := s.owner.Keys.Create(s.Context(), api.KeyInput{Name: s.name("key"), Roles: roles})
	if err != nil {
		s.Fatal(err)
	}
	return made.Secret
}

// name gives a name that nobody has.
func (s *system) name(what string) string { return fmt.Sprintf("%s-%d", what, s.counter.Add(1)) }

// An answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

// fields are the names that the problem document says are wrong.
func (a answer) fields() string {
	var p api.Problem
	_ = json.Unmarshal([]byte(a.body), &p) // no problem document: no fields
	names := make([]string, len(p.Fields))
	for i, f := range p.Fields {
		names[i] = f.Name
	}
	return strings.Join(names, " ")
}

// A request as somebody who is no Go client sends it.
type request struct {
	method, path, body string
	key                string
	header             map[string]string
}

func (s *system) send(r request) answer {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), r.method, s.server.URL+r.path, strings.NewReader(r.body))
	if err != nil {
		s.Fatal(err)
	}
	if r.key != "" {
		req.Header.Set("Authorization", "Bearer "+r.key)
	}
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	client := s.server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// dump gives everything that administrators can see, except what changes by itself: how connectors
// are and when keys were last used.
func (s *system) dump() string {
	s.Helper()
	var all bytes.Buffer
	for _, noun := range []string{"applications", "connector-groups", "users", "groups", "assignments", "tokens", "certificates", "policies", "upstreams"} {
		a := s.send(request{method: "GET", path: "/api/v1/" + noun + "?limit=1000", key: s.key})
		if a.status != 200 {
			s.Fatalf("list %s: %d %s", noun, a.status, a.body)
		}
		all.WriteString(a.body)
	}
	for k, err := range s.owner.Connectors.All(s.Context(), api.ListOptions{}) {
		if err != nil {
			s.Fatal(err)
		}
		fmt.Fprintln(&all, k.Meta, k.ConnectorInput)
	}
	for key, err := range s.owner.Keys.All(s.Context(), api.ListOptions{}) {
		if err != nil {
			s.Fatal(err)
		}
		fmt.Fprintln(&all, key.ID, key.Version)
	}
	return all.String()
}

// A fixture is one object of each kind.
type fixture struct {
	app, cgr, usr, grp, asg, tok, key, con, domain string
	ups, pol, req, exp, dev                        string
}

func (s *system) fixture() fixture {
	s.Helper()
	ctx := s.Context()
	must := func(err error) {
		s.Helper()
		if err != nil {
			s.Fatal(err)
		}
	}
	name := s.name("x")
	cgr, err := s.owner.ConnectorGroups.Create(ctx, api.ConnectorGroupInput{Name: name})
	must(err)
	app, err := s.owner.Applications.Create(ctx, api.ApplicationInput{Name: name, ConnectorGroup: cgr.ID,
		ExternalURL: "https://" + name + ".example.com/", InternalURL: "http://" + name + ".internal/"})
	must(err)
	usr, err := s.owner.Users.Create(ctx, api.UserCreate{UserInput: api.UserInput{Name: name}})
	must(err)
	grp, err := s.owner.Groups.Create(ctx, api.GroupInput{Name: name, Members: []string{usr.ID}})
	must(err)
	asg, err := s.owner.Assignments.Create(ctx, api.AssignmentInput{Application: app.ID, Group: grp.ID})
	must(err)
	tok, err := s.owner.Tokens.Create(ctx, api.TokenInput{Name: name})
	must(err)
	key, err := s.owner.Keys.Create(ctx, api.KeyInput{Name: name, Roles: []string{"reader"}})
	must(err)
	domain := name + ".example.com"
	chain, private := certificate(s.T, domain)
	_, err = s.owner.Certificates.Put(ctx, domain, 0, api.CertificateInput{Chain: chain, Key: private})
	must(err)
	ups, err := s.owner.Upstreams.Create(ctx, api.UpstreamCreate{UpstreamInput: api.UpstreamInput{Name: name, Kind: "oidc",
		OIDC: &api.UpstreamOIDC{Issuer: "https://" + name + ".invalid", ClientID: "postern"}}, Secret: "hush"})
	must(err)
	pol, err := s.owner.Policies.Create(ctx, api.PolicyInput{Name: name, Everyone: true, AllApplications: true, Mode: "off"})
	must(err)
	exp, err := s.owner.Exports.Create(ctx, api.ExportCreate{ExportInput: api.ExportInput{Name: name, Kind: "syslog", Streams: []string{"audit"},
		URL: "tls://127.0.0.1:6514", Disabled: true}})
	must(err)
	return fixture{app.ID, cgr.ID, usr.ID, grp.ID, asg.ID, tok.ID, key.ID, s.enrol(), domain, ups.ID, pol.ID, s.ask(name), exp.ID, s.device(name)}
}

// ask has a new user ask for a new application and gives the request's id.
func (s *system) ask(name string) string {
	s.Helper()
	usr, err := s.owner.Users.Create(s.Context(), api.UserCreate{UserInput: api.UserInput{Name: name + "-asks"}})
	if err != nil {
		s.Fatal(err)
	}
	app, err := s.owner.Applications.Create(s.Context(), api.ApplicationInput{Name: name + " asked for", Requestable: true,
		ExternalURL: "https://" + name + "-asked.example.com/", InternalURL: "http://x/"})
	if err != nil {
		s.Fatal(err)
	}
	r, err := s.control.RequestAccess(s.Context(), access.Actor{Kind: access.ActorUser, ID: access.ID(usr.ID), Name: usr.Name},
		control.Ask{Application: access.ID(app.ID), Reason: "x", Period: 24 * time.Hour})
	if err != nil {
		s.Fatal(err)
	}
	return string(r.ID)
}

// device signs a new user in with postern-client, as that does, and gives the device's id.
func (s *system) device(name string) string {
	s.Helper()
	must := func(err error) {
		s.Helper()
		if err != nil {
			s.Fatal(err)
		}
	}
	ctx, anyone := s.Context(), access.Actor{Kind: access.ActorAnyone, Address: "192.0.2.7"}
	usr, err := s.owner.Users.Create(ctx, api.UserCreate{UserInput: api.UserInput{Name: name + "-roams"}, Password: password})
	must(err)
	in, err := s.control.SignIn(ctx, anyone, control.Credentials{Name: usr.Name, Password: password, Binding: "a browser's secret of many letters"})
	must(err)
	code, err := s.control.BeginDevice(ctx, anyone, control.DeviceRequest{Client: access.ClientDevice})
	must(err)
	must(s.control.DecideDevice(ctx, anyone, in.Who, code.User, true))
	tokens, err := s.control.ProgramTokens(ctx, anyone, control.TokenRequest{Type: control.GrantDevice, Client: access.ClientDevice, Device: code.Device})
	must(err)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, private)
	must(err)
	got, err := s.control.EnrolDevice(ctx, anyone, tokens.Access, wire.DeviceRequest{Version: wire.Version, CSR: csr,
		Host: wire.Host{MachineName: name, OS: "linux", Arch: "amd64", Program: "1.2.3"}})
	must(err)
	return got.Connector
}

// enrol registers a connector as its program does and gives its id.
func (s *system) enrol() string {
	s.Helper()
	created, err := s.owner.Tokens.Create(s.Context(), api.TokenInput{Name: s.name("token")})
	if err != nil {
		s.Fatal(err)
	}
	token, err := wire.ParseEnrolmentToken(created.Text)
	if err != nil {
		s.Fatal(err)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, private)
	if err != nil {
		s.Fatal(err)
	}
	_, err = s.control.Enrol(s.Context(), access.Actor{Kind: access.ActorAnyone, Address: "192.0.2.7"}, wire.EnrolRequest{
		Version: wire.Version, TokenID: token.ID, Secret: token.Secret, CSR: csr, Name: s.name("hq"),
		Host: wire.Host{MachineName: "machine", OS: "linux", Arch: "amd64", Program: "1.2.3"}})
	if err != nil {
		s.Fatal(err)
	}
	used, err := s.owner.Tokens.Show(s.Context(), created.ID)
	if err != nil || used.UsedBy == "" || used.Used.IsZero() {
		s.Fatalf("the token is not marked as used: %+v, %v", used, err)
	}
	return used.UsedBy
}

// fill puts the fixture's ids where {app}, {usr} and so on stand, and a new name for {new}.
func (s *system) fill(f fixture, text string) string {
	return strings.NewReplacer("{app}", f.app, "{cgr}", f.cgr, "{usr}", f.usr, "{grp}", f.grp, "{asg}", f.asg,
		"{tok}", f.tok, "{key}", f.key, "{con}", f.con, "{new}", s.name("new")).Replace(text)
}

// certificate makes a self-signed certificate and its key, PEM.
func certificate(t testing.TB, names ...string) (chain, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

func quoted(text string) string {
	data, _ := json.Marshal(text) // a string: cannot fail
	return string(data)
}
