package uplink_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/uplink"
	"postern/internal/uplink/pac"
)

const asScript = "as-script" // the argument with which the test's own program runs a script

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asScript {
		if err := pac.Serve(os.Stdin, os.Stdout, os.Exit); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// scripted gives a dialer that takes its proxies from a script in a file.
func scripted(t *testing.T, cfg uplink.Config, body string) *uplink.Dialer {
	t.Helper()
	file := filepath.Join(t.TempDir(), "proxy.pac")
	if err := os.WriteFile(file, []byte("function FindProxyForURL(url, host) {"+body+"}"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Proxy, cfg.Script, cfg.Timeout = "pac:"+file, pac.Process(os.Args[0], asScript), time.Minute
	return dialer(t, cfg)
}

func TestScriptChoosesProxies(t *testing.T) {
	target := echo(t)
	open, closed := connectProxy(t, target, ""), connectProxy(t, target, "me:secret")
	socks := socksProxy(t, target, "")
	gone := nobody
	tests := []struct {
		name, body string
		user       *url.Userinfo
		address    string
		want       string // part of the error; empty: it works
	}{
		{"one proxy", `return "PROXY ` + open + `"`, nil, "service.example.com:443", ""},
		{"by host", `return dnsDomainIs(host, ".example.com") ? "SOCKS5 ` + socks + `" : "DIRECT"`, nil, "service.example.com:443", ""},
		{"the second of two", `return "PROXY ` + gone + `; PROXY ` + open + `"`, nil, "service.example.com:443", ""},
		{"with the settings' user", `return "PROXY ` + closed + `"`, url.UserPassword("me", "secret"), "service.example.com:443", ""},
		{"directly", `return "DIRECT"`, nil, target, ""},
		{"this machine's own", `return "PROXY ` + gone + `"`, nil, target, ""},
		{"none of two", `return "PROXY ` + gone + `; PROXY ` + closed + `"`, nil, "service.example.com:443", "refused the connection: is the service running there, and does the firewall let this machine out to it?; the next way failed, too: the proxy " + closed + " wants a user"},
		{"an answer of nothing known", `return "QUIC x:1"`, nil, "service.example.com:443", "no proxy can be chosen for service.example.com:443: the proxy script"},
		{"a script that fails", `return nothing.at.all`, nil, "service.example.com:443", "nothing is not defined"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn, err := scripted(t, uplink.Config{User: test.user}, test.body).Dial(t.Context(), test.address)
			switch {
			case test.want == "" && err != nil:
				t.Fatal(err)
			case test.want == "":
				speaks(t, conn)
			case err == nil || !strings.Contains(err.Error(), test.want):
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// TestFailedProxyComesLast: what failed is not waited for again at every dial.
func TestFailedProxyComesLast(t *testing.T) {
	target := echo(t)
	var asked atomic.Int32
	bad := answersCounted(t, &asked)
	d := scripted(t, uplink.Config{}, `return "PROXY `+bad+`; PROXY `+connectProxy(t, target, "")+`"`)
	for range 3 {
		conn, err := d.Dial(t.Context(), "service.example.com:443")
		if err != nil {
			t.Fatal(err)
		}
		speaks(t, conn)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the proxy that refuses was asked %d times", n)
	}
	ways, err := d.Ways(t.Context(), "service.example.com:443")
	if err != nil || len(ways) != 2 || ways[0] != "http://"+bad {
		t.Errorf("Ways = %q, %v", ways, err)
	}
}

func answersCounted(t *testing.T, asked *atomic.Int32) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestScriptFromTheNetwork(t *testing.T) {
	proxy := connectProxy(t, echo(t), "")
	var fetched atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/proxy.pac":
			fetched.Add(1)
			fmt.Fprintf(w, `function FindProxyForURL() { return "PROXY %s" }`, proxy)
		case "/moved.pac":
			http.Redirect(w, r, "/proxy.pac", http.StatusFound)
		case "/loop.pac":
			http.Redirect(w, r, "/loop.pac", http.StatusFound)
		case "/large.pac":
			w.Write(make([]byte, pac.MaxScript+1))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	fromURL := func(path string) *uplink.Dialer {
		return dialer(t, uplink.Config{Proxy: "pac:" + server.URL + path, Script: pac.Process(os.Args[0], asScript), Timeout: time.Minute})
	}
	d := fromURL("/proxy.pac")
	for range 3 {
		conn, err := d.Dial(t.Context(), "service.example.com:443")
		if err != nil {
			t.Fatal(err)
		}
		speaks(t, conn)
	}
	if n := fetched.Load(); n != 1 {
		t.Errorf("the script was fetched %d times", n)
	}
	if got, err := fromURL("/moved.pac").Proxy("service.example.com:443"); err != nil || got != "http://"+proxy {
		t.Errorf("a script that moved: %q, %v", got, err)
	}
	for path, want := range map[string]string{"/missing.pac": "its server answers 404", "/large.pac": "larger than 1 MiB", "/loop.pac": "leads elsewhere too often"} {
		if _, err := fromURL(path).Proxy("service.example.com:443"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	server.Close() // the script that there is goes on
	conn, err := d.Dial(t.Context(), "service.example.com:443")
	if err != nil {
		t.Fatal(err)
	}
	speaks(t, conn)
}

func TestBadScripts(t *testing.T) {
	find := pac.Process(os.Args[0], asScript)
	tests := []struct {
		cfg  uplink.Config
		want string
	}{
		{uplink.Config{Proxy: "pac:/etc/x.pac"}, "cannot be a script here"},
		{uplink.Config{Proxy: "pac:", Script: find}, "must name the script"},
		{uplink.Config{Proxy: "pac:ftp://x/y", Script: find}, "must name a script by http://"},
		{uplink.Config{Proxy: "pac:http:///x", Script: find}, "must name the host"},
		{uplink.Config{Proxy: "wpad:com", Script: find}, "a domain of your own"},
		{uplink.Config{Proxy: "wpad:co.uk", Script: find}, "a domain of your own"},
		{uplink.Config{Proxy: "wpad:a/b.c", Script: find}, "a domain of your own"},
		{uplink.Config{Proxy: "wpad:corp.example.com", Script: find, User: url.UserPassword("me", "secret")}, "must not be wpad together with a user and password"},
		{uplink.Config{Proxy: "wpad", Script: find, User: url.UserPassword("me", "secret")}, "must not be wpad together with a user and password"},
		{uplink.Config{Proxy: "wpad:corp.example.com", Script: find, Kerberos: uplink.Kerberos{Cache: "/x"}}, "must not be wpad together with Kerberos"},
		{uplink.Config{Proxy: "pac:http://x.example.com/y", Script: find, User: url.UserPassword("me", "secret")}, "must not come from http:// together with a user and password"},
		{uplink.Config{Proxy: "pac:HTTP://x.example.com/y", Script: find, User: url.UserPassword("me", "secret")}, "must not come from http:// together with a user and password"},
		{uplink.Config{Proxy: "pac:http://x.example.com/y", Script: find, Kerberos: uplink.Kerberos{Cache: "/x"}}, "must not come from http:// together with Kerberos"},
	}
	for _, test := range tests {
		if _, err := uplink.New(test.cfg); !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", test.cfg.Proxy, err)
		}
	}
	for _, trusted := range []string{"pac:https://x.example.com/y", "pac:/etc/x.pac", `pac:C:\proxy.pac`} {
		if _, err := uplink.New(uplink.Config{Proxy: trusted, Script: find, User: url.UserPassword("me", "secret"), Kerberos: uplink.Kerberos{Cache: "/x"}}); err != nil {
			t.Errorf("%s: %v", trusted, err)
		}
	}
	d := dialer(t, uplink.Config{Proxy: "pac:" + filepath.Join(t.TempDir(), "none.pac"), Script: find})
	if _, err := d.Dial(t.Context(), "service.example.com:443"); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestWPADNames(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                nil,
		"nameserver 10.0.0.1\n":           nil,
		"domain corp.example.com\n":       {"http://wpad.corp.example.com/wpad.dat"},
		"search a.example.com com  b.net": {"http://wpad.a.example.com/wpad.dat", "http://wpad.b.net/wpad.dat"},
		"search x.org\nsearch y.org":      {"http://wpad.y.org/wpad.dat"},
		"search Example.COM.":             {"http://wpad.example.com/wpad.dat"},
		"search com uk co.uk":             nil,
	} {
		if got := uplink.WPADNames(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestServers: who must be let through to, beside the service, is known: proxies, and who has their script.
func TestServers(t *testing.T) {
	find := pac.Process(os.Args[0], asScript)
	d := dialer(t, uplink.Config{Proxy: "wpad:corp.example.com", Script: find})
	if got := d.Servers(); len(got) != 1 || got[0].Host != "wpad.corp.example.com" || got[0].Port != "80" {
		t.Errorf("Servers = %v", got)
	}
	d = scripted(t, uplink.Config{}, `return "PROXY A; SOCKS5 b; DIRECT"`)
	proxies, directly, err := d.Behind(t.Context(), "service.example.com:443")
	if !slices.Equal(proxies, []string{"a:80", "b:1080"}) || !directly || err != nil {
		t.Errorf("Behind = %q, %v, %v", proxies, directly, err)
	}
	if got := d.Servers(); len(got) != 0 {
		t.Errorf("a script in a file: %v", got)
	}
}
