package saml

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/identity"
)

// TestRequestByForm: a provider that takes requests only by HTTP-POST gets one, signed in the document.
func TestRequestByForm(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.SignRequests = true
		c.Metadata = strings.Replace(c.Metadata, bindingRedirect+`" Location="https://idp.example.com/sso`, `x" Location="https://idp.example.com/sso`, 1)
	})
	sent, s, err := w.us.Begin(t.Context(), Ask{Fresh: true, Contexts: []string{"urn:strong", "urn:stronger"}})
	if err != nil {
		t.Fatal(err)
	}
	if sent.URL != "https://idp.example.com/post" || sent.Form.Get("RelayState") != s.Relay {
		t.Errorf("it goes to %+v", sent)
	}
	text, err := base64.StdEncoding.DecodeString(sent.Form.Get("SAMLRequest"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := readDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	covered, err := verified(root, []*x509.Certificate{w.ours.cert})
	if err != nil || covered == nil || attr(covered, "ID") != s.ID || attr(covered, "ForceAuthn") != "true" || attr(covered, "Destination") != sent.URL {
		t.Fatalf("%v in %s", err, text)
	}
	if second := root.ChildElements()[1]; !is(second, nsDSig, "Signature") {
		t.Errorf("the signature is not behind the issuer: %s", text)
	}
	contexts := child(covered, nsProtocol, "RequestedAuthnContext")
	refs := children(contexts, nsAssertion, "AuthnContextClassRef")
	if attr(contexts, "Comparison") != "exact" || len(refs) != 2 || refs[1].Text() != "urn:stronger" {
		t.Errorf("no contexts in %s", text)
	}
	if _, err := w.finish(s, w.response(s.ID, signed(t, w.assertion(s.ID), w.theirs))); err != nil {
		t.Error(err)
	}
}

// TestPassive: a provider that would have to ask says so, and that is told from a refusal.
func TestPassive(t *testing.T) {
	w := newWorld(t, nil)
	_, s, err := w.us.Begin(t.Context(), Ask{Silent: true, Fresh: true})
	if err != nil || s.Fresh {
		t.Fatalf("%+v, %v", s, err)
	}
	for status, interact := range map[string]bool{"NoPassive": true, "AuthnFailed": false, "RequestDenied": false, "NoAuthnContext": false} {
		answer := replace(`<samlp:StatusCode Value="`+statusSuccess+`"/>`, `<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:`+
			status+`"/></samlp:StatusCode>`)(w.response(s.ID, ""))
		_, err := w.finish(s, signed(t, answer, w.theirs))
		if !fault.Is(err, fault.KindForbidden) || errors.Is(err, identity.ErrInteract) != interact {
			t.Errorf("%s: %v", status, err)
		}
	}
}

// TestEndOfTheSessionThere is told to whoever keeps ours.
func TestEndOfTheSessionThere(t *testing.T) {
	w := newWorld(t, nil)
	s := w.begin()
	until := w.now.Add(3 * time.Hour)
	a, err := w.finish(s, w.response(s.ID, signed(t, replace(` SessionIndex="s1"`, ` SessionIndex="s1" SessionNotOnOrAfter="`+stamp(until)+`"`)(w.assertion(s.ID)), w.theirs)))
	if err != nil || !a.Until.Equal(until) {
		t.Errorf("until %v, %v", a.Until, err)
	}
}

// TestSignedMetadata: where metadata must be signed, only what the certificate signed is taken.
func TestSignedMetadata(t *testing.T) {
	theirs, ours, other := setUp(t)
	plain := strings.Replace(metadataOf(theirs.cert), "<md:EntityDescriptor ", `<md:EntityDescriptor ID="m1" `, 1)
	plain = plain[strings.Index(plain, "<md:Entity"):]
	good := signed(t, plain, other)
	for _, test := range []struct {
		name, text string
		ok         bool
	}{
		{"signed", good, true},
		{"with a comment beside it", "<!-- ours -->" + good, true},
		{"not signed", plain, false},
		{"signed by its own key", signed(t, plain, theirs), false},
		{"changed since", strings.Replace(good, "https://idp.example.com/sso", "https://idp.example.net/sso", 1), false},
		{"another provider around it", `<md:EntityDescriptor xmlns:md="` + nsMetadata + `" ID="m2" entityID="https://evil.example">` + good + `</md:EntityDescriptor>`, false},
	} {
		us, err := New(Config{Metadata: test.text, MetadataSigner: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.cert.Raw})),
			EntityID: ourName, Consumer: consumer, Logout: logout, Secret: ours.pem()})
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
		if err == nil {
			if _, _, err := us.Begin(t.Context(), Ask{}); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
		}
	}
	for _, bad := range []string{"x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ours.pem()} {
		if _, err := New(Config{Metadata: good, MetadataSigner: bad, EntityID: ourName, Consumer: consumer, Logout: logout}); !fault.Is(err, fault.KindInvalid) {
			t.Errorf("%.20q as a signer: %v", bad, err)
		}
	}
}
