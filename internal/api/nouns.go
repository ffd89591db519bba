package api

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ListOptions asks for a part of a list. The zero value asks for the first page.
type ListOptions struct {
	Limit  int    // objects on a page; 0 leaves it to the service
	After  string // cursor of the page before
	Search string // only objects whose name contains it
	Filter url.Values
}

func (o ListOptions) query() url.Values {
	q := url.Values{}
	for name, values := range o.Filter {
		q[name] = values
	}
	if o.Limit > 0 {
		q.Set("limit", strconv.Itoa(o.Limit))
	}
	if o.After != "" {
		q.Set("after", o.After)
	}
	if o.Search != "" {
		q.Set("search", o.Search)
	}
	return q
}

// reads, creates, patches and deletes are what one can do with a noun; each noun has those that it
// allows.
type (
	noun struct {
		c    *Client
		path string
	}
	reads[T any]      struct{ noun }
	shows[T any]      struct{ noun }
	creates[I, T any] struct{ noun }
	patches[T any]    struct{ noun }
	deletes           struct{ noun }
)

// List gives one page.
func (n reads[T]) List(ctx context.Context, o ListOptions) (List[T], error) {
	var page List[T]
	err := n.c.do(ctx, call{method: http.MethodGet, path: []string{n.path}, query: o.query(), out: &page})
	return page, err
}

// All goes through the whole list, page by page, from o.After on. It ends at the first error,
// which it yields.
func (n reads[T]) All(ctx context.Context, o ListOptions) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			page, err := n.List(ctx, o)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == "" || page.Next == o.After {
				return
			}
			o.After = page.Next
		}
	}
}

// Show gives one object.
func (n shows[T]) Show(ctx context.Context, id string) (T, error) {
	var object T
	err := n.c.do(ctx, call{method: http.MethodGet, path: []string{n.path, id}, out: &object})
	return object, err
}

// Create makes one.
func (n creates[I, T]) Create(ctx context.Context, in I) (T, error) {
	var object T
	err := n.c.do(ctx, call{method: http.MethodPost, path: []string{n.path}, in: in, out: &object})
	return object, err
}

// Update changes one that is still at that version; otherwise the error is fault.KindChanged.
func (n patches[T]) Update(ctx context.Context, id string, version int64, patch Patch) (T, error) {
	var object T
	err := n.c.do(ctx, call{method: http.MethodPatch, path: []string{n.path, id}, version: version, in: patch, out: &object})
	return object, err
}

// Delete removes one that is still at that version, or at any if version is 0.
func (n deletes) Delete(ctx context.Context, id string, version int64) error {
	return n.c.do(ctx, call{method: http.MethodDelete, path: []string{n.path, id}, version: version, any: version == 0})
}

// The nouns.
type (
	// Applications are what is published.
	Applications struct {
		reads[Application]
		shows[Application]
		creates[ApplicationInput, Application]
		patches[Application]
		pasts[Application]
		deletes
	}
	// ConnectorGroups are sets of connectors that act as one.
	ConnectorGroups struct {
		reads[ConnectorGroup]
		shows[ConnectorGroup]
		creates[ConnectorGroupInput, ConnectorGroup]
		patches[ConnectorGroup]
		pasts[ConnectorGroup]
		deletes
	}
	// Connectors enrol themselves; they can be changed and deleted.
	Connectors struct {
		reads[Connector]
		shows[Connector]
		patches[Connector]
		pasts[Connector]
		deletes
	}
	// Users are local users.
	Users struct {
		reads[User]
		shows[User]
		creates[UserCreate, User]
		patches[User]
		pasts[User]
		deletes
	}
	// Groups are sets of users.
	Groups struct {
		reads[Group]
		shows[Group]
		creates[GroupInput, Group]
		patches[Group]
		pasts[Group]
		deletes
	}
	// Assignments let users and groups use applications.
	Assignments struct {
		reads[Assignment]
		shows[Assignment]
		creates[AssignmentInput, Assignment]
		patches[Assignment]
		pasts[Assignment]
		deletes
	}
	// Tokens enrol connectors.
	Tokens struct {
		reads[Token]
		shows[Token]
		creates[TokenInput, TokenCreated]
		deletes
	}
	// Keys let programs use this API.
	Keys struct {
		reads[Key]
		shows[Key]
		creates[KeyInput, KeyCreated]
		deletes
	}
	// Certificates are those of the public side, by domain.
	Certificates struct {
		reads[Certificate]
		shows[Certificate]
		deletes
	}
	// Gateways are the services that share a database.
	Gateways struct{ reads[Gateway] }
	// Audit is the audit log, newest first.
	Audit struct{ reads[AuditEntry] }
	// SignIns is the sign-in log, newest first.
	SignIns struct{ reads[SignIn] }
)

func (c *Client) nouns() {
	n := func(path string) noun { return noun{c, path} }
	a, g, k := n("applications"), n("connector-groups"), n("connectors")
	c.Applications = Applications{reads[Application]{a}, shows[Application]{a}, creates[ApplicationInput, Application]{a}, patches[Application]{a}, pasts[Application]{a}, deletes{a}}
	c.ConnectorGroups = ConnectorGroups{reads[ConnectorGroup]{g}, shows[ConnectorGroup]{g}, creates[ConnectorGroupInput, ConnectorGroup]{g}, patches[ConnectorGroup]{g}, pasts[ConnectorGroup]{g}, deletes{g}}
	c.Connectors = Connectors{reads[Connector]{k}, shows[Connector]{k}, patches[Connector]{k}, pasts[Connector]{k}, deletes{k}}
	u, p, s := n("users"), n("groups"), n("assignments")
	c.Users = Users{reads[User]{u}, shows[User]{u}, creates[UserCreate, User]{u}, patches[User]{u}, pasts[User]{u}, deletes{u}}
	c.Groups = Groups{reads[Group]{p}, shows[Group]{p}, creates[GroupInput, Group]{p}, patches[Group]{p}, pasts[Group]{p}, deletes{p}}
	c.Assignments = Assignments{reads[Assignment]{s}, shows[Assignment]{s}, creates[AssignmentInput, Assignment]{s}, patches[Assignment]{s}, pasts[Assignment]{s}, deletes{s}}
	t, y, d := n("tokens"), n("keys"), n("certificates")
	c.Tokens = Tokens{reads[Token]{t}, shows[Token]{t}, creates[TokenInput, TokenCreated]{t}, deletes{t}}
	c.Keys = Keys{reads[Key]{y}, shows[Key]{y}, creates[KeyInput, KeyCreated]{y}, deletes{y}}
	c.Certificates = Certificates{reads[Certificate]{d}, shows[Certificate]{d}, deletes{d}}
	w := n("upstreams")
	c.Upstreams = Upstreams{reads[Upstream]{w}, shows[Upstream]{w}, creates[UpstreamCreate, Upstream]{w}, patches[Upstream]{w}, pasts[Upstream]{w}, deletes{w}}
	c.Alerts = Alerts{reads[Alert]{n("alerts")}}
	c.Gateways = Gateways{reads[Gateway]{n("gateways")}}
	x := n("access-keys")
	c.AccessKeys = AccessKeys{reads[AccessKey]{x}, shows[AccessKey]{x}, deletes{x}}
	v := n("devices")
	c.Devices = Devices{reads[Device]{v}, shows[Device]{v}, patches[Device]{v}, deletes{v}}
	c.Audit = Audit{reads[AuditEntry]{n("audit")}}
	c.SignIns = SignIns{reads[SignIn]{n("sign-ins")}}
	c.Traffic = TrafficLog{n("traffic")}
	out := n("exports")
	c.Exports = Exports{reads[Export]{out}, shows[Export]{out}, creates[ExportCreate, Export]{out}, patches[Export]{out}, pasts[Export]{out}, deletes{out}}
}

// Put adds the certificate of a domain (version 0), or replaces the one that is still at that
// version.
func (n Certificates) Put(ctx context.Context, domain string, version int64, in CertificateInput) (Certificate, error) {
	c, path := n.reads.c, n.reads.path
	var out Certificate
	err := c.do(ctx, call{method: http.MethodPut, path: []string{path, domain}, version: version, in: in, out: &out})
	return out, err
}

// SetPassword gives a user a new password. The user's sessions end.
func (n Users) SetPassword(ctx context.Context, id, password string) error {
	c, path := n.reads.c, n.reads.path
	return c.do(ctx, call{method: http.MethodPost, path: []string{path, id, "password"}, in: PasswordInput{password}})
}

// AuditOptions asks for a part of the audit log.
type AuditOptions struct {
	ListOptions
	Object, Action, Actor, Outcome, Request string
	Since, Until                            time.Time
}

// Options turns it into what List and All take.
func (o AuditOptions) Options() ListOptions {
	f := url.Values{}
	for name, value := range map[string]string{"object": o.Object, "action": o.Action, "actor": o.Actor, "outcome": o.Outcome, "request": o.Request} {
		if value != "" {
			f.Set(name, value)
		}
	}
	if !o.Since.IsZero() {
		f.Set("since", o.Since.UTC().Format(time.RFC3339Nano))
	}
	if !o.Until.IsZero() {
		f.Set("until", o.Until.UTC().Format(time.RFC3339Nano))
	}
	o.Filter = f
	return o.ListOptions
}

// Export gives the whole configuration.
func (c *Client) Export(ctx context.Context) (Document, error) {
	var doc Document
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"export"}, out: &doc})
	return doc, err
}

// Plan says what Apply would change.
func (c *Client) Plan(ctx context.Context, r DocumentRequest) (Plan, error) {
	var plan Plan
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"plan"}, in: r, out: &plan})
	return plan, err
}

// Apply makes the configuration what the document says, all of it or nothing, and tells what it
// changed.
func (c *Client) Apply(ctx context.Context, r DocumentRequest) (Plan, error) {
	var plan Plan
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"apply"}, in: r, out: &plan, within: 5 * time.Minute})
	return plan, err
}

// Me says whose key it is.
func (c *Client) Me(ctx context.Context) (Me, error) {
	var me Me
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"me"}, out: &me})
	return me, err
}

// Health says how the service is.
func (c *Client) Health(ctx context.Context) (Health, error) {
	var h Health
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"health"}, out: &h})
	return h, err
}

// Summary counts what there is.
func (c *Client) Summary(ctx context.Context) (Summary, error) {
	var s Summary
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"summary"}, out: &s})
	return s, err
}

// Rollout says who runs a change of the configuration already; 0 is the last one.
func (c *Client) Rollout(ctx context.Context, change uint64) (Rollout, error) {
	var r Rollout
	q := url.Values{}
	if change > 0 {
		q.Set("change", strconv.FormatUint(change, 10))
	}
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"rollout"}, query: q, out: &r})
	return r, err
}

// Setup claims a new service.
func (c *Client) Setup(ctx context.Context, r SetupRequest) (SetupDone, error) {
	var done SetupDone
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"setup"}, in: r, out: &done})
	return done, err
}
