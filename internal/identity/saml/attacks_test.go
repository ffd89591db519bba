package saml

import (
	"crypto"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	dsig "github.com/russellhaering/goxmldsig"

	"postern/internal/fault"
)

// evil is what an attacker wants to be.
const evil = "admin-1"

// TestAttacks: whatever a browser brings, nobody is signed in by it, and the error is short and clear.
func TestAttacks(t *testing.T) {
	// make gives the whole response; good parts are signed by the provider as it would.
	assert := func(change func(string) string) func(w *world, id string) string {
		return func(w *world, id string) string {
			return w.response(id, signed(w.t, change(w.assertion(id)), w.theirs))
		}
	}
	whole := func(change func(string) string) func(w *world, id string) string {
		return func(w *world, id string) string {
			return signed(w.t, change(w.response(id, w.assertion(id))), w.theirs)
		}
	}
	after := func(change func(string) string) func(w *world, id string) string {
		return func(w *world, id string) string {
			return change(w.response(id, signed(w.t, w.assertion(id), w.theirs)))
		}
	}
	// forged is an unsigned assertion about the attacker's victim.
	forged := func(w *world, id string) string {
		return strings.NewReplacer("ada-4711", evil, `ID="a1"`, `ID="a2"`).Replace(w.assertion(id))
	}
	tests := []struct {
		name string
		make func(w *world, id string) string
		kind fault.Kind
		want string
	}{
		// Signatures.
		{"nothing signed (Zscaler CVE-2025-54982, CVE-2023-28801)", func(w *world, id string) string { return w.response(id, w.assertion(id)) }, fault.KindUpstream, "neither it nor its assertion is signed"},
		{"signed by somebody else", func(w *world, id string) string { return w.response(id, signed(t, w.assertion(id), w.other)) }, fault.KindUpstream, "signature is wrong"},
		{"a response signed by somebody else", func(w *world, id string) string { return signed(t, w.response(id, w.assertion(id)), w.other) }, fault.KindUpstream, "signature is wrong"},
		{"a good assertion in a response signed by somebody else", func(w *world, id string) string {
			return signed(t, w.response(id, signed(t, w.assertion(id), w.theirs)), w.other)
		}, fault.KindUpstream, "signature is wrong"},
		{"an assertion by somebody else in a good response", func(w *world, id string) string {
			return signed(t, w.response(id, signed(t, w.assertion(id), w.other)), w.theirs)
		}, fault.KindUpstream, "signature is wrong"},
		{"changed after signing", after(replace("ada-4711", evil)), fault.KindUpstream, "signature is wrong"},
		{"an attribute added after signing", after(replace("<saml:AttributeValue>staff", "<saml:AttributeValue>admins</saml:AttributeValue><saml:AttributeValue>staff")), fault.KindUpstream, "signature is wrong"},
		{"SHA-1", func(w *world, id string) string {
			return w.response(id, signed(t, w.assertion(id), w.theirs, dsig.RSASHA1SignatureMethod))
		}, fault.KindUpstream, "SHA-1"},
		{"a digest by SHA-1", after(replace(`xmlenc#sha256`, `xmldsig#sha1`)), fault.KindUpstream, ""},
		{"no method", after(replace(`rsa-sha256`, `hmac-sha256`)), fault.KindUpstream, "algorithm"},
		{"a transform that chooses", after(replace(enveloped, "http://www.w3.org/TR/1999/REC-xpath-19991116")), fault.KindUpstream, "form that SAML prescribes"},
		{"a reference to something else", after(replace(`URI="#a1"`, `URI="#r1"`)), fault.KindUpstream, "form that SAML prescribes"},
		{"a reference to everything", after(replace(`URI="#a1"`, `URI=""`)), fault.KindUpstream, "form that SAML prescribes"},
		{"two signed infos (xml-crypto CVE-2025-29774)", after(replace(`<ds:SignedInfo>`, `<ds:SignedInfo/><ds:SignedInfo>`)), fault.KindUpstream, "form that SAML prescribes"},
		{"a comment in the digest (xml-crypto CVE-2025-29775)", after(replace(`<ds:DigestValue>`, `<ds:DigestValue><!--x-->`)), fault.KindUpstream, "comments"},
		{"names that change when they are written again (CVE-2020-29509)", after(replace(`<saml:NameID `, `<saml:NameID ::evil="x" `)), fault.KindUpstream, ""},
		{"a tag that changes when it is written again (CVE-2020-29511)", after(replace(`</saml:NameID>`, `<x::y/></saml:NameID>`)), fault.KindUpstream, ""},
		{"two references", after(replace(`<ds:Reference`, `<ds:Reference URI="#x"/><ds:Reference`)), fault.KindUpstream, "form that SAML prescribes"},
		{"an empty signature", func(w *world, id string) string {
			return w.response(id, replace("</saml:Issuer>", `</saml:Issuer><ds:Signature xmlns:ds="`+nsDSig+`"/>`)(w.assertion(id)))
		}, fault.KindUpstream, "form that SAML prescribes"},
		// Wrapping: what is checked and what is read must be the same.
		{"wrapping: a forged assertion before the signed one", func(w *world, id string) string {
			return w.response(id, forged(w, id)+signed(t, w.assertion(id), w.theirs))
		}, fault.KindUpstream, "holds 2 assertions"},
		{"wrapping: behind the signed one (crewjam CVE-2022-41912)", func(w *world, id string) string {
			return w.response(id, signed(t, w.assertion(id), w.theirs)+forged(w, id))
		}, fault.KindUpstream, "holds 2 assertions"},
		{"wrapping: the signed one inside the forged one (ruby-saml CVE-2024-45409)", func(w *world, id string) string {
			return w.response(id, replace("</saml:Assertion>", signed(t, w.assertion(id), w.theirs)+"</saml:Assertion>")(forged(w, id)))
		}, fault.KindUpstream, "form that SAML prescribes"},
		{"wrapping: the signed one as an object of the forged one's signature", func(w *world, id string) string {
			good := signed(t, w.assertion(id), w.theirs)
			from, to := strings.Index(good, "<ds:Signature"), strings.Index(good, "</ds:Signature>")
			signature := good[from:to] + "<ds:Object>" + w.assertion(id) + "</ds:Object></ds:Signature>"
			return w.response(id, replace("</saml:Issuer>", "</saml:Issuer>"+signature)(forged(w, id)))
		}, fault.KindUpstream, "form that SAML prescribes"},
		{"wrapping: the forged one takes the signature along", func(w *world, id string) string {
			good := signed(t, w.assertion(id), w.theirs)
			from, to := strings.Index(good, "<ds:Signature"), strings.Index(good, "</ds:Signature>")
			return w.response(id, replace("</saml:Issuer>", "</saml:Issuer>"+good[from:to]+"</ds:Signature>")(forged(w, id)))
		}, fault.KindUpstream, "form that SAML prescribes"},
		{"wrapping: and its id, too", func(w *world, id string) string {
			good := signed(t, w.assertion(id), w.theirs)
			from, to := strings.Index(good, "<ds:Signature"), strings.Index(good, "</ds:Signature>")
			return w.response(id, replace("</saml:Issuer>", "</saml:Issuer>"+good[from:to]+"</ds:Signature>")(strings.Replace(forged(w, id), `ID="a2"`, `ID="a1"`, 1)))
		}, fault.KindUpstream, "signature is wrong"},
		{"wrapping: the signed response inside a forged one", func(w *world, id string) string {
			good := signed(t, w.response(id, w.assertion(id)), w.theirs)
			return strings.Replace(w.response(id, forged(w, id)+"<samlp:Extensions>"+good+"</samlp:Extensions>"), `ID="r1"`, `ID="r2"`, 1)
		}, fault.KindUpstream, "form that SAML prescribes"},
		{"wrapping: in extensions", func(w *world, id string) string {
			return w.response(id, "<samlp:Extensions>"+signed(t, w.assertion(id), w.theirs)+"</samlp:Extensions>"+forged(w, id))
		}, fault.KindUpstream, "form that SAML prescribes"},
		{"wrapping: one encrypted, one not", func(w *world, id string) string {
			return w.response(id, encrypted(t, signed(t, w.assertion(id), w.theirs), w.ours.cert, usual)+forged(w, id))
		}, fault.KindUpstream, "holds 2 assertions"},
		{"wrapping: two inside one encryption", func(w *world, id string) string {
			return w.response(id, encrypted(t, replace("</saml:Assertion>", signed(t, w.assertion(id), w.theirs)+"</saml:Assertion>")(forged(w, id)), w.ours.cert, usual))
		}, fault.KindUpstream, "cannot be read or is not signed"},
		{"an id two times", func(w *world, id string) string {
			return w.response(id, replace(`<saml:Subject>`, `<saml:Subject ID="a1">`)(signed(t, w.assertion(id), w.theirs)))
		}, fault.KindUpstream, "id two times"},
		{"an assertion in another namespace", func(w *world, id string) string {
			return signed(t, w.response(id, strings.Replace(w.assertion(id), nsAssertion, "urn:x", 1)), w.theirs)
		}, fault.KindUpstream, "form that SAML prescribes"},
		// XML itself.
		{"a comment in the name (CVE-2017-11427, CVE-2017-11428)", after(replace("ada-4711", "ada<!-- -->-4711")), fault.KindUpstream, "comments"},
		{"a comment that hides what comes after", func(w *world, id string) string {
			return replace(evil, evil+"<!---->")(w.response(id, signed(t, replace("ada-4711", evil+".ada-4711")(w.assertion(id)), w.theirs)))
		}, fault.KindUpstream, "comments"},
		{"CDATA", after(replace("ada-4711", "<![CDATA[ada-4711]]>")), fault.KindUpstream, "declarations"},
		{"a document type (parser differential, ruby-saml CVE-2025-25291)", func(w *world, id string) string {
			return `<!DOCTYPE x [<!ENTITY e "x">]>` + w.response(id, signed(t, w.assertion(id), w.theirs))
		}, fault.KindUpstream, "declarations"},
		{"entities that grow", func(w *world, id string) string {
			return `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>`
		}, fault.KindUpstream, "declarations"},
		{"an entity that nobody declared", whole(func(s string) string { return s }), 0, ""}, // replaced below
		{"an instruction", after(replace("<samlp:Status>", "<?x y?><samlp:Status>")), fault.KindUpstream, "instructions"},
		{"another encoding", func(w *world, id string) string {
			return `<?xml version="1.0" encoding="UTF-16"?>` + w.response(id, signed(t, w.assertion(id), w.theirs))
		}, fault.KindUpstream, "UTF-8"},
		{"bytes that are no text", after(replace("ada-4711", "ada\xff")), fault.KindUpstream, "declarations"},
		{"very deep", func(*world, string) string { return strings.Repeat("<a>", 5000) + strings.Repeat("</a>", 5000) }, fault.KindUpstream, "too deep"},
		{"very many", func(*world, string) string { return "<a>" + strings.Repeat("<b/>", 60_000) + "</a>" }, fault.KindUpstream, "too large"},
		{"very many attributes", func(*world, string) string {
			return "<a" + strings.Repeat(" b='1'", 100) + "/>"
		}, fault.KindUpstream, "too large"},
		{"very long", func(*world, string) string { return "<a>" + strings.Repeat("x", maxDocument) + "</a>" }, fault.KindUpstream, "longer than"},
		{"two documents", func(w *world, id string) string {
			return w.response(id, signed(t, w.assertion(id), w.theirs)) + "<x/>"
		}, fault.KindUpstream, ""},
		{"cut short", func(w *world, id string) string {
			text := w.response(id, signed(t, w.assertion(id), w.theirs))
			return text[:len(text)-10]
		}, fault.KindUpstream, "cannot be read"},
		{"no XML", func(*world, string) string { return "s3cret" }, fault.KindUpstream, ""},
		{"an assertion alone", func(w *world, id string) string { return signed(t, w.assertion(id), w.theirs) }, fault.KindUpstream, "no Response"},
		// For whom, when, by whom.
		{"another audience", assert(replace("<saml:Audience>"+ourName, "<saml:Audience>https://other.example.com")), fault.KindUpstream, "Audience"},
		{"an audience that begins like ours", assert(replace("<saml:Audience>"+ourName, "<saml:Audience>"+ourName+".evil")), fault.KindUpstream, "Audience"},
		{"no audience", assert(func(s string) string {
			from, to := strings.Index(s, "<saml:AudienceRestriction>"), strings.Index(s, "</saml:Conditions>")
			return s[:from] + s[to:]
		}), fault.KindUpstream, "Audience"},
		{"two restrictions of which one is not ours", assert(replace("</saml:AudienceRestriction>", "</saml:AudienceRestriction><saml:AudienceRestriction><saml:Audience>x</saml:Audience></saml:AudienceRestriction>")), fault.KindUpstream, "Audience"},
		{"no conditions", assert(func(s string) string {
			from, to := strings.Index(s, "<saml:Conditions"), strings.Index(s, "<saml:AuthnStatement")
			return s[:from] + s[to:]
		}), fault.KindUpstream, "Conditions"},
		{"another recipient", assert(replace(`Recipient="`+consumer, `Recipient="https://other.example.com/acs`)), fault.KindUpstream, "Recipient"},
		{"no recipient", assert(replace(`Recipient="`+consumer+`"`, ``)), fault.KindUpstream, "Recipient"},
		{"no confirmation", assert(func(s string) string {
			from, to := strings.Index(s, "<saml:SubjectConfirmation "), strings.Index(s, "</saml:Subject>")
			return s[:from] + s[to:]
		}), fault.KindUpstream, "SubjectConfirmation"},
		{"another way to confirm", assert(replace("cm:bearer", "cm:sender-vouches")), fault.KindUpstream, "SubjectConfirmation"},
		{"another destination", whole(replace(`Destination="`+consumer, `Destination="https://other.example.com/acs`)), fault.KindUpstream, "Destination"},
		{"no destination in a signed response", whole(replace(` Destination="`+consumer+`"`, ``)), fault.KindUpstream, "Destination"},
		{"another destination in an unsigned response", after(replace(`Destination="`+consumer, `Destination="https://other.example.com/acs`)), fault.KindUpstream, "Destination"},
		{"another issuer of the assertion", assert(replace("<saml:Issuer>"+idpName, "<saml:Issuer>https://other.example.com")), fault.KindUpstream, "issued by"},
		{"another issuer of the response", whole(replace("<saml:Issuer>"+idpName, "<saml:Issuer>https://other.example.com")), fault.KindUpstream, "another provider"},
		{"an answer to another request", func(w *world, _ string) string { return w.response("p0", signed(t, w.assertion("p0"), w.theirs)) }, fault.KindUpstream, "InResponseTo"},
		{"an answer to no request", func(w *world, _ string) string { return w.response("", signed(t, w.assertion(""), w.theirs)) }, fault.KindUpstream, "InResponseTo"},
		{"a stolen assertion in a response that fits", func(w *world, id string) string {
			return w.response(id, signed(t, w.assertion("p0"), w.theirs))
		}, fault.KindUpstream, "InResponseTo"},
		{"an assertion that nobody asked for in a response that fits", func(w *world, id string) string {
			return w.response(id, signed(t, w.assertion(""), w.theirs))
		}, fault.KindUpstream, "InResponseTo"},
		{"of version 1.1", assert(replace(`Version="2.0"`, `Version="1.1"`)), fault.KindUpstream, "SAML 2.0"},
		{"no statement of signing in", assert(func(s string) string {
			from, to := strings.Index(s, "<saml:AuthnStatement"), strings.Index(s, "<saml:AttributeStatement")
			return s[:from] + s[to:]
		}), fault.KindUpstream, "AuthnStatement"},
		// Of whom.
		{"nobody", assert(replace("ada-4711", "")), fault.KindUpstream, "NameID"},
		{"no subject", assert(func(s string) string {
			from, to := strings.Index(s, "<saml:Subject>"), strings.Index(s, "<saml:Conditions")
			return s[:from] + s[to:]
		}), fault.KindUpstream, "SubjectConfirmation"},
		{"no issuer of the assertion", func(w *world, id string) string {
			return signed(t, w.response(id, replace("<saml:Issuer>"+idpName+"</saml:Issuer>", "")(w.assertion(id))), w.theirs)
		}, fault.KindUpstream, "issued by"},
		{"an empty assertion", func(w *world, id string) string {
			return signed(t, w.response(id, `<saml:Assertion/>`), w.theirs)
		}, fault.KindUpstream, "SAML 2.0"},
		{"an empty encrypted assertion", func(w *world, id string) string {
			return signed(t, w.response(id, `<saml:EncryptedAssertion/>`), w.theirs)
		}, fault.KindUpstream, "cannot be read"},
		{"no assertion", func(w *world, id string) string { return signed(t, w.response(id, ""), w.theirs) }, fault.KindUpstream, "holds no assertion"},
		{"two names", assert(replace("</saml:NameID>", "</saml:NameID><saml:NameID>x</saml:NameID>")), fault.KindUpstream, "names nobody"},
		{"a name with elements", assert(replace("ada-4711", "ada<saml:x/>-4711")), fault.KindUpstream, "names nobody"},
		{"a transient name", assert(replace(formatPersistent, "urn:oasis:names:tc:SAML:2.0:nameid-format:transient")), fault.KindUpstream, "not persistent"},
		{"an e-mail address", assert(replace(formatPersistent, "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress")), fault.KindUpstream, "not persistent"},
		{"a name without a format", assert(replace(` Format="`+formatPersistent+`"`, "")), fault.KindUpstream, "not persistent"},
		{"a name without end", assert(replace("ada-4711", strings.Repeat("x", 2000))), fault.KindUpstream, "subject"},
		{"groups beyond the assertion", assert(replace(`Name="groups"`, `Name="`+beyondLink+`"`)), fault.KindUpstream, "more groups"},
		{"an attribute without a name", assert(replace(`Name="groups"`, ``)), fault.KindUpstream, "without a name"},
		// Status.
		{"not let in", whole(replace(`<samlp:StatusCode Value="`+statusSuccess+`"/>`, `<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"/></samlp:StatusCode>`)), fault.KindForbidden, "did not let you in"},
		{"no name for us", whole(replace(`<samlp:StatusCode Value="`+statusSuccess+`"/>`, `<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Requester"><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:InvalidNameIDPolicy"/></samlp:StatusCode>`)), fault.KindUpstream, "persistent NameID"},
		{"no status", whole(replace(`<samlp:StatusCode Value="`+statusSuccess+`"/>`, ``)), fault.KindUpstream, "no status"},
		// Encryption.
		{"encrypted to somebody else", func(w *world, id string) string {
			return w.response(id, encrypted(t, signed(t, w.assertion(id), w.theirs), w.other.cert, usual))
		}, fault.KindUpstream, "cannot be read or is not signed"},
		{"encrypted, but not signed", func(w *world, id string) string {
			return w.response(id, encrypted(t, w.assertion(id), w.ours.cert, usual))
		}, fault.KindUpstream, "cannot be read or is not signed"},
		{"encrypted, signed by somebody else", func(w *world, id string) string {
			return w.response(id, encrypted(t, signed(t, w.assertion(id), w.other), w.ours.cert, usual))
		}, fault.KindUpstream, "cannot be read or is not signed"},
		{"encrypted by PKCS #1 v1.5", func(w *world, id string) string {
			return w.response(id, encrypted(t, signed(t, w.assertion(id), w.theirs), w.ours.cert, sealing{block: usual.block, key: "http://www.w3.org/2001/04/xmlenc#rsa-1_5"}))
		}, fault.KindUpstream, "cannot be read or is not signed"},
		{"encrypted with another digest than it says", func(w *world, id string) string {
			return w.response(id, encrypted(t, signed(t, w.assertion(id), w.theirs), w.ours.cert, sealing{block: usual.block, key: oaepMGF1, hash: crypto.SHA256, mask: crypto.SHA1}))
		}, fault.KindUpstream, "cannot be read or is not signed"},
		{"something else encrypted", func(w *world, id string) string { return w.response(id, encrypted(t, "<x/>", w.ours.cert, usual)) }, fault.KindUpstream, "cannot be read or is not signed"},
		{"a comment inside the encryption", func(w *world, id string) string {
			return w.response(id, encrypted(t, replace("ada-4711", "ada<!-- -->-4711")(signed(t, w.assertion(id), w.theirs)), w.ours.cert, usual))
		}, fault.KindUpstream, "cannot be read or is not signed"},
	}
	for _, test := range tests {
		if test.kind == 0 {
			test.make = func(w *world, id string) string {
				return replace("ada-4711", "&nobody;")(w.response(id, signed(t, w.assertion(id), w.theirs)))
			}
			test.kind, test.want = fault.KindUpstream, ""
		}
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, nil)
			s := w.begin()
			a, err := w.finish(s, test.make(w, s.ID))
			judge(t, a, err, test.kind, test.want)
		})
	}
}

// TestTimes: the provider's clock may be off a little, and nothing is good for long.
func TestTimes(t *testing.T) {
	tests := []struct {
		name  string
		later time.Duration // how much later the answer comes
		want  string
	}{
		{"at once", 0, ""},
		{"our clock is behind a little", -time.Minute, ""},
		{"after a few minutes", 5 * time.Minute, ""},
		{"after ten minutes", 10 * time.Minute, "IssueInstant"},
		{"our clock is behind much", -5 * time.Minute, "from the future"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, nil)
			s := w.begin()
			s.Started = s.Started.Add(min(0, test.later))
			text := w.response(s.ID, signed(t, w.assertion(s.ID), w.theirs))
			w.now = w.now.Add(test.later)
			a, err := w.finish(s, text)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			judge(t, a, err, fault.KindUpstream, "clocks")
		})
	}
	for name, change := range map[string]func(w *world) func(string) string{
		"conditions over": func(w *world) func(string) string {
			return replace(`NotOnOrAfter="`+stamp(w.now.Add(5*time.Minute))+`"><saml:Aud`, `NotOnOrAfter="`+stamp(w.now.Add(-3*time.Minute))+`"><saml:Aud`)
		},
		"conditions not begun": func(w *world) func(string) string {
			return replace(`NotBefore="`+stamp(w.now.Add(-time.Minute)), `NotBefore="`+stamp(w.now.Add(3*time.Minute)))
		},
		"conditions without sense": func(w *world) func(string) string { return replace(`NotBefore="`, `NotBefore="x`) },
		"confirmation over": func(w *world) func(string) string {
			return replace(`NotOnOrAfter="`+stamp(w.now.Add(5*time.Minute)), `NotOnOrAfter="`+stamp(w.now.Add(-3*time.Minute)))
		},
		"confirmation without end": func(w *world) func(string) string {
			return replace(` NotOnOrAfter="`+stamp(w.now.Add(5*time.Minute))+`"`, ``)
		},
		"confirmation for a year": func(w *world) func(string) string {
			return replace(stamp(w.now.Add(5*time.Minute)), stamp(w.now.Add(365*24*time.Hour)))
		},
		"confirmation with a start": func(w *world) func(string) string {
			return replace(`<saml:SubjectConfirmationData `, `<saml:SubjectConfirmationData NotBefore="`+stamp(w.now)+`" `)
		},
		"a session that is over": func(w *world) func(string) string {
			return replace(`SessionIndex=`, `SessionNotOnOrAfter="`+stamp(w.now.Add(-time.Hour))+`" SessionIndex=`)
		},
		"signed in there tomorrow": func(w *world) func(string) string {
			return replace(`AuthnInstant="`+stamp(w.now.Add(-time.Minute)), `AuthnInstant="`+stamp(w.now.Add(24*time.Hour)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			s := w.begin()
			a, err := w.finish(s, w.response(s.ID, signed(t, change(w)(w.assertion(s.ID)), w.theirs)))
			judge(t, a, err, fault.KindUpstream, "")
		})
	}
}

// TestAttacksOnTheState: an answer is good in the browser that asked, for a while.
func TestAttacksOnTheState(t *testing.T) {
	tests := map[string]func(w *world, s *State, f url.Values){
		"another relay state":   func(_ *world, _ *State, f url.Values) { f.Set("RelayState", "x") },
		"no relay state":        func(_ *world, _ *State, f url.Values) { f.Del("RelayState") },
		"two relay states":      func(_ *world, _ *State, f url.Values) { f.Add("RelayState", "x") },
		"two answers":           func(_ *world, _ *State, f url.Values) { f.Add("SAMLResponse", "x") },
		"no answer":             func(_ *world, _ *State, f url.Values) { f.Del("SAMLResponse") },
		"no state":              func(_ *world, s *State, _ url.Values) { *s = State{} },
		"another provider":      func(_ *world, s *State, _ url.Values) { s.Provider = "https://other.example.com" },
		"another address of us": func(_ *world, s *State, _ url.Values) { s.Consumer += "2" },
		"an hour later":         func(w *world, _ *State, _ url.Values) { w.now = w.now.Add(time.Hour) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			s := w.begin()
			f := form(s, w.response(s.ID, signed(t, w.assertion(s.ID), w.theirs)))
			change(w, &s, f)
			a, err := w.us.Finish(t.Context(), s, f)
			judge(t, a, err, fault.KindGone, "")
		})
	}
	w := newWorld(t, nil)
	s := w.begin()
	for _, text := range []string{"", "%%%", strings.Repeat("A", 2<<20)} {
		a, err := w.us.Finish(t.Context(), s, url.Values{"SAMLResponse": {text}, "RelayState": {s.Relay}})
		judge(t, a, err, fault.KindUpstream, "")
	}
}

func TestFreshAuthentication(t *testing.T) {
	w := newWorld(t, nil)
	_, s, err := w.us.Begin(t.Context(), Ask{Fresh: true})
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.finish(s, w.response(s.ID, signed(t, replace(`AuthnInstant="`+stamp(w.now.Add(-time.Minute)), `AuthnInstant="`+stamp(w.now.Add(-time.Hour)))(w.assertion(s.ID)), w.theirs)))
	judge(t, a, err, fault.KindForbidden, "did not ask you again")
}

// TestUnasked: answers that nobody asked for are taken where that is allowed, and name what is to be remembered.
func TestUnasked(t *testing.T) {
	w := newWorld(t, nil)
	take := func(text string) (string, Once, error) {
		a, once, err := w.us.Unasked(t.Context(), url.Values{"SAMLResponse": {base64.StdEncoding.EncodeToString([]byte(text))}})
		return a.Subject, once, err
	}
	if who, _, err := take(w.response("", signed(t, w.assertion(""), w.theirs))); !fault.Is(err, fault.KindForbidden) || who != "" {
		t.Errorf("where it is not allowed: %q, %v", who, err)
	}
	w = newWorld(t, func(c *Config) { c.IdPInitiated = true })
	who, once, err := take(w.response("", signed(t, w.assertion(""), w.theirs)))
	if err != nil || who != "ada-4711" || once.ID != "a1" || !once.Expires.After(w.now.Add(5*time.Minute)) {
		t.Errorf("got %q, %+v, %v", who, once, err)
	}
	if who, once, err := take(w.response("p0", signed(t, w.assertion("p0"), w.theirs))); !fault.Is(err, fault.KindUpstream) || who != "" || once.ID != "" {
		t.Errorf("a stolen answer to a request: %q, %v", who, err)
	}
	if who, _, err := take(w.response("", signed(t, w.assertion("p0"), w.theirs))); !fault.Is(err, fault.KindUpstream) || who != "" {
		t.Errorf("a stolen assertion: %q, %v", who, err)
	}
	s := w.begin()
	if _, err := w.finish(s, w.response("", signed(t, w.assertion(""), w.theirs))); !fault.Is(err, fault.KindUpstream) {
		t.Errorf("an answer that nobody asked for, to a sign-in: %v", err)
	}
}
