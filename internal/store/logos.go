package store

import (
	"context"
	"encoding/hex"
	"time"

	"postern/internal/fault"
)

// Logo is a logo that pages have or had, named by its SHA-256.
type Logo struct {
	Sum   string // hex
	Kind  string // access.LogoPNG or access.LogoSVG
	Image []byte
}

// maxLogos is how many are kept: each may have 32 KiB.
const maxLogos = 50

// KeepLogo keeps a logo so that it may come back, and lets the oldest go where there are many.
func (t *Tx) KeepLogo(ctx context.Context, l Logo, now time.Time) error {
	_, err := t.exec(ctx, "INSERT INTO logos (sum, added, kind, logo) VALUES ($1, $2, $3, $4) ON CONFLICT (sum) DO UPDATE SET added = excluded.added",
		l.Sum, micros(now), l.Kind, hex.EncodeToString(l.Image))
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, "DELETE FROM logos WHERE sum NOT IN (SELECT sum FROM logos ORDER BY added DESC, sum LIMIT $1)", maxLogos)
	return err
}

// Logo gives a logo that was kept.
func (t *Tx) Logo(ctx context.Context, sum string) (Logo, error) {
	list, err := rows(ctx, t, func(row scanner, l *Logo) error {
		var text string
		if err := row.Scan(&l.Sum, &l.Kind, &text); err != nil {
			return err
		}
		var err error
		l.Image, err = unhex(text)
		return err
	}, "SELECT sum, kind, logo FROM logos WHERE sum = $1", sum)
	if err == nil && len(list) == 0 {
		err = fault.NotFound("that logo is not kept any more")
	}
	if err != nil {
		return Logo{}, err
	}
	return list[0], nil
}
