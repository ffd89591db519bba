package admin

import (
	"context"
	"net/http"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/ca"
	"postern/internal/control"
)

// authority lists the routes about our own CA and the signing keys.
func (h *Handler) authority() []route {
	get, post := http.MethodGet, http.MethodPost
	c := h.cfg.Control
	finish := func(call *call) error {
		in, err := into[api.AuthorityFinish](call.body)
		if err != nil {
			return err
		}
		return c.FinishExchange(call, call.by, in.Force)
	}
	return []route{
		{get, "/authority", "showAuthority", "authority", "Show the service's own certificate authority and its signing keys", readers, false, h.showAuthority(nil)},
		{post, "/authority/exchange", "exchangeRoot", "authority", "Begin to exchange the root: a new one beside the one in force", owner, false, h.showAuthority(plain(c.ExchangeRoot))},
		{post, "/authority/finish", "finishExchange", "authority", "Retire the root before, once nobody needs it any more", owner, false, taking[api.AuthorityFinish](h.showAuthority(finish))},
		{post, "/authority/issuing", "rotateIssuing", "authority", "Make a new issuing certificate under the same root", owner, false, h.showAuthority(plain(c.RotateIssuing))},
		{post, "/signing-keys", "rotateSigningKey", "authority", "Make the next key that signs grants or cookies; nobody is signed out", owner, false, h.rotateKey()},
	}
}

func plain(do func(context.Context, access.Actor) error) func(*call) error {
	return func(c *call) error { return do(c, c.by) }
}

// taking has an operation take a body.
func taking[T any](o operation) operation {
	o.in = typeOf[T]()
	return o
}

// showAuthority does something and answers how the authority is then.
func (h *Handler) showAuthority(do func(*call) error) operation {
	return operation{out: typeOf[api.Authority](), status: 200, run: func(c *call) (reply, error) {
		if do != nil {
			if err := do(c); err != nil {
				return reply{}, err
			}
		}
		state, err := h.cfg.Control.Authority(c, c.by)
		if err != nil {
			return reply{}, err
		}
		return reply{body: shownAuthority(state)}, nil
	}}
}

func shownAuthority(a control.Authority) api.Authority {
	out := api.Authority{
		Issuing: api.AuthorityRoot{Fingerprint: ca.Fingerprint(a.Issuing), NotAfter: a.Issuing.NotAfter},
		Keys:    []api.SigningKey{},
	}
	for _, r := range a.Roots {
		out.Roots = append(out.Roots, api.AuthorityRoot{Fingerprint: r.Fingerprint, NotAfter: r.NotAfter})
	}
	for _, k := range a.Signing {
		out.Keys = append(out.Keys, shownKey(k))
	}
	if a.Started.IsZero() {
		return out
	}
	out.Exchange = &api.AuthorityExchange{Started: a.Started, Waiting: []api.AuthorityWaiting{}, Tokens: []api.AuthorityOldToken{}, Devices: a.Devices}
	for _, k := range a.Waiting {
		out.Exchange.Waiting = append(out.Exchange.Waiting, api.AuthorityWaiting{ID: string(k.ID), Name: k.Name, Disabled: k.Disabled, LastSeen: k.LastSeen})
	}
	for _, t := range a.Tokens {
		out.Exchange.Tokens = append(out.Exchange.Tokens, api.AuthorityOldToken{ID: string(t.ID), Name: t.Name, Expires: t.Expires})
	}
	return out
}

func shownKey(k control.SigningKey) api.SigningKey {
	return api.SigningKey{Use: string(k.Use), ID: k.ID, From: k.From, Until: k.Until}
}

func (h *Handler) rotateKey() operation {
	return operation{in: typeOf[api.SigningKeyInput](), out: typeOf[api.SigningKey](), status: 201, run: func(c *call) (reply, error) {
		in, err := into[api.SigningKeyInput](c.body)
		if err != nil {
			return reply{}, err
		}
		key, err := h.cfg.Control.RotateKey(c, c.by, control.KeyUse(in.Use))
		return reply{body: shownKey(key)}, err
	}}
}
