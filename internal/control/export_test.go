package control

import (
	"context"

	"postern/internal/access"
)

// PortalActor makes the actor of a signed-in user.
func PortalActor(who access.Principal, address, request string) access.Actor {
	return access.Actor{Kind: access.ActorUser, ID: who.User, Name: who.Name, Roles: who.Roles, Address: address, Request: request}
}

// CleanUp does at once what is done from time to time.
func (c *Control) CleanUp(ctx context.Context) { c.clean(ctx) }

// WriteBatches writes at once what is written from time to time.
func (c *Control) WriteBatches(ctx context.Context) { c.writeBatches(ctx) }
