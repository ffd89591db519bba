package admin

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/audit"
	"postern/internal/control"
	"postern/internal/fault"
)

// logs lists the routes of the audit log's chain and of the sign-in log.
func (h *Handler) logs() []route {
	get, post := http.MethodGet, http.MethodPost
	return append(h.exports(), []route{
		{get, "/audit/chain", "showAuditChain", "audit", "Say where the audit log's chain begins and ends", auditors, false, h.auditChain()},
		{get, "/audit/records", "listAuditRecords", "audit", "List audit entries as they are chained, the oldest first", auditors, false, h.auditRecords()},
		{get, "/audit/verify", "verifyAudit", "audit", "Verify that no audit entry was changed, added, removed or reordered", auditors, false, h.verifyAudit()},
		{get, "/sign-ins", "listSignIns", "sign-ins", "List sign-ins, hand-overs and denials, newest first", auditors, false, h.listSignIns()},
		{post, "/users/{id}/erase", "eraseUser", "users", "Erase what tells of a user from the logs; one who is still there is deleted", owner, false, h.eraseUser()},
	}...)
}

func showHead(head audit.Head) api.AuditHead {
	return api.AuditHead{Seq: head.Seq, Hash: head.Hash, Signature: head.Signature, Time: head.Time}
}

func (h *Handler) auditChain() operation {
	return operation{out: typeOf[api.AuditChain](), status: 200, run: func(c *call) (reply, error) {
		key, head, trimmed, err := h.cfg.Control.AuditChain(c, c.by)
		if err != nil {
			return reply{}, err
		}
		return reply{body: api.AuditChain{Key: key, Head: showHead(head), Trimmed: showHead(trimmed)}}, nil
	}}
}

func (h *Handler) auditRecords() operation {
	return operation{out: typeOf[api.List[api.AuditRecord]](), status: 200, query: []parameter{
		{"limit", "How many entries at most, 1 to 1000; 100 if left out.", "int32"},
		{"after", "Only those behind this place in the log; next of the answer before.", ""},
	}, run: func(c *call) (reply, error) {
		page, err := c.page()
		if err != nil {
			return reply{}, err
		}
		after, err := place(page.After)
		if err != nil {
			return reply{}, err
		}
		found, err := h.cfg.Control.AuditRecords(c, c.by, after, page.Limit)
		next := ""
		if len(found) > 0 {
			next = strconv.FormatUint(found[len(found)-1].Seq, 10)
		}
		return listed(found, next, err, showRecord)
	}}
}

func place(text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	after, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, fault.Invalid("after", "must be a place in the log, a number")
	}
	return after, nil
}

func showRecord(r audit.Record) api.AuditRecord {
	return api.AuditRecord{
		Seq: r.Seq, ID: r.ID, Version: r.Version, Time: r.Time, ActorKind: r.Kind, Actor: r.Actor, Roles: append([]string{}, r.Roles...),
		Request: r.Request, Action: r.Action, Object: r.Object, Outcome: r.Outcome, Adopted: r.Adopted,
		Who: api.AuditPart(r.Who), What: api.AuditPart(r.What), Hash: r.Hash, Signature: r.Signature,
	}
}

func (h *Handler) verifyAudit() operation {
	return operation{out: typeOf[api.AuditReport](), status: 200, query: []parameter{
		{"heads", "Entries that the log must still hold, as place:hash, separated by commas.", ""},
		{"part", "Go on where the answer before ended: its next. A long log takes several answers of some seconds each.", ""},
		{"limit", "How many entries at most are verified in this answer; as many as there is time for if left out.", "int32"},
	}, run: func(c *call) (reply, error) {
		part, err := verifyingPart(c)
		if err != nil {
			return reply{}, err
		}
		found, next, err := h.cfg.Control.VerifyAuditPart(c, c.by, part)
		if err != nil {
			return reply{}, err
		}
		report := api.AuditReport{
			Next: next, Good: found.Problem == nil && next == "", Key: found.Key, Entries: found.Entries, First: found.First, Last: found.Last, Trimmed: found.Trimmed,
			Adopted: found.Adopted, Erased: found.Erased, Head: showHead(found.Head),
		}
		if p := found.Problem; p != nil {
			report.Problem = &api.AuditProblem{Seq: p.Seq, ID: p.ID, Reason: p.Reason}
		}
		return reply{body: report}, nil
	}}
}

func verifyingPart(c *call) (p control.VerifyingPart, err error) {
	if p.Kept, err = heads(c.query.Get("heads")); err != nil {
		return p, err
	}
	p.From = c.query.Get("part")
	if text := c.query.Get("limit"); text != "" {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 1 {
			return p, fault.Invalid("limit", "must be a number from 1")
		}
		p.Limit = int(n)
	}
	return p, nil
}

func heads(text string) (list []audit.Head, err error) {
	if text == "" {
		return nil, nil
	}
	for _, one := range strings.Split(text, ",") {
		head, err := audit.ParseHead(one)
		if err != nil {
			return nil, fault.Invalid("heads", "%v", err)
		}
		list = append(list, head)
	}
	return list, nil
}

func (h *Handler) listSignIns() operation {
	return operation{out: typeOf[api.List[api.SignIn]](), status: 200, query: append(searching[:len(searching)-1:len(searching)-1],
		parameter{"search", "Only entries whose user's name contains this, whatever its case.", ""},
		parameter{"user", "Only what this user did.", ""},
		parameter{"application", "Only what concerns this application.", ""},
		parameter{"event", "Only this event: " + strings.Join(words(access.SignInEvents()), ", ") + ".", ""},
		parameter{"result", "Only this result: " + strings.Join(words(access.SignInResults()), ", ") + ".", ""},
		parameter{"reason", "Only this reason, such as wrong-password.", ""},
		parameter{"address", "Only what came from this network address.", ""},
		parameter{"request", "Only the request with this reference, as error pages show it.", ""},
		parameter{"from", "Only what happened at or after this time.", "date-time"},
		parameter{"to", "Only what happened at or before this time.", "date-time"},
		parameter{"order", "oldest gives the oldest first.", ""},
	), run: func(c *call) (reply, error) {
		filter, err := signInFilter(c)
		if err != nil {
			return reply{}, err
		}
		found, next, err := h.cfg.Control.SignInLog(c, c.by, filter)
		return listed(found, next, err, showSignIn)
	}}
}

func signInFilter(c *call) (f control.SignInFilter, err error) {
	var p fault.Problems
	f.Page, err = c.page()
	p.Check("page", err)
	f.User, err = c.reference("user", access.PrefixUser)
	p.Check("user", err)
	f.Application, err = c.reference("application", access.PrefixApplication)
	p.Check("application", err)
	f.From, err = c.time("from")
	p.Check("from", err)
	f.To, err = c.time("to")
	p.Check("to", err)
	f.Event, f.Result = access.SignInEvent(c.query.Get("event")), access.SignInResult(c.query.Get("result"))
	if f.Event != "" && !slices.Contains(access.SignInEvents(), f.Event) {
		p.Add("event", "must be one of %s", strings.Join(words(access.SignInEvents()), ", "))
	}
	if f.Result != "" && !slices.Contains(access.SignInResults(), f.Result) {
		p.Add("result", "must be one of %s", strings.Join(words(access.SignInResults()), ", "))
	}
	for name, into := range map[string]*string{"reason": &f.Reason, "request": &f.Request} {
		if *into = c.query.Get(name); len(*into) > 128 {
			p.Add(name, "must be at most 128 bytes long")
		}
	}
	if text := c.query.Get("address"); text != "" {
		address, err := netip.ParseAddr(text)
		if err != nil {
			p.Add("address", "must be an IP address without a port")
		}
		f.Address = address.String()
	}
	switch c.query.Get("order") {
	case "", "newest":
	case "oldest":
		f.Oldest = true
	default:
		p.Add("order", "must be oldest or newest")
	}
	return f, p.Err()
}

func showSignIn(s access.SignInEntry) api.SignIn {
	return api.SignIn{
		ID: string(s.ID), Time: s.Time, Event: string(s.Event), Result: string(s.Result), Reason: s.Reason, Message: s.Message,
		User: string(s.User), UserName: s.UserName, Application: string(s.Application), ApplicationName: s.ApplicationName,
		Upstream: string(s.Upstream), UpstreamName: s.UpstreamName, Methods: append([]string{}, s.Methods...), Policy: s.Policy,
		ReportOnly: append([]string{}, s.ReportOnly...), Session: string(s.Session), Address: s.Address, UserAgent: s.UserAgent,
		Request: s.Request, Gateway: string(s.Gateway), Client: s.Client, Unrecorded: s.Unrecorded,
	}
}

func (h *Handler) eraseUser() operation {
	return operation{out: typeOf[api.Erased](), status: 200, path: access.PrefixUser, run: func(c *call) (reply, error) {
		out, err := h.cfg.Control.EraseUser(c, c.by, c.id)
		if err != nil {
			return reply{}, err
		}
		return reply{body: api.Erased{Audit: out.Audit, SignIns: out.SignIns, Deleted: out.Deleted}}, nil
	}}
}
