package access_test

import (
	"strings"
	"testing"

	"postern/internal/access"
)

func TestStrong(t *testing.T) {
	tests := map[string]bool{
		"": false, "pwd": false, "otp": false, "recovery": false, "pop": false, "user": false, "pwd pwd": false, "pwd user": false,
		"otp recovery": false, "otp user": false, "pwd otp": true, "pwd pop": true, "pwd recovery": true, "pop user": true,
		"pwd pop user": true, "pwd unknown": false,
	}
	for methods, want := range tests {
		if got := access.Strong(strings.Fields(methods)); got != want {
			t.Errorf("%q: %v", methods, got)
		}
	}
}
