package field

// isToken and isValue are the classes of octets of which names and values are made (RFC 9110 section 5.6.2 and 5.5).
var isToken, isValue = classes()

func classes() (token, value [256]bool) {
	const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	for _, c := range []byte(alphanumeric + "!#$%&'*+-.^_`|~") {
		token[c] = true
	}
	for c := range 256 {
		value[c] = c == '\t' || c >= ' ' && c != 0x7f
	}
	return token, value
}

// TokenOctet reports whether a token may have the octet.
func TokenOctet(c byte) bool { return isToken[c] }

// Token reports whether all octets are of a token's. An empty one is left to the caller.
func Token[T []byte | string](b T) bool {
	for i := range len(b) {
		if !isToken[b[i]] {
			return false
		}
	}
	return true
}

// Value reports whether a field's value may have these octets: no controls but the tab.
func Value[T []byte | string](b T) bool {
	for i := range len(b) {
		if !isValue[b[i]] {
			return false
		}
	}
	return true
}

// Blank reports whether an octet is optional white space (OWS, RFC 9110 section 5.6.3).
func Blank(c byte) bool { return c == ' ' || c == '\t' }

// Trim takes off the blanks around a value, and nothing else that others take for blank.
func Trim(b []byte) []byte {
	for len(b) > 0 && Blank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && Blank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// EqualFold compares with a word in lower case, of ASCII letters only: no other letter folds into one of a token.
func EqualFold(b []byte, lower string) bool {
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

// Number reads a decimal number of digits only. What does not fit is none.
func Number(b []byte) (n int64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' || n > (1<<63-10)/10 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
