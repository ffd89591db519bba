package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"postern/internal/access"
	"postern/internal/store"
)

// Branding gives how the pages look that people see.
func (c *Control) Branding(ctx context.Context, by access.Actor) (b access.Branding, err error) {
	err = c.read(ctx, request{by: by, perm: readBranding}, func(tx *store.Tx) error {
		b, err = tx.Branding(ctx)
		return err
	})
	return b, err
}

// UpdateBranding changes how the pages look that people see; b.Version is the version that the caller saw. Colours that people
// cannot read and logos that are more than an image are refused.
func (c *Control) UpdateBranding(ctx context.Context, by access.Actor, b access.Branding) (access.Branding, error) {
	err := c.act(ctx, request{by: by, perm: updateBranding, object: access.BrandingID, name: "branding"}, func(ch *change) error {
		if err := b.Validate(); err != nil {
			return err
		}
		old, err := ch.tx.Branding(ctx)
		if err != nil {
			return err
		}
		b.ID, b.Created, b.Updated = old.ID, old.Created, ch.now
		if err := ch.tx.UpdateBranding(ctx, &b); err != nil {
			return err
		}
		ch.audit(updateBranding, object{b.Meta, "branding"}, toldBranding(&old), toldBranding(&b))
		return nil
	})
	return b, err
}

// brandingTold is what the audit log keeps: of a logo, which one it is.
type brandingTold struct{ Name, Logo, Colour, DarkColour string }

func toldBranding(b *access.Branding) brandingTold {
	told := brandingTold{Name: b.Name, Colour: b.Colour, DarkColour: b.DarkColour}
	if len(b.Logo) > 0 {
		sum := sha256.Sum256(b.Logo)
		told.Logo = b.LogoType + " sha256:" + hex.EncodeToString(sum[:])
	}
	return told
}
