package control

import (
	"context"

	"postern/internal/access"
	"postern/internal/store"
)

// Flag is a setting that the service was started with, without secrets.
type Flag struct {
	Name, Value string
	Set         bool // it was given; else it is what is usual
}

// Flags gives what the service of this process was started with.
func (c *Control) Flags(ctx context.Context, by access.Actor) ([]Flag, error) {
	err := c.read(ctx, request{by: by, perm: readSettings}, func(*store.Tx) error { return nil })
	return c.cfg.Flags, err
}
