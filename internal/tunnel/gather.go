package tunnel

// What Coalesce returns also gathers for others than a Session: whoever has the TLS connection over it finds these methods by
// an interface of its own. One goroutine at a time calls Push or Send, and nobody if a Session took over.

// Gather makes Write gather from now on, until Push or Send, and reports whether Push can send anything. Unlike a Session
// it expects no word from the other side's kernel within seconds: browsers sleep.
func (c *coalescer) Gather() bool {
	c.mu.Lock()
	c.owned = true
	c.mu.Unlock()
	return c.pushes()
}

// Push sends what is gathered without waiting. It returns what the socket had no room for, which Send must be given before
// anything else.
func (c *coalescer) Push() (rest []byte, err error) { return c.push() }

// Send sends rest and then what is gathered, and waits for it.
func (c *coalescer) Send(rest []byte) error { return c.flush(rest) }
