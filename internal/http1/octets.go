package http1

// Classes of octets (RFC 9110 section 5.6.2 and 5.5; RFC 3986).
var isToken, isValue, isTarget, isHost = classes()

func classes() (token, value, target, host [256]bool) {
	mark := func(class *[256]bool, octets string) {
		for i := range len(octets) {
			class[octets[i]] = true
		}
	}
	const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	mark(&token, alphanumeric+"!#$%&'*+-.^_`|~")
	mark(&host, alphanumeric+"-._~!$&'()*+;=%") // reg-name without the comma, by which proxies join lines
	for c := range 256 {
		value[c] = c == '\t' || c >= ' ' && c != 0x7f
		target[c] = c > ' ' && c < 0x7f && c != '#'
	}
	return token, value, target, host
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// trim takes off the blanks around a value (OWS, RFC 9110 section 5.6.3), and nothing else that others take for blank.
func trim(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// equalFold compares with a word in lower case, of ASCII letters only: no other letter folds into one of a token.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func allOf(b []byte, class *[256]bool) bool {
	for _, c := range b {
		if !class[c] {
			return false
		}
	}
	return true
}

// number reads a decimal number of digits only. What does not fit is none.
func number(b []byte) (n int64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		if !isDigit(c) || n > (1<<63-10)/10 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
