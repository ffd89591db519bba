package http2_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	frames "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"postern/internal/http2"
)

// FuzzHPACK holds the decoder against x/net's: blocks, one after the other with one table, are both taken, with the same fields,
// or both refused.
func FuzzHPACK(f *testing.F) {
	f.Add([]byte(good), []byte("\x40\x01a\x01b\xbe"))
	f.Add([]byte("\x3f\xe1\x1f\x40\x81\x1f\x81\x1f"), []byte("\x20\xbe"))
	f.Add([]byte("\x21\x40\x01a\x01b"), []byte("\x3f\x45\x40\x01a\x28"+strings.Repeat("x", 40)))
	f.Add(bytes.Repeat([]byte("\x40\x03abc\x7f\x00"+strings.Repeat("y", 127)), 40), []byte("\xbe\xbf\xc0\x7e\x01z"))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		ours := http2.NewDecoder()
		theirs := hpack.NewDecoder(4096, nil)
		for _, block := range [][]byte{one, two} {
			got, ok := ours.Decode(block)
			list, err := theirs.DecodeFull(block)
			if !ok && err == nil && stricter(block) || ok && err != nil && twoSizes(block, err) {
				return
			}
			if ok != (err == nil) {
				t.Fatalf("%x: ours %v, theirs %v", block, ok, err)
			}
			if !ok {
				return
			}
			var want []string
			for _, f := range list {
				want = append(want, f.Name+": "+f.Value)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%x: ours %q, theirs %q", block, got, want)
			}
		}
	})
}

// stricter: x/net takes numbers of up to 63 bits, and table sizes in more places and more of them.
func stricter(block []byte) bool {
	return bytes.ContainsFunc(block, func(r rune) bool { return r >= 0x20 && r < 0x40 || r >= 0x80 })
}

// twoSizes: a block may begin with two table sizes, the smallest in between and the last (RFC 7541, section 4.2). x/net refuses the
// second, if there are fields in its table.
func twoSizes(block []byte, err error) bool {
	return block[0]>>5 == 1 && strings.Contains(err.Error(), "size update MUST occur at the beginning")
}

// FuzzConnection sends a server what it likes after the preface and settings: it does not panic, it ends when the client
// does, and no goroutine and no buffer is left. What it says is understood by x/net's framer, to the last frame.
func FuzzConnection(f *testing.F) {
	for _, row := range floods {
		f.Add([]byte(row.frames(0) + row.frames(1) + row.frames(2)))
	}
	f.Add([]byte(frame(1, 4, 1, good) + frame(0, 0, 1, "hello") + frame(1, 5, 1, "\x00\x01a\x01b")))
	f.Add([]byte(frame(4, 0, 0, "\x00\x04\x00\x00\x00\x03") + frame(1, 5, 1, good) + frame(8, 0, 1, "\x00\x00\x00\x02") + frame(3, 0, 1, "1234")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		server := http2.NewServer(http2.Config{Handle: tell, Limits: http2.Limits{Linger: 10 * time.Millisecond}})
		defer server.Close()
		ours, theirs := net.Pipe()
		done := make(chan error, 1)
		go func() { done <- server.Serve(t.Context(), ours) }()
		said := make(chan error, 1)
		go func() {
			framer := frames.NewFramer(io.Discard, theirs)
			for {
				if _, err := framer.ReadFrame(); err != nil {
					said <- err
					return
				}
			}
		}()
		_ = theirs.SetDeadline(time.Now().Add(within))
		_, _ = io.WriteString(theirs, frames.ClientPreface+frame(4, 0, 0, ""))
		_, _ = theirs.Write(raw) // it may be refused in the middle
		_ = theirs.Close()
		select {
		case <-done:
		case <-time.After(within):
			t.Fatal("the server does not end")
		}
		if err := <-said; strings.Contains(err.Error(), "PROTOCOL") || strings.Contains(err.Error(), "too large") {
			t.Fatalf("what the server says: %v", err)
		}
	})
}

// FuzzRequest sends a head of a good request's fields and one more: what reaches Handle has nothing in it that could be
// another field, and is what x/net would take.
func FuzzRequest(f *testing.F) {
	for _, row := range requests {
		last := row.fields[len(row.fields)-1]
		if at := strings.Index(last[1:], ": ") + 1; at > 0 && len(last) < 1000 {
			f.Add(last[:at], last[at+2:])
		}
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if len(name)+len(value) > 8000 {
			return
		}
		fields, ok := http2.ReadFields([][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "example.com"}, {":path", "/"}, {name, value}})
		if !ok {
			return
		}
		for _, f := range fields {
			if strings.ContainsAny(f[0], "ABCDEFGHIJKLMNOPQRSTUVWXYZ: \t\r\n\x00") || f[0] == "" || strings.ContainsAny(f[1], "\r\n\x00") || strings.TrimSpace(f[1]) != f[1] && strings.Trim(f[1], " \t") != f[1] {
				t.Fatalf("%q: %q was taken", f[0], f[1])
			}
			switch f[0] {
			case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host":
				t.Fatalf("%q was taken", f[0])
			}
		}
	})
}
