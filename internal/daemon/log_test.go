package daemon

import (
	"bytes"
	"log/slog"
	"net/url"
	"strings"
	"testing"
)

type lazySecret struct{}

func (lazySecret) LogValue() slog.Value {
	return slog.GroupValue(slog.String("api_key", "hunter2"), slog.Int("age", 7))
}

func TestLogHidesSecrets(t *testing.T) {
	link, err := url.Parse("https://ann:hunter2@vpn.example/setup?t=hunter2#hunter2")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		log  func(*slog.Logger)
	}{
		{"by name", func(l *slog.Logger) { l.Info("m", "token", "hunter2") }},
		{"case", func(l *slog.Logger) { l.Info("m", "Authorization", "Bearer hunter2") }},
		{"last word, snake", func(l *slog.Logger) { l.Info("m", "enrolment_token", "hunter2") }},
		{"last word, kebab", func(l *slog.Logger) { l.Info("m", "set-cookie", []string{"hunter2"}) }},
		{"last word, camel", func(l *slog.Logger) { l.Info("m", "masterKey", []byte("hunter2")) }},
		{"plural", func(l *slog.Logger) { l.Info("m", "recovery.Passwords", "hunter2") }},
		{"attached earlier", func(l *slog.Logger) { l.With("secret", "hunter2").Info("m") }},
		{"in a group", func(l *slog.Logger) { l.WithGroup("request").Info("m", "cookie", "hunter2") }},
		{"group of that name", func(l *slog.Logger) { l.Info("m", slog.Group("password", "old", "hunter2")) }},
		{"open group of that name", func(l *slog.Logger) { l.WithGroup("secrets").Info("m", "old", "hunter2") }},
		{"computed late", func(l *slog.Logger) { l.Info("m", "client", lazySecret{}) }},
		{"URL", func(l *slog.Logger) { l.Info("m", "at", link) }},
		{"URL value", func(l *slog.Logger) { l.Info("m", "at", *link) }},
	}
	for _, format := range []string{"text", "json"} {
		for _, test := range tests {
			t.Run(format+"/"+test.name, func(t *testing.T) {
				var out bytes.Buffer
				log, err := NewLog(LogConfig{Format: format, Output: &out})
				if err != nil {
					t.Fatal(err)
				}
				test.log(log)
				if strings.Contains(out.String(), "hunter2") || !strings.Contains(out.String(), "redacted") {
					t.Errorf("logged %s", out.String())
				}
			})
		}
	}
}

func TestLogKeepsTheRest(t *testing.T) {
	var out bytes.Buffer
	log, err := NewLog(LogConfig{Output: &out, Level: "warn"})
	if err != nil {
		t.Fatal(err)
	}
	log.Info("quiet")
	log.Warn("connector enrolled", "token_id", "t1", "keyword", "k", "monkey", "m", "group", (*url.URL)(nil), "", "empty")
	for _, want := range []string{"token_id=t1", "keyword=k", "monkey=m", "level=WARN", `=empty`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in %s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "quiet") {
		t.Errorf("level warn printed %s", out.String())
	}
}

func TestLogRefusesUnknownSettings(t *testing.T) {
	for _, cfg := range []LogConfig{{Level: "loud"}, {Format: "xml"}} {
		if _, err := NewLog(cfg); err == nil || !strings.Contains(err.Error(), "unknown: use") {
			t.Errorf("%+v: error %v", cfg, err)
		}
	}
}
