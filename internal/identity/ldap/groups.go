package ldap

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// Bounds of walking groups of groups. Whoever is in more is refused: half of somebody's groups would
// be a decision that nobody made.
const (
	maxGroups = 5000
	maxDepth  = 50
	perFilter = 20 // distinguished names in one search
)

// groups gives the distinguished names of all groups of a user, nested ones too if that is asked for.
func (c *Client) groups(ctx context.Context, user *goldap.Entry) ([]string, error) {
	w := walk{client: c, seen: map[string]bool{fold(user.DN): true}}
	name := user.GetEqualFoldAttributeValue("uid")
	if c.cfg.Settings.ActiveDirectory {
		name = user.GetEqualFoldAttributeValue("sAMAccountName")
	}
	if name == "" {
		name = c.nobody
	}
	filter := c.kind.member(user.DN, name)
	if gid := user.GetEqualFoldAttributeValue("gidNumber"); gid != "" && c.kind.set.GroupFilter == "" {
		filter = "(|" + filter + "(&(objectClass=posixGroup)(gidNumber=" + goldap.EscapeFilter(gid) + ")))"
	}
	if err := w.find(ctx, filter); err != nil {
		return nil, err
	}
	if c.kind.set.GroupFilter == "" {
		if err := w.more(ctx, user); err != nil {
			return nil, err
		}
	}
	// Active Directory has walked them itself, unless the settings' own filter was used.
	byServer := c.cfg.Settings.ActiveDirectory && c.cfg.Settings.GroupFilter == ""
	for depth := 0; c.cfg.Settings.NestedGroups && !byServer && len(w.next) > 0; depth++ {
		if depth == maxDepth {
			return nil, unusable("%s is in groups that are nested deeper than %d", user.DN, maxDepth)
		}
		if err := w.deeper(ctx); err != nil {
			return nil, err
		}
	}
	slices.Sort(w.found)
	return w.found, nil
}

// walk collects groups. What was seen once is not looked at again, so circles end.
type walk struct {
	client *Client
	seen   map[string]bool
	found  []string
	next   []string // found, and not yet asked what they are members of
}

func (w *walk) add(dn string) error {
	key := fold(dn)
	if w.seen[key] {
		return nil
	}
	if len(w.found) == maxGroups {
		return unusable("the user is in more than %d groups", maxGroups)
	}
	w.seen[key] = true
	w.found = append(w.found, dn)
	w.next = append(w.next, dn)
	return nil
}

// find adds the groups that a filter finds.
func (w *walk) find(ctx context.Context, filter string) error {
	found, err := w.client.search(ctx, query{
		base: w.client.cfg.Settings.GroupBase, scope: goldap.ScopeWholeSubtree, filter: filter, attributes: []string{"1.1"}, limit: maxGroups, paged: true,
	})
	if err != nil {
		return err
	}
	for _, group := range found {
		if err := w.add(group.DN); err != nil {
			return err
		}
	}
	return nil
}

// more adds what groups themselves do not list as members: the primary group of Active Directory,
// and what a directory computes into memberOf.
func (w *walk) more(ctx context.Context, user *goldap.Entry) error {
	if w.client.cfg.Settings.ActiveDirectory {
		return w.primary(ctx, user)
	}
	base, err := goldap.ParseDN(w.client.cfg.Settings.GroupBase)
	if err != nil {
		return unusable("groupBase %q is no distinguished name: %w", w.client.cfg.Settings.GroupBase, err)
	}
	for _, group := range user.GetEqualFoldAttributeValues("memberOf") {
		dn, err := goldap.ParseDN(group)
		if err != nil || !base.AncestorOfFold(dn) {
			continue // groups elsewhere do not count
		}
		if err := w.add(group); err != nil {
			return err
		}
	}
	return nil
}

// primary adds the primary group, which only a number in the user's entry names, and what it is in.
func (w *walk) primary(ctx context.Context, user *goldap.Entry) error {
	sid := user.GetEqualFoldRawAttributeValue("objectSid")
	number, ok := attributes{user}.number("primaryGroupID")
	if !ok || len(sid) < 12 {
		return nil // not readable: the group is then nobody's
	}
	sid = slices.Clone(sid)
	binary.LittleEndian.PutUint32(sid[len(sid)-4:], uint32(number)) // its last number tells accounts of a domain apart
	before := len(w.found)
	if err := w.find(ctx, "(&(objectClass=group)(objectSid="+escapeBytes(sid)+"))"); err != nil {
		return err
	}
	if !w.client.cfg.Settings.NestedGroups {
		return nil
	}
	for _, dn := range slices.Clone(w.found[before:]) {
		if err := w.find(ctx, w.client.kind.member(dn, w.client.nobody)); err != nil {
			return err
		}
	}
	return nil
}

// deeper adds the groups of the groups that were found last.
func (w *walk) deeper(ctx context.Context) error {
	last := w.next
	w.next = nil
	for batch := range slices.Chunk(last, perFilter) {
		var filter strings.Builder
		for _, dn := range batch {
			// A group's name is never a user's: groups that list members by name list users.
			filter.WriteString(w.client.kind.member(dn, w.client.nobody))
		}
		if err := w.find(ctx, fmt.Sprintf("(|%s)", filter.String())); err != nil {
			return err
		}
	}
	return nil
}

// fold gives the form in which distinguished names are compared.
func fold(dn string) string {
	if parsed, err := goldap.ParseDN(dn); err == nil {
		dn = parsed.String()
	}
	return strings.ToLower(dn)
}
