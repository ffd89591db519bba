package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"postern/internal/access"
	"postern/internal/fault"
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

const brandingName = "branding"

// UpdateBranding changes how the pages look that people see; b.Version is the version that the caller saw. Colours that people
// cannot read and logos that are more than an image are refused.
func (c *Control) UpdateBranding(ctx context.Context, by access.Actor, b access.Branding) (access.Branding, error) {
	err := c.act(ctx, request{by: by, perm: updateBranding, object: access.BrandingID, name: brandingName}, func(ch *change) error {
		old, err := ch.tx.Branding(ctx)
		if err != nil {
			return err
		}
		return ch.updateBranding(&old, &b)
	})
	return b, err
}

func (ch *change) updateBranding(old, b *access.Branding) error {
	if err := b.Validate(); err != nil {
		return err
	}
	b.ID, b.Created, b.Updated = old.ID, old.Created, ch.now
	if err := ch.tx.UpdateBranding(ch.ctx, b); err != nil {
		return err
	}
	for _, each := range []*access.Branding{old, b} { // so that either may come back
		if len(each.Logo) == 0 {
			continue
		}
		if err := ch.tx.KeepLogo(ch.ctx, store.Logo{Sum: sumOf(each.Logo), Kind: each.LogoType, Image: each.Logo}, ch.now); err != nil {
			return err
		}
	}
	ch.audit(updateBranding, object{b.Meta, brandingName}, ToldBranding(old), ToldBranding(b))
	return nil
}

// BrandingTold is what is told of a branding where it is compared: of a logo, which one it is.
type BrandingTold struct{ Name, Logo, Colour, DarkColour string }

const logoSum = " sha256:"

// ToldBranding gives what is told of a branding.
func ToldBranding(b *access.Branding) BrandingTold {
	told := BrandingTold{Name: b.Name, Colour: b.Colour, DarkColour: b.DarkColour}
	if len(b.Logo) > 0 {
		told.Logo = b.LogoType + logoSum + sumOf(b.Logo)
	}
	return told
}

func sumOf(logo []byte) string {
	sum := sha256.Sum256(logo)
	return hex.EncodeToString(sum[:])
}

// BrandingHistory gives the versions of the branding, the newest first.
func (c *Control) BrandingHistory(ctx context.Context, by access.Actor, _ access.ID) ([]Version[BrandingTold], error) {
	return c.brandingVersions(ctx, request{by: by, perm: readBranding, object: access.BrandingID})
}

// UndoBranding gives the pages the look of an earlier version.
func (c *Control) UndoBranding(ctx context.Context, by access.Actor, u Undo) (access.Branding, error) {
	list, err := c.brandingVersions(ctx, request{by: by, perm: updateBranding, object: access.BrandingID})
	if err != nil {
		return access.Branding{}, err
	}
	old, err := pick(list, u)
	if err != nil {
		return access.Branding{}, err
	}
	b := access.Branding{Meta: access.Meta{ID: access.BrandingID, Version: u.Version}, Name: old.Name, Colour: old.Colour, DarkColour: old.DarkColour}
	if _, sum, has := strings.Cut(old.Logo, logoSum); has {
		err := c.store.Read(ctx, func(tx *store.Tx) error {
			logo, err := tx.Logo(ctx, sum)
			b.Logo = logo.Image
			return err
		})
		if err != nil {
			return access.Branding{}, orElse(err, fault.KindNotFound, fault.Conflict("the logo of that version is not kept any more; choose the logo again"))
		}
	}
	return c.UpdateBranding(ctx, by, b)
}

func (c *Control) brandingVersions(ctx context.Context, r request) (list []Version[BrandingTold], err error) {
	err = c.read(ctx, r, func(tx *store.Tx) error {
		now, err := tx.Branding(ctx)
		if err != nil {
			return err
		}
		list, err = past(ctx, tx, lived[BrandingTold]{ToldBranding(&now), now.Meta, []permission{updateBranding}})
		return err
	})
	return list, err
}
