package identity

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"image/png"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// The numbers of RFC 6238 that every authenticator app knows: SHA-1, six digits, 30 seconds.
const (
	seedSize   = 20
	totpPeriod = 30
	totpSkew   = 1 // time steps before and after the present one whose code is good (section 5.2)
)

var seedText = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewSeed makes the seed that an authenticator app and the service share.
func NewSeed() []byte {
	seed := make([]byte, seedSize)
	rand.Read(seed)
	return seed
}

// SeedText gives the seed as people type it into an app that cannot read the picture.
func SeedText(seed []byte) string { return seedText.EncodeToString(seed) }

// CheckTOTP gives the time step that a code belongs to, if it is one of the present step or its
// neighbours and newer than the step whose code was used last (RFC 6238, section 5.2).
func CheckTOTP(seed []byte, code string, now time.Time, last int64) (step int64, ok bool) {
	code = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, code)
	if len(code) != otp.DigitsSix.Length() || len(seed) == 0 {
		return 0, false
	}
	at := now.Unix() / totpPeriod
	for s := at - totpSkew; s <= at+totpSkew; s++ {
		want, err := hotp.GenerateCodeCustom(SeedText(seed), uint64(s), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && s > last {
			step, ok = s, true
		}
	}
	return step, ok
}

// SeedPicture gives a PNG of the QR code with which an authenticator app takes over the seed.
func SeedPicture(seed []byte, issuer, account string) ([]byte, error) {
	address := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + account,
		RawQuery: "secret=" + SeedText(seed) + "&issuer=" + url.PathEscape(issuer)}
	key, err := otp.NewKeyFromURL(address.String())
	if err != nil {
		return nil, fmt.Errorf("describe the seed: %w", err)
	}
	picture, err := key.Image(220, 220)
	if err != nil {
		return nil, fmt.Errorf("draw the seed: %w", err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		return nil, fmt.Errorf("encode the picture of the seed: %w", err)
	}
	return out.Bytes(), nil
}
