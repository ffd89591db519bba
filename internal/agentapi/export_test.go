package agentapi

// MaxAddresses lets tests reach the bound.
const MaxAddresses = maxAddresses

// Addresses tells how many addresses are remembered.
func (a *API) Addresses() int {
	a.limits.mu.Lock()
	defer a.limits.mu.Unlock()
	return len(a.limits.buckets)
}
