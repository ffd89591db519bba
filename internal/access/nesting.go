package access

import (
	"slices"

	"postern/internal/fault"
)

// MaxGroupDepth is how many groups may lie within each other, the outermost included.
const MaxGroupDepth = 10

// MaxGroupGroups is how many groups one group may have as its members.
const MaxGroupGroups = 500

// Nesting says which groups are the members of which group, by id or, in documents, by name.
type Nesting map[ID][]ID

// Check says what is wrong with the nesting around a group, in words of a person: name gives what a
// group is called. A member of a group's member is a member of the group, so nothing may lie within
// itself.
func (n Nesting) Check(group ID, name func(ID) string) error {
	if ring := n.ring(group); ring != nil {
		text := ""
		for i, g := range ring {
			if i > 0 {
				text += " → "
			}
			text += name(g)
		}
		return fault.New(fault.KindInvalid, "would make a group a member of itself: %s", text)
	}
	above := make(Nesting, len(n))
	for outer, members := range n {
		for _, m := range members {
			above[m] = append(above[m], outer)
		}
	}
	if depth := above.depth(group, map[ID]int{}) + n.depth(group, map[ID]int{}) - 1; depth > MaxGroupDepth {
		return fault.New(fault.KindInvalid, "would make groups lie %d deep within each other; at most %d may", depth, MaxGroupDepth)
	}
	return nil
}

// Suspects gives groups of which Check would say that something is wrong: each ring that it meets first, else the first
// of those asked about; not many more than most. It looks at each group once, where Check would look at all for each.
func (n Nesting) Suspects(among []ID, most int) map[ID]bool {
	found := map[ID]bool{}
	const under = -1 // on the way down
	deep := make(map[ID]int, len(n))
	var way []ID
	var down func(ID)
	down = func(at ID) {
		deep[at], way = under, append(way, at)
		deepest := 0
		for _, m := range n[at] {
			if deep[m] == 0 {
				down(m)
			}
			if deep[m] == under && len(found) < most {
				for _, g := range way[slices.Index(way, m):] {
					found[g] = true
				}
			}
			deepest = max(deepest, deep[m])
		}
		deep[at], way = 1+deepest, way[:len(way)-1]
	}
	above := make(Nesting, len(n))
	for outer, members := range n {
		if deep[outer] == 0 {
			down(outer)
		}
		for _, m := range members {
			above[m] = append(above[m], outer)
		}
	}
	if len(found) > 0 {
		return found
	}
	high := map[ID]int{}
	for _, g := range among {
		if len(found) < most && deep[g]+above.depth(g, high)-1 > MaxGroupDepth {
			found[g] = true
		}
	}
	return found
}

// ring gives the way from a group down to itself, if there is one.
func (n Nesting) ring(group ID) []ID {
	seen := map[ID]bool{}
	var down func(at ID, way []ID) []ID
	down = func(at ID, way []ID) []ID {
		for _, m := range n[at] {
			if m == group {
				return append(slices.Clone(way), m)
			}
			if seen[m] {
				continue
			}
			seen[m] = true
			if found := down(m, append(way, m)); found != nil {
				return found
			}
		}
		return nil
	}
	return down(group, []ID{group})
}

// depth counts the groups on the longest way down from a group. Groups in a ring count as they are
// met, which ends: whoever asks has looked for rings around its own group only.
func (n Nesting) depth(group ID, known map[ID]int) int {
	if d, ok := known[group]; ok {
		return d
	}
	known[group] = 1
	deepest := 0
	for _, m := range n[group] {
		deepest = max(deepest, n.depth(m, known))
	}
	known[group] = 1 + deepest
	return known[group]
}
