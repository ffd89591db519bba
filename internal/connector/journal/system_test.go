package journal_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/fault"
	"postern/internal/posterntest"
)

// TestSessionLogOfAConnector switches it on at the service, sends people through, reads it from afar, and switches it off.
func TestSessionLogOfAConnector(t *testing.T) {
	sys := posterntest.New(t)
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }))
	app := sys.Publish("wiki", backend.URL)
	sys.Assign(app, sys.User("ada"))
	k := sys.Connector("hq-1")
	browser := sys.Browser()
	browser.SignIn(sys.URL("wiki", "/before"), "ada")

	log := func(which string) (all []api.ConnectorLogEntry) {
		t.Helper()
		page, err := sys.API.Connectors.Log(t.Context(), string(k.ID), api.ConnectorLogQuestion{Log: which})
		if err != nil {
			t.Fatal(err)
		}
		return page.Entries
	}
	set := func(patch api.Patch) error {
		now, err := sys.API.Connectors.Show(t.Context(), string(k.ID))
		if err == nil {
			_, err = sys.API.Connectors.Update(t.Context(), string(k.ID), now.Version, patch)
		}
		return err
	}
	happened := func(event string) func() bool {
		return func() bool {
			return slices.ContainsFunc(log("admin"), func(e api.ConnectorLogEntry) bool { return e.Event == event })
		}
	}
	paths := func() (all []string) {
		for _, e := range log("session") {
			all = append(all, e.Fields["path"])
		}
		return all
	}
	if !happened("C120")() || happened("C160")() {
		t.Errorf("the Admin log: %+v", log("admin"))
	}
	if err := set(api.Patch{"sessionLogUntil": time.Now().Add(25 * time.Hour).UTC()}); !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), "24 hours") {
		t.Errorf("for 25 hours: %v", err)
	}
	if err := set(api.Patch{"sessionLogUntil": time.Now().Add(time.Hour).UTC(), "debugLogUntil": time.Now().Add(time.Hour).UTC()}); err != nil {
		t.Fatal(err)
	}
	sys.Await("the Session log to be on", happened("C160"))
	sys.Await("the debug log to be on", happened("C162"))
	browser.Go(sys.URL("wiki", "/during"))
	sys.Await("the transaction", func() bool { return slices.Contains(paths(), "/during") })
	i := slices.IndexFunc(log("session"), func(e api.ConnectorLogEntry) bool { return e.Fields["path"] == "/during" })
	e := log("session")[i].Fields
	if e["user"] != "ada" || e["application"] != "wiki" || e["status"] != "200" || e["sent"] != "5" || e["outcome"] != "forwarded" || !strings.HasPrefix(e["target"], "127.0.0.1:") {
		t.Errorf("the transaction: %v", e)
	}
	if slices.Contains(paths(), "/before") {
		t.Error("what was before it was switched on is there")
	}
	sys.Assign(sys.Publish("notes", backend.URL), sys.User("bob"))
	sys.Browser().SignIn(sys.URL("notes", "/"), "bob") // over a stream that is new: the wiki's may be one of those from before
	sys.Await("a debug message of the stream", func() bool {
		return slices.ContainsFunc(log("program"), func(e api.ConnectorLogEntry) bool {
			return e.Severity == "debug" && strings.Contains(e.Message, "stream opened")
		})
	})

	key, err := sys.API.Keys.Create(t.Context(), api.KeyInput{Name: "reader", Roles: []string{"reader"}})
	if err != nil {
		t.Fatal(err)
	}
	reader := sys.Client(key.Secret)
	if _, err := reader.Connectors.Log(t.Context(), string(k.ID), api.ConnectorLogQuestion{Log: "session"}); !fault.Is(err, fault.KindForbidden) {
		t.Errorf("a Reader reads what people do: %v", err)
	}
	if _, err := reader.Connectors.Log(t.Context(), string(k.ID), api.ConnectorLogQuestion{Log: "admin"}); err != nil {
		t.Errorf("a Reader does not read key events: %v", err)
	}
	if _, err := sys.API.Connectors.Log(t.Context(), string(k.ID), api.ConnectorLogQuestion{Log: "secrets"}); !fault.Is(err, fault.KindInvalid) {
		t.Errorf("a log that there is not: %v", err)
	}

	if err := set(api.Patch{"sessionLogUntil": nil, "debugLogUntil": nil}); err != nil {
		t.Fatal(err)
	}
	sys.Await("the Session log to be off", happened("C161"))
	browser.Go(sys.URL("wiki", "/after"))
	if slices.Contains(paths(), "/after") {
		t.Error("what was after it was switched off is there")
	}
}
