package ldap

import (
	"fmt"
	"net"
	"sync"
)

// What a directory may answer at most. Answers are decoded into values many times their size, so a
// directory that means harm, or a program that is none, must not decide how much is read.
const (
	maxMessage  = 1 << 20 // bytes of one message
	maxAnswer   = 8 << 20 // bytes of all messages of one operation
	maxMessages = 5_000   // of one operation, each an entry
	maxHeader   = 6       // bytes of a message's tag and length
)

// guard is a connection that ends as soon as what comes in cannot be a directory's answer or is more
// than one may be. It looks at the frame of each message only; what is inside is the decoder's.
type guard struct {
	net.Conn

	mu   sync.Mutex // guards all below
	left int        // bytes that may still come in this operation
	more int        // messages that may still begin
	body int        // bytes of the present message that are still to come
	head []byte     // the present message's tag and length, as far as they are here
	err  error      // why nothing is read any more; the decoder flattens what it is told into text
}

func (g *guard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = g.follow(p[:n])
	}
	if g.err == nil && err != nil {
		g.err = err
	}
	if g.err != nil {
		return 0, g.err
	}
	return n, nil
}

// allow starts another operation.
func (g *guard) allow() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left, g.more = maxAnswer, maxMessages
}

// failure tells why reading ended, if it did.
func (g *guard) failure() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// follow keeps track of the messages' frames. g.mu is held.
func (g *guard) follow(p []byte) error {
	if g.left -= len(p); g.left < 0 {
		return fmt.Errorf("its answer is larger than %d bytes", maxAnswer)
	}
	for len(p) > 0 {
		if g.body > 0 {
			skip := min(g.body, len(p))
			g.body -= skip
			p = p[skip:]
			continue
		}
		g.head = append(g.head, p[0])
		p = p[1:]
		size, complete, err := frame(g.head)
		if err != nil {
			return err
		}
		if !complete {
			continue
		}
		g.body, g.head = size, g.head[:0]
		if g.more--; g.more < 0 {
			return fmt.Errorf("its answer has more than %d messages", maxMessages)
		}
	}
	return nil
}

// frame reads the tag and the length that a message begins with (RFC 4511, section 5.1).
func frame(head []byte) (size int, complete bool, err error) {
	if head[0] != tagSequence {
		return 0, false, fmt.Errorf("what answers does not speak LDAP: its first byte is %#02x", head[0])
	}
	if len(head) < 2 {
		return 0, false, nil
	}
	first := head[1]
	if first < 0x80 {
		return int(first), true, nil
	}
	octets := int(first & 0x7f)
	if octets == 0 || octets > maxHeader-2 {
		return 0, false, fmt.Errorf("what answers does not speak LDAP: a message has a length of form %#02x", first)
	}
	if len(head) < 2+octets {
		return 0, false, nil
	}
	for _, b := range head[2:] {
		size = size<<8 | int(b)
	}
	if size > maxMessage {
		return 0, false, fmt.Errorf("a message of its answer has %d bytes, more than %d", size, maxMessage)
	}
	return size, true, nil
}

// The tags of the few elements that are read by hand (RFC 4511, appendix B).
const (
	tagInteger    = 0x02
	tagEnumerated = 0x0a
	tagSequence   = 0x30
	tagExtended   = 0x78 // an ExtendedResponse
)

// element cuts the first element off: its tag, its content and what follows it.
func element(b []byte) (tag byte, content, rest []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, nil, false
	}
	tag, size, start := b[0], int(b[1]), 2
	if size >= 0x80 {
		octets := size & 0x7f
		if octets == 0 || octets > 4 || len(b) < 2+octets {
			return 0, nil, nil, false
		}
		size, start = 0, 2+octets
		for _, o := range b[2:start] {
			size = size<<8 | int(o)
		}
	}
	if size > len(b)-start {
		return 0, nil, nil, false
	}
	return tag, b[start : start+size], b[start+size:], true
}
