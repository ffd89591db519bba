package security

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/posterntest"
)

// endless is a backend whose answers have no end: a download of known length, one in chunks, server-sent
// events and a WebSocket.
func endless(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/":
		io.WriteString(w, "front")
		return
	case "/socket":
		socket(w, r)
		return
	case "/download":
		w.Header().Set("Content-Length", "1000000000")
	case "/events":
		w.Header().Set("Content-Type", "text/event-stream")
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := io.WriteString(w, "data: more\n\n"); err != nil {
			return
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// socket answers an upgrade and sends WebSocket frames of one byte until the other side is gone.
func socket(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; err == nil; <-tick.C {
		_, err = conn.Write([]byte{0x82, 1, 'x'})
	}
}

// open is an exchange that has no end of its own; ended gets how it was read to its end.
type open struct {
	name  string
	ended chan error
}

// TestWhatIsNoLongerAllowedIsCut takes away somebody's permission in every way there is, while a download, an
// event stream and a WebSocket are open, on HTTP/1.1 and on HTTP/2. All are cut in time, and none looks complete.
func TestWhatIsNoLongerAllowedIsCut(t *testing.T) {
	w := newWorld(t)
	app := w.Publish("endless", posterntest.NewBackend(t, http.HandlerFunc(endless)).URL)
	tests := []struct {
		name string
		do   func(t *testing.T, m *cutMember)
	}{
		{"user disabled", func(t *testing.T, m *cutMember) {
			must(w.API.Users.Update(t.Context(), m.user.ID, m.user.Version, api.Patch{"disabled": true}))(t)
		}},
		{"user deleted", func(t *testing.T, m *cutMember) { check(t, w.API.Users.Delete(t.Context(), m.user.ID, 0)) }},
		{"password set", func(t *testing.T, m *cutMember) {
			check(t, w.API.Users.SetPassword(t.Context(), m.user.ID, "another horse battery"))
		}},
		{"out of the group", func(t *testing.T, m *cutMember) {
			must(w.API.Groups.Update(t.Context(), m.group.ID, m.group.Version, api.Patch{"members": []string{}}))(t)
		}},
		{"assignment removed", func(t *testing.T, m *cutMember) {
			check(t, w.API.Assignments.Delete(t.Context(), m.assignment.ID, 0))
		}},
		{"signed out at the portal", func(t *testing.T, m *cutMember) { m.b.Post(w.PortalURL+"/sign-out", nil) }},
		{"signed out at the application", func(t *testing.T, m *cutMember) {
			m.b.Post(w.URL("endless", "/.postern/sign-out"), nil)
		}},
		{"application disabled", func(t *testing.T, _ *cutMember) {
			now := must(w.API.Applications.Show(t.Context(), app.ID))(t)
			now = must(w.API.Applications.Update(t.Context(), app.ID, now.Version, api.Patch{"disabled": true}))(t)
			t.Cleanup(func() {
				must(w.API.Applications.Update(context.Background(), app.ID, now.Version, api.Patch{"disabled": false}))(t)
			})
		}},
		{"connector disabled", func(t *testing.T, _ *cutMember) {
			c := must(w.API.Connectors.Show(t.Context(), string(w.connector.ID)))(t)
			c = must(w.API.Connectors.Update(t.Context(), c.ID, c.Version, api.Patch{"disabled": true}))(t)
			t.Cleanup(func() {
				must(w.API.Connectors.Update(context.Background(), c.ID, c.Version, api.Patch{"disabled": false}))(t)
				w.AwaitConnector(w.connector.ID, "active")
			})
		}},
		{"application deleted", func(t *testing.T, _ *cutMember) { check(t, w.API.Applications.Delete(t.Context(), app.ID, 0)) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newCutMember(t, w, app)
			all := m.openAll(t)
			start := time.Now()
			test.do(t, m)
			for _, o := range all {
				select {
				case err := <-o.ended:
					if err == nil {
						t.Errorf("%s: looks complete", o.name)
					}
				case <-time.After(posterntest.Patience):
					t.Fatalf("%s: still open", o.name)
				}
				if took := time.Since(start); took > cutWithin {
					t.Errorf("%s: cut after %v", o.name, took)
				}
			}
		})
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// cutMember is somebody who may use the application by a group.
type cutMember struct {
	w          *world
	user       api.User
	group      api.Group
	assignment api.Assignment
	cookie     string
	b          *posterntest.Browser
}

func newCutMember(t *testing.T, w *world, app api.Application) *cutMember {
	t.Helper()
	m := &cutMember{w: w, user: w.User(string(access.NewID(access.PrefixUser, time.Now())))}
	m.group = must(w.API.Groups.Create(t.Context(), api.GroupInput{Name: "Group of " + m.user.Name, Members: []string{m.user.ID}}))(t)
	m.assignment = must(w.API.Assignments.Create(t.Context(), api.AssignmentInput{Application: app.ID, Group: m.group.ID}))(t)
	who := &access.Principal{Groups: []access.ID{access.ID(m.group.ID)}}
	w.AwaitSnapshot(func(snap *access.Snapshot) bool {
		_, ok := snap.Assigned(access.ID(app.ID), who, time.Now())
		return ok
	})
	m.b = w.Browser()
	w.Await("the application to answer", func() bool {
		page := m.b.Go(w.URL("endless", "/"))
		if strings.Contains(page.Text, `name="request"`) {
			page = m.b.SignIn(w.URL("endless", "/"), m.user.Name)
		}
		return page.StatusCode == http.StatusOK
	})
	m.cookie = sessionCookie + "=" + cookieOf(t, m.b, w.URL("endless", "/"), sessionCookie)
	return m
}

// openAll opens one exchange of each kind and waits until all of them carry bytes.
func (m *cutMember) openAll(t *testing.T) []*open {
	t.Helper()
	var all []*open
	for _, version := range []string{"HTTP/1.1", "HTTP/2"} {
		for _, path := range []string{"/download", "/events", "/chunks"} {
			all = append(all, m.get(t, version, path))
		}
	}
	return append(all, m.socket(t))
}

func (m *cutMember) get(t *testing.T, version, path string) *open {
	t.Helper()
	client := m.w.Browser()
	client.Jar, client.Timeout = nil, 0
	if version == "HTTP/1.1" {
		client.WithoutHTTP2()
	}
	req := must(http.NewRequestWithContext(t.Context(), http.MethodGet, m.w.URL("endless", path), nil))(t)
	req.Header.Set("Cookie", m.cookie)
	resp := must(client.Do(req))(t)
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != int(version[5]-'0') {
		t.Fatalf("%s %s: %s %s", version, path, resp.Proto, resp.Status)
	}
	return read(t, version+" "+path, resp.Body, resp.Body)
}

// read reads in the background until the end and waits for the first byte.
func read(t *testing.T, name string, r io.Reader, closer io.Closer) *open {
	t.Helper()
	o := &open{name, make(chan error, 1)}
	if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	go func() { // ends with the exchange; closed at the latest by the test's end
		_, err := io.Copy(io.Discard, r)
		o.ended <- err
	}()
	t.Cleanup(func() { closer.Close() })
	return o
}

// socket opens a WebSocket. Its end is a cut when no close frame with code 1000 came: a close frame that says
// why is fine.
func (m *cutMember) socket(t *testing.T) *open {
	t.Helper()
	conn := m.w.dial(t, "endless")
	request := strings.Replace(m.w.rawRequest("endless", m.cookie, ways[2].lines...), "GET / ", "GET /socket ", 1)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	resp := must(http.ReadResponse(in, nil))(t)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("WebSocket: %s", resp.Status)
	}
	return read(t, "WebSocket", &frames{in}, conn)
}

// frames reads the small frames of socket and turns their end into an error that says how it was.
type frames struct{ in *bufio.Reader }

var errCut = errors.New("cut")

func (f *frames) Read(p []byte) (int, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(f.in, head); err != nil {
		return 0, fmt.Errorf("%w: %w", errCut, err)
	}
	payload := make([]byte, head[1])
	if _, err := io.ReadFull(f.in, payload); err != nil {
		return 0, fmt.Errorf("%w within a frame: %w", errCut, err)
	}
	if head[0] != 0x88 {
		return copy(p, payload), nil
	}
	if string(payload) == "\x03\xe8" {
		return 0, io.EOF // the backend's normal end, which it never sends
	}
	return 0, errCut
}
