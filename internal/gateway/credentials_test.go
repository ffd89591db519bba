package gateway_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
)

// What programs show: the plane knows the good ones as sessions.
const (
	goodToken = access.TokenPrefix + "good"
	goodKey   = access.AccessKeyPrefix + "good"
)

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// withCredentials makes both good at an application.
func (w *world) withCredentials(app *access.Application, host string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	who := w.sessions[string(app.ID)+" "+host+" good"]
	for _, secret := range []string{goodToken, goodKey} {
		w.sessions[string(app.ID)+" "+host+" "+secret] = who
	}
}

// TestCredentialsOfPrograms: which headers let a program in, what the backend gets of them, and what
// the program is told.
func TestCredentialsOfPrograms(t *testing.T) {
	w := newWorld(t)
	backend := newRecorder(t)
	w.connect("a")
	keys := func(a *access.Application) { a.AccessKeys = true }
	wiki := w.publish("https://wiki.test/", "http://"+backend.address, keys)
	w.withCredentials(wiki, "wiki.test")
	w.publish("https://other.test/", "http://"+backend.address, keys)
	without := w.publish("https://raw.test/", "http://"+backend.address, nil)
	w.withCredentials(without, "raw.test")
	w.publish("https://open.test/", "http://"+backend.address, func(a *access.Application) { a.PreAuthentication = access.Passthrough })
	client := w.client(nil)
	tests := []struct {
		name   string
		at     string
		header []string
		status int
		told   string // in WWW-Authenticate
		passes string // an Authorization that the backend gets
	}{
		{"bearer token", "wiki", []string{"Authorization", "Bearer " + goodToken}, 200, "", ""},
		{"scheme in another case", "wiki", []string{"Authorization", "bEARER  " + goodToken}, 200, "", ""},
		{"access key as bearer", "wiki", []string{"Authorization", "Bearer " + goodKey}, 200, "", ""},
		{"access key as password", "wiki", []string{"Authorization", basic("ada", goodKey)}, 200, "", ""},
		{"access key as user", "wiki", []string{"Authorization", basic(goodKey, "")}, 200, "", ""},
		{"our own header", "wiki", []string{"Postern-Authorization", "Bearer " + goodToken}, 200, "", ""},
		{"our own header, bare", "wiki", []string{"Postern-Authorization", goodKey}, 200, "", ""},
		{"beside the backend's own", "wiki", []string{"Postern-Authorization", goodKey, "Authorization", "Bearer theirs"}, 200, "", "Bearer theirs"},
		{"the backend's own with a cookie", "wiki", []string{"Cookie", signedIn, "Authorization", basic("them", "theirs")}, 200, "", basic("them", "theirs")},
		{"wrong token", "wiki", []string{"Authorization", "Bearer " + access.TokenPrefix + "bad"}, 401, `error="invalid_token"`, ""},
		{"wrong token with a good cookie", "wiki", []string{"Cookie", signedIn, "Authorization", "Bearer " + access.TokenPrefix + "bad"}, 401, `error="invalid_token"`, ""},
		{"another application's", "other", []string{"Authorization", "Bearer " + goodKey}, 401, `error="invalid_token"`, ""},
		{"an access key where none are taken", "raw", []string{"Authorization", "Bearer " + goodKey}, 401, `error="invalid_token"`, ""},
		{"a token there", "raw", []string{"Authorization", "Bearer " + goodToken}, 200, "", ""},
		{"two of ours", "wiki", []string{"Authorization", "Bearer " + goodToken, "Postern-Authorization", goodKey}, 401, `error="invalid_request"`, ""},
		{"not ours in our own header", "wiki", []string{"Postern-Authorization", "Bearer theirs"}, 401, `error="invalid_request"`, ""},
		{"a backend's token alone", "wiki", []string{"Authorization", "Bearer theirs"}, 401, "Bearer resource_metadata=", ""},
		{"a cookie that is a token", "wiki", []string{"Cookie", "__Host-postern-session=" + goodToken + "x"}, 401, "Bearer resource_metadata=", ""},
		{"a token where nobody signs in", "open", []string{"Authorization", "Bearer " + goodToken}, 200, "", ""},
		{"nothing", "wiki", nil, 401, "Bearer resource_metadata=", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			backend.taken()
			res, body := get(t, client, "https://"+test.at+".test/x", test.header...)
			got := backend.taken()
			if res.StatusCode != test.status || (got != "") != (test.status == 200) {
				t.Fatalf("%s %q; the backend got %q", res.Status, body, got)
			}
			if strings.Contains(got, "postern-") || strings.Contains(strings.ToLower(got), "postern-auth") || strings.Contains(got, base64.StdEncoding.EncodeToString([]byte(goodKey))[:20]) {
				t.Errorf("the backend got a credential of ours: %q", got)
			}
			if test.passes != "" && !strings.Contains(got, "Authorization: "+test.passes+"\r\n") || test.passes == "" && strings.Contains(got, "Authorization:") {
				t.Errorf("the backend got %q", got)
			}
			if told := strings.Join(res.Header.Values("WWW-Authenticate"), " "); !strings.Contains(told, test.told) || test.told == "" && told != "" {
				t.Errorf("told %q", told)
			}
		})
	}
}

// TestAnEndedCredentialIsCut: what it has open ends at once, and nothing more begins.
func TestAnEndedCredentialIsCut(t *testing.T) {
	w, pages, wiki := newSite(t)
	w.withCredentials(wiki, "wiki.test")
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://wiki.test/endless", nil)
	req.Header.Set("Authorization", "Bearer "+goodToken)
	client := w.client(nil)
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	<-pages.begun
	w.mu.Lock()
	session := string(w.sessions[string(wiki.ID)+" wiki.test "+goodToken].Session)
	w.mu.Unlock()
	w.end(access.EndingSession, session, func() { delete(w.sessions, string(wiki.ID)+" wiki.test "+goodToken) })
	<-pages.gone
	if res, _ := get(t, client, "https://wiki.test/mark", "Authorization", "Bearer "+goodToken); res.StatusCode != 401 {
		t.Errorf("after its end: %s", res.Status)
	}
}

// TestWhatBeganGoesOnBeyondItsToken: a token is good for some minutes, a transfer may take longer.
func TestWhatBeganGoesOnBeyondItsToken(t *testing.T) {
	w, pages, wiki := newSite(t)
	w.withCredentials(wiki, "wiki.test")
	w.mu.Lock()
	w.expires = time.Now().Add(time.Hour)
	w.mu.Unlock()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://wiki.test/endless", nil)
	req.Header.Set("Authorization", "Bearer "+goodToken)
	client := w.client(nil)
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	<-pages.begun
	begun := time.Now()
	w.mu.Lock()
	user := string(w.sessions[string(wiki.ID)+" wiki.test "+goodToken].User)
	w.expires = begun // between the two requests
	w.mu.Unlock()
	before := w.lookups.Load()
	w.end(access.EndingUser, user, nil) // all look-ups are made again
	w.until("the session to be looked up again", func() bool { return w.lookups.Load() > before })
	if res, _ := get(t, client, "https://wiki.test/mark", "Authorization", "Bearer "+goodToken); res.StatusCode != 401 {
		t.Errorf("a new request with the ended token: %s", res.Status)
	}
	if _, err := io.CopyN(io.Discard, res.Body, 24<<20); err != nil { // more than lies in any buffer
		t.Errorf("the transfer that had begun: %v", err)
	}
	res.Body.Close()
	<-pages.gone
}

// TestWhoSignsIn: programs find out from the application whom to ask.
func TestWhoSignsIn(t *testing.T) {
	w := newWorld(t)
	w.connect("a")
	w.publish("https://wiki.test/", "http://127.0.0.1:9", func(a *access.Application) { a.AccessKeys = true })
	w.publish("https://other.test/deep/", "http://127.0.0.1:9", nil)
	client := w.client(nil)
	for address, want := range map[string]string{
		"https://wiki.test/.postern/oauth-protected-resource":       `"resource":"https://wiki.test/"`,
		"https://other.test/.postern/oauth-protected-resource/deep": `"resource":"https://other.test/deep/"`,
		"https://other.test/.postern/oauth-protected-resource":      "",
		"https://wiki.test/.postern/oauth-protected-resource/x":     "",
	} {
		res, body := get(t, client, address)
		if want == "" && res.StatusCode != 404 || want != "" && (res.StatusCode != 200 || !strings.Contains(body, want) || !strings.Contains(body, `["https://portal.test"]`)) {
			t.Errorf("%s: %s %s", address, res.Status, body)
		}
	}
	res, _ := get(t, client, "https://wiki.test/x")
	if told := res.Header.Values("WWW-Authenticate"); len(told) != 2 || !strings.HasPrefix(told[1], "Basic ") {
		t.Errorf("where access keys are taken, a program is told %q", told)
	}
	if res, _ = get(t, client, "https://wiki.test/x", "Sec-Fetch-Mode", "cors"); len(res.Header.Values("WWW-Authenticate")) != 1 {
		t.Errorf("a browser is asked for a password: %q", res.Header.Values("WWW-Authenticate"))
	}
}
