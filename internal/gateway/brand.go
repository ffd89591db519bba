package gateway

import "postern/internal/web"

// brand gives how our own pages look on application hosts, by the configuration in force.
func (g *Gateway) brand() web.Brand {
	v := g.view.Load()
	if v == nil {
		return web.Brand{}
	}
	b := &v.snap.Branding
	brand := web.Brand{Name: b.Name, Logo: web.ImageURL(b.LogoType, b.Logo)}
	brand.Light.Colour, brand.Light.Deep, brand.Light.Tint = b.Shades(false)
	brand.Dark.Colour, brand.Dark.Deep, brand.Dark.Tint = b.Shades(true)
	return brand
}
