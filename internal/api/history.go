package api

import (
	"context"
	"net/http"
)

// HistoryEntry tells of one version of an object: who made it when, and what was different before.
type HistoryEntry struct {
	Version int64         `json:"version" doc:"The object's version that this made."`
	Time    Time          `json:"time,omitzero" doc:"When it was; absent of what was so from the beginning."`
	Actor   AuditActor    `json:"actor" doc:"Who did it."`
	Action  string        `json:"action" doc:"What was done." example:"application.update"`
	Fields  []FieldChange `json:"fields" doc:"The fields that changed; of the oldest version that is known, all."`
}

// UndoInput says which version is to come back.
type UndoInput struct {
	To int64 `json:"to,omitempty" required:"false" minimum:"1" doc:"The version; the one before the current if left out."`
}

// pasts is what can be done with a noun that has versions.
type pasts[T any] struct{ noun }

// History gives the versions of an object, the newest first.
func (n pasts[T]) History(ctx context.Context, id string) ([]HistoryEntry, error) {
	var list List[HistoryEntry]
	err := n.c.do(ctx, call{method: http.MethodGet, path: []string{n.path, id, "history"}, out: &list})
	return list.Items, err
}

// Undo gives an object that is still at that version the fields of an earlier one, as a new
// version. 0 stands for the one before.
func (n pasts[T]) Undo(ctx context.Context, id string, version, to int64) (T, error) {
	var object T
	in := map[string]any{}
	if to != 0 {
		in["to"] = to
	}
	err := n.c.do(ctx, call{method: http.MethodPost, path: []string{n.path, id, "undo"}, version: version, in: in, out: &object})
	return object, err
}
