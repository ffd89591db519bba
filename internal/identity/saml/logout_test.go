package saml

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/fault"
)

// asked is a request of the provider to sign somebody out.
func (w *world) asked() string {
	return `<samlp:LogoutRequest xmlns:samlp="` + nsProtocol + `" xmlns:saml="` + nsAssertion + `" ID="l1" Version="2.0" IssueInstant="` + stamp(w.now) + `" Destination="` + logout + `" NotOnOrAfter="` +
		stamp(w.now.Add(5*time.Minute)) + `"><saml:Issuer>` + idpName + `</saml:Issuer><saml:NameID Format="` + formatPersistent + `">ada-4711</saml:NameID>` +
		`<samlp:SessionIndex>s1</samlp:SessionIndex></samlp:LogoutRequest>`
}

func packed(text string) string {
	var b bytes.Buffer
	f, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = f.Write([]byte(text))
	f.Close()
	return url.QueryEscape(base64.StdEncoding.EncodeToString(b.Bytes()))
}

func signedQueryBy(with keyPair, query string) string {
	query += "&SigAlg=" + url.QueryEscape(rsaSHA256)
	sum := sha256.Sum256([]byte(query))
	signature, _ := rsa.SignPKCS1v15(rand.Reader, with.key, crypto.SHA256, sum[:])
	return query + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(signature))
}

func TestLogoutByTheProvider(t *testing.T) {
	w := newWorld(t, nil)
	check := func(e Ended, err error) {
		t.Helper()
		if err != nil || e.Subject != "ada-4711" || !slices.Equal(e.Sessions, []string{"s1"}) || e.ID != "l1" || !e.Expires.After(w.now.Add(5*time.Minute)) {
			t.Fatalf("got %+v, %v", e, err)
		}
		reply := w.read(t, e.Reply(), "https://idp.example.com/slo-back", "SAMLResponse")
		if !strings.Contains(reply, `InResponseTo="l1"`) || !strings.Contains(reply, statusSuccess) || !strings.Contains(e.Reply(), "RelayState=a%26b") {
			t.Errorf("we answer %s at %s", reply, e.Reply())
		}
	}
	check(w.us.LogoutRequest(t.Context(), signedQueryBy(w.theirs, "SAMLRequest="+packed(w.asked())+"&RelayState=a%26b"), nil))
	check(w.us.LogoutRequest(t.Context(), "", url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString([]byte(signed(t, w.asked(), w.theirs)))}, "RelayState": {"a&b"}}))
}

func TestLogoutsThatAreNot(t *testing.T) {
	posted := func(text string) url.Values {
		return url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString([]byte(text))}}
	}
	good := func(w *world) string { return signedQueryBy(w.theirs, "SAMLRequest="+packed(w.asked())) }
	changed := func(change func(string) string) func(w *world) (string, url.Values) {
		return func(w *world) (string, url.Values) {
			return signedQueryBy(w.theirs, "SAMLRequest="+packed(change(w.asked()))), nil
		}
	}
	tests := map[string]func(w *world) (query string, form url.Values){
		"nothing":            func(*world) (string, url.Values) { return "", nil },
		"not signed":         func(w *world) (string, url.Values) { return "SAMLRequest=" + packed(w.asked()), nil },
		"posted, not signed": func(w *world) (string, url.Values) { return "", posted(w.asked()) },
		"signed by somebody else": func(w *world) (string, url.Values) {
			return signedQueryBy(w.other, "SAMLRequest="+packed(w.asked())), nil
		},
		"posted, signed by somebody else": func(w *world) (string, url.Values) { return "", posted(signed(t, w.asked(), w.other)) },
		"posted, changed": func(w *world) (string, url.Values) {
			return "", posted(replace("ada-4711", evil)(signed(t, w.asked(), w.theirs)))
		},
		"posted inside another": func(w *world) (string, url.Values) {
			return "", posted(replace("</samlp:LogoutRequest>", signed(t, w.asked(), w.theirs)+"</samlp:LogoutRequest>")(strings.NewReplacer("ada-4711", evil, "l1", "l2").Replace(w.asked())))
		},
		"a relay state added": func(w *world) (string, url.Values) { return good(w) + "&RelayState=x", nil },
		"a second request":    func(w *world) (string, url.Values) { return good(w) + "&SAMLRequest=x", nil },
		"another algorithm":   func(w *world) (string, url.Values) { return strings.Replace(good(w), "rsa-sha256", "rsa-sha1", 1), nil },
		"an unknown algorithm": func(w *world) (string, url.Values) {
			return strings.Replace(good(w), "rsa-sha256", "hmac-sha256", 1), nil
		},
		"no signature": func(w *world) (string, url.Values) { return good(w)[:strings.Index(good(w), "&Signature")], nil },
		"not packed": func(w *world) (string, url.Values) {
			return signedQueryBy(w.theirs, "SAMLRequest="+url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(w.asked())))), nil
		},
		"a bomb (crewjam CVE-2023-28119)": func(w *world) (string, url.Values) {
			return signedQueryBy(w.theirs, "SAMLRequest="+packed("<a>"+strings.Repeat("x", 4<<20)+"</a>")), nil
		},
		"another issuer":      changed(replace("<saml:Issuer>"+idpName, "<saml:Issuer>https://other.example.com")),
		"another destination": changed(replace(logout, "https://other.example.com/slo")),
		"of version 1.1":      changed(replace(`Version="2.0"`, `Version="1.1"`)),
		"without an id":       changed(replace(` ID="l1"`, "")),
		"nobody":              changed(replace("ada-4711", "")),
		"an answer":           changed(func(s string) string { return strings.ReplaceAll(s, "LogoutRequest", "LogoutResponse") }),
		"with a comment":      changed(replace("ada-4711", "ada<!-- -->-4711")),
		"old":                 func(w *world) (string, url.Values) { q := good(w); w.now = w.now.Add(time.Hour); return q, nil },
		"from the future":     func(w *world) (string, url.Values) { q := good(w); w.now = w.now.Add(-time.Hour); return q, nil },
	}
	for name, make := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			query, form := make(w)
			e, err := w.us.LogoutRequest(t.Context(), query, form)
			if name == "nobody" && err == nil && e.Subject == "" && len(e.Sessions) == 1 {
				return // a session alone is enough
			}
			if err == nil || e.ID != "" || e.Subject != "" || len(err.Error()) > 400 || fault.Is(err, fault.KindInternal) {
				t.Errorf("got %+v, %v", e, err)
			}
		})
	}
}

func TestLogoutHere(t *testing.T) {
	w := newWorld(t, nil)
	s := w.begin()
	a, err := w.finish(s, w.response(s.ID, signed(t, w.assertion(s.ID), w.theirs)))
	if err != nil {
		t.Fatal(err)
	}
	address, err := w.us.LogoutURL(t.Context(), a.Renewal, "back")
	if err != nil {
		t.Fatal(err)
	}
	request := w.read(t, address, "https://idp.example.com/slo", "SAMLRequest")
	for _, want := range []string{">ada-4711<", "<samlp:SessionIndex>s1<", `SPNameQualifier="` + ourName + `"`, formatPersistent} {
		if !strings.Contains(request, want) {
			t.Errorf("no %s in %s", want, request)
		}
	}
	for name, of := range map[string]*world{"without a key": newWorld(t, func(c *Config) { c.Secret = "" })} {
		if address, err := of.us.LogoutURL(t.Context(), a.Renewal, ""); err != nil || address != "" {
			t.Errorf("%s: %q, %v", name, address, err)
		}
	}
	if address, err := w.us.LogoutURL(t.Context(), nil, ""); err != nil || address != "" {
		t.Errorf("of nobody: %q, %v", address, err)
	}
}

func TestMetadataThatIsNone(t *testing.T) {
	w := newWorld(t, nil)
	good := metadataOf(w.theirs.cert)
	tests := map[string]string{
		"nothing": "", "no XML": "x", "HTML": "<html><body>Sign in</body></html>", "a service provider": strings.ReplaceAll(good, "IDPSSO", "SPSSO"),
		"a document type": strings.Replace(good, "<md:Entity", "<!DOCTYPE x><md:Entity", 1), "no name": strings.Replace(good, idpName, "", 1),
		"no certificate": metadataOf(), "a broken certificate": strings.Replace(good, "<ds:X509Certificate>M", "<ds:X509Certificate>X", 1),
		"http":            strings.Replace(good, "https://idp.example.com/sso", "http://idp.example.com/sso", 1),
		"a script":        strings.Replace(good, "https://idp.example.com/sso?tenant=1", "javascript:alert(1)", 1),
		"no address":      strings.ReplaceAll(strings.ReplaceAll(good, bindingRedirect, "x"), bindingPost, "y"),
		"expired":         strings.Replace(good, "<md:EntityDescriptor ", `<md:EntityDescriptor validUntil="2020-01-01T00:00:00Z" `, 1),
		"an open comment": good + "<!-- ", "an unsafe logout": strings.Replace(good, "https://idp.example.com/slo-back", "http://idp.example.com/slo-back", 1),
	}
	for name, text := range tests {
		if m, err := (&Provider{cfg: Config{Now: time.Now}}).readMetadata([]byte(text)); !fault.Is(err, fault.KindUpstream) || m != nil && err == nil || len(err.Error()) > 300 {
			t.Errorf("%s: got %v", name, err)
		}
	}
	list := `<md:EntitiesDescriptor xmlns:md="` + nsMetadata + `">` + good[strings.Index(good, "<md:Entity"):] + `<md:EntityDescriptor entityID="x"><md:SPSSODescriptor/></md:EntityDescriptor></md:EntitiesDescriptor>`
	if m, err := (&Provider{cfg: Config{Now: time.Now}}).readMetadata([]byte(list)); err != nil || m.entityID != idpName || m.signOn != "https://idp.example.com/sso?tenant=1" {
		t.Errorf("a list with one provider: %v", err)
	}
	if _, err := (&Provider{cfg: Config{Now: time.Now}}).readMetadata([]byte(strings.Repeat("<!--", 250_000))); err == nil {
		t.Error("a flood of comments was read")
	}
}

func TestConfigsThatAreNone(t *testing.T) {
	w := newWorld(t, nil)
	base := Config{Metadata: metadataOf(w.theirs.cert), EntityID: ourName, Consumer: consumer, Logout: logout}
	for name, change := range map[string]func(*Config){
		"no metadata":        func(c *Config) { c.Metadata = "" },
		"metadata twice":     func(c *Config) { c.MetadataURL = "https://idp.example.com/metadata" },
		"no name":            func(c *Config) { c.EntityID = "" },
		"a secret of words":  func(c *Config) { c.Secret = "s3cret" },
		"signed without key": func(c *Config) { c.SignRequests = true },
		"broken metadata":    func(c *Config) { c.Metadata = "<x/>" },
	} {
		cfg := base
		change(&cfg)
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
