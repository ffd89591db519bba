package cli

import (
	"context"
	"encoding/json"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
)

// A view turns what the API says into what a person reads: names for ids, spans for times.
type view struct {
	ctx    context.Context
	client *api.Client
	now    time.Time
	names  map[string]map[string]string // by prefix, by id
}

func newView(c *cobra.Command, client *api.Client) *view {
	return &view{ctx: c.Context(), client: client, now: time.Now(), names: map[string]map[string]string{}}
}

// ago gives a time relative to now.
func (v *view) ago(t time.Time) string { return ago(v.now, t) }

// nameOf gives the name of what an id names, or the id where that cannot be found out. All names
// of a kind are fetched at once, when the first is asked for.
func (v *view) nameOf(id string) string {
	prefix, _, _ := strings.Cut(id, "_")
	known, ok := v.names[prefix]
	if !ok {
		known = map[string]string{}
		v.names[prefix] = known
		switch prefix {
		case access.PrefixConnectorGroup:
			gather(known, v.client.ConnectorGroups.All(v.ctx, whole), connectorGroups().name)
		case access.PrefixApplication:
			gather(known, v.client.Applications.All(v.ctx, whole), applications().name)
		case access.PrefixUser:
			gather(known, v.client.Users.All(v.ctx, whole), users().name)
		case access.PrefixGroup:
			gather(known, v.client.Groups.All(v.ctx, whole), groups().name)
		case access.PrefixUpstream:
			gather(known, v.client.Upstreams.All(v.ctx, whole), upstreams().name)
		case access.PrefixPolicy:
			gather(known, v.client.Policies.All(v.ctx, whole), policies().name)
		case access.PrefixConnector:
			gather(known, v.client.Connectors.All(v.ctx, api.ListOptions{Limit: api.MaxPage, Filter: connectors().hidden}), connectors().name)
		}
	}
	if name, ok := known[id]; ok {
		return name
	}
	return id
}

// namesOf gives the names of what ids name.
func (v *view) namesOf(ids []string) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = v.nameOf(id)
	}
	return names
}

var whole = api.ListOptions{Limit: api.MaxPage}

func gather[T any](names map[string]string, all iter.Seq2[T, error], name func(T) string) {
	for item, err := range all {
		if err != nil {
			return // without the right to read them, ids must do
		}
		id, _ := identity(item)
		names[id] = name(item)
	}
}

// value makes a value of an object readable: a time gets its distance, an id its name.
func (v *view) value(text string) string {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.UTC().Format(time.RFC3339) + " (" + v.ago(t) + ")"
	}
	if _, rest, ok := strings.Cut(text, "_"); ok && len(rest) == 26 {
		if name := v.nameOf(text); name != text {
			return name + " (" + text + ")"
		}
	}
	return text
}

// named puts names where fields have ids.
func (v *view) named(fields []api.FieldChange) []api.FieldChange {
	named := make([]api.FieldChange, len(fields))
	for i, f := range fields {
		named[i] = api.FieldChange{Name: f.Name, Old: v.rename(f.Old), New: v.rename(f.New)}
	}
	return named
}

func (v *view) rename(raw json.RawMessage) json.RawMessage {
	var one string
	var many []string
	var value any
	switch {
	case json.Unmarshal(raw, &one) == nil:
		value = v.short(one)
	case json.Unmarshal(raw, &many) == nil:
		for i := range many {
			many[i] = v.short(many[i])
		}
		value = many
	default:
		return raw
	}
	text, err := json.Marshal(value)
	if err != nil {
		return raw
	}
	return text
}

// short gives a name for an id, and any other text as it is.
func (v *view) short(text string) string {
	if prefix, rest, ok := strings.Cut(text, "_"); ok && len(rest) == 26 && access.ID(text).Valid(prefix) {
		return v.nameOf(text)
	}
	return text
}
