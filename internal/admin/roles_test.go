package admin_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"postern/internal/access"
	"postern/internal/admin"
)

// bodies are good requests of each route that has one.
var bodies = map[string]string{
	"createApplication":    `{"name":"{new}","externalUrl":"https://{new}.example.com/","internalUrl":"http://x/","connectorGroup":"{cgr}"}`,
	"previewSegments":      `{"segments":[{"destination":"10.1.0.0/16","ports":"443"}]}`,
	"updateBranding":       `{"name":"Example"}`,
	"undoBranding":         `{"to":1}`,
	"updateRetention":      `{"signInDays":7}`,
	"undoRetention":        `{"to":1}`,
	"updateClients":        `{"off":true}`,
	"undoClients":          `{"to":1}`,
	"testApplication":      `{"internalUrl":"http://x/"}`,
	"updateApplication":    `{"disabled":true}`,
	"createConnectorGroup": `{"name":"{new}"}`,
	"updateConnectorGroup": `{"name":"{new}"}`,
	"updateConnector":      `{"name":"{new}"}`,
	"createUser":           `{"name":"{new}"}`,
	"updateUser":           `{"displayName":"x"}`,
	"setPassword":          `{"password":"` + password + `"}`,
	"createGroup":          `{"name":"{new}"}`,
	"updateGroup":          `{"description":"x"}`,
	"updateAssignment":     `{"expires":"2100-01-01T00:00:00Z"}`,
	"createPolicy":         `{"name":"{new}","everyone":true,"allApplications":true,"mode":"off"}`,
	"updatePolicy":         `{"description":"x"}`,
	"undoPolicy":           `{"to":1}`,
	"approveRequest":       `{"answer":"yes"}`,
	"denyRequest":          `{"answer":"no"}`,
	"createAssignment":     `{"application":"{app}","user":"{usr}"}`,
	"createToken":          `{"name":"{new}"}`,
	"createKey":            `{"name":"{new}","roles":["reader"]}`,
	"planConfiguration":    `{"document":{}}`,
	"applyConfiguration":   `{"document":{}}`,
	"undoApplication":      `{"to":1}`,
	"undoConnectorGroup":   `{"to":1}`,
	"undoUser":             `{"to":1}`,
	"undoGroup":            `{"to":1}`,
	"createUpstream":       `{"name":"{new}","kind":"oidc","oidc":{"issuer":"https://x.invalid","clientId":"x"}}`,
	"updateDevice":         `{"name":"{new}"}`,
	"updateUpstream":       `{"onlyKnown":true}`,
	"setUpstreamSecret":    `{"secret":"x"}`,
	"tryUpstream":          `{"upstream":{"name":"{new}","kind":"oidc","oidc":{"issuer":"https://x.invalid","clientId":"x"}}}`,
	"testUpstream":         `{"claims":{"email":"a@example.com"}}`,
	"undoUpstream":         `{"to":1}`,
	"undoConnector":        `{"to":1}`,
	"undoAssignment":       `{"to":1}`,
	"undoExport":           `{"to":1}`,
	"putCertificate":       `{"chain":"x","key":"x"}`,
	"createExport":         `{"name":"{new}","kind":"syslog","streams":["audit"],"url":"tls://127.0.0.1:6514"}`,
	"updateExport":         `{"disabled":true}`,
	"setExportSecret":      `{"secret":""}`,
	"finishExchange":       `{"force":true}`,
	"rotateSigningKey":     `{"use":"grants"}`,
}

// path fills in which object a route is asked about. What deletes gets an id of nothing: who is
// allowed learns that, who is not does not.
func path(r admin.Row, f fixture) string {
	ids := map[string]string{"applications": f.app, "connector-groups": f.cgr, "users": f.usr, "groups": f.grp,
		"assignments": f.asg, "tokens": f.tok, "keys": f.key, "connectors": f.con, "upstreams": f.ups, "exports": f.exp, "policies": f.pol, "access-keys": "ack_" + strings.Repeat("0", 26), "requests": f.req, "devices": f.dev}
	noun := strings.Split(strings.TrimPrefix(r.Pattern, "/api/v1/"), "/")[0]
	id := ids[noun]
	if r.Method == http.MethodDelete && id != "" {
		id = id[:4] + strings.Repeat("0", 26)
	}
	if r.Name == "explainAccess" {
		return r.Pattern + "?user=" + f.usr + "&application=" + f.app
	}
	return strings.NewReplacer("{id}", id, "{domain}", f.domain).Replace(r.Pattern)
}

// TestRoleByRoute asks every route as every role: the table of routes and control's permissions
// must say the same.
func TestRoleByRoute(t *testing.T) {
	s := newSystem(t)
	for _, role := range access.Roles() {
		f := s.fixture()
		key := s.as(string(role))
		for _, r := range admin.Table() {
			if r.Open {
				continue
			}
			req := request{method: r.Method, path: path(r, f), key: key, header: map[string]string{}}
			if r.Body {
				req.body = s.fill(f, bodies[r.Name])
				if req.body == "" {
					t.Fatalf("%s has no body in this test", r.Name)
				}
			}
			switch r.Match {
			case "any", "replace":
				req.header["If-Match"] = "*"
			case "one":
				req.header["If-Match"] = s.send(request{method: "GET", path: strings.TrimSuffix(req.path, "/undo"), key: s.key}).header.Get("ETag")
				if req.header["If-Match"] == "" {
					req.header["If-Match"] = `"1"`
				}
			}
			allowed := r.Roles == nil || slices.Contains(r.Roles, role)
			if a := s.send(req); a.status == 503 && allowed && strings.Contains(a.body, "cannot ask connectors") {
				continue // allowed, and nobody is there to be asked
			} else if (a.status != 403) != allowed || a.status >= 500 || a.status == 401 {
				t.Errorf("%s as %s: %d, allowed by the table: %v: %s", r.Name, role, a.status, allowed, a.body)
			}
		}
	}
}

// TestNobodyGetsInWithoutAKey asks every route with nothing, and with what is no key.
func TestNobodyGetsInWithoutAKey(t *testing.T) {
	s := newSystem(t)
	f := s.fixture()
	for _, r := range admin.Table() {
		if r.Open {
			continue
		}
		req := request{method: r.Method, path: path(r, f), header: map[string]string{"If-Match": "*"}}
		if r.Body {
			req.body = s.fill(f, bodies[r.Name])
		}
		a := s.send(req)
		if a.status != 401 || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s without a key: %d", r.Name, a.status)
		}
	}
	me := "/api/v1/me"
	for _, value := range []string{"Bearer", "Bearer ", "Basic " + s.key, s.key, "Bearer " + s.key[:len(s.key)-1], "Bearer " + s.key + "x",
		"Bearer " + strings.Repeat("x", 10_000), "Bearer " + strings.ToUpper(s.key), "Bearer null", "Bearer " + s.key + "," + s.key} {
		if a := s.send(request{method: "GET", path: me, header: map[string]string{"Authorization": value}}); a.status != 401 {
			t.Errorf("Authorization %.40q: %d", value, a.status)
		}
	}
	if a := s.send(request{method: "GET", path: me, header: map[string]string{"Authorization": "bearer  " + s.key}}); a.status != 200 {
		t.Errorf("the scheme is case-insensitive (RFC 9110, section 11.1): %d", a.status)
	}
	if a := s.send(request{method: "GET", path: me + "?access_token=" + s.key}); a.status != 401 {
		t.Errorf("a key in the URL: %d", a.status)
	}
}

// TestKeyEndsAtOnce deletes a key that is in use.
func TestKeyEndsAtOnce(t *testing.T) {
	s := newSystem(t)
	secret := s.as("reader")
	c := s.client(secret)
	me, err := c.Me(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.owner.Keys.Delete(t.Context(), me.ID, 0); err != nil {
		t.Fatal(err)
	}
	if a := s.send(request{method: "GET", path: "/api/v1/me", key: secret}); a.status != 401 {
		t.Errorf("a deleted key: %d", a.status)
	}
}

// TestWrongKeysAreSlowedDown hammers with wrong keys; who has a good one goes on.
func TestWrongKeysAreSlowedDown(t *testing.T) {
	s := newSystem(t)
	if _, err := s.owner.Me(t.Context()); err != nil { // so that this key is known to be good
		t.Fatal(err)
	}
	limited := false
	for range 100 {
		a := s.send(request{method: "GET", path: "/api/v1/me", key: "wrong"})
		if limited = a.status == 429; limited {
			if a.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			break
		}
	}
	if !limited {
		t.Error("a hundred wrong keys were all looked at")
	}
	if _, err := s.owner.Me(t.Context()); err != nil {
		t.Errorf("a good key is locked out by a neighbour: %v", err)
	}
}
