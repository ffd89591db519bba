package client_test

import (
	"strings"
	"testing"

	"postern/internal/client"
)

// FuzzTarget: whatever is typed, what comes of it is a destination that can be said again.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"lab:10.0.0.7:22", "app_db", "Payroll: database:5432/udp", "[::1]:22", "same", ":", "::", "/udp"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		to, err := client.ParseTarget(toldRules(), text)
		if err != nil {
			return
		}
		again, err := client.ParseTarget(toldRules(), strings.TrimSpace(to.Application+":"+to.String()))
		if to.Application == "" {
			again, err = client.ParseTarget(toldRules(), to.String())
		}
		if err != nil || again != to {
			t.Errorf("%q is %+v, and that is %+v, %v", text, to, again, err)
		}
	})
}
