package admin

import (
	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/fault"
)

func showCertificate(p access.PublicCertificate) api.Certificate {
	return api.Certificate{Meta: meta(p.Meta), Domain: p.Domain, Chain: p.Chain,
		NotAfter: p.NotAfter, Issuer: p.Issuer, SHA256: p.SHA256}
}

// certificate finds the certificate of the domain in the path.
func (h *Handler) certificate(c *call) (access.PublicCertificate, error) {
	var after string
	for {
		found, next, err := h.cfg.Control.PublicCertificates(c, c.by, access.Page{After: after, Limit: api.MaxPage, Search: c.domain})
		if err != nil {
			return access.PublicCertificate{}, err
		}
		for _, p := range found {
			if p.Domain == c.domain {
				return p, nil
			}
		}
		if after = next; next == "" {
			return access.PublicCertificate{}, fault.NotFound("there is no certificate for this domain")
		}
	}
}

func (h *Handler) oneCertificate() operation {
	return operation{out: typeOf[api.Certificate](), status: 200, tagged: true, run: func(c *call) (reply, error) {
		found, err := h.certificate(c)
		if err != nil {
			return reply{}, err
		}
		return tagged(showCertificate(found)), nil
	}}
}

// putCertificate adds a certificate; to replace one, the request says in If-Match which.
func (h *Handler) putCertificate() operation {
	return operation{in: typeOf[api.CertificateInput](), out: typeOf[api.Certificate](), status: 200, tagged: true, match: "replace",
		run: func(c *call) (reply, error) {
			in, err := into[api.CertificateInput](c.body)
			if err != nil {
				return reply{}, err
			}
			status := 200
			found, err := h.certificate(c)
			switch {
			case fault.Is(err, fault.KindNotFound) && c.condition.given:
				return reply{}, changed()
			case fault.Is(err, fault.KindNotFound):
				status = 201
			case err != nil:
				return reply{}, err
			case c.condition.oneOrAny() != nil:
				return reply{}, c.condition.oneOrAny()
			case c.condition.match(found.Version) != nil:
				return reply{}, changed()
			}
			put, err := h.cfg.Control.PutPublicCertificate(c, c.by, c.domain, in.Chain, in.Key)
			if err != nil {
				return reply{}, err
			}
			answer := tagged(showCertificate(put))
			answer.status = status
			if status == 201 {
				answer.location = api.Prefix + "/certificates/" + put.Domain
			}
			return answer, nil
		}}
}

func (h *Handler) deleteCertificate() operation {
	return operation{status: 204, match: "any", run: func(c *call) (reply, error) {
		found, err := h.certificate(c)
		if err != nil {
			return reply{}, err
		}
		if c.condition.match(found.Version) != nil {
			return reply{}, changed()
		}
		return reply{}, h.cfg.Control.DeletePublicCertificate(c, c.by, found.ID, c.condition.version)
	}}
}
