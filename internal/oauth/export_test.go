package oauth

// AuthorizeURL gives the address that a browser is sent to, for a verifier that a standard gives.
func (c *Client) AuthorizeURL(ask Ask, verifier, state, redirect string) string {
	return c.authorizeURL(ask, verifier, state, redirect)
}
