package uplink

import "time"

// WPADNames gives where scripts are looked for by a resolver's configuration.
func WPADNames(resolvConf string) []string { return wpadURLs(searchDomains(resolvConf)) }

// BusyFor has an address have turned us away for so long.
func (d *Dialer) BusyFor(address string, long time.Duration) {
	d.busy.since[address] = time.Now().Add(-long)
}
