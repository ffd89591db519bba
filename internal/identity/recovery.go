package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// RecoveryCodes is how many recovery codes somebody gets at a time.
const RecoveryCodes = 10

// Without i, l, o and u: what somebody may take for 1 or 0 is read as that.
var recoveryText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewRecoveryCodes makes codes of 80 random bits, in groups of four characters. That many bits
// cannot be guessed from their hash, so it needs no salt and no work.
func NewRecoveryCodes() (codes []string, hashes [][]byte) {
	for range RecoveryCodes {
		raw := make([]byte, 10)
		rand.Read(raw)
		text := recoveryText.EncodeToString(raw)
		code := text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
		codes, hashes = append(codes, code), append(hashes, HashRecoveryCode(code))
	}
	return codes, hashes
}

// HashRecoveryCode gives what is stored of a recovery code, however it was typed.
func HashRecoveryCode(code string) []byte {
	typed := strings.NewReplacer("-", "", " ", "", "o", "0", "i", "1", "l", "1").Replace(strings.ToLower(code))
	sum := sha256.Sum256([]byte(typed))
	return sum[:]
}
