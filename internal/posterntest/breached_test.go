package posterntest_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/posterntest"
	"postern/internal/service"
)

const (
	known    = "a password of many sites"
	sentence = "in a list of passwords that became known in break-ins elsewhere; choose another one"
)

// breachedList writes a list in the form of Have I Been Pwned.
func breachedList(t *testing.T, passwords ...string) string {
	t.Helper()
	var text bytes.Buffer
	for _, password := range passwords {
		sum := sha1.Sum([]byte(password))
		fmt.Fprintf(&text, "%s:3\n", strings.ToUpper(hex.EncodeToString(sum[:])))
	}
	path := filepath.Join(t.TempDir(), "breached.txt")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBreachedPasswordsAreRefusedEverywhere: a service with the list says the same sentence wherever somebody chooses a
// password that is known: in the admin API and so in the command line, by a reset link, and on the account's page.
func TestBreachedPasswordsAreRefusedEverywhere(t *testing.T) {
	sys := posterntest.New(t, posterntest.With(func(c *service.Config) { c.BreachedPasswords = breachedList(t, known) }))
	ctx := t.Context()
	refused := func(where string, err error) {
		t.Helper()
		if !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), sentence) || strings.Contains(err.Error(), known) {
			t.Errorf("%s: %v", where, err)
		}
	}
	_, err := sys.API.Users.Create(ctx, api.UserCreate{UserInput: api.UserInput{Name: "ada"}, Password: known})
	refused("a new user", err)
	ada := sys.User("ada")
	refused("another password", sys.API.Users.SetPassword(ctx, ada.ID, known))

	link, err := sys.API.Users.Link(ctx, ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	b := sys.Browser()
	u, err := url.Parse(link.URL)
	if err != nil {
		t.Fatal(err)
	}
	says := func(where string, page posterntest.Page) {
		t.Helper()
		if page.StatusCode < 400 || page.StatusCode >= 500 || !strings.Contains(page.Text, sentence) || strings.Contains(page.Text, known) {
			t.Errorf("%s: %d %s", where, page.StatusCode, page.Text)
		}
	}
	says("a reset link", b.Post(sys.PortalURL+"/link", url.Values{"code": u.Query()["code"], "password": {known}, "again": {known}}))
	b.SignIn(sys.PortalURL+"/sign-in", "ada")
	b.Post(sys.PortalURL+"/account/confirm", url.Values{"password": {posterntest.Password}})
	says("the account's page", b.Post(sys.PortalURL+"/account/password", url.Values{"password": {known}, "again": {known}}))
	if page := b.Post(sys.PortalURL+"/account/password", url.Values{"password": {"something that nobody knows"}, "again": {"something that nobody knows"}}); page.StatusCode != http.StatusOK {
		t.Errorf("a good one: %d %s", page.StatusCode, page.Text)
	}
}

// end stops a service that was not run.
func end(s *service.Service) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.Run(ctx)
}

func unclaimed(dir, list string) service.Config {
	return service.Config{Data: dir, URL: "https://access.example.com", Listen: "127.0.0.1:0", ListenPlain: service.Off, MetricsListen: service.Off,
		BreachedPasswords: list, Log: slog.New(slog.DiscardHandler)}
}

// TestBreachedPasswordAtSetUp: the first administrator's is none of these either, and the link stays good.
func TestBreachedPasswordAtSetUp(t *testing.T) {
	s, err := service.New(t.Context(), unclaimed(t.TempDir(), breachedList(t, known)))
	if err != nil {
		t.Fatal(err)
	}
	defer end(s)
	code, _, err := s.Control().SetupCode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	claim := func(password string) error {
		_, err := s.Control().Setup(t.Context(), access.Actor{Kind: access.ActorAnyone}, control.SetupRequest{Code: code, User: access.User{Name: "root"}, Password: password})
		return err
	}
	if err := claim(known); !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), sentence) {
		t.Errorf("a known one: %v", err)
	}
	if err := claim("something that nobody knows"); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

// TestListThatIsNoneStopsTheStart: a service that was to refuse known passwords does not start without its list.
func TestListThatIsNoneStopsTheStart(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	huge := filepath.Join(dir, "huge") // as large as the whole list, without a line of it
	if err := os.WriteFile(huge, []byte(strings.Repeat("x", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, 40<<30); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ source, says string }{
		"nothing there":   {filepath.Join(dir, "none"), "no such file"},
		"a directory":     {dir, "cannot be read"},
		"empty":           {write("empty", ""), "HASH:COUNT"},
		"clear text":      {write("text", "password\n123456\n"), "HASH:COUNT"},
		"one huge line":   {huge, "line of more than"},
		"an address":      {"http://lists.example/range/", "https URL"},
		"a short hash":    {write("short", "ABCDEF0123:1\n"), "HASH:COUNT"},
		"not hexadecimal": {write("other", strings.Repeat("Z", 40)+":1\n"), "HASH:COUNT"},
	} {
		s, err := service.New(t.Context(), unclaimed(t.TempDir(), test.source))
		if err == nil {
			end(s)
		}
		if err == nil || !strings.Contains(err.Error(), "breached-passwords") || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
