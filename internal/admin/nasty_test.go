package admin_test

import (
	"strings"
	"testing"
)

// TestNastyInputIsRefused sends what is wrong in obvious and in nasty ways: each is refused, the
// answer names the field, and nothing is changed by it.
func TestNastyInputIsRefused(t *testing.T) {
	s := newSystem(t)
	f := s.fixture()
	chain, key := certificate(t, "cert.example.com")
	otherChain, _ := certificate(t, "cert.example.com")
	long := strings.Repeat("x", 129)
	// A row is: what is sent, the status and the field that the answer must name.
	type row struct {
		method, path, body string
		status             int
		field              string
	}
	app := func(body string) row { return row{"POST", "/applications", body, 422, ""} }
	at := func(r row, field string) row { r.field = field; return r }
	private := func(rest string) row { return app(`{"name":"{new}","kind":"private",` + rest + `}`) }
	// full is a good application but for one member.
	full := func(member string) string {
		good := `"name":"{new}","externalUrl":"https://nasty.example.com/","internalUrl":"http://nasty.internal/"`
		name, _, _ := strings.Cut(member, ":")
		var kept []string
		for _, m := range strings.Split(good, ",") {
			if !strings.HasPrefix(m, name+":") {
				kept = append(kept, m)
			}
		}
		return "{" + strings.Join(append(kept, member), ",") + "}"
	}
	rows := []row{
		// the shape of a body
		at(app(``), "Content-Type"),
		at(app(` `), "body"),
		at(app(`[]`), "body"),
		at(app(`"x"`), "body"),
		at(app(`null`), "body"),
		at(app(`1`), "body"),
		at(app(`{`), "body"),
		at(app(`{}{}`), "body"),
		at(app(full(`"name":"a"`)+`x`), "body"),
		at(app(`{"name":"a","name":"b"}`), "name"),
		at(app(full(`"Name":"a"`)), "Name"),
		at(app(full(`"nmae":"a"`)), "nmae"),
		at(app(full(`"id":"app_0000000000000000000000000"`)), "id"),
		at(app(full(`"version":7`)), "version"),
		at(app(full(`"__proto__":{}`)), "__proto__"),
		at(app(`{}`), "name"),
		// applications
		at(app(full(`"name":""`)), "name"),
		at(app(full(`"name":null`)), "name"),
		at(app(full(`"name":1`)), "name"),
		at(app(full(`"name":["a"]`)), "name"),
		at(app(full(`"name":" a"`)), "name"),
		at(app(full(`"name":"a "`)), "name"),
		at(app(full(`"name":"`+long+`"`)), "name"),
		at(app(full(`"name":"a\u0000b"`)), "name"),
		at(app(full(`"name":"a\u202eb"`)), "name"),
		at(app(full(`"name":"a\u200bb"`)), "name"),
		at(app(full(`"name":"a\nb"`)), "name"),
		at(app(full(`"name":"\u001b[2J"`)), "name"),
		at(app(full(`"name":"\ud800"`)), "name"),
		at(app(full(`"externalUrl":""`)), "externalUrl"),
		at(app(full(`"externalUrl":"http://a.example.com/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"//a.example.com/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"javascript:alert(1)"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://192.0.2.1/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://[2001:db8::1]/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://2130706433/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://0x7f.1/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://a.example.com:8443/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://a.example.com:0/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://a.example.com:65536/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://a.example.com:/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://u:p@a.example.com/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://a.example.com/?x"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://a.example.com/#x"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://a.example.com/../b/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://a.example.com//b/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://a.example.com/%2e%2e/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://a.example.com/\\b/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://a.example.com/;x/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://a.example.com/.postern/x/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://exämple.com/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://-a.example.com/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://a..example.com/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://*.example.com/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://a b.example.com/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://`+strings.Repeat("a.", 130)+`com/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://portal.example.com/"`)), "externalUrl"),
		at(app(full(`"externalUrl":"https://ADMIN.example.com/"`)), "externalUrl"),
		at(app(full(`"internalUrl":""`)), "internalUrl"),
		at(app(full(`"internalUrl":"ftp://a/"`)), "internalUrl"),
		at(app(full(`"internalUrl":"file:///etc/passwd"`)), "internalUrl"),
		at(app(full(`"internalUrl":"unix:///run/x"`)), "internalUrl"),
		at(app(full(`"internalUrl":"http://"`)), "internalUrl"),
		at(app(full(`"internalUrl":"http://a:99999/"`)), "internalUrl"),
		at(app(full(`"internalUrl":"http://fe80::1%25eth0/"`)), "internalUrl"),
		at(app(full(`"internalUrl":"http://u@a/"`)), "internalUrl"),
		at(app(full(`"internalUrl":false`)), "internalUrl"),
		at(app(full(`"connectorGroup":"x"`)), "connectorGroup"),
		at(app(full(`"connectorGroup":"{usr}"`)), "connectorGroup"),
		at(app(full(`"connectorGroup":"cgr_00000000000000000000000000"`)), "connectorGroup"),
		at(app(full(`"connectorGroup":{}`)), "connectorGroup"),
		at(app(full(`"preAuthentication":"none"`)), "preAuthentication"),
		at(app(full(`"preAuthentication":""`)), "preAuthentication"),
		at(app(full(`"preAuthentication":"Sign-In"`)), "preAuthentication"),
		at(app(full(`"backendProtocol":"h2"`)), "backendProtocol"),
		at(app(full(`"balancing":"leastLoaded"`)), "balancing"),
		at(app(full(`"backendProtocol":"auto"`)), "backendProtocol"),
		at(app(full(`"hostHeader":"evil.example.com"`)), "hostHeader"),
		at(app(full(`"disabled":"false"`)), "disabled"),
		at(app(full(`"disabled":0`)), "disabled"),
		at(app(full(`"skipVerify":"no"`)), "skipVerify"),
		at(app(full(`"allowRawPaths":[]`)), "allowRawPaths"),
		at(app(full(`"backendCa":"x"`)), "backendCa"),
		at(app(full(`"backendCa":`+quoted(key))), "backendCa"),
		at(app(full(`"backendCa":`+quoted(chain+"x"))), "backendCa"),
		at(app(full(`"backendTimeout":"x"`)), "backendTimeout"),
		at(app(full(`"backendTimeout":85`)), "backendTimeout"),
		at(app(full(`"backendTimeout":"-5s"`)), "backendTimeout"),
		at(app(full(`"backendTimeout":"1ms"`)), "backendTimeout"),
		at(app(full(`"backendTimeout":"25h"`)), "backendTimeout"),
		at(app(full(`"backendTimeout":"9999999999999h"`)), "backendTimeout"),
		at(app(full(`"idleTimeout":"5 m"`)), "idleTimeout"),
		at(app(full(`"idleTimeout":"Inf"`)), "idleTimeout"),
		// private applications
		at(private(`"segments":[]`), "segments"),
		at(private(`"segments":[{"destination":"db","ports":"22"},{"destination":"10.0.0.0/33","ports":"22"}]`), "segments[1].destination"),
		at(private(`"segments":[{"destination":"10.0.0.1/8","ports":"22"}]`), "segments[0].destination"),
		at(private(`"segments":[{"destination":"db.*.example","ports":"22"}]`), "segments[0].destination"),
		at(private(`"segments":[{"destination":"10.0.0.9-10.0.0.1","ports":"22"}]`), "segments[0].destination"),
		at(private(`"segments":[{"destination":"db","ports":"0"}]`), "segments[0].ports"),
		at(private(`"segments":[{"destination":"db","ports":"90-80"}]`), "segments[0].ports"),
		at(private(`"segments":[{"destination":"db","ports":"70000"}]`), "segments[0].ports"),
		at(private(`"segments":[{"destination":"db","ports":""}]`), "segments[0].ports"),
		at(private(`"segments":[{"destination":"db","ports":"22","protocol":"icmp"}]`), "segments[0].protocol"),
		at(private(`"segments":[{"destination":"db","ports":"22"},{"destination":"DB","ports":"22","protocol":"tcp"}]`), "segments[1]"),
		at(private(`"segments":[{"destination":"db","ports":"22"}],"internalUrl":"http://a/"`), "internalUrl"),
		at(private(`"segments":[{"destination":"db","ports":"22"}],"preAuthentication":"passthrough"`), "preAuthentication"),
		at(private(`"segments":[{"destination":"db","ports":"22"}],"accessKeys":true`), "accessKeys"),
		at(app(full(`"kind":"vpn"`)), "kind"),
		at(app(full(`"direct":true`)), "direct"),
		at(app(full(`"proxyProtocol":"v2"`)), "proxyProtocol"),
		at(private(`"segments":[{"destination":"db","ports":"22"}],"proxyProtocol":"v1"`), "proxyProtocol"),
		at(app(full(`"segments":[{"destination":"db","ports":"22"}]`)), "segments"),
		// what is taken
		{"POST", "/connector-groups", `{"name":"Default"}`, 409, "name"},
		{"POST", "/users", `{"name":"owner"}`, 409, "name"},
		// connector groups
		{"POST", "/connector-groups", `{"name":""}`, 422, "name"},
		{"POST", "/connector-groups", `{"name":"a","default":"yes"}`, 422, "default"},
		{"POST", "/connector-groups", `{"name":"a","region":" x"}`, 422, "region"},
		{"POST", "/connector-groups", `{"name":"a","backupGroup":"Default"}`, 422, "backupGroup"},
		{"POST", "/connector-groups", `{"name":"a","backupGroup":"cgr_00000000000000000000000000"}`, 422, "backupGroup"},
		{"PATCH", "/connector-groups/{cgr}", `{"backupGroup":"{cgr}"}`, 422, "backupGroup"},
		{"POST", "/connector-groups", `{}`, 422, "name"},
		{"PATCH", "/connector-groups/{cgr}", `{"default":1}`, 422, "default"},
		{"PATCH", "/connector-groups/{cgr}", `{"name":null}`, 422, "name"},
		// users
		{"POST", "/users", `{}`, 422, "name"},
		{"POST", "/users", `{"name":""}`, 422, "name"},
		{"POST", "/users", `{"name":"Ada"}`, 422, "name"},
		{"POST", "/users", `{"name":"a b"}`, 422, "name"},
		{"POST", "/users", `{"name":"аda"}`, 422, "name"}, // Cyrillic а
		{"POST", "/users", `{"name":"-ada"}`, 422, "name"},
		{"POST", "/users", `{"name":"ada\n"}`, 422, "name"},
		{"POST", "/users", `{"name":"` + long + `"}`, 422, "name"},
		{"POST", "/users", `{"name":"{new}","displayName":" x"}`, 422, "displayName"},
		{"POST", "/users", `{"name":"{new}","displayName":5}`, 422, "displayName"},
		{"POST", "/users", `{"name":"{new}","email":"x"}`, 422, "email"},
		{"POST", "/users", `{"name":"{new}","email":"a@evil@good"}`, 422, "email"},
		{"POST", "/users", `{"name":"{new}","email":"a@b.example, c@d.example"}`, 422, "email"},
		{"POST", "/users", `{"name":"{new}","email":"a@[127.0.0.1]"}`, 422, "email"},
		{"POST", "/users", `{"name":"{new}","roles":["admin"]}`, 422, "roles"},
		{"POST", "/users", `{"name":"{new}","roles":["reader","reader"]}`, 422, "roles"},
		{"POST", "/users", `{"name":"{new}","roles":"owner"}`, 422, "roles"},
		{"POST", "/users", `{"name":"{new}","roles":[1]}`, 422, "roles[0]"},
		{"POST", "/users", `{"name":"{new}","roles":[null]}`, 422, "roles[0]"},
		{"POST", "/users", `{"name":"{new}","groups":["{grp}"]}`, 422, "groups"},
		{"POST", "/users", `{"name":"{new}","password":"short"}`, 422, "password"},
		{"POST", "/users", `{"name":"{new}","password":{"hash":"x"}}`, 422, "password"},
		{"POST", "/users", `{"name":"{new}","passwordSet":"2026-01-01T00:00:00Z"}`, 422, "passwordSet"},
		{"PATCH", "/users/{usr}", `{"password":"` + password + `"}`, 422, "password"},
		{"PATCH", "/users/{usr}", `{"groups":["{grp}"]}`, 422, "groups"},
		{"PATCH", "/users/{usr}", `{"roles":["owner","god"]}`, 422, "roles"},
		{"PATCH", "/users/{usr}", `{"disabled":{"$ne":true}}`, 422, "disabled"},
		{"PATCH", "/users/{usr}", `{"name":"owner"}`, 409, "name"},
		{"PATCH", "/users/{usr}", `[{"op":"replace","path":"/name","value":"x"}]`, 422, "body"},
		{"POST", "/users/{usr}/password", `{"password":""}`, 422, "password"},
		{"POST", "/users/{usr}/password", `{"password":"short"}`, 422, "password"},
		{"POST", "/users/{usr}/password", `{}`, 422, "password"},
		{"POST", "/users/{usr}/password", `{"password":"` + password + `","user":"x"}`, 422, "user"},
		// groups
		{"POST", "/groups", `{"name":""}`, 422, "name"},
		{"POST", "/groups", `{"name":"{new}","members":"{usr}"}`, 422, "members"},
		{"POST", "/groups", `{"name":"{new}","members":["ada"]}`, 422, "members"},
		{"POST", "/groups", `{"name":"{new}","members":["{grp}"]}`, 422, "members"},
		{"POST", "/groups", `{"name":"{new}","members":["{usr}","{usr}"]}`, 422, "members"},
		{"POST", "/groups", `{"name":"{new}","members":["usr_00000000000000000000000000"]}`, 422, "members"},
		{"POST", "/groups", `{"name":"{new}","members":[{}]}`, 422, "members[0]"},
		{"POST", "/groups", `{"name":"{new}","description":"` + strings.Repeat("x", 1025) + `"}`, 422, "description"},
		{"POST", "/groups", `{"name":"{new}","description":"a\u0000b"}`, 422, "description"},
		{"PATCH", "/groups/{grp}", `{"members":["{usr}","usr_00000000000000000000000000"]}`, 422, "members"},
		// assignments
		{"POST", "/assignments", `{}`, 422, "application"},
		{"POST", "/assignments", `{"application":"{app}"}`, 422, "user"},
		{"POST", "/assignments", `{"application":"{app}","user":"{usr}","group":"{grp}"}`, 422, "user"},
		{"POST", "/assignments", `{"application":"{usr}","user":"{usr}"}`, 422, "application"},
		{"POST", "/assignments", `{"application":"app_00000000000000000000000000","user":"{usr}"}`, 422, "application"},
		{"POST", "/assignments", `{"application":"{app}","user":"{grp}"}`, 422, "user"},
		{"POST", "/assignments", `{"application":"{app}","user":"usr_00000000000000000000000000"}`, 422, "user"},
		{"POST", "/assignments", `{"application":"{app}","group":"grp_00000000000000000000000000"}`, 422, "group"},
		{"POST", "/assignments", `{"application":"{app}","group":"{grp}"}`, 409, ""},
		// connectors
		{"POST", "/connectors", `{"name":"x"}`, 405, ""},
		{"PATCH", "/connectors/{con}", `{"name":""}`, 422, "name"},
		{"PATCH", "/connectors/{con}", `{"connectorGroup":null}`, 422, "connectorGroup"},
		{"PATCH", "/connectors/{con}", `{"priority":-1}`, 422, "priority"},
		{"PATCH", "/connectors/{con}", `{"priority":101}`, 422, "priority"},
		{"PATCH", "/connectors/{con}", `{"priority":1.5}`, 422, "priority"},
		{"PATCH", "/connectors/{con}", `{"draining":"no"}`, 422, "draining"},
		{"PATCH", "/connectors/{con}", `{"connectorGroup":"cgr_00000000000000000000000000"}`, 422, "connectorGroup"},
		{"PATCH", "/connectors/{con}", `{"status":{"label":"active"}}`, 422, "status"},
		{"PATCH", "/connectors/{con}", `{"certificate":{"serial":"00"}}`, 422, "certificate"},
		{"PATCH", "/connectors/{con}", `{"lastSeen":"2026-01-01T00:00:00Z"}`, 422, "lastSeen"},
		// tokens
		{"POST", "/tokens", `{}`, 422, "name"},
		{"POST", "/tokens", `{"name":"x","connectorGroup":"Default"}`, 422, "connectorGroup"},
		{"POST", "/tokens", `{"name":"x","connectorGroup":"cgr_00000000000000000000000000"}`, 422, "connectorGroup"},
		{"POST", "/tokens", `{"name":"x","expires":"tomorrow"}`, 422, "expires"},
		{"POST", "/tokens", `{"name":"x","expires":"2020-01-01T00:00:00Z"}`, 422, "expires"},
		{"POST", "/tokens", `{"name":"x","expires":"2999-01-01T00:00:00Z"}`, 422, "expires"},
		{"POST", "/tokens", `{"name":"x","expires":1700000000}`, 422, "expires"},
		{"POST", "/tokens", `{"name":"x","expires":"2026-13-41T99:00:00Z"}`, 422, "expires"},
		{"POST", "/tokens", `{"name":"x","used":"2020-01-01T00:00:00Z"}`, 422, "used"},
		{"POST", "/tokens", `{"name":"x","text":"mine"}`, 422, "text"},
		// keys
		{"POST", "/keys", `{"name":"x"}`, 422, "roles"},
		{"POST", "/keys", `{"name":"x","roles":[]}`, 422, "roles"},
		{"POST", "/keys", `{"name":"x","roles":null}`, 422, "roles"},
		{"POST", "/keys", `{"name":"x","roles":["root"]}`, 422, "roles"},
		{"POST", "/keys", `{"name":"x","roles":["reader"],"expires":"2020-01-01T00:00:00Z"}`, 422, "expires"},
		{"POST", "/keys", `{"name":"x","roles":["reader"],"secret":"mine"}`, 422, "secret"},
		{"POST", "/keys", `{"name":"","roles":["reader"]}`, 422, "name"},
		// certificates
		{"PUT", "/certificates/cert.example.com", `{"chain":"","key":""}`, 422, "chain key"},
		{"PUT", "/certificates/cert.example.com", `{"chain":"x","key":` + quoted(key) + `}`, 422, "chain"},
		{"PUT", "/certificates/cert.example.com", `{"chain":` + quoted(chain) + `,"key":"x"}`, 422, "key"},
		{"PUT", "/certificates/cert.example.com", `{"chain":` + quoted(otherChain) + `,"key":` + quoted(key) + `}`, 422, "key"},
		{"PUT", "/certificates/cert.example.com", `{"chain":` + quoted(key) + `,"key":` + quoted(key) + `}`, 422, "chain"},
		{"PUT", "/certificates/other.example.com", `{"chain":` + quoted(chain) + `,"key":` + quoted(key) + `}`, 422, ""},
		{"PUT", "/certificates/not%20a%20host", `{"chain":` + quoted(chain) + `,"key":` + quoted(key) + `}`, 422, "domain"},
		{"PUT", "/certificates/cert.example.com", `{"chain":` + quoted(chain) + `}`, 422, "key"},
		// queries
		{"GET", "/applications?limit=0", "", 422, "limit"},
		{"GET", "/applications?limit=1001", "", 422, "limit"},
		{"GET", "/applications?limit=-1", "", 422, "limit"},
		{"GET", "/applications?limit=1e3", "", 422, "limit"},
		{"GET", "/applications?limit=010", "", 422, "limit"},
		{"GET", "/applications?limit=", "", 422, "limit"},
		{"GET", "/applications?limit=1&limit=2", "", 422, "limit"},
		{"GET", "/applications?after=%00", "", 422, "after"},
		{"GET", "/applications?after=" + strings.Repeat("x", 600), "", 422, "after"},
		{"GET", "/applications?search=" + strings.Repeat("x", 600), "", 422, "search"},
		{"GET", "/applications?serach=x", "", 422, "serach"},
		{"GET", "/applications?a;b", "", 422, "query"},
		{"GET", "/applications?%zz", "", 422, "query"},
		{"GET", "/assignments?application=x", "", 422, "application"},
		{"GET", "/assignments?application={usr}", "", 422, "application"},
		{"GET", "/audit?since=yesterday", "", 422, "since"},
		{"GET", "/audit?object=x", "", 422, "object"},
		{"GET", "/audit?actor='or'1'='1", "", 422, "actor"},
		{"GET", "/audit?action=" + strings.Repeat("x", 70), "", 422, "action"},
		// paths
		{"GET", "/applications/x", "", 404, ""},
		{"GET", "/applications/{usr}", "", 404, ""},
		{"GET", "/applications/app_00000000000000000000000000", "", 404, ""},
		{"GET", "/applications/%00", "", 404, ""},
		{"GET", "/applications/app_%2e%2e", "", 404, ""},
		{"GET", "/applications/{app}/x", "", 404, ""},
		{"GET", "/nothing", "", 404, ""},
		{"POST", "/me", "{}", 405, ""},
		{"PUT", "/applications/{app}", "{}", 405, ""},
		{"DELETE", "/audit", "", 405, ""},
	}
	t.Logf("%d rows", len(rows))
	before := s.dump()
	for _, r := range rows {
		r.path, r.body = s.fill(f, r.path), s.fill(f, r.body)
		header := map[string]string{}
		if r.method == "PATCH" {
			header["If-Match"] = `"1"`
		}
		a := s.send(request{r.method, "/api/v1" + r.path, r.body, s.key, header})
		if a.status != r.status || !names(a.fields(), r.field) || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s %.120s:\n  got %d %q, want %d %q: %s", r.method, r.path, r.body, a.status, a.fields(), r.status, r.field, a.body)
		}
		if after := s.dump(); after != before {
			t.Fatalf("%s %s %.120s: changed something", r.method, r.path, r.body)
		}
	}
}

// names reports whether every wanted field is among those that were named.
func names(got, want string) bool {
	have := map[string]bool{}
	for _, name := range strings.Fields(got) {
		have[name] = true
	}
	for _, name := range strings.Fields(want) {
		if !have[name] {
			return false
		}
	}
	return true
}

// TestNastyHeadersAreRefused is about what stands around a body.
func TestNastyHeadersAreRefused(t *testing.T) {
	s := newSystem(t)
	good := `{"name":"x"}`
	tests := []struct {
		name   string
		header map[string]string
		body   string
		status int
		field  string
	}{
		{"form", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, good, 422, "Content-Type"},
		{"plain text, as a page of another site may send", map[string]string{"Content-Type": "text/plain"}, good, 422, "Content-Type"},
		{"damaged type", map[string]string{"Content-Type": "application/json;;"}, good, 422, "Content-Type"},
		{"a patch where there is none", map[string]string{"Content-Type": "application/merge-patch+json"}, good, 422, "Content-Type"},
		{"compressed", map[string]string{"Content-Encoding": "gzip"}, good, 422, "Content-Encoding"},
		{"too large", nil, `{"name":"` + strings.Repeat("x", 1<<20) + `"}`, 413, ""},
	}
	before := s.dump()
	for _, test := range tests {
		a := s.send(request{"POST", "/api/v1/connector-groups", test.body, s.key, test.header})
		if a.status != test.status || !names(a.fields(), test.field) {
			t.Errorf("%s: %d %s", test.name, a.status, a.body)
		}
	}
	if s.dump() != before {
		t.Error("something was changed")
	}
	ok := s.send(request{"POST", "/api/v1/connector-groups", good, s.key, map[string]string{"Content-Type": "application/json; charset=utf-8"}})
	if ok.status != 201 {
		t.Errorf("with a charset: %d %s", ok.status, ok.body)
	}
}
