package ldap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/internal/fault"
)

// Bounds of what people type and of what is found.
const (
	maxPassword = 1024 // bytes; Active Directory takes 256 characters
	maxTyped    = 256  // bytes of a name
	pageSize    = 500
	maxPages    = 200
)

// query is one search.
type query struct {
	base       string
	scope      int
	filter     string
	attributes []string
	limit      int  // of entries; one more is an error
	paged      bool // the result may be larger than the server gives at once
}

func rootDSE() query {
	return query{scope: goldap.ScopeBaseObject, filter: "(objectClass=*)", attributes: []string{"supportedLDAPVersion"}, limit: 1}
}

// errTooMany says that there are more entries than were asked for.
var errTooMany = errors.New("more entries than were asked for")

// search asks on a connection of the bind account.
func (c *Client) search(ctx context.Context, q query) (entries []*goldap.Entry, err error) {
	err = c.asService(ctx, func(k *conn) error {
		entries, err = c.ask(ctx, k, q)
		return err
	})
	return entries, err
}

// ask asks page by page.
func (c *Client) ask(ctx context.Context, k *conn, q query) (entries []*goldap.Entry, err error) {
	paging := goldap.NewControlPaging(pageSize)
	for range maxPages {
		var controls []goldap.Control
		if q.paged {
			controls = append(controls, paging)
		}
		result, err := k.page(ctx, c.cfg.Timeout, q, controls...)
		if err != nil {
			return nil, k.server.hop(HopSearch, cureOfSearch(err, &q), fmt.Errorf("below %q: %w", q.base, err))
		}
		entries = append(entries, result.Entries...)
		if len(entries) > q.limit {
			return nil, answered(fmt.Errorf("%s: %w (%d)", k.server.url, errTooMany, q.limit))
		}
		next, ok := goldap.FindControl(result.Controls, goldap.ControlTypePaging).(*goldap.ControlPaging)
		if !q.paged || !ok || len(next.Cookie) == 0 {
			return entries, nil
		}
		paging.SetCookie(next.Cookie)
	}
	return nil, answered(fmt.Errorf("%s: an answer of more than %d pages", k.server.url, maxPages))
}

// page asks once. Referrals among what comes are passed over.
func (k *conn) page(ctx context.Context, most time.Duration, q query, controls ...goldap.Control) (result *goldap.SearchResult, err error) {
	request := goldap.NewSearchRequest(q.base, q.scope, goldap.NeverDerefAliases, 0, int(most.Seconds()), false, q.filter, q.attributes, controls)
	if !q.paged {
		request.SizeLimit, request.EnforceSizeLimit = q.limit, true
	}
	err = k.during(ctx, most, func() error {
		result, err = k.ldap.Search(request)
		return err
	})
	switch {
	case err == nil:
		return result, nil
	case goldap.IsErrorWithCode(err, goldap.LDAPResultSizeLimitExceeded), errors.Is(err, goldap.ErrSizeLimitExceeded):
		k.spoilt = true
		return nil, answered(fmt.Errorf("%s: %w (%d)", k.server.url, errTooMany, q.limit))
	case goldap.IsErrorWithCode(err, goldap.LDAPResultReferral):
		return nil, errReferral
	}
	return nil, err
}

// errReferral is the answer of a server that does not have what is asked for.
var errReferral = answered(errors.New("it refers to another server, which is not followed"))

// answered marks an error that is an answer: other servers would give the same.
func answered(err error) error {
	return fault.New(fault.KindUpstream, "the directory that knows you gave an answer that cannot be used; please tell an administrator").Because(err)
}

// byName finds the one entry of a name.
func (c *Client) byName(ctx context.Context, name string) (*goldap.Entry, error) {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > maxTyped || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, refused(&Refusal{Reason: ReasonUnknown, Detail: "it is empty, too long or not plain text"})
	}
	account := c.account(name)
	found, err := c.search(ctx, query{
		base: c.cfg.Settings.BaseDN, scope: goldap.ScopeWholeSubtree, filter: c.kind.user(name, account), attributes: c.wanted(), limit: 2,
	})
	switch {
	case errors.Is(err, errTooMany), len(found) > 1:
		return nil, refused(&Refusal{Reason: ReasonAmbiguous, Detail: "the filter must find one entry for a name"})
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, refused(&Refusal{Reason: ReasonUnknown, Detail: "below " + c.cfg.Settings.BaseDN})
	case !c.kind.named(found[0], name, account):
		return nil, refused(&Refusal{Reason: ReasonUnknown, User: found[0].DN, Detail: "only spelled otherwise"})
	}
	return found[0], nil
}

// account gives a name without the domain or workgroup in front or behind, if it is one of ours.
func (c *Client) account(name string) string {
	if workgroup, account, ok := strings.Cut(name, `\`); ok {
		if c.cfg.Settings.Workgroup != "" && strings.EqualFold(workgroup, c.cfg.Settings.Workgroup) {
			return account
		}
		return name
	}
	if i := strings.LastIndexByte(name, '@'); i > 0 {
		for _, domain := range c.cfg.Domains {
			if strings.EqualFold(name[i+1:], domain) {
				return name[:i]
			}
		}
	}
	return name
}

// bySubject finds somebody again, if the settings' filter still lets them in.
func (c *Client) bySubject(ctx context.Context, subject string) (*goldap.Entry, error) {
	q := query{base: c.cfg.Settings.BaseDN, scope: goldap.ScopeWholeSubtree, attributes: c.wanted(), limit: 2}
	if c.kind.subject == subjectDN {
		base, err := goldap.ParseDN(c.cfg.Settings.BaseDN)
		dn, err2 := goldap.ParseDN(subject)
		if err != nil || err2 != nil || !base.EqualFold(dn) && !base.AncestorOfFold(dn) {
			return nil, fault.NotFound("the directory has no such user any more")
		}
		q.base, q.scope, q.filter = subject, goldap.ScopeBaseObject, c.kind.anybody()
	} else {
		q.filter = "(&" + c.kind.ofSubject(subject) + c.kind.anybody() + ")"
	}
	found, err := c.search(ctx, q)
	if q.scope == goldap.ScopeBaseObject && goldap.IsErrorWithCode(err, goldap.LDAPResultNoSuchObject) {
		err = nil
	}
	switch {
	case errors.Is(err, errTooMany), len(found) > 1:
		return nil, answered(fmt.Errorf("more than one entry has the %s %s", c.kind.subject, subject))
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fault.NotFound("the directory has no such user any more, or its filter does not let them in")
	}
	return found[0], nil
}
