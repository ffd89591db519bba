package ldap

import (
	"regexp"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
	"golang.org/x/text/unicode/norm"
)

// A pattern is an assertion of the user filter in which a name stands: (attribute=pattern).
type pattern struct{ attribute, value string }

var namedAssertion = regexp.MustCompile(`\(\s*([A-Za-z][A-Za-z0-9.;-]*)\s*=([^()]*\{(?:name|account)\}[^()]*)\)`)

// patterns lists them.
func (k *kind) patterns() (list []pattern) {
	for _, found := range namedAssertion.FindAllStringSubmatch(k.userFilter(), -1) {
		list = append(list, pattern{found[1], found[2]})
	}
	return list
}

// named reports whether an entry has a name as it was typed, but for case. Directories find more:
// full-width letters, other diacritics, further blanks. Each spelling would be another account to
// whoever counts how often a password was guessed.
func (k *kind) named(entry *goldap.Entry, name, account string) bool {
	patterns := k.patterns()
	if len(patterns) == 0 || slices.ContainsFunc(patterns, func(p pattern) bool { return strings.Contains(p.value, "*") }) {
		return true // the filter itself asks for more than one spelling
	}
	return slices.ContainsFunc(patterns, func(p pattern) bool {
		want := norm.NFC.String(strings.NewReplacer("{name}", name, "{account}", account).Replace(p.value))
		return slices.ContainsFunc(entry.GetEqualFoldAttributeValues(p.attribute), func(v string) bool { return strings.EqualFold(norm.NFC.String(v), want) })
	})
}
