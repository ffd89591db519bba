package gateway_test

import (
	"bytes"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/gateway"
)

// clock lets a test set a gateway's clock forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) option(cfg *gateway.Config) {
	cfg.Now = func() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }
}

// TestTimeAloneCuts: an assignment ends under an open WebSocket, and nothing tells of it but the clock.
func TestTimeAloneCuts(t *testing.T) {
	var hands clock
	w, p, app := newSite(t, hands.option)
	ends := func(after time.Duration) {
		w.change(func(c *access.Content) {
			c.Assignments = []*access.Assignment{{Application: app.ID, Group: "grp_staff", Expires: time.Now().Add(after)}}
		})
		w.settled()
	}
	ends(24 * time.Hour)
	c, in, res := w.socket("wiki.test", signedIn)
	if res.StatusCode != 101 {
		t.Fatal(res.Status)
	}
	defer c.Close()
	soon(t, "WebSocket began", p.begun)
	hands.ahead.Store(int64(23 * time.Hour))
	if got := w.status("https://wiki.test/mark"); got != 200 {
		t.Fatalf("before the end: %d", got)
	}
	ends(48 * time.Hour) // prolonged: what is open learns that, too
	hands.ahead.Store(int64(47 * time.Hour))
	if got := w.status("https://wiki.test/mark"); got != 200 {
		t.Fatalf("before the prolonged end: %d", got)
	}
	hands.ahead.Store(int64(49 * time.Hour))
	if text, _ := io.ReadAll(in); !bytes.Equal(text, []byte{0x88, 2, 0x03, 0xf0}) {
		t.Errorf("the WebSocket ended with %x, want a close frame 1008", text)
	}
	if got := w.status("https://wiki.test/mark"); got != 403 {
		t.Errorf("after the end: %d", got)
	}
}

// status gives the status of a signed-in request.
func (w *world) status(url string) int {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Cookie", signedIn)
	res, err := w.client(nil).Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	return res.StatusCode
}
