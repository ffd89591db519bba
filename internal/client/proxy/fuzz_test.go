package proxy

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"

	"postern/internal/client/flow"
	"postern/internal/match"
)

// checked holds what every reader promises: a destination that it gives is one that can be said again.
func checked(t *testing.T, to flow.To, network string) {
	t.Helper()
	again, err := match.ParseHost(to.Host.String())
	if err != nil || again != to.Host || to.Port == 0 || to.Network != network {
		t.Errorf("%+v: %+v, %v", to, again, err)
	}
}

func FuzzSOCKS(f *testing.F) {
	for _, seed := range []string{"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50", "\x05\x01\x00\x03\x09localhost\x00\x50", "\x05\x03\x00\x04" + string(make([]byte, 18)), "\x05\x01\x00\x03\x00\x00\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = readMethods(bytes.NewReader(data))
		_, _, _ = readUser(bytes.NewReader(data))
		in := bytes.NewReader(data)
		command, to, err := readRequest(in)
		if err == nil && command == commandConnect {
			checked(t, to, flow.TCP)
			written := appendHost([]byte{socksVersion, commandConnect, 0}, to.Host, to.Port)
			if _, again, err := readRequest(bytes.NewReader(written)); err != nil || again != to {
				t.Errorf("%+v is written as %x and read as %+v, %v", to, written, again, err)
			}
		}
	})
}

func FuzzSOCKSDatagram(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01\x7f\x00\x00\x01\x00\x50data"))
	f.Add([]byte("\x00\x00\x00\x03\x09localhost\x00\x50"))
	f.Fuzz(func(t *testing.T, data []byte) {
		to, rest, err := readDatagram(data)
		if err != nil {
			return
		}
		checked(t, to, flow.UDP)
		if !bytes.HasSuffix(data, rest) {
			t.Errorf("%q is not the end of %q", rest, data)
		}
	})
}

func FuzzHTTP(f *testing.F) {
	for _, seed := range []string{"CONNECT localhost:80 HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT [::1]:443 HTTP/1.0\r\n\r\nrest", "GET / HTTP/1.1\r\n\r\n", "GET http://a/b?c HTTP/1.1\r\nConnection: x\r\nX: y\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\nProxy-Authorization: Basic eDp5\r\n\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bufio.NewReaderSize(bytes.NewReader(data), headBuffer)
		r, err := readHTTP(in)
		if err != nil {
			return
		}
		checked(t, r.to, flow.TCP)
		authorization := r.header.Get("Proxy-Authorization")
		if r.method != "CONNECT" {
			again, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(r.head())))
			if err == nil && (again.Host != r.target.Host || !again.Close || again.Header.Get("Proxy-Authorization") != "") {
				t.Errorf("%q is written as %q", data, r.head())
			}
		}
		c := Config{User: &User{"ada", "secret"}}
		if c.admits(authorization) && !bytes.Contains(data, []byte("YWRhOnNlY3JldA")) {
			t.Errorf("%q lets somebody in", authorization)
		}
	})
}
