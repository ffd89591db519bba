package identity

import (
	"strings"
	"testing"

	"postern/internal/fault"
)

func TestAssertionBounds(t *testing.T) {
	long := strings.Repeat("x", MaxClaimSize+1)
	tests := []struct {
		name   string
		change func(*Assertion)
		want   string // part of the refusal; empty if there must be none
	}{
		{"ordinary", func(*Assertion) {}, ""},
		{"no issuer", func(a *Assertion) { a.Issuer = "" }, "no issuer"},
		{"no subject", func(a *Assertion) { a.Subject = "" }, "no subject"},
		{"a subject with a line break", func(a *Assertion) { a.Subject = "a\nb" }, "subject"},
		{"a subject that is not UTF-8", func(a *Assertion) { a.Subject = "a\xff" }, "subject"},
		{"a subject without end", func(a *Assertion) { a.Subject = strings.Repeat("x", MaxSubject+1) }, "subject"},
		{"the longest subject", func(a *Assertion) { a.Subject = strings.Repeat("x", MaxSubject) }, ""},
		{"a distinguished name as group", func(a *Assertion) { a.Groups = []string{"CN=Staff,OU=Groups,DC=example,DC=com"} }, ""},
		{"an empty group", func(a *Assertion) { a.Groups = []string{"staff", ""} }, "group"},
		{"as many groups as there may be", func(a *Assertion) { a.Groups = many(MaxGroups) }, ""},
		{"too many groups", func(a *Assertion) { a.Groups = many(MaxGroups + 1) }, "10001 groups"},
		{"too many methods", func(a *Assertion) { a.Methods = many(maxMethods + 1) }, "methods"},
		{"an empty method", func(a *Assertion) { a.Methods = []string{""} }, "method"},
		{"a session with a NUL", func(a *Assertion) { a.Session = "s\x00" }, "session"},
		{"a refresh token without end", func(a *Assertion) { a.Renewal = make([]byte, maxRenewal+1) }, "refresh token"},
		{"every type of claim", func(a *Assertion) {
			a.Claims = map[string]any{"s": "text\nof lines", "b": true, "n": 1.5, "l": []string{"a", ""}}
		}, ""},
		{"an object as claim", func(a *Assertion) { a.Claims["o"] = map[string]any{} }, "claim o"},
		{"nothing as claim", func(a *Assertion) { a.Claims["o"] = nil }, "claim o"},
		{"a claim without end", func(a *Assertion) { a.Claims["o"] = long }, "claim o"},
		{"a claim with a value without end", func(a *Assertion) { a.Claims["o"] = []string{long} }, "claim o"},
		{"a claim of too many values", func(a *Assertion) { a.Claims["o"] = many(MaxClaimValues + 1) }, "claim o"},
		{"a claim without a name", func(a *Assertion) { a.Claims[""] = "x" }, "name"},
		{"too many claims", func(a *Assertion) {
			for _, s := range many(MaxClaims + 1) {
				a.Claims[s] = s
			}
		}, "claims"},
		{"claims that are large together", func(a *Assertion) {
			for _, s := range many(200) {
				a.Claims[s] = strings.Repeat("x", MaxClaimSize)
			}
		}, "bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := Assertion{Issuer: "https://idp.example.com", Subject: "248289761001", Claims: map[string]any{"email": "ada@example.com"}}
			test.change(&a)
			err := a.Check()
			if test.want == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			if !fault.Is(err, fault.KindUpstream) || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 300 {
				t.Fatalf("got %v, want a short refusal that says %q", err, test.want)
			}
		})
	}
}

func many(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = "group-" + strings.Repeat("i", i%7) + string(rune('a'+i%26)) + strings.Repeat("z", i/26)
		if len(all[i]) > 400 {
			all[i] = all[i][:400]
		}
	}
	return all
}
