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
	taken bool       // something may be there
	whole bool       // all of it is
	told  []domain
}

const (
	policyLocal = `SYSTEM\CurrentControlSet\Services\Dnscache\Parameters\DnsPolicyConfig`
	policyGroup = `SOFTWARE\Policies\Microsoft\Windows NT\DNSClient\DnsPolicyConfig` // if it is there, even without a rule, Windows looks at no other ones
	searchKey   = `SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces\`

	rulePrefix  = "{7a1c5f0e-9057-4c1e-8d7f-" // of the names of our rules
	ruleDomains = 50                          // that Windows takes in one rule
)

// bases gives where rules have to be so that Windows looks at them.
func bases() []string {
	if !exists(policyGroup) {
		return []string{policyLocal}
	}
	return []string{policyLocal, policyGroup}
}

func exists(path string) bool {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE)
	if err == nil {
		_ = key.Close() // nothing was changed
	}
	return err == nil
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
	if p.whole && slices.Equal(p.told, domains) && p.made(len(rules)) {
		return nil
	}
	errs := []error{sweepRules()}
	for _, base := range bases() {
		for i, names := range rules {
			if err := writeRule(base+`\`+ruleName(i), names); err != nil {
				errs = append(errs, err)
			}
		}
	}
	err := errors.Join(append(errs, setSearch(searched(domains)))...)
	p.taken, p.whole, p.told = true, err == nil, slices.Clone(domains)
	tell()
	return err
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
	if err == nil {
		defer func() { _ = key.Close() }()
		if len(domains) > 0 {
			err = key.SetStringValue("SearchList", strings.Join(domains, ","))
		} else {
			err = key.DeleteValue("SearchList")
		}
	}
	if err != nil && (len(domains) > 0 || !errors.Is(err, fs.ErrNotExist)) { // the interface may not be there yet, or any more
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
	p.whole, p.told = false, nil
	err := sweep()
	p.taken = err != nil // to try once more
	return err
}

// sweep takes away what there is of ours, also of a process that was killed.
func (p *policyTable) sweep() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return sweep()
}

func sweep() error {
	group := len(ourRules(policyGroup)) > 0
	err := errors.Join(sweepRules(), setSearch(nil))
	if group {
		err = errors.Join(err, dropEmpty(policyGroup))
		refreshPolicy()
	}
	tell()
	return err
}

func sweepRules() error {
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

// dropEmpty takes away a key with nothing in it.
func dropEmpty(path string) error {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE|registry.ENUMERATE_SUB_KEYS)
	if err != nil {
		return nil // it is not there
	}
	info, err := key.Stat()
	_ = key.Close() // nothing was changed
	if err == nil && info.SubKeyCount == 0 && info.ValueCount == 0 {
		err = registry.DeleteKey(registry.LOCAL_MACHINE, path)
	}
	return err
}

// tell has Windows look at the rules and settings again, and forget the answers that it kept. It may not be able to: then it does so a little later.
func tell() {
	if exists(policyGroup) {
		refreshPolicy()
	}
	paramChange("Dnscache")
	if proc := windows.NewLazySystemDLL("dnsapi.dll").NewProc("DnsFlushResolverCache"); proc.Find() == nil {
		_, _, _ = proc.Call()
	}
}

func refreshPolicy() {
	if proc := windows.NewLazySystemDLL("userenv.dll").NewProc("RefreshPolicyEx"); proc.Find() == nil {
		_, _, _ = proc.Call(1, 1) // of the machine, all of it
	}
}

// paramChange tells a service that its settings are others.
func paramChange(name string) {
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return
	}
	defer func() { _ = windows.CloseServiceHandle(manager) }()
	text, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return
	}
	service, err := windows.OpenService(manager, text, windows.SERVICE_PAUSE_CONTINUE)
	if err != nil {
		return
	}
	defer func() { _ = windows.CloseServiceHandle(service) }()
	_ = windows.ControlService(service, windows.SERVICE_CONTROL_PARAMCHANGE, new(windows.SERVICE_STATUS)) // it may not take it
}

// servers gives the name servers of the machine's networks.
func (p *policyTable) servers() []string { return networkServers() }
