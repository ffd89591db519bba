package daemon

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"unicode"
)

// LogConfig says how a program logs. Its zero value is text at level info on standard error.
type LogConfig struct {
	Format string    // "text" or "json"; text if empty
	Level  string    // "debug", "info", "warn" or "error"; info if empty
	Output io.Writer // os.Stderr if nil
}

// NewLog returns a logger that redacts secrets by the names of their attributes; see Redact.
func NewLog(cfg LogConfig) (*slog.Logger, error) {
	if cfg.Output == nil {
		cfg.Output = os.Stderr
	}
	options := &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: Redact}
	if cfg.Level != "" {
		var level slog.Level
		if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
			return nil, fmt.Errorf("log level %q is unknown: use debug, info, warn or error", cfg.Level)
		}
		options.Level = level
	}
	switch cfg.Format {
	case "", "text":
		return slog.New(slog.NewTextHandler(cfg.Output, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(cfg.Output, options)), nil
	}
	return nil, fmt.Errorf("log format %q is unknown: use text or json", cfg.Format)
}

// secretWords are the last words of attribute names whose values are never printed.
var secretWords = []string{"authorization", "cookie", "key", "passphrase", "password", "secret", "token"}

const redacted = "[redacted]"

// Redact is the ReplaceAttr function of our handlers. It hides the value of every attribute whose name,
// or the name of a group around it, ends in a word for a secret (token, api_key, setCookie, Passwords),
// and of a URL the password and the query, which is where links carry their tokens.
func Redact(groups []string, a slog.Attr) slog.Attr {
	if namesSecret(a.Key) || slices.ContainsFunc(groups, namesSecret) {
		return slog.String(a.Key, redacted)
	}
	switch u := a.Value.Any().(type) {
	case *url.URL:
		if u != nil {
			return slog.String(a.Key, bareURL(*u))
		}
	case url.URL:
		return slog.String(a.Key, bareURL(u))
	}
	return a
}

func bareURL(u url.URL) string {
	if u.RawQuery != "" {
		u.RawQuery = redacted
	}
	u.Fragment, u.RawFragment = "", ""
	return u.Redacted()
}

func namesSecret(name string) bool {
	word := strings.ToLower(strings.TrimSuffix(lastWord(name), "s"))
	return slices.Contains(secretWords, word)
}

// lastWord returns the last word of a name in snake, kebab, dotted or camel case.
func lastWord(name string) string {
	runes := []rune(name)
	for i := len(runes) - 1; i >= 0; i-- {
		if !unicode.IsLetter(runes[i]) && !unicode.IsDigit(runes[i]) {
			return string(runes[i+1:])
		}
		if i > 0 && unicode.IsUpper(runes[i]) && unicode.IsLower(runes[i-1]) {
			return string(runes[i:])
		}
	}
	return name
}
