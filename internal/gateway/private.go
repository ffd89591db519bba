package gateway

import (
	"bytes"
	"strconv"
	"strings"
	"sync"

	"postern/internal/access"
	"postern/internal/field"
)

// connectionAuth knows the applications whose backends authenticate the connection instead of each
// request (Negotiate and NTLM, RFC 4559). Their backend connections belong to one user on one
// connection, and their hosts offer HTTP/1.1 only.
type connectionAuth struct {
	mu    sync.RWMutex // guards the fields below
	apps  map[access.ID]int64
	hosts map[string]bool
}

// notice looks at the values of Authorization or WWW-Authenticate.
func (c *connectionAuth) notice(app *published, fields field.Fields, name string) {
	for i := range fields {
		if !fields[i].Is(name) {
			continue
		}
		for rest, more := fields[i].Value, true; more; {
			var part []byte
			part, rest, more = bytes.Cut(rest, comma)
			part = field.Trim(part)
			if end := bytes.IndexAny(part, " \t"); end >= 0 {
				part = part[:end]
			}
			if field.EqualFold(part, "negotiate") || field.EqualFold(part, "ntlm") {
				c.mark(app)
			}
		}
	}
}

func (c *connectionAuth) mark(app *published) {
	if c.has(app) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.apps == nil {
		c.apps, c.hosts = map[access.ID]int64{}, map[string]bool{}
	}
	c.apps[app.ID] = app.Version
	c.hosts[app.external.Host] = true
}

func (c *connectionAuth) has(app *published) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, ok := c.apps[app.ID]
	return ok
}

func (c *connectionAuth) host(host string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.hosts[host]
}

// keep forgets what a view no longer has.
func (c *connectionAuth) keep(v *view) {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.hosts)
	for id, version := range c.apps {
		if app, ok := v.apps[id]; ok && app.Version == version {
			c.hosts[app.external.Host] = true
			continue
		}
		delete(c.apps, id)
	}
}

// stuck gives the link that holds the backend connections of a private key, if it is usable: what
// the backend has authenticated is there and nowhere else.
func (x *exchange) stuck(private string) *link {
	if private == "" {
		return nil
	}
	x.conn.mu.Lock()
	defer x.conn.mu.Unlock()
	if l := x.conn.links[stickKey{x.app.ID, private}]; l != nil && l.usable() {
		return l
	}
	return nil
}

func (x *exchange) stick(private string, l *link) {
	if private == "" {
		return
	}
	x.conn.mu.Lock()
	defer x.conn.mu.Unlock()
	if x.conn.links == nil || len(x.conn.links) > maxStuck {
		x.conn.links = map[stickKey]*link{}
	}
	x.conn.links[stickKey{x.app.ID, private}] = l
}

// maxStuck bounds what one connection of a client can make us remember.
const maxStuck = 64

type stickKey struct {
	app     access.ID
	private string
}

// privateKey says whose backend connections the exchange may use. On HTTP/2 requests of one
// connection mix, so it is told to come back on a connection of its own.
func privateKey(x *exchange) (string, error) {
	if x.conn == nil || strings.HasPrefix(x.protocol, "HTTP/2") {
		f := misdirected
		return "", &f
	}
	session := ""
	if who := x.who.Load(); who != nil {
		session = string(who.Session)
	}
	return strconv.FormatUint(x.conn.number, 10) + "/" + session, nil
}
