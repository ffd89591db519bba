package api

import (
	"context"
	"net/http"
)

func restored[T any](ctx context.Context, n noun, id string) (T, error) {
	var out T
	err := n.c.do(ctx, call{method: http.MethodPost, path: []string{n.path, id, "restore"}, out: &out})
	return out, err
}

// Restore brings a deleted application back under its id. Its assignments went with it.
func (n Applications) Restore(ctx context.Context, id string) (Application, error) {
	return restored[Application](ctx, n.reads.noun, id)
}

// Restore brings a deleted connector group back under its id.
func (n ConnectorGroups) Restore(ctx context.Context, id string) (ConnectorGroup, error) {
	return restored[ConnectorGroup](ctx, n.reads.noun, id)
}

// Restore brings a deleted user back under their id, without password and factors.
func (n Users) Restore(ctx context.Context, id string) (User, error) {
	return restored[User](ctx, n.reads.noun, id)
}

// Restore brings a deleted group back under its id, with those of its members that there still are.
func (n Groups) Restore(ctx context.Context, id string) (Group, error) {
	return restored[Group](ctx, n.reads.noun, id)
}

// Restore brings a deleted assignment back under its id.
func (n Assignments) Restore(ctx context.Context, id string) (Assignment, error) {
	return restored[Assignment](ctx, n.reads.noun, id)
}

// Restore brings a deleted policy back under its id, for those whom it named that there still are.
func (n Policies) Restore(ctx context.Context, id string) (Policy, error) {
	return restored[Policy](ctx, n.reads.noun, id)
}

// Restore brings a deleted upstream back under its id, without its secret.
func (n Upstreams) Restore(ctx context.Context, id string) (Upstream, error) {
	return restored[Upstream](ctx, n.reads.noun, id)
}

// Restore brings a deleted export back under its id, without its secret. It goes on with what comes from now on.
func (n Exports) Restore(ctx context.Context, id string) (Export, error) {
	return restored[Export](ctx, n.reads.noun, id)
}
