package portal_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/internal/wire"
)

// posted is how the portal answered a machine.
type posted struct {
	status     int
	header     http.Header
	credential wire.Credential
	problem    struct{ Code, Detail string }
}

// postDevice sends the body for a device's certificate as postern-client does.
func postDevice(t *testing.T, sys *posterntest.System, token, body string, change ...func(r *http.Request)) (got posted) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sys.PortalURL+wire.PathDevice, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for _, c := range change {
		c(req)
	}
	res, err := sys.Browser().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	got.status, got.header = res.StatusCode, res.Header
	if res.StatusCode == http.StatusOK {
		err = json.Unmarshal(data, &got.credential)
	} else if res.Header.Get("Content-Type") == "application/problem+json" {
		err = json.Unmarshal(data, &got.problem)
	}
	if err != nil {
		t.Errorf("%s: %v", data, err)
	}
	return got
}

// deviceBody is a request for the certificate of a new key.
func deviceBody(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(wire.Encode(wire.DeviceRequest{Version: wire.Version, CSR: csr, OSVersion: "12 (bookworm)",
		Host: wire.Host{MachineName: "<b>ada</b>-laptop", OS: "linux", Arch: "amd64", Program: "1.4.0"}}))
}

// TestADeviceIsEnrolledSeenAndRevoked, by its user alone, on the page of their account.
func TestADeviceIsEnrolledSeenAndRevoked(t *testing.T) {
	sys := posterntest.New(t)
	sys.User("ada")
	browser := signedIn(sys, "ada")
	if page := browser.Go(sys.PortalURL + "/account"); strings.Contains(page.Text, "Your devices") {
		t.Error("who has no device is told about devices")
	}
	n := newNative(t, sys, access.ClientDevice)
	token := n.signIn(browser)
	body := deviceBody(t)
	got := postDevice(t, sys, token.AccessToken, body)
	if got.status != http.StatusOK || got.header.Get("Cache-Control") != "no-store" || !access.ID(got.credential.Connector).Valid(access.PrefixDevice) {
		t.Fatalf("%+v", got)
	}
	if len(got.credential.Gateways) == 0 || got.credential.ServiceURL == "" || len(got.credential.Roots) == 0 {
		t.Errorf("the credential is not whole: %+v", got.credential)
	}
	if again := postDevice(t, sys, token.AccessToken, body); again.credential.Connector != got.credential.Connector || string(again.credential.Certificate) != string(got.credential.Certificate) {
		t.Error("asked again, it is another device or certificate")
	}
	page := browser.Go(sys.PortalURL + "/account")
	if !strings.Contains(page.Text, "Your devices") || !strings.Contains(page.Text, "Linux 12 (bookworm)") || strings.Contains(page.Text, "<b>ada") || !strings.Contains(page.Text, "&lt;b&gt;ada&lt;/b&gt;-laptop") {
		t.Errorf("the account: %s", page.Text)
	}
	sys.User("eve")
	signedIn(sys, "eve").Post(sys.PortalURL+"/account/devices/revoke", url.Values{"id": {got.credential.Connector}})
	if d, err := sys.API.Devices.Show(t.Context(), got.credential.Connector); err != nil || !d.Revoked.IsZero() {
		t.Errorf("somebody else revoked it: %+v, %v", d, err)
	}
	if page = browser.Post(sys.PortalURL+"/account/devices/revoke", url.Values{"id": {field(t, page, "id")}}); page.StatusCode != http.StatusOK {
		t.Errorf("revoking: %s", page.Status)
	}
	if d, err := sys.API.Devices.Show(t.Context(), got.credential.Connector); err != nil || d.Revoked.IsZero() {
		t.Fatalf("not revoked: %+v, %v", d, err)
	}
	if page := browser.Go(sys.PortalURL + "/account"); strings.Contains(page.Text, "Your devices") {
		t.Error("the account lists a revoked device")
	}
	if _, answer := n.post("/oauth/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {access.ClientDevice}, "refresh_token": {token.RefreshToken}}); answer["error"] != "invalid_grant" {
		t.Errorf("its sign-in goes on: %v", answer)
	}
	other := n.signIn(browser)
	if again := postDevice(t, sys, other.AccessToken, body); again.status != http.StatusForbidden || !strings.Contains(again.problem.Detail, "revoked") {
		t.Errorf("its key after that: %+v", again)
	}
}

// TestNastyDeviceRequests: whoever asks badly is told what is wrong, in a problem document, and nothing comes of it.
func TestNastyDeviceRequests(t *testing.T) {
	sys := posterntest.New(t)
	sys.User("ada")
	wiki := sys.Publish("wiki", "http://10.0.0.1/")
	browser := signedIn(sys, "ada")
	token := newNative(t, sys, access.ClientDevice).signIn(browser).AccessToken
	ofCLI := newNative(t, sys, access.ClientCLI).signIn(browser).AccessToken
	ofWiki := newNative(t, sys, access.ClientDevice).signIn(browser, oauth2.SetAuthURLParam("resource", wiki.ExternalURL)).AccessToken
	good := deviceBody(t)
	for name, c := range map[string]struct {
		token, body string
		change      func(r *http.Request)
		status      int
	}{
		"no token":                   {"", good, nil, 401},
		"a token of nobody":          {"postern-token-1.x.y.z", good, nil, 401},
		"of the command line":        {ofCLI, good, nil, 401},
		"for an application":         {ofWiki, good, nil, 401},
		"basic authentication":       {"", good, func(r *http.Request) { r.SetBasicAuth("ada", token) }, 401},
		"two tokens":                 {token, good, func(r *http.Request) { r.Header.Add("Authorization", "Bearer "+token) }, 401},
		"in the URL":                 {"", good, func(r *http.Request) { r.URL.RawQuery = "access_token=" + token }, 401},
		"nothing":                    {token, "", nil, 422},
		"no JSON":                    {token, "{", nil, 422},
		"a list":                     {token, "[]", nil, 422},
		"another type of field":      {token, `{"csr":7}`, nil, 422},
		"no content type":            {token, good, func(r *http.Request) { r.Header.Del("Content-Type") }, 422},
		"a form":                     {token, good, func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 422},
		"packed":                     {token, good, func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 422},
		"too large":                  {token, `{"name":"` + strings.Repeat("a", 65<<10) + `"}`, nil, 413},
		"too large, of unknown size": {token, `{"name":"` + strings.Repeat("a", 65<<10) + `"}`, func(r *http.Request) { r.ContentLength = -1 }, 413},
		"another site's page":        {token, good, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		"GET":                        {token, "", func(r *http.Request) { r.Method = http.MethodGet }, 405},
	} {
		changes := []func(r *http.Request){}
		if c.change != nil {
			changes = append(changes, c.change)
		}
		got := postDevice(t, sys, c.token, c.body, changes...)
		if got.status != c.status || c.status == 401 && got.header.Get("WWW-Authenticate") == "" || name != "another site's page" && got.problem.Detail == "" {
			t.Errorf("%s: %d %+v", name, got.status, got.problem)
		}
	}
	list, err := sys.API.Devices.List(t.Context(), api.ListOptions{})
	if err != nil || len(list.Items) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if got := postDevice(t, sys, token, strings.Replace(good, "{", `{"later":{"than":"this"},`, 1)); got.status != http.StatusOK {
		t.Errorf("a field of a newer client: %d %+v", got.status, got.problem)
	}
}
