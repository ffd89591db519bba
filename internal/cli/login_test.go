package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"html"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/cli"
	"postern/internal/posterntest"
)

// A desk is a home directory from which somebody signs in to whole services.
type desk struct {
	t    *testing.T
	home string
}

func newDesk(t *testing.T) desk {
	t.Helper()
	d := desk{t, t.TempDir()}
	t.Setenv("HOME", d.home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(d.home, "config"))
	for _, name := range []string{"POSTERN_SERVER", "POSTERN_CA_FILE", "POSTERN_API_KEY_FILE", "DISPLAY", "WAYLAND_DISPLAY"} {
		t.Setenv(name, "")
	}
	t.Chdir(d.home)
	return d
}

// run runs a command to its end. watch gets each line of standard error as it comes.
func (d desk) run(watch func(line string), args ...string) result {
	d.t.Helper()
	root := postern()
	reader, writer := io.Pipe()
	var out, errs bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			errs.WriteString(lines.Text() + "\n")
			if watch != nil {
				watch(strings.TrimSpace(lines.Text()))
			}
		}
	}()
	root.SetArgs(args)
	root.SetIn(strings.NewReader(""))
	root.SetOut(&out)
	root.SetErr(writer)
	code := cli.Report(writer, root.ExecuteContext(d.t.Context()))
	writer.Close()
	<-read
	return result{code, out.String(), errs.String()}
}

// trust gives the arguments with which a command trusts a service.
func (d desk) login(sys *posterntest.System, more ...string) []string {
	d.t.Helper()
	ca := filepath.Join(d.home, "ca.pem")
	if err := os.WriteFile(ca, sys.RootsPEM, 0o600); err != nil {
		d.t.Fatal(err)
	}
	return append([]string{"login", sys.AdminURL, "--ca-file", ca}, more...)
}

var hidden = regexp.MustCompile(`name="(request|user_code)" value="([^"]*)"`)

// answer signs in as the Owner in a browser and answers the question at the address.
func answer(d desk, sys *posterntest.System, address, say string) {
	browser := sys.Browser()
	page := browser.SignIn(address, "owner")
	found := hidden.FindStringSubmatch(page.Text)
	if found == nil {
		d.t.Errorf("%s: %s", page.Status, page.Text)
		return
	}
	if found[1] == "user_code" {
		page = browser.Post(sys.PortalURL+"/device", url.Values{"user_code": {found[2]}})
		browser.Post(sys.PortalURL+"/device/decide", url.Values{"user_code": {found[2]}, "answer": {say}})
		return
	}
	page = browser.Post(sys.PortalURL+"/oauth/authorize", url.Values{"request": {html.UnescapeString(found[2])}, "answer": {say}})
	if want := map[string]string{"allow": "You are signed in", "deny": "You are not signed in"}[say]; !strings.Contains(page.Text, want) {
		d.t.Errorf("the program's page says %s", page.Text)
	}
}

// signIn signs in as the Owner, in the browser of this machine or by a code.
func (d desk) signIn(sys *posterntest.System, say string, more ...string) result {
	d.t.Helper()
	answered := false
	return d.run(func(line string) {
		line = strings.TrimPrefix(line, "or open ")
		if !answered && strings.HasPrefix(line, sys.PortalURL) {
			answered = true
			answer(d, sys, line, say)
		}
	}, d.login(sys, more...)...)
}

// kept gives what is in the file of the sign-in, and changes it.
func (d desk) kept(change func(services map[string]map[string]any)) string {
	d.t.Helper()
	path := filepath.Join(d.home, "config", "postern", "login.json")
	data, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		d.t.Errorf("%s: %v, %v", path, info, err)
	}
	if change != nil {
		var all struct {
			Current  string                    `json:"current"`
			Services map[string]map[string]any `json:"services"`
		}
		if err := json.Unmarshal(data, &all); err != nil {
			d.t.Fatal(err)
		}
		change(all.Services)
		if data, err = json.Marshal(all); err != nil {
			d.t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
	return string(data)
}

// expire makes the access tokens that are kept look ended.
func (d desk) expire() {
	d.kept(func(services map[string]map[string]any) {
		for _, a := range services {
			for _, each := range a["access"].(map[string]any) {
				each.(map[string]any)["expires"] = time.Now().Add(-time.Minute)
			}
		}
	})
}

func TestSigningInInTheBrowser(t *testing.T) {
	sys := posterntest.New(t)
	d := newDesk(t)
	if got := d.signIn(sys, "deny"); got.code != 1 || !strings.Contains(got.err, "refused in the browser") {
		t.Fatalf("%+v", got)
	}
	if got := d.signIn(sys, "allow"); got.code != 0 || !strings.Contains(got.err, "Signed in to "+sys.AdminURL+" as owner (owner)") {
		t.Fatalf("%+v", got)
	}
	if got := d.run(nil, "whoami"); got.code != 0 || !strings.Contains(got.out, "your own sign-in") {
		t.Fatalf("%+v", got)
	}
	before := d.kept(nil)
	d.expire()
	var together sync.WaitGroup
	for range 6 {
		together.Go(func() {
			if got := d.run(nil, "users", "list"); got.code != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
	together.Wait()
	if got := d.run(nil, "whoami"); got.code != 0 || d.kept(nil) == before {
		t.Fatalf("after renewing: %+v", got)
	}
	if got := d.run(nil, "users", "create", "eve", "--no-password"); got.code != 0 {
		t.Fatalf("a change: %+v", got)
	}
	if got := d.run(nil, "logout"); got.code != 0 || !strings.Contains(got.err, "Signed out of") {
		t.Fatalf("%+v", got)
	}
	if left := programs(t, sys); len(left) != 0 {
		t.Errorf("the service still has %v", left)
	}
	if got := d.run(nil, "whoami"); got.code != 1 || !strings.Contains(got.err, "postern login") {
		t.Errorf("%+v", got)
	}
}

// programs gives the names of the programs in which the Owner is signed in.
func programs(t *testing.T, sys *posterntest.System) (names []string) {
	t.Helper()
	for user, err := range sys.API.Users.All(t.Context(), api.ListOptions{Search: "owner"}) {
		if err != nil {
			t.Fatal(err)
		}
		list, err := sys.API.Users.Sessions(t.Context(), user.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list.Items {
			if s.Kind == "program" {
				names = append(names, s.Name)
			}
		}
	}
	return names
}

func TestSigningInByCode(t *testing.T) {
	sys := posterntest.New(t)
	d := newDesk(t)
	if got := d.signIn(sys, "allow", "--device"); got.code != 0 || !strings.Contains(got.err, "type this code") {
		t.Fatalf("%+v", got)
	}
	if got := programs(t, sys); len(got) != 1 || !strings.HasPrefix(got[0], "Command line on ") {
		t.Errorf("%q", got)
	}
	// Ended at the service, the command line says what to do.
	for user := range sys.API.Users.All(t.Context(), api.ListOptions{Search: "owner"}) {
		if err := sys.API.Users.RevokeSessions(t.Context(), user.ID); err != nil {
			t.Fatal(err)
		}
	}
	d.expire()
	if got := d.run(nil, "whoami"); got.code != 1 || !strings.Contains(got.err, "is over") || !strings.Contains(got.err, "Sign in with: postern login") {
		t.Errorf("%+v", got)
	}
}

// TestTwoServices: each has its own sign-in, and none is shown to the other.
func TestTwoServices(t *testing.T) {
	one, other := posterntest.New(t), posterntest.New(t)
	d := newDesk(t)
	if got := d.signIn(one, "allow"); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	if err := os.WriteFile("key", []byte(other.Key), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := d.run(nil, d.login(other, "--key-file", "key")...); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	if got := d.run(nil, "contexts"); !regexp.MustCompile(`\* +`+other.AdminURL).MatchString(got.out) || !strings.Contains(got.out, one.AdminURL) {
		t.Errorf("%+v", got)
	}
	if got := d.run(nil, "whoami"); got.code != 0 || !strings.Contains(got.out, "an API key") {
		t.Errorf("%+v", got)
	}
	if got := d.run(nil, "whoami", "--server", one.AdminURL); got.code != 0 || !strings.Contains(got.out, "your own sign-in") {
		t.Errorf("%+v", got)
	}
	if got := d.run(nil, "contexts", "use", "https://nowhere.example.com"); got.code != 1 {
		t.Errorf("%+v", got)
	}
	if got := d.run(nil, "contexts", "use", one.AdminURL+"/"); got.code != 0 {
		t.Errorf("%+v", got)
	}
	if got := d.run(nil, "whoami", "-o", "name"); got.out != "owner\n" {
		t.Errorf("%+v", got)
	}
	if got := d.run(nil, "logout"); got.code != 0 {
		t.Errorf("%+v", got)
	}
	if got := d.run(nil, "whoami"); got.code != 0 || !strings.Contains(got.out, "an API key") {
		t.Errorf("the other one after that: %+v", got)
	}
}
