package ldap

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"postern/internal/access"
)

// fake is a server that answers as a test wants, right or wrong. It remembers every byte that it got.
type fake struct {
	url   string
	conns sync.WaitGroup

	mu  sync.Mutex // guards got
	got bytes.Buffer
}

// authority signs the certificates of fakes.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Corp CA"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der := must(x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key))(t)
	return &authority{must(x509.ParseCertificate(der))(t), key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// issue gives a certificate for 127.0.0.1, changed as a test wants.
func (a *authority) issue(t testing.TB, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "dc1"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{{127, 0, 0, 1}}, DNSNames: []string{"dc1.corp.test"}}
	if change != nil {
		change(leaf)
	}
	der := must(x509.CreateCertificate(rand.Reader, leaf, a.cert, &key.PublicKey, a.key))(t)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// newFake starts a server that hands each connection to serve, after TLS if there is a certificate.
func newFake(t testing.TB, cert *tls.Certificate, serve func(net.Conn)) *fake {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	f := &fake{url: "ldap://" + l.Addr().String()}
	if cert != nil {
		f.url = "ldaps://" + l.Addr().String()
	}
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	f.conns.Go(func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[raw] = true
			mu.Unlock()
			conn := net.Conn(raw)
			if cert != nil {
				conn = tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{*cert}})
			}
			f.conns.Go(func() {
				defer raw.Close()
				serve(&tapped{conn, f})
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		f.conns.Wait()
	})
	return f
}

// tapped notes what is read.
type tapped struct {
	net.Conn
	fake *fake
}

func (c *tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	c.fake.got.Write(p[:n])
	return n, err
}

func (f *fake) heard(text string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return bytes.Contains(f.got.Bytes(), []byte(text))
}

func (f *fake) received() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.got.Len()
}

// settings are those for this server.
func (f *fake) settings(ca string) access.LDAPSettings {
	return access.LDAPSettings{URLs: []string{f.url}, CA: ca, BaseDN: "dc=corp,dc=test", BindDN: "cn=reader,dc=corp,dc=test", AllowLoopback: true}
}

// request is one message of a client.
type request struct {
	id   int64
	tag  ber.Tag
	name string // of a bind: as whom
	op   *ber.Packet
}

// protocol answers requests as answer says, until it gives nothing.
func protocol(answer func(request) [][]byte) func(net.Conn) {
	return func(conn net.Conn) {
		for {
			packet, err := ber.ReadPacket(conn)
			if err != nil || len(packet.Children) < 2 {
				return
			}
			id, _ := packet.Children[0].Value.(int64)
			r := request{id: id, tag: packet.Children[1].Tag, op: packet.Children[1]}
			if r.tag == goldap.ApplicationUnbindRequest {
				return
			}
			if r.tag == goldap.ApplicationBindRequest {
				r.name, _ = r.op.Children[1].Value.(string)
			}
			answers := answer(r)
			if answers == nil {
				io.Copy(io.Discard, conn) // silence, until the client goes
				return
			}
			if _, err := conn.Write(slices.Concat(answers...)); err != nil {
				return
			}
		}
	}
}

// message wraps an operation.
func message(id int64, op *ber.Packet, controls ...*ber.Packet) []byte {
	m := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	m.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	m.AppendChild(op)
	if len(controls) > 0 {
		list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		for _, c := range controls {
			list.AppendChild(c)
		}
		m.AppendChild(list)
	}
	return m.Bytes()
}

// result is an operation's end: the tag of its answer, a code and what the server says to it.
func result(tag ber.Tag, code int64, says string) *ber.Packet {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""))
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, says, ""))
	return op
}

// entry is a found entry: names of attributes and values in turn.
func entry(dn string, pairs ...string) *ber.Packet {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, goldap.ApplicationSearchResultEntry, nil, "")
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, dn, ""))
	list := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	for i := 0; i < len(pairs); i += 2 {
		a := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
		a.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, pairs[i], ""))
		values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		values.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, pairs[i+1], ""))
		a.AppendChild(values)
		list.AppendChild(a)
	}
	op.AppendChild(list)
	return op
}

// ada is the entry that right fakes give.
func ada() *ber.Packet {
	return entry("uid=ada,dc=corp,dc=test", "uid", "ada", "entryUUID", "af47a4a4-79ff-1041-8885-05cad714e21a")
}

func done(id int64) []byte { return message(id, result(goldap.ApplicationSearchResultDone, 0, "")) }
func bound(id int64) []byte {
	return message(id, result(goldap.ApplicationBindResponse, 0, ""))
}

// right answers as a directory with ada in it does.
func right(r request) [][]byte {
	if r.tag == goldap.ApplicationBindRequest {
		return [][]byte{bound(r.id)}
	}
	if bytes.Contains(r.op.Bytes(), []byte("memberUid")) {
		return [][]byte{done(r.id)} // in no group
	}
	return [][]byte{message(r.id, ada()), done(r.id)}
}

func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
