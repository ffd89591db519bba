package connector

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"testing"
	"time"

	"postern/internal/tunnel"
	"postern/internal/wire"
	"postern/test/size"
)

func echoTLS(conn *tls.Conn, _ *recorded) {
	_, _ = io.Copy(conn, conn)
	_ = conn.Close()
}

// TestBackendEnds: how a backend ends is how the stream ends, with everything that it sent before.
func TestBackendEnds(t *testing.T) {
	own := newAuthority(t, time.Now().Add(time.Hour), "127.0.0.1")
	tests := []struct {
		name  string
		tls   bool
		serve func(*recorded)
		want  error // of Read, after "hello"
	}{
		{"FIN", false, func(r *recorded) { _, _ = r.Write([]byte("hello")); _ = r.CloseWrite(); hold(r) }, io.EOF},
		{"close", false, func(r *recorded) { _, _ = r.Write([]byte("hello")); r.Close() }, io.EOF},
		{"RST", false, func(r *recorded) {
			_, _ = r.Write([]byte("hello"))
			one := make([]byte, 1)
			_, _ = r.Read(one) // the client has "hello" when it sends this
			_ = r.SetLinger(0)
			r.Close()
		}, &tunnel.ResetError{}},
		{"close_notify", true, own.overTLS(func(c *tls.Conn, r *recorded) { _, _ = c.Write([]byte("hello")); _ = c.CloseWrite(); hold(r) }), io.EOF},
		{"TLS cut by FIN", true, own.overTLS(func(c *tls.Conn, r *recorded) {
			_, _ = c.Write([]byte("hello"))
			one := make([]byte, 1)
			_, _ = c.Read(one)
			r.Close()
		}), &tunnel.ResetError{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, 1)
			b := newBackend(t, test.serve)
			w.publish(wire.Target{Application: app, Host: "127.0.0.1", Port: b.port, TLS: test.tls, Roots: own.pem})
			w.allow("allow 127.0.0.1\n")
			w.ready(w.start(nil))
			st, _, err := w.gateways[0].dial(w.open(app))
			if err != nil {
				t.Fatal(err)
			}
			_ = st.SetDeadline(time.Now().Add(patience))
			hello := make([]byte, 5)
			if _, err := io.ReadFull(st, hello); err != nil || string(hello) != "hello" {
				t.Fatalf("read %q, %v", hello, err)
			}
			_, _ = st.Write([]byte("x"))
			_, err = st.Read(hello)
			var reset *tunnel.ResetError
			if test.want == io.EOF && err != io.EOF || test.want != io.EOF && !errors.As(err, &reset) {
				t.Errorf("then %v, want %T", err, test.want)
			}
		})
	}
}

// TestOpenerEnds: how the opener ends is what the backend sees, and at once.
func TestOpenerEnds(t *testing.T) {
	tests := []struct {
		name string
		end  func(*tunnel.Stream)
		ok   func(error) bool // what the backend's read says after "hello"
	}{
		{"half-close", func(st *tunnel.Stream) { _ = st.CloseWrite() }, func(err error) bool { return err == io.EOF }},
		{"reset", func(st *tunnel.Stream) { st.Reset(tunnel.CodeCancelled) }, func(err error) bool { return err != nil && err != io.EOF }},
		{"close", func(st *tunnel.Stream) { _ = st.Close() }, func(err error) bool { return err != nil }},
		{"gateway gone", func(st *tunnel.Stream) { _ = st.Session().Close() }, func(err error) bool { return err != nil && err != io.EOF }},
		{"half-close, then reset", func(st *tunnel.Stream) { _ = st.CloseWrite(); st.Reset(tunnel.CodeCancelled) }, func(err error) bool { return err != nil }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			type end struct {
				data string
				err  error
				at   time.Time
			}
			ends := make(chan end, 1)
			got := make(chan struct{})
			w, r, _ := oneApp(t, func(rec *recorded) {
				hello := make([]byte, 5)
				_, _ = io.ReadFull(rec, hello)
				close(got)
				_, err := rec.Read(make([]byte, 1))
				ends <- end{string(hello), err, time.Now()}
				// A backend that goes on sending learns that nobody listens.
				for err == nil || err == io.EOF {
					if _, err = rec.Write(bytes.Repeat([]byte("x"), 1<<10)); err != nil {
						return
					}
					if test.name == "half-close" {
						rec.Close()
						return
					}
				}
			}, nil)
			st, _, err := w.gateways[0].dial(w.open(app))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := st.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			<-got
			ended := time.Now()
			test.end(st)
			select {
			case e := <-ends:
				if e.data != "hello" || !test.ok(e.err) || e.at.Sub(ended) > size.Within(time.Second) {
					t.Errorf("backend got %q, then %v after %s", e.data, e.err, e.at.Sub(ended))
				}
			case <-time.After(patience):
				t.Fatal("the backend was not told")
			}
			if test.name == "half-close" {
				if data, err := io.ReadAll(st); err != nil || len(data) != 1<<10 {
					t.Errorf("after the half-close %d bytes, %v", len(data), err)
				}
				_ = st.Close()
			}
			eventually(t, "the stream is gone", func() bool { return r.flows.count() == 0 })
		})
	}
}

// TestOpenerGoneWhileHalfClosed: a backend that works for a half-closed stream is told when the opener is gone.
func TestOpenerGoneWhileHalfClosed(t *testing.T) {
	gone := make(chan time.Time, 1)
	ready := make(chan struct{})
	w, _, _ := oneApp(t, func(r *recorded) {
		_, _ = io.ReadAll(r) // the half-close
		close(ready)
		work := time.NewTicker(10 * time.Millisecond)
		defer work.Stop()
		for range work.C {
			if _, err := r.Write([]byte("x")); err != nil {
				gone <- time.Now()
				return
			}
		}
	}, nil)
	st, _, err := w.gateways[0].dial(w.open(app))
	if err != nil {
		t.Fatal(err)
	}
	_ = st.CloseWrite()
	<-ready
	started := time.Now()
	st.Reset(tunnel.CodeCancelled)
	select {
	case at := <-gone:
		if at.Sub(started) > size.Within(time.Second) {
			t.Errorf("the backend was told after %s", at.Sub(started))
		}
	case <-time.After(patience):
		t.Fatal("the backend was not told")
	}
}

// TestAnswerBeforeUploadEnds: a backend that answers early and stops reading is heard to the end.
func TestAnswerBeforeUploadEnds(t *testing.T) {
	answer := bytes.Repeat([]byte("413 "), 64<<10)
	over := make(chan struct{})
	defer close(over)
	w, _, _ := oneApp(t, func(r *recorded) {
		_, _ = io.ReadFull(r, make([]byte, 1024))
		_, _ = r.Write(answer)
		_ = r.CloseWrite()
		<-over
	}, nil)
	st, _, err := w.gateways[0].dial(w.open(app))
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(st, io.LimitReader(rand.Reader, 64<<20)) }()
	got, err := io.ReadAll(st)
	if err != nil || !bytes.Equal(got, answer) {
		t.Errorf("read %d bytes, %v; want %d", len(got), err, len(answer))
	}
	st.Reset(tunnel.CodeCancelled)
}

// TestCutAnswerNeverLooksComplete: a RST that a write notices first leaves a read with a plain end (Linux); the opener must
// be told of the cut all the same. Many rounds: which of the two notices first is a race.
func TestCutAnswerNeverLooksComplete(t *testing.T) {
	answer := bytes.Repeat([]byte("data"), 64<<10)
	w, _, _ := oneApp(t, func(r *recorded) {
		_, _ = io.ReadFull(r, make([]byte, 1024))
		_, _ = r.Write(answer)
		r.Close() // with unread bytes: RST, and no FIN
	}, nil)
	for range 50 {
		st, _, err := w.gateways[0].dial(w.open(app))
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(st, io.LimitReader(rand.Reader, 4<<20)) }()
		got, err := io.ReadAll(st)
		if err == nil && len(got) < len(answer) {
			t.Errorf("%d of %d bytes look complete", len(got), len(answer))
		}
		st.Reset(tunnel.CodeCancelled)
	}
}

// TestTLSBackend: bulk both ways over TLS, the certificate told, and one that is not verified told as such.
func TestTLSBackend(t *testing.T) {
	own := newAuthority(t, time.Now().Add(time.Hour), "127.0.0.1")
	w := newWorld(t, 1)
	port := newBackend(t, own.overTLS(echoTLS)).port
	w.publish(wire.Target{Application: app, Host: "127.0.0.1", Port: port, TLS: true, Roots: own.pem})
	w.publish(wire.Target{Application: "app_weak", Host: "127.0.0.1", Port: port, TLS: true, SkipVerify: true})
	w.allow("allow 127.0.0.1\n")
	w.ready(w.start(nil))
	for _, application := range []string{app, "app_weak", app} { // the third resumes a session
		st, opened, err := w.gateways[0].dial(w.open(application))
		if err != nil {
			t.Fatal(err)
		}
		if len(opened.CertificateSHA256) != 64 || opened.ALPN != "http/1.1" || opened.Unverified != (application == "app_weak") || opened.Handshake <= 0 {
			t.Errorf("%s: Opened = %+v", application, opened)
		}
		for _, size := range []int{1, 512, 16 << 10, 4 << 20} { // with pauses between, so that the reader parks
			sent := make([]byte, size)
			_, _ = rand.Read(sent)
			go func() { _, _ = st.Write(sent) }()
			got := make([]byte, size)
			if _, err := io.ReadFull(st, got); err != nil || !bytes.Equal(got, sent) {
				t.Fatalf("echo of %d bytes: %v", size, err)
			}
		}
		_ = st.CloseWrite()
		if rest, err := io.ReadAll(st); err != nil || len(rest) != 0 {
			t.Errorf("the end: %d bytes, %v", len(rest), err)
		}
		_ = st.Close()
	}
}

// TestBackendGoneUnderTwoFullDirections: a backend that is cut while neither it nor the opener reads does not leave the opener writing for
// ever: what the opener sends is taken, and then it learns what happened.
func TestBackendGoneUnderTwoFullDirections(t *testing.T) {
	cut := make(chan struct{})
	w, _, _ := oneApp(t, func(r *recorded) {
		_ = r.SetWriteDeadline(time.Now().Add(time.Second)) // by then all buffers are full
		block := make([]byte, 1<<20)
		for _, err := r.Write(block); err == nil; {
			_, err = r.Write(block)
		}
		_ = r.SetLinger(0)
		r.Close()
		close(cut)
	}, nil)
	st, _, err := w.gateways[0].dial(w.open(app))
	if err != nil {
		t.Fatal(err)
	}
	_ = st.SetDeadline(time.Now().Add(patience))
	if _, err := st.Write(make([]byte, 64<<20)); err != nil {
		var reset *tunnel.ResetError
		if !errors.As(err, &reset) {
			t.Fatalf("the opener hangs: %v", err)
		}
	}
	<-cut
	if _, err := io.Copy(io.Discard, st); err == nil {
		t.Error("what was cut looks complete")
	}
}
