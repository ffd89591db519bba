package admin

import (
	"encoding/base64"

	"postern/internal/access"
	"postern/internal/api"
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
		b.Name, b.Colour, b.DarkColour = in.Name, in.Colour, in.DarkColour
		if b.Logo, err = base64.StdEncoding.DecodeString(in.Logo); err != nil {
			return reply{}, fault.Invalid("logo", "must be an image in base64")
		}
		if b, err = h.cfg.Control.UpdateBranding(c, c.by, b); err != nil {
			return reply{}, err
		}
		return tagged(showBranding(b)), nil
	}}
}
