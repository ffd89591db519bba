package oauth_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/oauth"
)

func (s *service) device(changes map[string]any) map[string]any {
	out := map[string]any{"device_code": "secret", "user_code": "BCDF-GHJK", "verification_uri": s.URL + "/device",
		"verification_uri_complete": s.URL + "/device?user_code=BCDF-GHJK", "expires_in": 600, "interval": 1}
	for name, value := range changes {
		out[name] = value
	}
	return out
}

// inTurn answers with one handler after the other; the last one stays.
func inTurn(list ...http.HandlerFunc) http.HandlerFunc {
	turns := make(chan http.HandlerFunc, len(list))
	for _, each := range list {
		turns <- each
	}
	return func(w http.ResponseWriter, r *http.Request) {
		next := <-turns
		if len(turns) == 0 {
			turns <- next
		}
		next(w, r)
	}
}

// TestPolling: pending and away are waited for, and who is told to slow down asks five seconds less often
// from then on (RFC 8628, section 3.5).
func TestPolling(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.on("/oauth/device", says(200, s.device(nil)))
	s.on("/oauth/token", inTurn(refuses("authorization_pending"), says(503, "away"), refuses("slow_down"), refuses("authorization_pending"), says(200, good)))
	var shown oauth.Code
	got, err := s.discover().Device(t.Context(), oauth.Ask{Name: "rack"}, func(c oauth.Code) { shown = c })
	if err != nil || got.Access == "" || got.Refresh != "next" {
		t.Fatalf("%+v, %v", got, err)
	}
	if shown.Code != "BCDF-GHJK" || shown.Address != s.URL+"/device" || !strings.HasSuffix(shown.Complete, "BCDF-GHJK") {
		t.Errorf("shown %+v", shown)
	}
	asked, when := s.tokenRequests()
	if len(asked) != 5 || asked[0].Get("device_code") != "secret" || asked[0].Get("grant_type") != "urn:ietf:params:oauth:grant-type:device_code" {
		t.Fatalf("asked %v", asked)
	}
	for i, least := range []time.Duration{1, 1, 6, 6} {
		if gap := when[i+1].Sub(when[i]); gap < least*time.Second-100*time.Millisecond {
			t.Errorf("poll %d came after %s, want %d s", i+1, gap, least)
		}
	}
}

func TestDeviceEnds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		begin  map[string]any
		answer http.HandlerFunc
		kind   fault.Kind
		polled bool
	}{
		{"denied", nil, refuses("access_denied"), fault.KindForbidden, true},
		{"expired there", nil, refuses("expired_token"), fault.KindUnauthenticated, true},
		{"another program's", nil, refuses("invalid_grant"), fault.KindUnauthenticated, true},
		{"expired here", map[string]any{"expires_in": 2}, refuses("authorization_pending"), fault.KindTimeout, true},
		{"a code that lives for ages", map[string]any{"expires_in": 1 << 60}, refuses("access_denied"), fault.KindForbidden, true},
		{"no code", map[string]any{"user_code": ""}, nil, fault.KindUpstream, false},
		{"no life", map[string]any{"expires_in": 0}, nil, fault.KindUpstream, false},
		{"a code with controls", map[string]any{"user_code": "A\x1b[2J"}, nil, fault.KindUpstream, false},
		{"a page elsewhere", map[string]any{"verification_uri": "https://evil.example/device"}, nil, fault.KindUpstream, false},
		{"a link elsewhere", map[string]any{"verification_uri_complete": "https://evil.example/device?user_code=x"}, nil, fault.KindUpstream, false},
		{"no page", map[string]any{"verification_uri": ""}, nil, fault.KindUpstream, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			s.on("/oauth/device", says(200, s.device(test.begin)))
			s.on("/oauth/token", test.answer)
			shown := false
			got, err := s.discover().Device(t.Context(), oauth.Ask{}, func(oauth.Code) { shown = true })
			if !fault.Is(err, test.kind) || got.Access != "" || shown != test.polled {
				t.Errorf("%+v, shown %v, %v (%v)", got, shown, err, fault.KindOf(err))
			}
			if asked, _ := s.tokenRequests(); len(asked) > 0 != test.polled {
				t.Errorf("asked %v", asked)
			}
		})
	}
}
