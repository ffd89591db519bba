package gateway

import (
	"net/netip"
	"strconv"
	"strings"

	"postern/internal/access"
)

// An authority is the request's own word for whom it is meant: what every decision uses, never the
// TLS server name, never another header.
type authority struct {
	host string // lower case, without port; IPv6 without brackets
	port uint16 // 0 if none was given
}

// parseAuthority reads a Host header or :authority (RFC 9110, section 7.2) by rules of our own: a
// DNS name or an IP address, and at most one port. Everything that one reader could take for one
// host and the next for another one is refused.
func parseAuthority(text string) (authority, bool) {
	host, port := text, ""
	if rest, ok := strings.CutPrefix(text, "["); ok {
		var after string
		if host, after, ok = strings.Cut(rest, "]"); !ok {
			return authority{}, false
		}
		if addr, err := netip.ParseAddr(host); err != nil || !addr.Is6() || addr.Zone() != "" {
			return authority{}, false
		}
		if after != "" {
			if port, ok = strings.CutPrefix(after, ":"); !ok || port == "" {
				return authority{}, false
			}
		}
	} else if i := strings.IndexByte(text, ':'); i >= 0 {
		host, port = text[:i], text[i+1:]
		if port == "" {
			return authority{}, false
		}
	}
	host = strings.ToLower(host)
	if access.CheckHost(host) != nil {
		return authority{}, false
	}
	if port == "" {
		return authority{host: host}, true
	}
	if port[0] == '0' || strings.Trim(port, "0123456789") != "" {
		return authority{}, false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return authority{host, uint16(n)}, err == nil
}

// A target is a request target in origin form (RFC 9112, section 3.2.1), read once: decisions use
// path, the backend gets raw.
type target struct {
	whole     string // as received
	raw       string // path as received
	query     string // as received, with its "?", or empty
	path      string // normal form: percent-decoded once, and resolved if it was ambiguous
	ambiguous string // what a backend could read in another way; empty: nothing
}

// parseTarget reads a request target. It gives false, with the reason, for what no request may
// have: another form than origin form, a fragment, controls, bytes beyond ASCII, broken escapes.
func parseTarget(raw string) (t target, why string, ok bool) {
	if raw == "" || raw[0] != '/' {
		return t, "the request target must start with /", false
	}
	for i := range len(raw) {
		switch c := raw[i]; {
		case c <= ' ' || c >= 0x7f:
			return t, "the request target contains a character that must be escaped", false
		case c == '#':
			return t, "the request target contains a fragment", false
		}
	}
	t.whole, t.raw = raw, raw
	if i := strings.IndexByte(raw, '?'); i >= 0 {
		t.raw, t.query = raw[:i], raw[i:]
	}
	t.path, t.ambiguous, ok = normalize(t.raw)
	if !ok {
		return t, "the request target contains a broken or forbidden escape", false
	}
	return t, "", true
}

// normalize decodes a path once and names the first thing in it that two programs could read
// differently. If there is one, the path is resolved as the most obliging backend would, so that
// it can still be compared with what is reserved.
func normalize(raw string) (path, ambiguous string, ok bool) {
	if isPlain(raw) {
		return raw, "", true
	}
	note := func(what string) {
		if ambiguous == "" {
			ambiguous = what
		}
	}
	decoded := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '%' {
			if c, ok = unescape(raw[i:]); !ok || c < ' ' || c == 0x7f {
				return "", "", false
			}
			i += 2
			switch c {
			case '/', '\\', '.', '%', ';':
				note("an escaped " + string(rune(c)))
			}
		} else if c == '\\' || c == ';' {
			note("a " + string(rune(c)))
		}
		if c == '/' && len(decoded) > 0 && decoded[len(decoded)-1] == '/' {
			note("an empty segment")
		}
		if n := len(decoded); n > 0 && overlong(decoded[n-1], c) {
			note("an overlong character")
		}
		decoded = append(decoded, c)
	}
	path = string(decoded)
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			note("a dot segment")
		}
	}
	if ambiguous != "" {
		path = resolve(path)
	}
	return path, ambiguous, true
}

// isPlain reports whether a path is its own normal form at a glance, as most are.
func isPlain(raw string) bool {
	for i := range len(raw) {
		switch c := raw[i]; c {
		case '%', '\\', ';':
			return false
		case '/', '.':
			if i > 0 && raw[i-1] == '/' {
				return false
			}
		}
	}
	return true
}

// overlong reports whether two bytes begin a character in more bytes than it needs, which UTF-8 forbids and some
// readers take for it all the same: %c0%af for a slash (RFC 3629, section 10).
func overlong(first, second byte) bool {
	continued := second&0xc0 == 0x80
	return continued && (first == 0xc0 || first == 0xc1 || first == 0xe0 && second < 0xa0 || first == 0xf0 && second < 0x90)
}

func unescape(s string) (byte, bool) {
	if len(s) < 3 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[1:3], 16, 8)
	return byte(n), err == nil && s[1] != '+' && s[1] != '-'
}

// resolve reads an ambiguous path as the most obliging backend would: escapes decoded until none
// is left, backslashes as slashes, parameters dropped, dot and empty segments removed.
func resolve(path string) string {
	for range 4 {
		if !strings.Contains(path, "%") {
			break
		}
		decoded := make([]byte, 0, len(path))
		for i := 0; i < len(path); i++ {
			if c, ok := unescape(path[i:]); path[i] == '%' && ok {
				decoded = append(decoded, c)
				i += 2
				continue
			}
			decoded = append(decoded, path[i])
		}
		path = string(decoded)
	}
	var out []string
	for segment := range strings.SplitSeq(strings.ReplaceAll(path, `\`, "/"), "/") {
		segment, _, _ = strings.Cut(segment, ";")
		switch segment {
		case "", ".":
		case "..":
			out = out[:max(len(out)-1, 0)]
		default:
			out = append(out, segment)
		}
	}
	path = "/" + strings.Join(out, "/")
	return path
}
