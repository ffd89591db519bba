package control_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
)

// passkey is an authenticator with one key, which does as it is told: WebAuthn level 3, section 6.
type passkey struct {
	t       *testing.T
	key     *ecdsa.PrivateKey
	id      []byte
	handle  []byte
	origin  string
	party   string
	flags   byte
	counter uint32
}

const (
	userPresent  = 0x01
	userVerified = 0x04
	withKey      = 0x40
)

func newPasskey(t *testing.T) *passkey {
	id := make([]byte, 16)
	rand.Read(id)
	return &passkey{t: t, key: newKey(t), id: id, origin: "https://access.example.com", party: "access.example.com", flags: userPresent | userVerified, counter: 1}
}

var b64url = base64.RawURLEncoding

// asked is what a page asks navigator.credentials.
type asked struct {
	Challenge string `json:"challenge"`
	User      struct {
		ID string `json:"id"`
	} `json:"user"`
}

func (p *passkey) read(options []byte) asked {
	p.t.Helper()
	var a asked
	if err := json.Unmarshal(options, &a); err != nil {
		p.t.Fatal(err)
	}
	return a
}

func (p *passkey) client(kind, challenge string) []byte {
	data, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": p.origin, "crossOrigin": false})
	return must(p.t, data, err)
}

func (p *passkey) authData(flags byte) []byte {
	party := sha256.Sum256([]byte(p.party))
	return binary.BigEndian.AppendUint32(append(party[:], flags), p.counter)
}

// create answers navigator.credentials.create.
func (p *passkey) create(options []byte) []byte {
	a := p.read(options)
	p.handle, _ = b64url.DecodeString(a.User.ID)
	point, err := p.key.PublicKey.Bytes()
	if err != nil {
		p.t.Fatal(err)
	}
	data := append(p.authData(p.flags|withKey), make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(p.id)))
	data = append(data, p.id...)
	data = append(data, 0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20) // a COSE key: EC2, ES256, P-256
	data = append(append(append(data, point[1:33]...), 0x22, 0x58, 0x20), point[33:]...)
	object := append([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59"), byte(len(data)>>8), byte(len(data)))
	return p.answer(map[string]any{
		"clientDataJSON": b64url.EncodeToString(p.client("webauthn.create", a.Challenge)), "attestationObject": b64url.EncodeToString(append(object, data...)),
	})
}

// get answers navigator.credentials.get.
func (p *passkey) get(options []byte) []byte {
	p.counter++
	client, data := p.client("webauthn.get", p.read(options).Challenge), p.authData(p.flags)
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(bytes.Clone(data), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, p.key, sum[:])
	return p.answer(map[string]any{
		"clientDataJSON": b64url.EncodeToString(client), "authenticatorData": b64url.EncodeToString(data),
		"signature": b64url.EncodeToString(must(p.t, signature, err)), "userHandle": b64url.EncodeToString(p.handle),
	})
}

func (p *passkey) answer(response map[string]any) []byte {
	id := b64url.EncodeToString(p.id)
	data, err := json.Marshal(map[string]any{"id": id, "rawId": id, "type": "public-key", "response": response})
	return must(p.t, data, err)
}

// withPasskey is a user with a passkey.
func (k *kit) withPasskey(name string) (access.User, *passkey) {
	k.t.Helper()
	u, p := k.user(name), newPasskey(k.t)
	own := k.own(k.signIn(name))
	offer, err := k.OfferFactor(k.t.Context(), own)
	if err != nil {
		k.t.Fatal(err)
	}
	if _, err := k.AddFactor(k.t.Context(), anyone(), own, control.Answer{State: offer.State, Passkey: p.create(offer.Passkey)}); err != nil {
		k.t.Fatal(err)
	}
	return u, p
}

// alone signs in with the passkey and nothing else. change may alter it after the page was shown.
func (k *kit) alone(p *passkey, change func(p *passkey)) (control.Progress, error) {
	k.t.Helper()
	offer, err := k.OfferPasskey(binding, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	used := *p
	if change != nil {
		change(&used)
	}
	p.counter++
	return k.ContinueSignIn(k.t.Context(), anyone(), control.Answer{State: offer.State, Binding: binding, Passkey: used.get(offer.Passkey)})
}

func TestPasskeys(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ada, p := k.withPasskey("ada")
		done, err := k.alone(p, nil)
		if err != nil || done.Who.User != ada.ID || !slices.Equal(done.Who.Methods, []string{"pop", "user"}) || !access.Strong(done.Who.Methods) {
			t.Fatalf("alone: %+v, %v", done, err)
		}
		next := k.begin("ada", binding)
		if next.Next == nil || next.Next.Passkey == nil || next.Next.TOTP {
			t.Fatalf("%+v", next)
		}
		done, err = k.answer(next, control.Answer{Passkey: p.get(next.Next.Passkey)})
		if err != nil || !slices.Equal(done.Who.Methods, []string{"pwd", "pop", "user"}) {
			t.Fatalf("beside the password: %+v, %v", done, err)
		}
		k.require(ada.ID) // what a passkey alone proved is enough
		if done, err = k.alone(p, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := k.PortalSession(t.Context(), done.Cookie); err != nil {
			t.Error(err)
		}
	})
}

func TestAttacksWithPasskeys(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ada, p := k.withPasskey("ada")
		eve, hers := k.withPasskey("eve")
		if _, err := k.alone(p, nil); err != nil {
			t.Fatal(err)
		}
		last := p.counter
		attacks := map[string]func(p *passkey){
			"made by another page":          func(p *passkey) { p.origin = "https://access.example.com.evil.test" },
			"made by an application's page": func(p *passkey) { p.origin = "https://wiki.example.com" },
			"made over plain HTTP":          func(p *passkey) { p.origin = "http://access.example.com" },
			"for another party":             func(p *passkey) { p.party = "example.com" },
			"another key":                   func(p *passkey) { p.key = newKey(t) },
			"nobody was there":              func(p *passkey) { p.flags = userVerified },
			"nobody was verified":           func(p *passkey) { p.flags = userPresent },
			"a counter that fell":           func(p *passkey) { p.counter = 0 },
			"a counter that stood still":    func(p *passkey) { p.counter = last - 1 },
			"an id nobody has":              func(p *passkey) { p.id = []byte("sixteen bytes ab") },
			"another's handle":              func(p *passkey) { p.handle = []byte(eve.ID) },
			"no handle":                     func(p *passkey) { p.handle = nil },
			"another's passkey, this handle": func(p *passkey) {
				p.id, p.key, p.counter, p.handle = hers.id, hers.key, hers.counter+10, []byte(ada.ID)
			},
		}
		for name, change := range attacks {
			if done, err := k.alone(p, change); !fault.Is(err, fault.KindUnauthenticated) || done.Cookie != "" {
				t.Errorf("%s: %+v, %v", name, done, err)
			}
		}
		offer, _ := k.OfferPasskey(binding, nil)
		other, _ := k.OfferPasskey(binding, nil)
		answer := p.get(offer.Passkey)
		tries := []struct {
			name string
			a    control.Answer
			kind fault.Kind
		}{
			{"for another challenge", control.Answer{State: other.State, Binding: binding, Passkey: answer}, fault.KindUnauthenticated},
			{"in another browser", control.Answer{State: offer.State, Binding: "another", Passkey: answer}, fault.KindGone},
			{"a step for a password", control.Answer{State: k.begin("eve", binding).Next.State, Binding: binding, Passkey: answer}, fault.KindUnauthenticated},
		}
		for _, try := range tries {
			if done, err := k.ContinueSignIn(t.Context(), anyone(), try.a); !fault.Is(err, try.kind) || done.Cookie != "" {
				t.Errorf("%s: %+v, %v", try.name, done, err)
			}
		}
		good := control.Answer{State: offer.State, Binding: binding, Passkey: answer}
		if _, err := k.ContinueSignIn(t.Context(), anyone(), good); err != nil {
			t.Fatal(err)
		}
		if done, err := k.ContinueSignIn(t.Context(), anyone(), good); err == nil || done.Cookie != "" {
			t.Errorf("replayed: %+v, %v", done, err)
		}
		// One passkey is one user's: eve cannot register ada's to be taken for her.
		own := k.confirmedWith(hers, "eve")
		add, err := k.OfferFactor(t.Context(), own)
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.AddFactor(t.Context(), anyone(), own, control.Answer{State: add.State, Passkey: p.create(add.Passkey)})
		wantKind(t, err, fault.KindConflict)
	})
}

// confirmedWith signs in and confirms with the passkey alone.
func (k *kit) confirmedWith(p *passkey, name string) control.Own {
	k.t.Helper()
	done, err := k.alone(p, nil)
	if err != nil || done.Who.Name != name {
		k.t.Fatalf("%+v, %v", done, err)
	}
	offer, err := k.OfferPasskey(binding, &done.Who)
	if err != nil {
		k.t.Fatal(err)
	}
	confirmed, err := k.ContinueSignIn(k.t.Context(), anyone(), control.Answer{State: offer.State, Binding: binding, Passkey: p.get(offer.Passkey)})
	if err != nil || confirmed.Confirmed == "" {
		k.t.Fatalf("%+v, %v", confirmed, err)
	}
	return control.Own{Who: done.Who, Confirmed: confirmed.Confirmed, Binding: binding}
}
