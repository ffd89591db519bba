package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/internal/fault"
)

// Step is one hop of a check: how it went and, if it did not, what to do.
type Step struct {
	Server string
	Hop    string
	Note   string // what was found, if it went well
	Took   time.Duration
	Cure   string
	Err    error
}

// String is a line for a person.
func (s Step) String() string {
	if s.Err == nil {
		return fmt.Sprintf("%s: %s: ok, %s", s.Server, s.Hop, s.Note)
	}
	return fmt.Sprintf("%s: %s: %v. %s", s.Server, s.Hop, s.Err, s.Cure)
}

// Check asks every server and says on which hop one fails and what to do about it; nil if none does.
func (c *Client) Check(ctx context.Context) error {
	var lines []string
	var causes []error
	for _, s := range c.Steps(ctx) {
		if s.Err != nil {
			lines = append(lines, s.String())
			causes = append(causes, s.Err)
		}
	}
	if lines == nil {
		return nil
	}
	kind := fault.KindConflict // another server answers
	if len(causes) == len(c.servers) {
		kind = fault.KindUnavailable
	}
	return fault.New(kind, "%s", strings.Join(lines, "\n")).Because(errors.Join(causes...))
}

// Steps asks every server and says how each hop went. A server's steps end with the first that fails.
func (c *Client) Steps(ctx context.Context) (all []Step) {
	for i := range c.servers {
		p := probe{client: c, server: &c.servers[i], at: time.Now()}
		p.run(ctx)
		all = append(all, p.steps...)
	}
	return all
}

// probe is the check of one server.
type probe struct {
	client *Client
	server *server
	at     time.Time // when the present step began
	steps  []Step
}

// did notes a step and reports whether it went well.
func (p *probe) did(hop, note string, err error) bool {
	now := time.Now()
	s := Step{Server: p.server.url, Hop: hop, Note: note, Took: now.Sub(p.at), Err: err}
	if failed := HopErrors(err); len(failed) > 0 {
		s.Hop, s.Cure = failed[0].Hop, failed[0].Cure
		s.Err = failed[0].Err
	} else if e, ok := errors.AsType[*fault.Error](err); ok && e.Err != nil {
		s.Err = e.Err
	}
	p.at = now
	p.steps = append(p.steps, s)
	return err == nil
}

func (p *probe) run(ctx context.Context) {
	c := p.client
	resolving, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	addresses, err := resolve(resolving, p.server.host)
	cancel()
	if err != nil {
		err = p.server.hop(HopResolve, "Check the host's name and this machine's DNS.", err)
	}
	if !p.did(HopResolve, fmt.Sprint(addresses), err) {
		return
	}
	k, err := c.connect(ctx, p.server)
	if err != nil {
		p.did(HopDial, "", err)
		return
	}
	defer k.close()
	p.did(HopTLS, described(k), nil)
	who := "nobody: no bindDn is set"
	if c.cfg.Settings.BindDN != "" {
		who = "as " + c.cfg.Settings.BindDN
	}
	if !p.did(HopBind, who, c.bindService(ctx, k)) {
		return
	}
	p.searches(ctx, k)
}

// described says to what and how a connection was made.
func described(k *conn) string {
	note := "connected to " + k.guard.RemoteAddr().String()
	private, ok := k.guard.Conn.(*tls.Conn)
	if !ok {
		return note + " WITHOUT TLS: passwords cross the network for anybody to read"
	}
	state := private.ConnectionState()
	leaf := state.PeerCertificates[0]
	return fmt.Sprintf("%s by %s; the certificate of %s is valid until %s", note, tls.VersionName(state.Version), text(leaf.Subject.String()), leaf.NotAfter.UTC().Format(time.DateTime))
}

// searches looks for users and groups as signing in does.
func (p *probe) searches(ctx context.Context, k *conn) {
	c, set := p.client, &p.client.cfg.Settings
	for _, base := range []string{set.BaseDN, set.GroupBase} {
		_, err := c.ask(ctx, k, query{base: base, scope: goldap.ScopeBaseObject, filter: "(objectClass=*)", attributes: []string{"1.1"}, limit: 1})
		if err != nil {
			p.did(HopSearch, "", err)
			return
		}
	}
	q := query{base: set.BaseDN, scope: goldap.ScopeWholeSubtree, filter: c.kind.anybody(), attributes: c.wanted(), paged: true}
	result, err := k.page(ctx, c.cfg.Timeout, q, goldap.NewControlPaging(1)) // one is enough
	switch {
	case errors.Is(err, errTooMany): // a server without pages; it has users
	case err != nil:
		err = p.server.hop(HopSearch, cureOfSearch(err, &q), fmt.Errorf("for users: %w", err))
	case len(result.Entries) == 0:
		err = p.server.hop(HopSearch, "Check baseDn and userFilter, and that the bind account may read what the filter asks for.",
			fmt.Errorf("nobody below %s fits %s", set.BaseDN, c.kind.anybody()))
	default:
		err = p.readable(result.Entries[0])
	}
	if errors.Is(err, errTooMany) {
		err = nil
	}
	p.did(HopSearch, "users and groups can be looked up", err)
}

// readable says what of a user cannot be read and must be.
func (p *probe) readable(user *goldap.Entry) error {
	if _, err := p.client.kind.subjectOf(user); err != nil {
		return p.server.hop(HopSearch, "Let the bind account read it, or set subjectAttribute.", errors.Unwrap(err))
	}
	if p.client.cfg.Settings.ActiveDirectory {
		if _, ok := (attributes{user}).number("userAccountControl"); !ok {
			return p.server.hop(HopSearch, "Let the bind account read userAccountControl of users.", fmt.Errorf("whether %s is disabled cannot be read", user.DN))
		}
	}
	return nil
}
