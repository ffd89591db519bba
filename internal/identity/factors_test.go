package identity_test

import (
	"bytes"
	"image/png"
	"strings"
	"testing"
	"time"

	"postern/internal/identity"
)

// TestCheckTOTP holds the values of RFC 6238, appendix B, cut to six digits, and the window.
func TestCheckTOTP(t *testing.T) {
	seed := []byte("12345678901234567890")
	tests := []struct {
		name string
		at   int64
		code string
		last int64
		step int64
		ok   bool
	}{
		{"1970", 59, "287082", 0, 1, true},
		{"2005", 1111111109, "081804", 0, 37037036, true},
		{"2005, with spaces", 1111111111, "050 471", 0, 37037037, true},
		{"2603", 20000000000, "353130", 0, 666666666, true},
		{"one step late", 1111111109 + 30, "081804", 0, 37037036, true},
		{"one step early", 1111111109 - 30, "081804", 0, 37037036, true},
		{"two steps late", 1111111109 + 60, "081804", 0, 0, false},
		{"two steps early", 1111111109 - 60, "081804", 0, 0, false},
		{"used", 1111111109, "081804", 37037036, 0, false},
		{"older than the one used", 1111111109 + 30, "081804", 37037037, 0, false},
		{"another", 1111111109, "081805", 0, 0, false},
		{"empty", 1111111109, "", 0, 0, false},
		{"long", 1111111109, strings.Repeat("081804", 1000), 0, 0, false},
	}
	for _, test := range tests {
		step, ok := identity.CheckTOTP(seed, test.code, time.Unix(test.at, 0), test.last)
		if ok != test.ok || step != test.step {
			t.Errorf("%s: step %d, %v", test.name, step, ok)
		}
	}
	if _, ok := identity.CheckTOTP(nil, "328482", time.Unix(59, 0), 0); ok {
		t.Error("no seed gives codes")
	}
}

func TestSeedPicture(t *testing.T) {
	picture, err := identity.SeedPicture(identity.NewSeed(), "Postern", "ada+x@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
		t.Error(err)
	}
}

func TestRecoveryCodes(t *testing.T) {
	codes, hashes := identity.NewRecoveryCodes()
	seen := map[string]bool{}
	for i, code := range codes {
		if seen[code] || len(code) != 19 {
			t.Errorf("code %q", code)
		}
		seen[code] = true
		for _, typed := range []string{code, strings.ToUpper(code), strings.ReplaceAll(code, "-", ""), strings.ReplaceAll(code, "0", "O"), " " + strings.ReplaceAll(code, "1", "l")} {
			if !bytes.Equal(identity.HashRecoveryCode(typed), hashes[i]) {
				t.Errorf("%q typed as %q is another", code, typed)
			}
		}
	}
}
