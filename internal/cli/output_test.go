package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"postern/internal/fault"
)

func TestAgo(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		away time.Duration
		want string
	}{
		{0, "now"}, {-time.Second, "1 s ago"}, {-119 * time.Second, "119 s ago"}, {-2 * time.Minute, "2 min ago"},
		{-3 * time.Hour, "3 h ago"}, {-72 * time.Hour, "3 d ago"}, {-800 * 24 * time.Hour, "2 y ago"}, {time.Hour, "in 60 min"},
	}
	for _, test := range tests {
		if got := ago(now, now.Add(test.away)); got != test.want {
			t.Errorf("%v: %q, want %q", test.away, got, test.want)
		}
	}
	if ago(now, time.Time{}) != "-" {
		t.Error("never is not -")
	}
}

func TestParseSpan(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"24h", 24 * time.Hour, true}, {"7d", 7 * 24 * time.Hour, true}, {"1.5d", 36 * time.Hour, true}, {"90m", 90 * time.Minute, true},
		{"0s", 0, false}, {"-1h", 0, false}, {"d", 0, false}, {"", 0, false}, {"1w", 0, false}, {"106752d", 0, false}, {"9999999999999d", 0, false},
	}
	for _, test := range tests {
		if got, ok := parseSpan(test.text); ok != test.ok || ok && got != test.want {
			t.Errorf("%q: %v, %v", test.text, got, ok)
		}
	}
}

// What a service answers must not act on the terminal, nor break a table.
func TestCellsAreHarmless(t *testing.T) {
	for _, text := range []string{"\x1b[2J", "a\nb", "a\tb", "a\u202eb", "a\u200bb", "\x00", "\x9b31m", "\u2028"} {
		if got := cell(text); strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q became %q", text, got)
		}
	}
	if cell("") != "-" || cell("Größe ✓") != "Größe ✓" {
		t.Error("cell spoils what is harmless")
	}
	var out bytes.Buffer
	if Report(&out, fault.NotFound("\x1b]0;evil\x07")) != 1 || strings.ContainsRune(out.String(), 0x1b) {
		t.Errorf("%q", out.String())
	}
}

// YAML that is printed is read again as it was, whatever the strings look like.
func TestYAMLSaysTheSame(t *testing.T) {
	for _, text := range []string{"yes", "1e3", "null", "~", "", " x", "a: b", "- a", "#x", "2026-01-01", "a\nb\n", "\"", "'", "0x1f", "|", "{}", "ünï"} {
		var out bytes.Buffer
		if err := encode(&out, "yaml", map[string]any{"x": text, "list": []string{}, "no": false}); err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := yaml.Unmarshal(out.Bytes(), &got); err != nil || got["x"] != text {
			t.Errorf("%q became %v (%v):\n%s", text, got["x"], err, out.String())
		}
	}
}

func TestQuote(t *testing.T) {
	tests := []struct{ text, want string }{
		{"a.b-c_1", "a.b-c_1"}, {"", "''"}, {"a b", "'a b'"}, {"it's", `'it'\''s'`}, {"$(x)", "'$(x)'"},
	}
	for _, test := range tests {
		if got := quote(test.text); got != test.want {
			t.Errorf("%q: %s", test.text, got)
		}
	}
}

func TestReport(t *testing.T) {
	two := &fault.Error{Kind: fault.KindInvalid, Fields: []fault.Field{{Name: "--a", Message: "is x"}, {Name: "--b", Message: "is y"}}}
	tests := []struct {
		err  error
		code int
		text string
	}{
		{nil, 0, ""},
		{errors.New("x"), 1, "Error: x\n"},
		{usage("x"), 2, "Error: x\n"},
		{two, 1, "Error: this cannot be done:\n  --a is x\n  --b is y\n"},
		{fault.New(fault.KindLimited, "slowly").After(3 * time.Second), 1, "Error: slowly\nTry again in 3s.\n"},
		{fault.Unauthenticated("who"), 1, "Error: who\nSign in with: postern login\n"},
	}
	for _, test := range tests {
		var out bytes.Buffer
		if code := Report(&out, test.err); code != test.code || out.String() != test.text {
			t.Errorf("%v: %d %q", test.err, code, out.String())
		}
	}
}
