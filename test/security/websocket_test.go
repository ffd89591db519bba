package security

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"postern/internal/posterntest"
	"postern/test/size"
)

// frame gives the bytes of a WebSocket frame (RFC 6455, section 5.2). first is its first byte: FIN, reserved bits, opcode.
func frame(first byte, masked bool, payload []byte) []byte {
	out, mask := []byte{first}, byte(0)
	if masked {
		mask = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		out = append(out, mask|byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, mask|126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, mask|127), uint64(n))
	}
	if masked {
		return append(append(out, 0, 0, 0, 0), payload...) // a mask that changes nothing is a mask
	}
	return append(out, payload...)
}

// everyFrame gives frames of each opcode, final or not, with each of the bits that extensions use, of sizes with each form of
// length; the close frame comes last.
func everyFrame(masked bool) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var all []byte
	for _, length := range []int{0, 1, 125, 126, 127, 65535, 65536} {
		payload := make([]byte, length)
		for i := range payload {
			payload[i] = byte(random.Uint32())
		}
		for _, first := range []byte{0x00, 0x80, 0x10, 0x20, 0x40, 0xf0} {
			for opcode := range byte(16) {
				if opcode != 8 && (length < 65535 || opcode < 3) {
					all = append(all, frame(first|opcode, masked, payload)...)
				}
			}
		}
	}
	return append(all, frame(0x88, masked, append([]byte{0x03, 0xe8}, "done"...))...)
}

// rawSocket is a backend that accepts one WebSocket, sends its bytes, and keeps what it got.
type rawSocket struct {
	url  string
	head chan string // of the request
	got  chan []byte // once the client has ended
}

func newRawSocket(t *testing.T, answer string, down []byte) *rawSocket {
	t.Helper()
	listener := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	b := &rawSocket{url: "http://" + listener.Addr().String() + "/", head: make(chan string, 1), got: make(chan []byte, 1)}
	ended := make(chan struct{})
	t.Cleanup(func() { listener.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if b.accept(conn, answer, down) {
				return
			}
		}
	}()
	return b
}

// accept serves one connection, and reports whether it was the WebSocket.
func (b *rawSocket) accept(conn net.Conn, answer string, down []byte) bool {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * posterntest.Patience)) // enough for all, so that a failure ends
	in := bufio.NewReader(conn)
	head := ""
	for !strings.HasSuffix(head, "\r\n\r\n") {
		line, err := in.ReadString('\n')
		if err != nil {
			return false
		}
		head += line
	}
	if !strings.Contains(head, "Upgrade: websocket") { // somebody signs in
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
		return false
	}
	b.head <- head
	io.WriteString(conn, answer)
	sent := make(chan struct{})
	go func() { defer close(sent); conn.Write(down) }()
	want := len(everyFrame(true))
	got := make([]byte, want)
	n, _ := io.ReadFull(in, got)
	<-sent
	b.got <- got[:n]
	return true
}

// TestFramesPassAsTheyAre: a WebSocket's bytes are the application's own, in both directions, whatever they are; so are
// what both sides agree on in the handshake, and the cookies of the reply.
func TestFramesPassAsTheyAre(t *testing.T) {
	w := &world{System: posterntest.New(t)}
	w.connector = w.Connector("site")
	up, down := everyFrame(true), everyFrame(false)
	backend := newRawSocket(t, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"+
		"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\nSec-WebSocket-Protocol: chat\r\nSet-Cookie: a=b; Path=/\r\n\r\n", down)
	w.Assign(w.Publish("socket", backend.url), w.User("ada"))
	session, _ := w.session(t, "socket", "ada")

	conn := w.dial(t, "socket")
	fmt.Fprint(conn, w.rawRequest("socket", sessionCookie+"="+session, "Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", "Sec-WebSocket-Protocol: chat, other",
		"Origin: https://"+w.host("socket")))
	in := bufio.NewReader(conn)
	res := must(http.ReadResponse(in, nil))(t)
	for name, want := range map[string]string{
		"Sec-Websocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "Sec-Websocket-Extensions": "permessage-deflate; server_no_context_takeover",
		"Sec-Websocket-Protocol": "chat", "Upgrade": "websocket", "Connection": "Upgrade", "Set-Cookie": "a=b; Path=/",
	} {
		if got := res.Header.Get(name); res.StatusCode != http.StatusSwitchingProtocols || got != want {
			t.Errorf("%s, %s: %q, want %q", res.Status, name, got, want)
		}
	}
	head := <-backend.head
	for _, line := range []string{"Sec-Websocket-Version: 13", "Sec-Websocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
		"Sec-Websocket-Extensions: permessage-deflate; client_max_window_bits", "Sec-Websocket-Protocol: chat, other"} {
		if !strings.Contains(strings.ToLower(head), strings.ToLower("\r\n"+line+"\r\n")) {
			t.Errorf("the backend got no %q: %q", line, head)
		}
	}
	go conn.Write(up) // what does not arrive is missed below
	got := make([]byte, len(down))
	if _, err := io.ReadFull(in, got); err != nil || !bytes.Equal(got, down) {
		t.Errorf("the client got other bytes than were sent: %v", err)
	}
	if got := <-backend.got; !bytes.Equal(got, up) {
		t.Errorf("the backend got other bytes than were sent: %d of %d", len(got), len(up))
	}
}

// sockets is a world with a WebSocket application and somebody who may use it.
type sockets struct {
	*world
	cookie string
	client *http.Client
}

func newSockets(t *testing.T, handler http.HandlerFunc) *sockets {
	t.Helper()
	s := &sockets{world: &world{System: posterntest.New(t)}}
	s.connector = s.Connector("site")
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			page(w, r) // somebody signs in
			return
		}
		handler(w, r)
	}))
	s.Assign(s.Publish("socket", backend.URL), s.User("ada"))
	session, _ := s.session(t, "socket", "ada")
	s.cookie = sessionCookie + "=" + session
	s.client = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", s.Address())
		},
		TLSClientConfig: &tls.Config{RootCAs: s.Roots},
	}}
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

// open opens a WebSocket as a browser does.
func (s *sockets) open(ctx context.Context, path string, mode websocket.CompressionMode) (*websocket.Conn, error) {
	c, _, err := websocket.Dial(ctx, s.URL("socket", path), &websocket.DialOptions{HTTPClient: s.client, CompressionMode: mode,
		HTTPHeader: http.Header{"Cookie": {s.cookie}, "Origin": {"https://" + s.host("socket")}}})
	if err == nil {
		c.SetReadLimit(-1)
	}
	return c, err
}

func accept(w http.ResponseWriter, r *http.Request) *websocket.Conn {
	mode := websocket.CompressionDisabled
	if strings.Contains(r.URL.Path, "deflate") {
		mode = websocket.CompressionContextTakeover
	}
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, CompressionMode: mode})
	if err != nil {
		return nil // it has answered
	}
	c.SetReadLimit(-1)
	return c
}

// TestCloseCodes: either side ends a WebSocket with a code and a reason, and the other learns both.
func TestCloseCodes(t *testing.T) {
	told := make(chan error, 1)
	s := newSockets(t, func(w http.ResponseWriter, r *http.Request) {
		c := accept(w, r)
		if c == nil {
			return
		}
		var code int
		if n, _ := fmt.Sscanf(r.URL.Path, "/close/%d", &code); n == 1 {
			c.Close(websocket.StatusCode(code), "because")
			return
		}
		_, _, err := c.Read(r.Context())
		told <- err
	})
	ctx, cancel := context.WithTimeout(t.Context(), 4*posterntest.Patience)
	defer cancel()
	for _, code := range []websocket.StatusCode{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		c := must(s.open(ctx, fmt.Sprintf("/close/%d", code), websocket.CompressionDisabled))(t)
		_, _, err := c.Read(ctx)
		if e, ok := errors.AsType[websocket.CloseError](err); !ok || e.Code != code || e.Reason != "because" {
			t.Errorf("%d of the backend: the client got %v", code, err)
		}
		c.CloseNow()
		c = must(s.open(ctx, "/", websocket.CompressionDisabled))(t)
		c.Close(code, "that is why")
		err = <-told
		if e, ok := errors.AsType[websocket.CloseError](err); !ok || e.Code != code || e.Reason != "that is why" {
			t.Errorf("%d of the client: the backend got %v", code, err)
		}
	}
}

// TestLargeMessages sends large messages both ways, each in one frame and in many, plain and compressed.
func TestLargeMessages(t *testing.T) {
	s := newSockets(t, func(w http.ResponseWriter, r *http.Request) {
		c := accept(w, r)
		if c == nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, message, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, message) != nil { // one frame, unless it is compressed
				return
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*posterntest.Patience)
	defer cancel()
	message := make([]byte, size.Of(4<<20, 64<<20))
	rand.NewChaCha8([32]byte{1}).Read(message[:len(message)/2]) // the other half compresses well
	want := sha256.Sum256(message)
	for path, mode := range map[string]websocket.CompressionMode{"/plain": websocket.CompressionDisabled, "/deflate": websocket.CompressionContextTakeover} {
		c := must(s.open(ctx, path, mode))(t)
		for _, fragments := range []int{1, 1000} {
			check(t, write(ctx, c, message, fragments))
			_, got, err := c.Read(ctx)
			if err != nil || sha256.Sum256(got) != want {
				t.Fatalf("%s in %d fragments: %d bytes came back, %v", path, fragments, len(got), err)
			}
		}
		c.Close(websocket.StatusNormalClosure, "")
	}
}

func write(ctx context.Context, c *websocket.Conn, message []byte, fragments int) error {
	if fragments == 1 {
		return c.Write(ctx, websocket.MessageBinary, message)
	}
	w, err := c.Writer(ctx, websocket.MessageBinary)
	if err != nil {
		return err
	}
	part := len(message)/fragments + 1
	for len(message) > 0 {
		n := min(part, len(message))
		if _, err := w.Write(message[:n]); err != nil {
			return err
		}
		message = message[n:]
	}
	return w.Close()
}

// TestManyWebSockets keeps many open at once; each gets what is its own.
func TestManyWebSockets(t *testing.T) {
	var open sync.WaitGroup // of the backend
	s := newSockets(t, func(w http.ResponseWriter, r *http.Request) {
		open.Add(1)
		defer open.Done()
		c := accept(w, r)
		if c == nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, message, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, append([]byte(r.URL.Path+" "), message...)) != nil {
				return
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 8*posterntest.Patience)
	defer cancel()
	count := size.Of(100, 1000)
	conns := make([]*websocket.Conn, count)
	each := func(what string, do func(i int) error) {
		t.Helper()
		errs := make(chan error, count)
		turns := make(chan struct{}, 64)
		for i := range count {
			turns <- struct{}{}
			go func() { errs <- do(i); <-turns }()
		}
		for range count {
			if err := <-errs; err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	each("open", func(i int) (err error) {
		conns[i], err = s.open(ctx, fmt.Sprintf("/%d", i), websocket.CompressionDisabled)
		return err
	})
	for round := range 3 {
		each("talk", func(i int) error {
			if err := conns[i].Write(ctx, websocket.MessageText, fmt.Appendf(nil, "%d", round)); err != nil {
				return err
			}
			_, got, err := conns[i].Read(ctx)
			if want := fmt.Sprintf("/%d %d", i, round); err == nil && string(got) != want {
				err = fmt.Errorf("%q, want %q", got, want)
			}
			return err
		})
	}
	each("close", func(i int) error { return conns[i].Close(websocket.StatusNormalClosure, "") })
	open.Wait() // the backend's have ended, too
}
