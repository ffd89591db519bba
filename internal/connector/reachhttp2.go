package connector

import (
	"io"
	"time"

	"postern/internal/wire"
)

// http2Within bounds how long a backend may take to say that it speaks HTTP/2.
const http2Within = 2 * time.Second

// http2Preface begins a connection with prior knowledge (RFC 9113, section 3.4), with no setting that differs from its default.
const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// http2Farewell is GOAWAY with no error: nothing was asked.
const http2Farewell = "\x00\x00\x08\x07\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00"

// speaksHTTP2 says whether a backend without TLS answers HTTP/2 as HTTP/2, which TLS would have told: its first frame must be
// its settings. No request is made.
func speaksHTTP2(t *target, b *backend) *wire.Refusal {
	if t.tls != nil || t.Protocol != "http2" {
		return nil
	}
	_ = b.SetDeadline(time.Now().Add(http2Within)) // fails on a closed connection, as what follows then does
	var head [9]byte
	_, err := io.WriteString(b, http2Preface)
	if err == nil {
		_, err = io.ReadFull(b, head[:])
	}
	switch {
	case isTimeout(err):
		return noHTTP2(t, "does not answer its preface (h2c)")
	case err != nil:
		return noHTTP2(t, "hangs up at its preface (h2c)")
	case string(head[:5]) == "HTTP/":
		return noHTTP2(t, "answers its preface (h2c) with HTTP/1")
	case head[3] != 4 || head[4]&1 != 0 || string(head[5:]) != "\x00\x00\x00\x00":
		return noHTTP2(t, "answers its preface (h2c) with something else")
	}
	_, _ = io.WriteString(b, http2Farewell) // it is closed next
	return nil
}
