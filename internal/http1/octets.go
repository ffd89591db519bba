package http1

import "postern/internal/field"

// Classes of octets of targets and hosts (RFC 3986).
var isTarget, isHost = classes()

func classes() (target, host [256]bool) {
	for c := range 256 {
		target[c] = c > ' ' && c < 0x7f && c != '#'
		// reg-name without the comma, by which proxies join lines
		host[c] = c < 0x7f && field.TokenOctet(byte(c)) && c != '#' && c != '^' && c != '`' && c != '|'
	}
	for _, c := range []byte("()=;") {
		host[c] = true
	}
	return target, host
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func allOf[T []byte | string](b T, class *[256]bool) bool {
	for i := range len(b) {
		if !class[b[i]] {
			return false
		}
	}
	return true
}
