package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/fault"
)

// A field is a flag of create and update, and the member of the API that it sets.
type field struct {
	flag, member, usage string
	kind                kind
	only                string // "create" or "update"; empty: both
}

type kind int

const (
	text    kind = iota
	truth        // --flag or --flag=false
	content      // the content of a file
	list         // given several times, or with commas
	moment       // a time, or a duration from now
	ending       // the same, or never
	number
	refConnectorGroup // references, by name or id
	refBackupGroup    // the same, or "" for none
	refApplication
	refUser
	refGroup
	refUsers
	refGroups
	refApplications
	refUpstream
	refDevice
	either       // true or false, of a filter
	wholes       // given several times, each taken as it is
	segment      // given several times: a destination of a private application
	segmentLines // a file with one on each line
)

// flags declares the flags of the fields and gives what reads those that were given.
func (n noun[T]) flags(c *cobra.Command, update bool) func(*cobra.Command, *api.Client) (map[string]any, error) {
	var fields []field
	for _, f := range n.fields {
		if f.only == "create" && update || f.only == "update" && !update {
			continue
		}
		fields = append(fields, f)
		switch f.kind {
		case truth:
			c.Flags().Bool(f.flag, false, f.usage)
		case list, refUsers, refGroups, refApplications:
			c.Flags().StringSlice(f.flag, nil, f.usage)
		case wholes, segment:
			c.Flags().StringArray(f.flag, nil, f.usage)
		default:
			c.Flags().String(f.flag, "", f.usage)
		}
	}
	return func(c *cobra.Command, client *api.Client) (map[string]any, error) {
		values := map[string]any{}
		for _, f := range fields {
			if !c.Flags().Changed(f.flag) {
				continue
			}
			value, err := f.read(c, client)
			if err != nil {
				return nil, err
			}
			if _, twice := values[f.member]; twice {
				return nil, usage("%s and --%s say the same thing: give one of them", n.flagOf(f.member), f.flag)
			}
			values[f.member] = value
		}
		return values, nil
	}
}

func (f field) read(c *cobra.Command, client *api.Client) (any, error) {
	switch f.kind {
	case truth:
		return c.Flags().GetBool(f.flag)
	case list:
		given, err := c.Flags().GetStringSlice(f.flag)
		return append([]string{}, given...), err
	case refUsers:
		return f.those(c, client, refUser)
	case refGroups:
		return f.those(c, client, refGroup)
	case refApplications:
		return f.those(c, client, refApplication)
	case segment:
		given, err := c.Flags().GetStringArray(f.flag)
		if err != nil {
			return nil, err
		}
		return parseSegments("--"+f.flag, given)
	case wholes:
		given, err := c.Flags().GetStringArray(f.flag)
		if len(given) == 1 && given[0] == "" {
			given = nil
		}
		return append([]string{}, given...), err
	}
	given, err := c.Flags().GetString(f.flag)
	if err != nil {
		return nil, err
	}
	switch f.kind {
	case content:
		if given == "" {
			return "", nil
		}
		return readText(c, "--"+f.flag, given, maxFile)
	case segmentLines:
		lines, err := readText(c, "--"+f.flag, given, maxFile)
		if err != nil {
			return nil, err
		}
		return parseSegments("--"+f.flag, strings.Split(lines, "\n"))
	case ending:
		if given == "never" || given == "" {
			return nil, nil
		}
		return parseMoment("--"+f.flag, given)
	case moment:
		return parseMoment("--"+f.flag, given)
	case text:
		return given, nil
	case number:
		n, err := strconv.Atoi(given)
		if err != nil {
			return nil, usage("--%s must be a whole number, not %q", f.flag, given)
		}
		return n, nil
	}
	return reference(c.Context(), client, f.kind, flagged{"--" + f.flag, given})
}

// parseSegments reads segments as people write them. Empty ones and what begins with # are left out.
func parseSegments(flag string, lines []string) ([]access.Segment, error) {
	list := []access.Segment{}
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		s, err := access.ParseSegment(line)
		if err != nil {
			return nil, usage("%s, number %d: %v", flag, i+1, err)
		}
		list = append(list, s)
	}
	return list, nil
}

// those reads references, all of one kind.
func (f field) those(c *cobra.Command, client *api.Client, of kind) (any, error) {
	given, err := c.Flags().GetStringSlice(f.flag)
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for _, name := range given {
		id, err := reference(c.Context(), client, of, flagged{"--" + f.flag, name})
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

type flagged struct{ flag, value string }

// reference turns a name that a flag gives into an id.
func reference(ctx context.Context, client *api.Client, k kind, f flagged) (string, error) {
	var id string
	var err error
	switch k {
	case refConnectorGroup:
		id, err = idOf(ctx, client, connectorGroups(), f.value)
	case refBackupGroup:
		if f.value != "" {
			id, err = idOf(ctx, client, connectorGroups(), f.value)
		}
	case refApplication:
		id, err = idOf(ctx, client, applications(), f.value)
	case refUser:
		id, err = idOf(ctx, client, users(), f.value)
	case refDevice:
		id, err = idOf(ctx, client, devices(), f.value)
	case refGroup:
		id, err = idOf(ctx, client, groups(), f.value)
	case refUpstream:
		if f.value != "" { // of nobody: the user is ours
			id, err = idOf(ctx, client, upstreams(), f.value)
		}
	default:
		id = f.value
	}
	switch {
	case err == nil:
		return id, nil
	case fault.Is(err, fault.KindNotFound):
		return "", fmt.Errorf("%s: %w", f.flag, err)
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return "", usage("%s: %v", f.flag, err)
	}
	return "", err
}

func idOf[T any](ctx context.Context, client *api.Client, n noun[T], text string) (string, error) {
	found, err := n.find(ctx, client, text)
	if err != nil {
		return "", err
	}
	id, _ := identity(found)
	return id, nil
}

func (f filter) resolve(ctx context.Context, client *api.Client, value string) (string, error) {
	if f.kind == text {
		return value, nil
	}
	return reference(ctx, client, f.kind, flagged{"--" + f.flag, value})
}

// parseMoment reads a time: as in 2026-01-31T12:00:00Z, a day, or from now on as in 24h or 7d.
func parseMoment(flag, given string) (time.Time, error) {
	if d, ok := parseSpan(given); ok {
		return time.Now().Add(d).UTC().Truncate(time.Second), nil
	}
	return parseTime(flag, given)
}

func parseTime(flag, given string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, given); err == nil {
		return t.UTC(), nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, given, time.Local); err == nil {
		return t.UTC(), nil
	}
	return time.Time{}, usage("%s must be a time such as 2026-01-31T12:00:00Z or 2026-01-31, or a duration such as 24h or 7d; not %q", flag, given)
}

// parseSpan reads a positive duration; d stands for 24 hours.
func parseSpan(given string) (time.Duration, bool) {
	factor := time.Duration(1)
	if days, ok := strings.CutSuffix(given, "d"); ok {
		given, factor = days+"h", 24
	}
	d, err := time.ParseDuration(given)
	if err != nil || d <= 0 || d > 100*365*24*time.Hour/factor {
		return 0, false
	}
	return d * factor, true
}

// argumentOf gives what a person typed to create an object with a member of the API: a flag, or
// the name.
func (n noun[T]) argumentOf(member string) string {
	if member == "name" {
		return "NAME"
	}
	return n.flagOf(member)
}

// flagOf gives the flag that sets a member of the API.
func (n noun[T]) flagOf(member string) string {
	base, _, _ := strings.Cut(member, "[")
	for _, f := range n.fields {
		if f.member == base {
			return "--" + f.flag
		}
	}
	return member
}

// renamed tells of fields by what the person typed.
func renamed(err error, name func(string) string) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || len(e.Fields) == 0 {
		return err
	}
	changed := *e
	changed.Fields = make([]fault.Field, len(e.Fields))
	for i, f := range e.Fields {
		changed.Fields[i] = fault.Field{Name: name(f.Name), Message: f.Message}
	}
	return &changed
}

// maker makes an object from the members that flags gave.
func maker[I, T any](create func(*api.Client) func(context.Context, I) (T, error)) func(*cobra.Command, *api.Client, map[string]any) (T, error) {
	return func(c *cobra.Command, client *api.Client, values map[string]any) (T, error) {
		in, err := inputOf[I](values)
		if err != nil {
			var none T
			return none, err
		}
		return create(client)(c.Context(), in)
	}
}

func inputOf[I any](values map[string]any) (I, error) {
	var in I
	data, err := json.Marshal(values)
	if err == nil {
		err = json.Unmarshal(data, &in)
	}
	if err != nil {
		return in, fmt.Errorf("put the request together: %w", err)
	}
	return in, nil
}
