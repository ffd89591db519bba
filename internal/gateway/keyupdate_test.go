package gateway_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/internal/gateway"
)

// A keyed client writes the records of a TLS 1.3 connection itself, as crypto/tls does not let anybody ask for new keys.
type keyed struct {
	t      *testing.T
	conn   net.Conn
	secret []byte
	number uint64
}

func newKeyed(t *testing.T, address, host string) *keyed {
	small := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) }) // best effort
	}}
	raw, err := small.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	_ = raw.SetDeadline(time.Now().Add(2 * patience))
	var keys strings.Builder
	c := tls.Client(raw, &tls.Config{ServerName: host, InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}, KeyLogWriter: &keys})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if suite := c.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Fatalf("this test knows AES-128-GCM only, not %x", suite)
	}
	k := &keyed{t: t, conn: raw}
	for line := range strings.Lines(keys.String()) {
		if f := strings.Fields(line); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
			k.secret, _ = hex.DecodeString(f[2])
		}
	}
	return k
}

// expand is HKDF-Expand-Label (RFC 8446 section 7.1).
func (k *keyed) expand(label string, length int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(length))
	info = append(info, byte(len("tls13 "+label)))
	info = append(info, "tls13 "+label+"\x00"...)
	out, err := hkdf.Expand(sha256.New, k.secret, string(info), length)
	if err != nil {
		k.t.Fatal(err)
	}
	return out
}

// record makes one record (RFC 8446 section 5.2).
func (k *keyed) record(content byte, data []byte) []byte {
	block, _ := aes.NewCipher(k.expand("key", 16)) // the length is right
	aead, _ := cipher.NewGCM(block)
	nonce, inner := k.expand("iv", 12), append(append([]byte(nil), data...), content)
	for i, b := range binary.BigEndian.AppendUint64(nil, k.number) {
		nonce[4+i] ^= b
	}
	k.number++
	head := []byte{23, 3, 3, 0, 0}
	binary.BigEndian.PutUint16(head[3:], uint16(len(inner)+aead.Overhead()))
	return aead.Seal(head, nonce, inner, head)
}

// update asks for new keys (RFC 8446 section 4.6.3), and takes those itself.
func (k *keyed) update() []byte {
	record := k.record(22, []byte{24, 0, 0, 1, 1})
	k.secret, k.number = k.expand("traffic upd", 32), 0
	return record
}

// TestKeyUpdatesThatNobodyReads: TLS answers a KeyUpdate while it reads. A client that asks for ever more and reads nothing holds
// its connection no longer than any other that sends half a header.
func TestKeyUpdatesThatNobodyReads(t *testing.T) {
	w := newWorld(t, func(c *gateway.Config) { c.Limits.RequestHeader = 3 * time.Second })
	w.publish("https://wiki.test/", "http://127.0.0.1:9/", nil)
	k := newKeyed(t, w.address, "wiki.test")
	if _, err := k.conn.Write(k.record(23, []byte("GET / HTTP/1.1\r\nHost: wiki.test\r\nX: "))); err != nil {
		t.Fatal(err)
	}
	for sent := 0; sent < 1_000_000; sent += 10 {
		batch := k.record(23, []byte("y")) // crypto/tls ends a connection that brings nothing else
		for range 10 {
			batch = append(batch, k.update()...)
		}
		// The gateway stops reading when its answer does not fit any more: then this fails in time, or when it has ended the connection.
		_ = k.conn.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := k.conn.Write(batch); err != nil {
			t.Log(fmt.Sprint(sent, " updates were taken, then: ", err))
			w.until("the connection ends", func() bool { return w.metric("postern_gateway_connections") == 0 })
			return
		}
	}
	t.Fatal("a million updates were answered to nobody")
}
