package portal

import (
	"net/http"

	"postern/internal/web"
)

// branded has the pages look as the configuration in force says. Where that cannot be told they look like ours.
func (p *portal) branded(next http.Handler) http.Handler {
	var brands web.Brands
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(web.WithBrand(r.Context(), func() web.Brand {
			snap, err := p.Control.Snapshot(r.Context(), 0)
			if err != nil {
				return web.Brand{}
			}
			return brands.Of(snap.Version, func() web.Brand {
				b := &snap.Branding
				return web.NewBrand(b.Name, web.Image(b.LogoType, b.Logo), b.Shades)
			})
		})))
	})
}
