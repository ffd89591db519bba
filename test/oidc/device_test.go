package oidc

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/cli"
	"postern/internal/posterntest"
)

// upstream makes the provider an upstream of the system, and the system a client of the provider.
func upstream(t *testing.T, sys *posterntest.System, provider *Provider, change func(*api.UpstreamOIDC)) api.Upstream {
	t.Helper()
	provider.Trust(string(sys.RootsPEM))
	sys.Roots.AppendCertsFromPEM([]byte(provider.CA))
	settings := &api.UpstreamOIDC{Issuer: provider.Issuer, ClientID: client().ID, Scopes: []string{"profile", "email", "groups", "offline_access"}, AllowLoopback: true, CA: provider.CA}
	change(settings)
	up, err := sys.API.Upstreams.Create(t.Context(), api.UpstreamCreate{Secret: client().Secret, UpstreamInput: api.UpstreamInput{Name: "Example", Kind: "oidc", OIDC: settings}})
	if err != nil {
		t.Fatal(err)
	}
	at := sys.PortalURL + "/upstreams/" + up.ID
	us := client()
	us.RedirectURIs, us.PostLogoutRedirectURIs = []string{at + "/callback"}, []string{sys.PortalURL + "/sign-out"}
	us.BackChannelLogoutURI, us.BackChannelNeedsSID = at+"/logout", true
	provider.Clients(us)
	return up
}

// command runs a command of ours to its end. watch gets each line of standard error as it comes.
func command(t *testing.T, watch func(string), args ...string) (out string, code int) {
	t.Helper()
	root := &cobra.Command{Use: "postern", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(cli.Commands()...)
	reader, writer := io.Pipe()
	var said bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			watch(strings.TrimSpace(lines.Text()))
		}
	}()
	root.SetArgs(args)
	root.SetIn(strings.NewReader(""))
	root.SetOut(&said)
	root.SetErr(writer)
	code = cli.Report(writer, root.ExecuteContext(t.Context()))
	writer.Close()
	<-read
	return said.String(), code
}

var userCode = regexp.MustCompile(`name="user_code" value="([^"]*)"`)

// TestDeviceSignInByTheProvider: a machine without a browser, whose user signs in at the provider with another one.
func TestDeviceSignInByTheProvider(t *testing.T) {
	sys := posterntest.New(t)
	provider := Start(t, nil, ada())
	up := upstream(t, sys, provider, func(*api.UpstreamOIDC) {})
	b := sys.Browser()
	if page := fillIn(t, b, b.Go(link(t, b, sys, sys.PortalURL+"/sign-in", up.ID)), url.Values{"login": {"ada"}, "password": {"any"}}); page.StatusCode != http.StatusOK {
		t.Fatalf("ada's first sign-in: %s: %s", page.Status, page.Text)
	}
	var who api.User
	for u, err := range sys.API.Users.All(t.Context(), api.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if u.Upstream == up.ID {
			who = u
		}
	}
	if _, err := sys.API.Users.Update(t.Context(), who.ID, who.Version, api.Patch{"roles": []access.Role{access.RoleReader}}); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
	ca := filepath.Join(home, "ca.pem")
	if err := os.WriteFile(ca, sys.RootsPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	phone, answered := sys.Browser(), false
	allow := func(line string) {
		line = strings.TrimPrefix(line, "or open ")
		if answered || !strings.HasPrefix(line, sys.PortalURL) {
			return
		}
		answered = true
		page := fillIn(t, phone, phone.Go(link(t, phone, sys, line, up.ID)), url.Values{"login": {"ada"}, "password": {"any"}})
		code := userCode.FindStringSubmatch(page.Text)
		if code == nil {
			t.Errorf("no code at %s: %s", page.Request.URL, page.Text)
			return
		}
		phone.Post(sys.PortalURL+"/device", url.Values{"user_code": {code[1]}})
		phone.Post(sys.PortalURL+"/device/decide", url.Values{"user_code": {code[1]}, "answer": {"allow"}})
	}
	if out, code := command(t, allow, "login", sys.AdminURL, "--ca-file", ca, "--device"); code != 0 {
		t.Fatalf("login: %d, %s", code, out)
	}
	out, code := command(t, func(line string) { t.Log(line) }, "whoami", "-o", "json")
	if code != 0 || !strings.Contains(out, who.Name) {
		t.Errorf("whoami: %d, %s", code, out)
	}
}

// TestConfirmAndStepUpAtTheProvider: asked to, the provider asks anew; what it does not answer is not taken for an answer.
func TestConfirmAndStepUpAtTheProvider(t *testing.T) {
	sys := posterntest.New(t)
	provider := Start(t, nil, ada())
	app := publish(t, sys)
	up := upstream(t, sys, provider, func(s *api.UpstreamOIDC) { s.StrongACR = []string{"gold"} })
	if _, err := sys.API.Upstreams.Update(t.Context(), up.ID, up.Version, api.Patch{"mapping": map[string]any{"groups": []api.UpstreamGroup{{From: "staff", To: app.group}}}}); err != nil {
		t.Fatal(err)
	}
	signIn := url.Values{"login": {"ada"}, "password": {"any"}}
	b := sys.Browser()
	if page := fillIn(t, b, b.Go(link(t, b, sys, sys.URL("wiki", "/x"), up.ID)), signIn); page.Text != "private page /x?" {
		t.Fatalf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	asked := b.Go(sys.PortalURL + "/upstreams/" + up.ID + "/begin?confirm=1")
	if !strings.Contains(asked.Text, `name="login"`) {
		t.Fatalf("the provider does not ask again: %s at %s", asked.Status, asked.Request.URL)
	}
	fillIn(t, b, asked, signIn)
	if page := b.Go(sys.PortalURL + "/account"); !strings.Contains(page.Text, "Add a factor") {
		t.Errorf("not confirmed: %s", page.Text)
	}
	if _, err := sys.API.Policies.Create(t.Context(), api.PolicyInput{Name: "Strong", Strength: "multi-factor", Everyone: true, AllApplications: true}); err != nil {
		t.Fatal(err)
	}
	page := b.GoUntil("the policy holds", sys.URL("wiki", "/y"), func(p posterntest.Page) bool { return p.Request.URL.Path == "/step-up" })
	asked = b.Go(link(t, b, sys, page.Request.URL.String(), up.ID))
	if !strings.Contains(asked.Text, `name="login"`) {
		t.Fatalf("the provider does not ask again: %s at %s", asked.Status, asked.Request.URL)
	}
	page = fillIn(t, b, asked, signIn)
	if page.StatusCode != http.StatusForbidden || !strings.Contains(page.Text, "Example did not ask you for as much as is needed") {
		t.Errorf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
}
