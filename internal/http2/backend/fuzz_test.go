package backend

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// FuzzBackend: whatever a backend sends, the connection neither breaks nor hangs nor holds more than its windows, and a response that is
// taken for complete was complete. The first byte says how large the pieces are in which it comes.
func FuzzBackend(f *testing.F) {
	settings := "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	f.Add(byte(0), []byte(settings+"\x00\x00\x01\x01\x05\x00\x00\x00\x01\x88"))                                                                    // 200, ended
	f.Add(byte(1), []byte(settings+"\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88"+"\x00\x00\x02\x00\x01\x00\x00\x00\x01hi"))                           // with a body
	f.Add(byte(2), []byte(settings+"\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x07"))                                                        // refused
	f.Add(byte(3), []byte(settings+"\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))                                        // GOAWAY
	f.Add(byte(7), []byte(settings+"\x00\x00\x04\x08\x00\x00\x00\x00\x01\x7f\xff\xff\xff"))                                                        // a window too large
	f.Add(byte(9), []byte(settings+"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x88"+"\x00\x00\x00\x09\x04\x00\x00\x00\x01"))                             // continued
	f.Add(byte(0), []byte(settings+"\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88"+"\x00\x00\x05\x00\x08\x00\x00\x00\x01\x02hi\x00\x00"))               // padded
	f.Add(byte(0), []byte(settings+"\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678"+"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00")) // PING, no window
	f.Add(byte(0), []byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Fuzz(func(t *testing.T, pieces byte, data []byte) {
		client, server := net.Pipe()
		go func() {
			go io.Copy(io.Discard, server)
			for len(data) > 0 {
				n := min(len(data), int(pieces)+1)
				if _, err := server.Write(data[:n]); err != nil {
					break
				}
				data = data[n:]
			}
			server.Close()
		}()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := Dial(ctx, client, Config{Budget: NewBudget(1 << 20), Limits: Limits{Silence: time.Hour}})
		if errors.Is(err, context.DeadlineExceeded) {
			t.Fatal("it hangs")
		}
		if err != nil {
			return
		}
		defer func() { c.Close(); <-c.Done() }()
		s, err := c.Open(post(-1))
		if err != nil {
			return
		}
		defer s.Close()
		go func() {
			_, _ = s.Write(make([]byte, 100_000))
			_ = s.CloseWrite(nil)
		}()
		stop := context.AfterFunc(ctx, func() { s.Reset(http2.ErrCodeCancel, context.DeadlineExceeded) })
		defer stop()
		head := &Head{}
		for err == nil && head.Status < 200 {
			if head, err = s.Head(); err == nil && (head.Status < 100 || head.Status == 101 || head.Status > 599) {
				t.Fatalf("status %d", head.Status)
			}
		}
		var n int64
		if err == nil {
			n, err = io.Copy(io.Discard, s)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			t.Fatal("it hangs")
		}
		if err == nil && head.Length > 0 && n != head.Length {
			t.Fatalf("%d bytes of %d are taken for all", n, head.Length)
		}
	})
}
