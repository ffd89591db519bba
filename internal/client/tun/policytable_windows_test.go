package tun

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/windows/registry"
)

// TestPolicyTable: Windows is told which names are answered here, by rules that are ours alone and go again.
func TestPolicyTable(t *testing.T) {
	const foreign = `{11111111-2222-3333-4444-555555555555}`
	p := &policyTable{}
	t.Cleanup(func() {
		for _, base := range []string{policyLocal, policyGroup} {
			_ = registry.DeleteKey(registry.LOCAL_MACHINE, base+`\`+foreign) // it may not have come so far
		}
	})
	expect := func(when string, base string, want ...string) {
		t.Helper()
		got := subkeys(base)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: %s has %q, want %q", when, base, got, want)
		}
	}
	if err := p.sweep(); err != nil {
		t.Fatalf("there is nothing yet: %v", err)
	}
	if err := writeRule(policyLocal+`\`+foreign, []string{"others.test"}); err != nil {
		t.Fatal(err)
	}
	domains := domainsFor(2*ruleDomains - 1) // and the one by which browsers ask
	for i := range domains {
		domains[i].search = false // for which there would have to be our interface
	}
	for range 2 {
		if err := p.take(domains); err != nil {
			t.Fatal(err)
		}
		expect("taken", policyLocal, foreign, ruleName(0), ruleName(1))
		expect("taken", policyGroup)
	}
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, policyLocal+`\`+ruleName(1), registry.QUERY_VALUE)
	if err != nil {
		t.Fatal(err)
	}
	names, _, err := key.GetStringsValue("Name")
	if err != nil || len(names) != ruleDomains || names[0] != ".h050.test" || names[ruleDomains-1] != ".use-application-dns.net" {
		t.Errorf("a rule has the names %q, %v", names, err)
	}
	servers, _, err := key.GetStringValue("GenericDNSServers")
	if err != nil || servers != "198.18.0.1" {
		t.Errorf("a rule has the servers %q, %v", servers, err)
	}
	if err := key.Close(); err != nil {
		t.Fatal(err)
	}
	if err := writeRule(policyGroup+`\`+foreign, []string{"company.test"}); err != nil { // from then on, Windows looks at no other ones
		t.Fatal(err)
	}
	if err := p.take(domains); err != nil {
		t.Fatal(err)
	}
	expect("beside a group policy", policyGroup, foreign, ruleName(0), ruleName(1))
	if err := registry.DeleteKey(registry.LOCAL_MACHINE, policyGroup+`\`+ruleName(1)); err != nil { // by a refresh of it
		t.Fatal(err)
	}
	if err := p.take(domains[:3]); err != nil {
		t.Fatal(err)
	}
	expect("taken away by others", policyGroup, foreign, ruleName(0))
	if err := errors.Join(p.restore(), p.take(nil)); err != nil { // where all is private by address
		t.Fatal(err)
	}
	expect("without names", policyLocal, foreign, ruleName(0))
	if err := p.restore(); err != nil {
		t.Fatal(err)
	}
	expect("given back", policyLocal, foreign)
	if err := p.take(domains); err != nil {
		t.Fatal(err)
	}
	crashed := &policyTable{}
	if err := crashed.sweep(); err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{policyLocal, policyGroup} {
		expect("after a crash", base, foreign)
	}
	if err := p.restore(); err != nil {
		t.Errorf("nothing is there any more: %v", err)
	}
	if err := registry.DeleteKey(registry.LOCAL_MACHINE, policyGroup+`\`+foreign); err != nil { // the group policy is there, without a rule
		t.Fatal(err)
	}
	if err := p.take(domains); err != nil {
		t.Fatal(err)
	}
	expect("beside an empty group policy", policyGroup, ruleName(0), ruleName(1))
	if err := p.restore(); err != nil || exists(policyGroup) {
		t.Errorf("what switches off the rules of all others is left: %v", err)
	}
	if err := setSearch([]string{"corp.test"}); err == nil {
		t.Error("there is no interface to search by, and nobody says so")
	}
	if name := ruleName(1); len(name) != len(foreign) || !strings.HasPrefix(name, fmt.Sprintf("{%x", interfaceID.Data1)) {
		t.Errorf("a rule is called %s", name)
	}
}

// TestReady: what is missing is said before anything is changed.
func TestReady(t *testing.T) {
	if err := ready(); err == nil || !strings.Contains(err.Error(), "wintun.dll") && !strings.Contains(err.Error(), "administrator") {
		t.Errorf("without wintun.dll: %v", err)
	}
}
