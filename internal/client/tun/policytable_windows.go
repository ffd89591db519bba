package tun

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// policyTable tells Windows which names are answered here: rules of its Name Resolution Policy Table, in the registry ([MS-GPNAP] 2.2.2).
// They are told from those of others by what they are called. After a crash or a reboot they are taken away at the next start; until
// then the names of private applications are not found, and all others are.
type policyTable struct {
	mu    sync.Mutex // guards the fields below
	taken bool
	told  []domain
}

const (
	policyLocal = `SYSTEM\CurrentControlSet\Services\Dnscache\Parameters\DnsPolicyConfig`
	policyGroup = `SOFTWARE\Policies\Microsoft\Windows NT\DNSClient\DnsPolicyConfig` // if it has rules, Windows looks at no other ones
	searchKey   = `SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces\`

	rulePrefix  = "{7a1c5f0e-9057-4c1e-8d7f-" // of the names of our rules
	ruleDomains = 50                          // that Windows takes in one rule
)

// bases gives where rules have to be so that Windows looks at them.
func bases() []string {
	for _, name := range subkeys(policyGroup) {
		if !strings.HasPrefix(name, rulePrefix) {
			return []string{policyLocal, policyGroup}
		}
	}
	return []string{policyLocal}
}

// subkeys gives what is below a key; nothing if there is no such key.
func subkeys(path string) []string {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.ENUMERATE_SUB_KEYS)
	if err != nil {
		return nil
	}
	defer func() { _ = key.Close() }()
	names, _ := key.ReadSubKeyNames(-1) // those that were read until an error
	return names
}

// take makes the rules. It does nothing if they are there.
func (p *policyTable) take(domains []domain) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	rules := slices.Collect(slices.Chunk(topmost(domains), ruleDomains))
	if p.taken && slices.Equal(p.told, domains) && p.made(len(rules)) {
		return nil
	}
	errs := []error{p.sweepRules()}
	for _, base := range bases() {
		for i, names := range rules {
			if err := writeRule(base+`\`+ruleName(i), names); err != nil {
				errs = append(errs, err)
			}
		}
	}
	errs = append(errs, setSearch(searched(domains)))
	p.taken, p.told = true, slices.Clone(domains)
	tell()
	return errors.Join(errs...)
}

// made reports whether there are as many rules everywhere as there should be: a change of the group policy takes them away.
func (p *policyTable) made(rules int) bool {
	for _, base := range bases() {
		if len(ourRules(base)) != rules {
			return false
		}
	}
	return true
}

func ruleName(i int) string { return fmt.Sprintf("%s%012x}", rulePrefix, i) }

func ourRules(base string) []string {
	return slices.DeleteFunc(subkeys(base), func(name string) bool { return !strings.HasPrefix(name, rulePrefix) })
}

func writeRule(path string, names []string) error {
	key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, path, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("make a rule for names: %w", err)
	}
	defer func() { _ = key.Close() }()
	suffixes := make([]string, len(names))
	for i, name := range names {
		suffixes[i] = "." + name // with all names below
	}
	err = errors.Join(
		key.SetDWordValue("Version", 2),
		key.SetStringsValue("Name", suffixes),
		key.SetStringValue("GenericDNSServers", server4.String()),
		key.SetDWordValue("ConfigOptions", 8), // of all that a rule may say, only the name servers
		key.SetStringValue("IPSECCARestriction", ""),
		key.SetStringValue("DisplayName", "Postern"),
		key.SetStringValue("Comment", "Made by postern-client. It takes this rule away when it ends, or starts again."),
	)
	if err != nil {
		return fmt.Errorf("make a rule for names: %w", err)
	}
	return nil
}

// setSearch has names of one label be looked for in domains, for as long as there is our interface.
func setSearch(domains []string) error {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, searchKey+interfaceID.String(), registry.SET_VALUE)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // as there is no interface
	}
	if err == nil {
		defer func() { _ = key.Close() }()
		err = key.SetStringValue("SearchList", strings.Join(domains, ","))
	}
	if err != nil {
		return fmt.Errorf("set the domains in which names are looked for: %w", err)
	}
	return nil
}

// restore takes away what was made.
func (p *policyTable) restore() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.taken {
		return nil
	}
	p.taken, p.told = false, nil
	return p.sweepLocked()
}

// sweep takes away what there is of ours, also of a process that was killed.
func (p *policyTable) sweep() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sweepLocked()
}

func (p *policyTable) sweepLocked() error {
	err := errors.Join(p.sweepRules(), setSearch(nil))
	tell()
	return err
}

func (p *policyTable) sweepRules() error {
	var errs []error
	for _, base := range []string{policyLocal, policyGroup} {
		for _, name := range ourRules(base) {
			if err := registry.DeleteKey(registry.LOCAL_MACHINE, base+`\`+name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("take away a rule for names: %w", err))
			}
		}
	}
	return errors.Join(errs...)
}

// tell has Windows look at the rules again, and forget the answers that it kept. It may not be able to: then it does so a little later.
func tell() {
	if len(bases()) > 1 {
		if proc := windows.NewLazySystemDLL("userenv.dll").NewProc("RefreshPolicyEx"); proc.Find() == nil {
			_, _, _ = proc.Call(1, 1) // of the machine, all of it
		}
	}
	if proc := windows.NewLazySystemDLL("dnsapi.dll").NewProc("DnsFlushResolverCache"); proc.Find() == nil {
		_, _, _ = proc.Call()
	}
}

// servers gives the name servers of the machine's networks.
func (p *policyTable) servers() []string { return networkServers() }
