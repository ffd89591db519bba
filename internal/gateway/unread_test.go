package gateway_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	frames "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"postern/internal/gateway"
)

func unread(c *gateway.Config) { c.Limits.PageWrite = 300 * time.Millisecond }

// TestPagesThatNobodyReads asks over HTTP/2 for pages of our own and takes no byte of them: each is given up in
// time, so that strangers cannot keep the gateway's memory with them.
func TestPagesThatNobodyReads(t *testing.T) {
	w := newWorld(t, unread)
	w.publish("https://wiki.test/", "http://127.0.0.1:9/", nil)
	w.publish("https://open.test/", "http://127.0.0.1:9/", passthrough)
	for _, at := range []struct{ name, host, path string }{
		{"portal", "portal.test", "/"},
		{"nothing published", "wiki.test", "/.postern/nothing"},
		{"sign-in needed", "wiki.test", "/"},
		{"no connector", "open.test", "/"},
		{"bad request", "wiki.test", "/a//b"},
	} {
		t.Run(at.name, func(t *testing.T) {
			conn, err := tls.Dial("tcp", w.address, &tls.Config{ServerName: at.host, NextProtos: []string{"h2"}, InsecureSkipVerify: true})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(patience)) // an open connection takes any
			var head bytes.Buffer
			encoder := hpack.NewEncoder(&head)
			for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", at.host}, {":path", at.path}} {
				_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // a buffer takes everything
			}
			framer := frames.NewFramer(conn, conn)
			_, _ = io.WriteString(conn, frames.ClientPreface) // what fails here fails below
			_ = framer.WriteSettings(frames.Setting{ID: frames.SettingInitialWindowSize, Val: 0})
			_ = framer.WriteHeaders(frames.HeadersFrameParam{StreamID: 1, EndStream: true, EndHeaders: true, BlockFragment: head.Bytes()})
			for {
				frame, err := framer.ReadFrame()
				if err != nil {
					t.Fatalf("the stream was not reset: %v", err)
				}
				if _, ok := frame.(*frames.RSTStreamFrame); ok {
					return
				}
			}
		})
	}
}

// TestRequestsWhoseAnswersNobodyReads does the same over HTTP/1.1 with requests behind each other.
func TestRequestsWhoseAnswersNobodyReads(t *testing.T) {
	w := newWorld(t, unread)
	w.publish("https://wiki.test/", "http://127.0.0.1:9/", nil)
	conn := w.tls("wiki.test")
	request := strings.Repeat("GET /a//b HTTP/1.1\r\nHost: wiki.test\r\nAccept: text/html\r\n\r\n", 100)
	for range 10_000 {
		if _, err := io.WriteString(conn, request); err != nil {
			if strings.Contains(err.Error(), "timeout") {
				t.Error("the connection stays while nobody reads")
			}
			return
		}
	}
	t.Error("a million requests were answered to nobody")
}

// TestALateAnswerStillArrives shows that the limit is of our own pages: between requests of one connection, and
// after one of our pages, there may be more time.
func TestALateAnswerStillArrives(t *testing.T) {
	const limit = 2 * time.Second
	w, _, _ := newSite(t, func(c *gateway.Config) { c.Limits.PageWrite = limit })
	c := w.tls("wiki.test")
	in := bufio.NewReader(c)
	for _, path := range []string{"/", "/a//b", "/"} {
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: wiki.test\r\nCookie: %s\r\n\r\n", path, signedIn)
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		<-time.After(limit + 100*time.Millisecond)
	}
}
