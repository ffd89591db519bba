package portal

import (
	"net/http"

	"postern/internal/web"
)

// branded has the pages look as the configuration in force says. Where that cannot be told they look like ours.
func (p *portal) branded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(web.WithBrand(r.Context(), func() web.Brand {
			snap, err := p.Control.Snapshot(r.Context(), 0)
			if err != nil {
				return web.Brand{}
			}
			b := &snap.Branding
			brand := web.Brand{Name: b.Name, Logo: web.ImageURL(b.LogoType, b.Logo)}
			brand.Light.Colour, brand.Light.Deep, brand.Light.Tint = b.Shades(false)
			brand.Dark.Colour, brand.Dark.Deep, brand.Dark.Tint = b.Shades(true)
			return brand
		})))
	})
}
