package access_test

import (
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestIDsAreWellFormedAndSortByTime(t *testing.T) {
	a := access.NewID(access.PrefixUser, now)
	b := access.NewID(access.PrefixUser, now.Add(time.Millisecond))
	if !a.Valid(access.PrefixUser) || a.Valid(access.PrefixGroup) {
		t.Errorf("%s is not an id of a user only", a)
	}
	if a >= b {
		t.Errorf("%s does not sort before %s, which is younger", a, b)
	}
	for _, bad := range []access.ID{"", "usr", "usr_", "usr_1", a + "0", "usr_" + access.ID(strings.Repeat("i", 26))} {
		if bad.Valid(access.PrefixUser) {
			t.Errorf("%q is valid", bad)
		}
	}
}

func TestParseEndpoint(t *testing.T) {
	good := []struct {
		raw  string
		want access.Endpoint
		auth string
	}{
		{"https://Wiki.Example.com", access.Endpoint{Scheme: "https", Host: "wiki.example.com", Port: 443, Path: "/"}, "wiki.example.com"},
		{"http://app:8080/a/b", access.Endpoint{Scheme: "http", Host: "app", Port: 8080, Path: "/a/b/"}, "app:8080"},
		{"https://app:443/", access.Endpoint{Scheme: "https", Host: "app", Port: 443, Path: "/"}, "app"},
		{"http://10.0.0.7/", access.Endpoint{Scheme: "http", Host: "10.0.0.7", Port: 80, Path: "/"}, "10.0.0.7"},
		{"https://[fd00::1]/x/", access.Endpoint{Scheme: "https", Host: "fd00::1", Port: 443, Path: "/x/"}, "[fd00::1]"},
		{"https://[fd00::1]:8443", access.Endpoint{Scheme: "https", Host: "fd00::1", Port: 8443, Path: "/"}, "[fd00::1]:8443"},
	}
	for _, test := range good {
		got, err := access.ParseEndpoint(test.raw)
		if err != nil || got != test.want || got.Authority() != test.auth {
			t.Errorf("ParseEndpoint(%q) = %+v (%s), %v", test.raw, got, got.Authority(), err)
		}
	}
	bad := []string{
		"", "wiki.example.com", "ftp://x/", "//x/", "https:///", "https://", "https://x:0/", "https://x:65536/", "https://x:/", "https://x:a/",
		"https://u:p@x/", "https://x/?q", "https://x/?", "https://x/#f", "https://x/#", "https://x/a%2fb", `https://x/a\b`, "https://x/a;b",
		"https://x/../y", "https://x/./y", "https://x//y", "https://x/y//", "https://x y/", "https://x/\ny", "https://exämple.com/",
		"https://-x/", "https://x-/", "https://a..b/", "https://x./", "https://1.2.3/", "https://0x7f.1/", "https://127.1/", "https://0x7f000001/",
		"https://[fe80::1%25eth0]/", "https://[::1/", "https://" + strings.Repeat("a.", 130) + "b/", "https://" + strings.Repeat("a", 64) + "/",
		"javascript:alert(1)", "https://x/" + strings.Repeat("a", 2048), "https://x/\x00", "https:x", "https://x/\x7f%",
	}
	for _, raw := range bad {
		if e, err := access.ParseEndpoint(raw); err == nil {
			t.Errorf("ParseEndpoint(%q) = %+v, want an error", raw, e)
		}
	}
}

func application(change func(*access.Application)) *access.Application {
	a := &access.Application{
		Name: "Wiki", GroupID: access.NewID(access.PrefixConnectorGroup, now),
		ExternalURL: "https://wiki.example.com/", InternalURL: "http://wiki:8080/",
	}
	a.Defaults()
	change(a)
	return a
}

func TestApplicationValidateNamesTheField(t *testing.T) {
	tests := []struct {
		field  string // "" means valid
		change func(*access.Application)
	}{
		{"", func(a *access.Application) {}},
		{"", func(a *access.Application) { a.PreAuthentication = access.Passthrough; a.BackendTimeout = time.Hour }},
		{"name", func(a *access.Application) { a.Name = "" }},
		{"name", func(a *access.Application) { a.Name = " Wiki" }},
		{"name", func(a *access.Application) { a.Name = "Wi\u202eki" }},
		{"name", func(a *access.Application) { a.Name = "Wi\nki" }},
		{"name", func(a *access.Application) { a.Name = "Wi\xffki" }},
		{"name", func(a *access.Application) { a.Name = strings.Repeat("ä", 129) }},
		{"connectorGroup", func(a *access.Application) { a.GroupID = "" }},
		{"connectorGroup", func(a *access.Application) { a.GroupID = access.NewID(access.PrefixUser, now) }},
		{"externalUrl", func(a *access.Application) { a.ExternalURL = "http://wiki.example.com/" }},
		{"externalUrl", func(a *access.Application) { a.ExternalURL = "https://10.1.2.3/" }},
		{"externalUrl", func(a *access.Application) { a.ExternalURL = "https://wiki.example.com/.postern/x" }},
		{"internalUrl", func(a *access.Application) { a.InternalURL = "gopher://wiki" }},
		{"preAuthentication", func(a *access.Application) { a.PreAuthentication = "none" }},
		{"backendProtocol", func(a *access.Application) { a.BackendProtocol = "h3" }},
		{"backendProtocol", func(a *access.Application) { a.InternalURL, a.BackendProtocol = "http://wiki.lan/", access.BackendAuto }},
		{"", func(a *access.Application) {
			a.InternalURL, a.BackendProtocol = "https://wiki.lan/", access.BackendAuto
		}},
		{"", func(a *access.Application) {
			a.InternalURL, a.BackendProtocol = "http://wiki.lan/", access.BackendHTTP2
		}},
		{"hostHeader", func(a *access.Application) { a.HostHeader = "x" }},
		{"backendTimeout", func(a *access.Application) { a.BackendTimeout = time.Millisecond }},
		{"backendTimeout", func(a *access.Application) { a.BackendTimeout = -time.Hour }},
		{"idleTimeout", func(a *access.Application) { a.IdleTimeout = 25 * time.Hour }},
		{"backendCa", func(a *access.Application) { a.BackendCA = "hello" }},
		{"backendCa", func(a *access.Application) {
			a.BackendCA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
		}},
		{"backendCa", func(a *access.Application) {
			a.BackendCA = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
		}},
	}
	for _, test := range tests {
		err := application(test.change).Validate()
		switch {
		case test.field == "" && err != nil:
			t.Errorf("a valid application: %v", err)
		case test.field != "" && (!fault.Is(err, fault.KindInvalid) || !strings.HasPrefix(err.Error(), test.field+" ")):
			t.Errorf("Validate = %v, want an error about %s", err, test.field)
		}
	}
}

func TestSignInNames(t *testing.T) {
	for name, good := range map[string]bool{
		"ada": true, "ada.lovelace@example.com": true, "7of9": true, "a+b_c-d": true,
		"": false, "Ada": false, ".ada": false, "ada lovelace": false, "ädä": false, "a\x00b": false, "@a": false, strings.Repeat("a", 65): false,
	} {
		if err := access.CheckSignInName(name); (err == nil) != good {
			t.Errorf("CheckSignInName(%q) = %v", name, err)
		}
	}
}

func TestPeopleValidate(t *testing.T) {
	user, group := access.NewID(access.PrefixUser, now), access.NewID(access.PrefixGroup, now)
	app := access.NewID(access.PrefixApplication, now)
	tests := []struct {
		name  string
		check interface{ Validate() error }
		field string
	}{
		{"good user", &access.User{Name: "ada", DisplayName: "Ada", Email: "ada@example.com", Roles: []access.Role{access.RoleOwner}}, ""},
		{"unknown role", &access.User{Name: "ada", Roles: []access.Role{"god"}}, "roles"},
		{"role twice", &access.User{Name: "ada", Roles: []access.Role{access.RoleReader, access.RoleReader}}, "roles"},
		{"two at signs (GHSA-c5c4)", &access.User{Name: "ada", Email: "a@evil.com@good.com"}, "email"},
		{"no domain", &access.User{Name: "ada", Email: "ada@"}, "email"},
		{"header injection", &access.User{Name: "ada", Email: "a@b.c\r\nBcc: x"}, "email"},
		{"good group", &access.Group{Name: "Staff", Members: []access.ID{user}}, ""},
		{"member twice", &access.Group{Name: "Staff", Members: []access.ID{user, user}}, "members"},
		{"member of another kind", &access.Group{Name: "Staff", Members: []access.ID{group}}, "members"},
		{"assignment", &access.Assignment{Application: app, Group: group}, ""},
		{"assignment to nobody", &access.Assignment{Application: app}, "user"},
		{"assignment to both", &access.Assignment{Application: app, User: user, Group: group}, "user"},
		{"assignment of a user as group", &access.Assignment{Application: app, Group: user}, "group"},
		{"assignment of nothing", &access.Assignment{User: user}, "application"},
	}
	for _, test := range tests {
		err := test.check.Validate()
		if (err == nil) != (test.field == "") || err != nil && !strings.HasPrefix(err.Error(), test.field+" ") {
			t.Errorf("%s: %v, want field %q", test.name, err, test.field)
		}
	}
}

func TestRouteTakesTheLongestPath(t *testing.T) {
	root := application(func(a *access.Application) { a.ID = "app_root" })
	wiki := application(func(a *access.Application) { a.ID, a.ExternalURL = "app_docs", "https://wiki.example.com/docs/" })
	deep := application(func(a *access.Application) { a.ID, a.ExternalURL = "app_deep", "https://wiki.example.com/docs/deep/" })
	only := application(func(a *access.Application) { a.ID, a.ExternalURL = "app_only", "https://other.example.com/only/" })
	snap := access.NewSnapshot(access.Content{Applications: []*access.Application{root, deep, only, wiki}})
	for target, want := range map[string]access.ID{
		"wiki.example.com/": "app_root", "wiki.example.com/docs": "app_docs", "wiki.example.com/docs/": "app_docs",
		"wiki.example.com/docsx": "app_root", "wiki.example.com/docs/deeper": "app_docs", "wiki.example.com/docs/deep/x": "app_deep",
		"other.example.com/only/x": "app_only", "other.example.com/": "", "nowhere.example.com/": "",
	} {
		host, path, _ := strings.Cut(target, "/")
		app, ok := snap.Route(host, "/"+path)
		if ok != (want != "") || ok && app.ID != want {
			t.Errorf("Route(%s) = %v, want %s", target, app, want)
		}
	}
}

func TestAssigned(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	soon, later := now.Add(time.Minute), now.Add(time.Hour)
	snap := access.NewSnapshot(access.Content{Assignments: []*access.Assignment{
		{Application: "app_1", User: "usr_1"}, {Application: "app_1", Group: "grp_1"},
		{Application: "app_3", User: "usr_1", Expires: now}, {Application: "app_3", Group: "grp_1", Expires: soon},
		{Application: "app_3", Group: "grp_2", Expires: later}, {Application: "app_3", Group: "grp_3"},
	}})
	for _, test := range []struct {
		app  access.ID
		who  access.Principal
		want bool
		till time.Time
	}{
		{"app_1", access.Principal{User: "usr_1"}, true, time.Time{}},
		{"app_1", access.Principal{User: "usr_2", Groups: []access.ID{"grp_2", "grp_1"}}, true, time.Time{}},
		{"app_1", access.Principal{User: "usr_2"}, false, time.Time{}},
		{"app_2", access.Principal{User: "usr_1"}, false, time.Time{}},
		{"app_1", access.Principal{}, false, time.Time{}},
		{"app_3", access.Principal{User: "usr_1"}, false, time.Time{}},
		{"app_3", access.Principal{User: "usr_1", Groups: []access.ID{"grp_1"}}, true, soon},
		{"app_3", access.Principal{User: "usr_2", Groups: []access.ID{"grp_1", "grp_2"}}, true, later},
		{"app_3", access.Principal{User: "usr_2", Groups: []access.ID{"grp_2", "grp_3"}}, true, time.Time{}},
	} {
		if till, got := snap.Assigned(test.app, &test.who, now); got != test.want || !till.Equal(test.till) {
			t.Errorf("Assigned(%s, %+v) = %v until %v", test.app, test.who, got, till)
		}
	}
}
