package security

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/connector"
	"postern/internal/posterntest"
	"postern/internal/service"
	"postern/internal/wire"
)

// captured is a log at debug level that many write to.
type captured struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (c *captured) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

func (c *captured) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(c, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))
}

func (c *captured) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// secrets are what must appear nowhere, by what they are.
type secrets map[string]string

// spellings gives the ways in which a secret could be written down.
func spellings(value string) []string {
	return []string{value, url.QueryEscape(value), base64.StdEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value)), hex.EncodeToString([]byte(value))}
}

// TestNoSecretIsWrittenDown runs a whole life at debug level: enrolment, sign-in, use, the API with its keys, upstreams,
// programs with tokens and keys of their own, and errors of all of them with the secrets in them. No secret is in a log
// of either program, an answer that does not give it, the audit and the sign-in log, an export, the metrics or the database.
func TestNoSecretIsWrittenDown(t *testing.T) {
	log, metrics := &captured{}, must(net.Listen("tcp", "127.0.0.1:0"))(t)
	s := posterntest.New(t, posterntest.With(func(c *service.Config) {
		c.Log, c.MetricsListen = log.logger(), "127.0.0.1:0"
		listener := c.Listener
		c.Listener = func(name, address string) (net.Listener, error) {
			if name == "metrics-listen" {
				return metrics, nil
			}
			return listener(name, address)
		}
	}))
	known, answers := secrets{}, &captured{}
	known["password"] = posterntest.Password
	known["API key"] = s.Key
	agentLife(t, s, log, known, answers)
	app := s.Publish("wiki", posterntest.NewBackend(t, http.HandlerFunc(page)).URL)
	s.Assign(app, s.User("ada"))
	grant, _, err := s.Service.Control().Grant(t.Context(), access.ID(app.ID), nil)
	check(t, err)
	_, known["signature of a grant"], _ = strings.Cut(grant, ".")
	gateway := must(s.Service.Control().Certificates().GatewayCertificate())(t)
	known["private key of the gateway"] = string(must(x509.MarshalPKCS8PrivateKey(gateway.PrivateKey))(t))
	browserLife(t, s, known, answers)
	apiLife(t, s, known, answers)
	upstreamLife(t, s, known, answers)
	programLife(t, s, known, answers)
	w := &world{System: s}
	stuff(t, w, known, answers)

	audit := &captured{}
	for entry, err := range s.API.Audit.All(t.Context(), api.ListOptions{}) {
		check(t, err)
		fmt.Fprintf(audit, "%+v %s\n", entry, entry.Detail)
	}
	resp := must(http.Get("http://" + metrics.Addr().String() + "/metrics"))(t)
	exported := must(io.ReadAll(resp.Body))(t)
	resp.Body.Close()
	known["master key"] = string(must(os.ReadFile(filepath.Join(s.Dir, "service", "master.key")))(t))
	places := map[string]string{"log": log.String(), "audit log": audit.String(), "metrics": string(exported), "answers": answers.String()}
	written(t, s, places)
	s.Stop()
	files(t, s, places)
	for place, text := range places {
		if len(text) < 100 {
			t.Errorf("%s has %d bytes: nothing was looked at", place, len(text))
		}
		for what, value := range known {
			for _, spelled := range spellings(value) {
				if i := strings.Index(text, spelled); i >= 0 {
					t.Errorf("%s has the %s: …%.120q", place, what, text[max(i-60, 0):i])
				}
			}
		}
		if strings.Contains(text, "PRIVATE KEY") {
			t.Errorf("%s has a private key", place)
		}
	}
}

// agentLife enrols a connector, runs it, and fails with what it has.
func agentLife(t *testing.T, s *posterntest.System, log *captured, known secrets, answers io.Writer) {
	t.Helper()
	token := newToken(t, s, "unused")
	known["secret of an unused token"] = token.Secret
	token.ID = newToken(t, s, "other").ID
	_, err := enrol(t, t.Context(), token, "tampered")
	fmt.Fprintln(answers, err)
	used := newToken(t, s, "site")
	known["secret of a used token"] = used.Secret
	state := filepath.Join(t.TempDir(), "state")
	cred := must(connector.Enrol(t.Context(), connector.Enrolment{
		State: state, Token: used, Log: log.logger(), Dialer: s.Dialer(), Host: wire.Host{MachineName: "test"},
	}))(t)
	_, err = enrol(t, t.Context(), used, "again")
	fmt.Fprintln(answers, err)
	key, _ := pem.Decode(must(os.ReadFile(filepath.Join(state, "credential.pem")))(t))
	known["private key of the connector"] = string(key.Bytes)
	c, rules := make(chan error, 1), filepath.Join(t.TempDir(), "rules")
	check(t, os.WriteFile(rules, []byte(posterntest.Rules), 0o600))
	ctx, stop := context.WithCancel(context.Background())
	site := must(connector.New(connector.Config{State: state, Rules: rules, Log: log.logger(), Host: wire.Host{MachineName: "test"},
		Dialer: s.Dialer()}))(t)
	go func() { c <- site.Run(ctx) }()
	t.Cleanup(func() { stop(); <-c })
	s.Await("the connector", func() bool {
		show, err := s.API.Connectors.Show(t.Context(), cred.Identity.ID)
		return err == nil && show.Status.Label == "active"
	})
}

// browserLife signs in and uses an application; the one-time code on the way counts too.
func browserLife(t *testing.T, s *posterntest.System, known secrets, answers io.Writer) {
	t.Helper()
	b := s.Browser()
	b.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		if code := req.URL.Query().Get("code"); code != "" {
			known["one-time code"] = code
		}
		return nil
	}
	p := b.SignIn(s.URL("wiki", "/"), "ada")
	if p.StatusCode != http.StatusOK {
		t.Fatalf("sign in: %s", p.Status)
	}
	known["portal cookie"] = cookieOf(t, b, s.PortalURL, portalCookie)
	known["session cookie"] = cookieOf(t, b, s.URL("wiki", "/"), sessionCookie)
	known["binding cookie"] = cookieOf(t, b, s.URL("wiki", "/"), bindingCookie)
	for _, name := range []string{"portal cookie", "session cookie"} { // a part of them makes the whole
		known["secret of the "+name] = strings.Split(known[name], ".")[3]
	}
	for _, target := range []string{s.PortalURL + "/", s.PortalURL + "/sign-in", s.PortalURL + "/nothing", s.URL("wiki", "/.postern/sign-out"), s.URL("wiki", "/a//b"), s.AdminURL + "/"} {
		fmt.Fprintln(answers, b.Go(target).Text)
	}
	// People type their password where the name belongs. The form shows it again to them, and nobody else ever sees it.
	b.Post(s.PortalURL+"/sign-in", url.Values{"name": {posterntest.Password}, "password": {"wrong horse " + posterntest.Password}})
	known["wrong password"] = "wrong horse " + posterntest.Password
}

// apiLife makes what has secrets and changes it.
func apiLife(t *testing.T, s *posterntest.System, known secrets, answers io.Writer) {
	t.Helper()
	key := must(s.API.Keys.Create(t.Context(), api.KeyInput{Name: "second", Roles: []string{"reader"}}))(t)
	known["second API key"] = key.Secret
	user := s.User("eve")
	check(t, s.API.Users.SetPassword(t.Context(), user.ID, "staple battery horse"))
	known["new password"] = "staple battery horse"
	fmt.Fprintln(answers, s.API.Users.SetPassword(t.Context(), user.ID, strings.Repeat("staple battery horse", 100)))
	_, err := s.API.Users.Create(t.Context(), api.UserCreate{UserInput: api.UserInput{Name: "eve"}, Password: "staple battery horse"})
	fmt.Fprintln(answers, err)
	for _, noun := range []func() (any, error){
		func() (any, error) { return s.API.Keys.List(t.Context(), api.ListOptions{}) },
		func() (any, error) { return s.API.Tokens.List(t.Context(), api.ListOptions{}) },
		func() (any, error) { return s.API.Users.List(t.Context(), api.ListOptions{}) },
	} {
		list, err := noun()
		check(t, err)
		fmt.Fprintf(answers, "%+v\n", list)
	}
}

// stuff puts every secret where secrets do not belong and where somebody makes an error of it.
func stuff(t *testing.T, w *world, known secrets, answers io.Writer) {
	t.Helper()
	for what, value := range known {
		if strings.Contains(what, "private key") {
			continue
		}
		line := strings.NewReplacer("\n", "", "\r", "", " ", "").Replace(value)
		for _, host := range []string{"wiki", "portal", "admin", "nothing"} {
			for _, request := range []string{
				w.rawRequest(host, sessionCookie+"="+line+"; "+portalCookie+"=x"+line, "Authorization: Bearer "+line, "Accept: text/html"),
				strings.Replace(w.rawRequest(host, ""), "GET / ", "GET /.postern/callback?code="+url.QueryEscape(line)+" ", 1),
				strings.Replace(w.rawRequest(host, ""), "GET / ", "POST /?token="+url.QueryEscape(line)+" ", 1),
			} {
				if host == "nothing" {
					continue // no certificate: TLS ends there
				}
				resp := w.exchange(t, host, request)
				fmt.Fprintln(answers, resp.Status, resp.Header.Get("Location") == "")
			}
		}
	}
}

// files reads everything that the service has on its disk, but for the file of the master key.
func files(t *testing.T, s *posterntest.System, into map[string]string) {
	t.Helper()
	check(t, filepath.WalkDir(filepath.Join(s.Dir, "service"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "master.key" {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil && len(data) > 100 {
			into["file "+d.Name()] = string(data)
		}
		return err
	}))
}
