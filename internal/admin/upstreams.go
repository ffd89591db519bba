package admin

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/fault"
)

// upstreams gives the routes of upstreams.
func (h *Handler) upstreams() []route {
	c := h.cfg.Control
	get, post, patch, del := http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	return []route{
		{get, "/upstreams", "listUpstreams", "upstreams", "List upstreams", viewers, false, list(c.Upstreams, h.showUpstream, ofDisabled, ofKind)},
		{post, "/upstreams", "createUpstream", "upstreams", "Make an upstream", people, false, create(h.createUpstream)},
		{get, "/upstreams/{id}", "showUpstream", "upstreams", "Show an upstream without its secret", viewers, false, one(access.PrefixUpstream, c.Upstream, h.showUpstream)},
		{patch, "/upstreams/{id}", "updateUpstream", "upstreams", "Change, disable or enable an upstream", people, false, update(h.changeUpstream())},
		{del, "/upstreams/{id}", "deleteUpstream", "upstreams", "Delete an upstream that has no users", people, false, remove(access.PrefixUpstream, c.DeleteUpstream)},
		{post, "/upstreams/{id}/secret", "setUpstreamSecret", "upstreams", "Give an upstream another secret", people, false, h.setUpstreamSecret()},
		{post, "/upstreams/{id}/test", "testUpstream", "upstreams", "Say what would become of somebody, without changing anything", people, false, h.testUpstream()},
		{post, "/upstreams/try", "tryUpstream", "upstreams", "Check an upstream that is not stored as it is here, and say what would become of somebody; changes nothing", people, false, h.tryUpstream()},
		{post, "/upstreams/{id}/check", "checkUpstream", "upstreams", "Ask an upstream whether it can be used", people, false, h.checkUpstream()},
		{get, "/upstreams/{id}/history", "listUpstreamHistory", "upstreams", "Show who changed what of an upstream", viewers, false, history(access.PrefixUpstream, c.UpstreamHistory)},
		{post, "/upstreams/{id}/undo", "undoUpstream", "upstreams", "Give an upstream the fields of an earlier version; its secret stays", people, false, undo(access.PrefixUpstream, c.UndoUpstream, h.showUpstream)},
	}
}

var ofKind = filter{"kind", "Only those of this kind.", "", []string{string(access.UpstreamOIDC), string(access.UpstreamLDAP), string(access.UpstreamSAML)}}

func (h *Handler) showUpstream(u access.Upstream) api.Upstream {
	a := h.cfg.Control.UpstreamAddresses(&u)
	return api.Upstream{Meta: meta(u.Meta), UpstreamInput: inputUpstream(u), HasSecret: u.HasSecret, Addresses: api.UpstreamAddresses{
		Callback: a.Callback, BackLogout: a.BackLogout, FrontLogout: a.FrontLogout, Metadata: a.Metadata}}
}

func inputUpstream(u access.Upstream) api.UpstreamInput {
	in := api.UpstreamInput{Name: u.Name, Kind: string(u.Kind), Disabled: u.Disabled, OnlyKnown: u.OnlyKnown, Default: u.Default, Domains: u.Domains}
	in.Mapping = showMapping(&u.Mapping)
	if s := u.OIDC; s != nil {
		in.OIDC = &api.UpstreamOIDC{Issuer: s.Issuer, ClientID: s.ClientID, Scopes: s.Scopes, GroupsClaim: s.GroupsClaim, AllowPrivate: s.AllowPrivate, AllowLoopback: s.AllowLoopback, CA: s.CA,
			StrongACR: s.StrongACR, StrongAMR: s.StrongAMR, ProofLife: duration(s.ProofLife), SecretExpires: s.SecretExpires}
	}
	if s := u.LDAP; s != nil {
		in.LDAP = &api.UpstreamLDAP{URLs: s.URLs, StartTLS: s.StartTLS, AllowPlain: s.AllowPlain, CA: s.CA, BaseDN: s.BaseDN, BindDN: s.BindDN,
			UserFilter: s.UserFilter, SubjectAttribute: s.SubjectAttribute, Attributes: s.Attributes, GroupBase: s.GroupBase, GroupFilter: s.GroupFilter,
			NestedGroups: s.NestedGroups, ActiveDirectory: s.ActiveDirectory, Workgroup: s.Workgroup, AllowLoopback: s.AllowLoopback}
	}
	if s := u.SAML; s != nil {
		in.SAML = &api.UpstreamSAML{Metadata: s.Metadata, MetadataURL: s.MetadataURL, EntityID: s.EntityID, SubjectAttribute: s.SubjectAttribute,
			GroupsAttribute: s.GroupsAttribute, IdPInitiated: s.IdPInitiated, SignRequests: s.SignRequests, AllowPrivate: s.AllowPrivate, AllowLoopback: s.AllowLoopback, CA: s.CA,
			MetadataSigner: s.MetadataSigner, StrongContexts: s.StrongContexts, ProofLife: duration(s.ProofLife)}
	}
	return in
}

// showMapping gives nothing for a mapping that maps nothing of its own.
func showMapping(m *access.Mapping) *api.UpstreamMapping {
	out := api.UpstreamMapping{Name: m.Name, DisplayName: m.DisplayName, Email: m.Email, EmailDomains: m.EmailDomains, GroupsByName: m.GroupsByName, GroupPrefix: m.GroupPrefix}
	for _, r := range m.Required {
		out.Required = append(out.Required, api.UpstreamRequirement{Claim: r.Claim, Values: r.Values})
	}
	for _, g := range m.Groups {
		out.Groups = append(out.Groups, api.UpstreamGroup{From: g.From, To: string(g.To)})
	}
	if len(members(out)) == 0 {
		return nil
	}
	return &out
}

func applyUpstream(u *access.Upstream, in api.UpstreamInput) error {
	u.Name, u.Kind, u.Disabled, u.OnlyKnown, u.Default, u.Domains = in.Name, access.UpstreamKind(in.Kind), in.Disabled, in.OnlyKnown, in.Default, in.Domains
	u.Mapping, u.OIDC, u.LDAP, u.SAML = access.Mapping{}, nil, nil, nil
	var p fault.Problems
	if m := in.Mapping; m != nil {
		u.Mapping = access.Mapping{Name: m.Name, DisplayName: m.DisplayName, Email: m.Email, EmailDomains: m.EmailDomains, GroupsByName: m.GroupsByName, GroupPrefix: m.GroupPrefix}
		for _, r := range m.Required {
			u.Mapping.Required = append(u.Mapping.Required, access.Requirement{Claim: r.Claim, Values: r.Values})
		}
		for _, g := range m.Groups {
			u.Mapping.Groups = append(u.Mapping.Groups, access.GroupMapping{From: g.From, To: access.ID(g.To)})
		}
	}
	if s := in.OIDC; s != nil {
		u.OIDC = &access.OIDCSettings{Issuer: s.Issuer, ClientID: s.ClientID, Scopes: s.Scopes, GroupsClaim: s.GroupsClaim, AllowPrivate: s.AllowPrivate, AllowLoopback: s.AllowLoopback, CA: s.CA,
			StrongACR: s.StrongACR, StrongAMR: s.StrongAMR, ProofLife: parseDuration(&p, "oidc.proofLife", s.ProofLife), SecretExpires: s.SecretExpires.UTC().Truncate(time.Microsecond)}
	}
	if s := in.LDAP; s != nil {
		u.LDAP = &access.LDAPSettings{URLs: s.URLs, StartTLS: s.StartTLS, AllowPlain: s.AllowPlain, CA: s.CA, BaseDN: s.BaseDN, BindDN: s.BindDN,
			UserFilter: s.UserFilter, SubjectAttribute: s.SubjectAttribute, Attributes: s.Attributes, GroupBase: s.GroupBase, GroupFilter: s.GroupFilter,
			NestedGroups: s.NestedGroups, ActiveDirectory: s.ActiveDirectory, Workgroup: s.Workgroup, AllowLoopback: s.AllowLoopback}
	}
	if s := in.SAML; s != nil {
		u.SAML = &access.SAMLSettings{Metadata: s.Metadata, MetadataURL: s.MetadataURL, EntityID: s.EntityID, SubjectAttribute: s.SubjectAttribute,
			GroupsAttribute: s.GroupsAttribute, IdPInitiated: s.IdPInitiated, SignRequests: s.SignRequests, AllowPrivate: s.AllowPrivate, AllowLoopback: s.AllowLoopback, CA: s.CA,
			MetadataSigner: s.MetadataSigner, StrongContexts: s.StrongContexts, ProofLife: parseDuration(&p, "saml.proofLife", s.ProofLife)}
	}
	return p.Err()
}

func (h *Handler) createUpstream(c *call, in api.UpstreamCreate) (api.Upstream, error) {
	var u access.Upstream
	if err := applyUpstream(&u, in.UpstreamInput); err != nil {
		return api.Upstream{}, err
	}
	made, err := h.cfg.Control.CreateUpstream(c, c.by, u, []byte(in.Secret))
	return h.showUpstream(made), err
}

func (h *Handler) changeUpstream() change[access.Upstream, api.UpstreamInput, api.Upstream] {
	return change[access.Upstream, api.UpstreamInput, api.Upstream]{
		prefix: access.PrefixUpstream, read: h.cfg.Control.Upstream, input: inputUpstream,
		apply: applyUpstream, write: h.cfg.Control.UpdateUpstream, show: h.showUpstream,
	}
}

func (h *Handler) setUpstreamSecret() operation {
	return operation{in: typeOf[api.SecretInput](), status: 204, path: access.PrefixUpstream, run: func(c *call) (reply, error) {
		in, err := into[api.SecretInput](c.body)
		if err != nil {
			return reply{}, err
		}
		return reply{}, h.cfg.Control.SetUpstreamSecret(c, c.by, c.id, []byte(in.Secret))
	}}
}

func (h *Handler) testUpstream() operation {
	return operation{in: typeOf[api.UpstreamTest](), out: typeOf[api.UpstreamTested](), status: 200, path: access.PrefixUpstream, run: func(c *call) (reply, error) {
		in, err := into[api.UpstreamTest](c.body)
		if err != nil {
			return reply{}, err
		}
		test, err := upstreamTest(in)
		if err != nil {
			return reply{}, err
		}
		out, err := h.cfg.Control.TestUpstream(c, c.by, c.id, test)
		if err != nil {
			return reply{}, err
		}
		return reply{body: showTested(out, in.User != "")}, nil
	}}
}

func upstreamTest(in api.UpstreamTest) (control.UpstreamTest, error) {
	claims, err := statedClaims(in.Claims)
	return control.UpstreamTest{Said: access.Statement{Claims: claims, Groups: in.Groups}, User: in.User}, err
}

func (h *Handler) tryUpstream() operation {
	return operation{in: typeOf[api.UpstreamTry](), out: typeOf[api.UpstreamTried](), status: 200, run: func(c *call) (reply, error) {
		in, err := into[api.UpstreamTry](c.body)
		if err != nil {
			return reply{}, err
		}
		var t control.UpstreamTry
		if in.Of != "" && !access.ID(in.Of).Valid(access.PrefixUpstream) {
			return reply{}, fault.Invalid("of", "must be an id such as %s_…", access.PrefixUpstream)
		}
		if t.Upstream.ID = access.ID(in.Of); in.Upstream.Secret != "" {
			t.Secret = []byte(in.Upstream.Secret)
		}
		if err := applyUpstream(&t.Upstream, in.Upstream.UpstreamInput); err != nil {
			return reply{}, err
		}
		if in.Test != nil {
			test, err := upstreamTest(*in.Test)
			if err != nil {
				return reply{}, err
			}
			t.Test = &test
		}
		problem, tested, err := h.cfg.Control.TryUpstream(c, c.by, t)
		if err != nil {
			return reply{}, err
		}
		out := api.UpstreamTried{Check: showCheck(problem)}
		if tested != nil {
			shown := showTested(*tested, t.Test.User != "")
			out.Tested = &shown
		}
		return reply{body: out}, nil
	}}
}

func showCheck(problem error) api.UpstreamCheck {
	out := api.UpstreamCheck{Works: problem == nil}
	if problem != nil {
		out.Reason = problem.Error()
	}
	return out
}

// statedClaims gives claims as upstreams give them: nothing of them lies deeper than a list of texts.
func statedClaims(in map[string]any) (map[string]any, error) {
	var p fault.Problems
	out := make(map[string]any, len(in))
	for name, value := range in {
		switch v := value.(type) {
		case string, bool, float64:
			out[name] = v
		case nil:
		case []any:
			texts := make([]string, len(v))
			for i, each := range v {
				text, ok := each.(string)
				if !ok {
					p.Add(fmt.Sprintf("%s[%d]", join("claims", name), i), "must be a string")
				}
				texts[i] = text
			}
			out[name] = texts
		default:
			p.Add(join("claims", name), "must be a string, a number, true or false, or an array of strings")
		}
	}
	return out, p.Err()
}

func showTested(t control.UpstreamTested, asked bool) api.UpstreamTested {
	out := api.UpstreamTested{Allowed: t.Refusal == nil, Subject: t.Subject, Name: t.Mapped.Name, DisplayName: t.Mapped.DisplayName, Email: t.Mapped.Email,
		Groups: orNone(t.Groups), User: string(t.User.ID), Steps: []api.UpstreamStep{}, Upstream: orNone(t.Said.Groups)}
	if t.Refusal != nil {
		out.Reason = strings.TrimSuffix(t.Refusal.Error(), ".")
	}
	for _, n := range t.Mapped.Notes {
		out.Steps = append(out.Steps, api.UpstreamStep{What: n.What, Why: n.Why})
	}
	if asked {
		out.Claims = t.Said.Claims
	}
	return out
}

func (h *Handler) checkUpstream() operation {
	return operation{out: typeOf[api.UpstreamCheck](), status: 200, path: access.PrefixUpstream, run: func(c *call) (reply, error) {
		problem, err := h.cfg.Control.CheckUpstream(c, c.by, c.id)
		if err != nil {
			return reply{}, err
		}
		return reply{body: showCheck(problem)}, nil
	}}
}
