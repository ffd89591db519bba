package uplink

// WPADNames gives where scripts are looked for by a resolver's configuration.
func WPADNames(resolvConf string) []string { return wpadURLs(searchDomains(resolvConf)) }
