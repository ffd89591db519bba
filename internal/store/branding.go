package store

import (
	"context"
	"encoding/hex"

	"postern/internal/access"
)

var branding = table[access.Branding]{
	name:    "branding",
	what:    "branding",
	columns: []string{"name", "logo", "logo_type", "colour", "dark_colour"},
	meta:    func(b *access.Branding) *access.Meta { return &b.Meta },
	values: func(b *access.Branding) []any {
		return []any{b.Name, hex.EncodeToString(b.Logo), b.LogoType, b.Colour, b.DarkColour}
	},
	into: func(b *access.Branding) ([]any, func() error) {
		var logo string
		return []any{&b.Name, &logo, &b.LogoType, &b.Colour, &b.DarkColour}, func() (err error) {
			b.Logo, err = unhex(logo)
			return err
		}
	},
}

// Branding gives how pages look; there is always one.
func (t *Tx) Branding(ctx context.Context) (access.Branding, error) {
	return branding.one(ctx, t, "id", string(access.BrandingID))
}

// UpdateBranding stores how pages look, if it is still at the version it was read at.
func (t *Tx) UpdateBranding(ctx context.Context, b *access.Branding) error {
	return branding.update(ctx, t, b)
}
