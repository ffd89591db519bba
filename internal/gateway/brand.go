package gateway

import "postern/internal/web"

// brand gives how our own pages look on application hosts, by the configuration in force.
func (g *Gateway) brand() web.Brand {
	v := g.view.Load()
	if v == nil {
		return web.Brand{}
	}
	return g.brands.Of(v.snap.Version, func() web.Brand {
		b := &v.snap.Branding
		return web.NewBrand(b.Name, web.Image(b.LogoType, b.Logo), b.Shades)
	})
}
