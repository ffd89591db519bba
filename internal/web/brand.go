package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"strings"
)

// Brand is how the pages of an organisation look: its name, its logo, its colours. The zero value is our own look.
type Brand struct {
	Name   string
	Logo   template.URL // with the image in it, so that a page is whole without a second request
	Light  Shades
	Dark   Shades
	styled template.CSS
}

// Shades are the colours of one kind of page, as #rrggbb; empty: ours.
type Shades struct{ Colour, Deep, Tint string }

// ImageURL makes an address of an image that has it in it.
func ImageURL(kind string, image []byte) template.URL {
	if len(image) == 0 {
		return ""
	}
	return template.URL("data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(image)) // of a known kind; nothing of it is markup
}

type brandKey struct{}

// WithBrand has pages look like a brand, which is made when a page is.
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
	b.styled = template.CSS(b.Light.style("") + b.Dark.style("@media (prefers-color-scheme:dark)"))
	return b
}

// style gives the text that puts the colours in force. What is no colour is left out.
func (s Shades) style(media string) string {
	for _, c := range []string{s.Colour, s.Deep, s.Tint} {
		if len(c) != 7 || c[0] != '#' || strings.Trim(c[1:], "0123456789abcdef") != "" {
			return ""
		}
	}
	text := ":root{--brand:" + s.Colour + ";--deep:" + s.Deep + ";--tint:" + s.Tint + "}"
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
