package admin

import (
	"encoding/base64"
	"errors"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/fault"
)

func showBranding(b access.Branding) api.Branding {
	shown := api.Branding{Meta: meta(b.Meta), BrandingInput: inputBranding(b), LogoType: b.LogoType}
	shown.Light.Colour, shown.Light.Deep, shown.Light.Tint = b.Shades(false)
	shown.Dark.Colour, shown.Dark.Deep, shown.Dark.Tint = b.Shades(true)
	return shown
}

func inputBranding(b access.Branding) api.BrandingInput {
	return api.BrandingInput{Name: b.Name, Logo: base64.StdEncoding.EncodeToString(b.Logo), Colour: b.Colour, DarkColour: b.DarkColour}
}

// brandingTold is a branding where it is compared: of a logo, which one it is.
type brandingTold struct {
	Name       string `json:"name"`
	Logo       string `json:"logo"`
	Colour     string `json:"colour"`
	DarkColour string `json:"darkColour"`
}

func tellBranding(b control.BrandingTold) brandingTold {
	return brandingTold{Name: b.Name, Logo: b.Logo, Colour: b.Colour, DarkColour: b.DarkColour}
}

// brandingOf gives a branding without its Meta.
func brandingOf(in api.BrandingInput) (access.Branding, error) {
	logo, err := base64.StdEncoding.DecodeString(in.Logo)
	if err != nil {
		return access.Branding{}, fault.Invalid("logo", "must be an image in base64")
	}
	return access.Branding{Name: in.Name, Logo: logo, Colour: in.Colour, DarkColour: in.DarkColour}, nil
}

// applySettings reads those parts of a document that are one value each; nil stays nil.
func applySettings(p *fault.Problems, in api.Document, doc *access.Document) {
	if in.Branding != nil {
		b, err := brandingOf(*in.Branding)
		if e, ok := errors.AsType[*fault.Error](err); ok {
			for _, f := range e.Fields {
				p.Add("document.branding."+f.Name, "%s", f.Message)
			}
		}
		doc.Branding = &b
	}
	if in.Retention != nil {
		r := retentionOf(*in.Retention)
		doc.Retention = &r
	}
	if in.Clients != nil {
		c := clientsOf(*in.Clients)
		doc.Clients = &c
	}
}

func (h *Handler) showBranding() operation {
	return operation{out: typeOf[api.Branding](), status: 200, tagged: true, run: func(c *call) (reply, error) {
		b, err := h.cfg.Control.Branding(c, c.by)
		if err != nil {
			return reply{}, err
		}
		return tagged(showBranding(b)), nil
	}}
}

func (h *Handler) updateBranding() operation {
	return operation{in: typeOf[api.BrandingInput](), out: typeOf[api.Branding](), status: 200, patch: true, tagged: true, match: "one", run: func(c *call) (reply, error) {
		b, err := h.cfg.Control.Branding(c, c.by)
		if err != nil {
			return reply{}, err
		}
		if c.condition.match(b.Version) != nil {
			return reply{}, changed()
		}
		in, err := patched(c, inputBranding(b))
		if err != nil {
			return reply{}, err
		}
		wanted, err := brandingOf(in)
		if err != nil {
			return reply{}, err
		}
		wanted.Meta = b.Meta
		if b, err = h.cfg.Control.UpdateBranding(c, c.by, wanted); err != nil {
			return reply{}, err
		}
		return tagged(showBranding(b)), nil
	}}
}
