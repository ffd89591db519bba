package saml

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/identity"
)

// TestSignIn: every way in which providers sign and encrypt gives the same.
func TestSignIn(t *testing.T) {
	tests := []struct {
		name string
		make func(w *world, id string) string
	}{
		{"signed assertion", func(w *world, id string) string { return w.response(id, signed(t, w.assertion(id), w.theirs)) }},
		{"signed response", func(w *world, id string) string { return signed(t, w.response(id, w.assertion(id)), w.theirs) }},
		{"both signed", func(w *world, id string) string {
			return signed(t, w.response(id, signed(t, w.assertion(id), w.theirs)), w.theirs)
		}},
		{"signed, then encrypted", func(w *world, id string) string {
			return w.response(id, encrypted(t, signed(t, w.assertion(id), w.theirs), w.ours.cert, usual))
		}},
		{"encrypted in a signed response", func(w *world, id string) string {
			return signed(t, w.response(id, encrypted(t, w.assertion(id), w.ours.cert, usual)), w.theirs)
		}},
		{"another name for the namespace", func(w *world, id string) string {
			return w.response(id, signed(t, strings.NewReplacer("saml:", "x:", "xmlns:saml", "xmlns:x").Replace(w.assertion(id)), w.theirs))
		}},
		{"names declared outside", func(w *world, id string) string {
			return signed(t, w.response(id, strings.Replace(w.assertion(id), ` xmlns:saml="`+nsAssertion+`"`, "", 1)), w.theirs)
		}},
		{"with a declaration and line breaks", func(w *world, id string) string {
			return "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n" + w.response(id, "\n  "+signed(t, w.assertion(id), w.theirs)+"\n")
		}},
		{"SHA-512", func(w *world, id string) string {
			return w.response(id, signed(t, w.assertion(id), w.theirs, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"))
		}},
		{"an audience among others", func(w *world, id string) string {
			return w.response(id, signed(t, replace("<saml:Audience>", "<saml:Audience>https://other.example.com</saml:Audience><saml:Audience>")(w.assertion(id)), w.theirs))
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, nil)
			s := w.begin()
			got, err := w.finish(s, test.make(w, s.ID))
			if err != nil {
				t.Fatal(err)
			}
			got.Renewal = nil
			want := identity.Assertion{Issuer: idpName, Subject: "ada-4711", Groups: []string{"engineers", "staff"}, Methods: []string{"pwd"}, Session: "s1", Context: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
				Authenticated: w.now.Add(-time.Minute), Claims: map[string]any{"NameID": "ada-4711", "mail": "ada@example.com",
					"urn:oid:0.9.2342.19200300.100.1.3": "ada@example.com", "groups": []string{"staff", "engineers"}}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestEncryption: the ways of XML Encryption that providers use.
func TestEncryption(t *testing.T) {
	const enc, enc11 = "http://www.w3.org/2001/04/xmlenc#", "http://www.w3.org/2009/xmlenc11#"
	tests := map[string]sealing{
		"128-bit CBC":                {block: enc + "aes128-cbc", key: oaepMGF1, hash: crypto.SHA1, mask: crypto.SHA1},
		"192-bit CBC":                {block: enc + "aes192-cbc", key: oaepMGF1, hash: crypto.SHA1, mask: crypto.SHA1},
		"128-bit GCM":                {block: enc11 + "aes128-gcm", key: oaepMGF1, hash: crypto.SHA1, mask: crypto.SHA1},
		"256-bit GCM":                {block: enc11 + "aes256-gcm", key: oaepMGF1, hash: crypto.SHA1, mask: crypto.SHA1, digest: nsDSig + "sha1"},
		"SHA-256 with the old mask":  {block: enc11 + "aes256-gcm", key: oaepMGF1, hash: crypto.SHA256, mask: crypto.SHA1, digest: enc + "sha256"},
		"SHA-256 with its own mask":  {block: enc11 + "aes256-gcm", key: oaep11, hash: crypto.SHA256, mask: crypto.SHA256, digest: enc + "sha256", mgf: enc11 + "mgf1sha256"},
		"SHA-512 with a mask of 256": {block: enc11 + "aes256-gcm", key: oaep11, hash: crypto.SHA512, mask: crypto.SHA256, digest: enc + "sha512", mgf: enc11 + "mgf1sha256"},
		"the key beside the data":    {block: enc + "aes256-cbc", key: oaepMGF1, hash: crypto.SHA1, mask: crypto.SHA1, beside: true},
	}
	for name, how := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			s := w.begin()
			if _, err := w.finish(s, w.response(s.ID, encrypted(t, signed(t, w.assertion(s.ID), w.theirs), w.ours.cert, how))); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRequest: what we send, as a provider reads it.
func TestRequest(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.SignRequests = true })
	sent, s, err := w.us.Begin(t.Context(), Ask{Fresh: true})
	if err != nil {
		t.Fatal(err)
	}
	address := sent.URL
	root := w.read(t, address, "https://idp.example.com/sso", "SAMLRequest")
	u, _ := url.Parse(address)
	if u.Query().Get("tenant") != "1" || u.Query().Get("RelayState") != s.Relay || len(s.Relay) > maxState {
		t.Errorf("the address is %s", address)
	}
	if !strings.Contains(root, `ID="`+s.ID+`"`) || !strings.Contains(root, `ForceAuthn="true"`) || !strings.Contains(root, `AssertionConsumerServiceURL="`+consumer+`"`) ||
		!strings.Contains(root, "<saml:Issuer>"+ourName+"</saml:Issuer>") || !strings.Contains(root, formatPersistent) {
		t.Errorf("the request is %s", root)
	}
}

// read checks the signature of a redirect as the standard says and unpacks its message.
func (w *world) read(t *testing.T, address, to, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(address, to+"?") {
		t.Fatalf("%v: the address is %s", err, address)
	}
	query := u.RawQuery[strings.Index(u.RawQuery, name+"="):]
	plain, rest, _ := strings.Cut(query, "&Signature=")
	signature, _ := url.QueryUnescape(rest)
	raw, err := base64.StdEncoding.DecodeString(signature)
	sum := sha256.Sum256([]byte(plain))
	if err != nil || rsa.VerifyPKCS1v15(&w.ours.key.PublicKey, crypto.SHA256, sum[:], raw) != nil {
		t.Errorf("the signature of %s is wrong", address)
	}
	packed, err := base64.StdEncoding.DecodeString(u.Query().Get(name))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestOurMetadata: it names our addresses and the same certificate each time.
func TestOurMetadata(t *testing.T) {
	w := newWorld(t, nil)
	first, err := w.us.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	again, err := newWorld(t, nil).us.Metadata()
	if err != nil || string(first) != string(again) {
		t.Error("our metadata differs from one start to the next")
	}
	for _, want := range []string{`entityID="` + ourName + `"`, `Location="` + consumer + `"`, `Location="` + logout + `"`, `use="encryption"`, `use="signing"`, formatPersistent} {
		if !strings.Contains(string(first), want) {
			t.Errorf("no %s in %s", want, first)
		}
	}
	if bytes.Contains(first, []byte("PRIVATE")) {
		t.Error("it holds the private key")
	}
}

// TestSubjects: users are told apart by what never changes.
func TestSubjects(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.SubjectAttribute = "mail" })
	s := w.begin()
	a, err := w.finish(s, w.response(s.ID, signed(t, replace(formatPersistent, "urn:oasis:names:tc:SAML:2.0:nameid-format:transient")(w.assertion(s.ID)), w.theirs)))
	if err != nil || a.Subject != "ada@example.com" {
		t.Errorf("by an attribute: %v, %q", err, a.Subject)
	}
}

// TestRollover: while a provider changes its certificate, signatures by either are good.
func TestRollover(t *testing.T) {
	w := newWorld(t, nil)
	w = newWorld(t, func(c *Config) { c.Metadata = metadataOf(w.other.cert, w.theirs.cert) })
	for _, pair := range []keyPair{w.theirs, w.other} {
		s := w.begin()
		if _, err := w.finish(s, w.response(s.ID, signed(t, w.assertion(s.ID), pair))); err != nil {
			t.Error(err)
		}
	}
}
