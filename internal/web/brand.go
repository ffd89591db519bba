package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"strings"
	"sync"
)

// Brand is how the pages of an organisation look: its name, its logo, its colours. The zero value is our own look.
type Brand struct {
	Name   string
	Logo   template.HTML // an element with the image in it, so that a page is whole without a second request; see Image
	styled template.CSS
}

// NewBrand makes a brand of a name, a logo, and the colours of light and of dark pages, as #rrggbb; empty: ours.
func NewBrand(name string, logo template.HTML, colours func(dark bool) (colour, deep, tint string)) Brand {
	var light, dark shades
	light.colour, light.deep, light.tint = colours(false)
	dark.colour, dark.deep, dark.tint = colours(true)
	return Brand{name, logo, template.CSS(light.style("") + dark.style("@media (prefers-color-scheme:dark)"))}
}

// Brands keeps the brand of a version of the configuration: strangers can ask for pages, and to make a brand takes longer than the
// rest of one. The zero value is ready.
type Brands struct {
	mu      sync.Mutex // guards the fields below
	version uint64
	brand   Brand
}

// Of gives the brand of a version, which is not 0, and has it made if that is another one than the last time.
func (b *Brands) Of(version uint64, make func() Brand) Brand {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.version != version {
		b.version, b.brand = version, make()
	}
	return b.brand
}

type shades struct{ colour, deep, tint string }

// Image makes an element that has an image in it. The kind is one of ours and base64 has no markup, so that no template need look at
// each byte: that took twenty times as long as the rest of a page, which strangers can ask for.
func Image(kind string, image []byte) template.HTML {
	if len(image) == 0 {
		return ""
	}
	return template.HTML(`<img src="data:` + template.HTMLEscapeString(kind) + `;base64,` + base64.StdEncoding.EncodeToString(image) + `" alt="">`)
}

type brandKey struct{}

// WithBrand has pages look like a brand, which is asked for when a page is made.
func WithBrand(ctx context.Context, brand func() Brand) context.Context {
	return context.WithValue(ctx, brandKey{}, brand)
}

func brandOf(ctx context.Context) Brand {
	b := Brand{}
	if make, ok := ctx.Value(brandKey{}).(func() Brand); ok {
		b = make()
	}
	if b.Name == "" {
		b.Name = "Postern"
	}
	return b
}

// style gives the text that puts the colours in force. What is no colour is left out.
func (s shades) style(media string) string {
	for _, c := range []string{s.colour, s.deep, s.tint} {
		if len(c) != 7 || c[0] != '#' || strings.Trim(c[1:], "0123456789abcdef") != "" {
			return ""
		}
	}
	text := ":root{--brand:" + s.colour + ";--deep:" + s.deep + ";--tint:" + s.tint + "}"
	if media != "" {
		return media + "{" + text + "}"
	}
	return text
}

// allow lets the style of a brand into a policy that lets ours in.
func (b *Brand) allow(policy string) string {
	if b.styled == "" {
		return policy
	}
	sum := sha256.Sum256([]byte(b.styled))
	return strings.Replace(policy, styleHash, styleHash+" 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'", 1)
}
