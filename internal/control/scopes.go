package control

import (
	"maps"
	"slices"
	"strings"

	"postern/internal/access"
	"postern/internal/fault"
)

// scopeReadOnly lets a key read whatever its roles let it read.
const scopeReadOnly = "read-only"

// A scope narrows what the roles of an API key allow: "read-only", a noun such as "application", or
// one permission such as "application.update". A key with several may do what any of them says; one
// without any, whatever its roles allow.
func inScope(scopes []string, p permission) bool {
	noun, verb, _ := strings.Cut(string(p), ".")
	return slices.ContainsFunc(scopes, func(s string) bool {
		return s == noun || s == string(p) || s == scopeReadOnly && (verb == "read" || p == explainAccess)
	})
}

// scoped reports whether an actor is an API key that is narrowed.
func scoped(by access.Actor) bool { return by.Kind == access.ActorKey && len(by.Scopes) > 0 }

// givable lists the permissions that roles give, and so scopes may name.
func givable() []permission {
	list := slices.Collect(maps.Keys(table()))
	list = slices.DeleteFunc(list, func(p permission) bool { return len(table()[p].kinds) > 0 })
	slices.Sort(list)
	return list
}

// checkScopes refuses scopes that mean nothing: a misspelt one would narrow a key to nothing, and
// somebody would then leave it out.
func checkScopes(scopes []string) error {
	var p fault.Problems
	var nouns []string
	known := map[string]bool{scopeReadOnly: true}
	for _, each := range givable() {
		noun, _, _ := strings.Cut(string(each), ".")
		if !known[noun] {
			nouns = append(nouns, noun)
		}
		known[noun], known[string(each)] = true, true
	}
	seen := map[string]bool{}
	for _, s := range scopes {
		if !known[s] {
			p.Add("scopes", "must not contain %q: a scope is %s, one of %s, or one action of it such as application.update",
				short(s, 64), scopeReadOnly, strings.Join(nouns, ", "))
		}
		if seen[s] {
			p.Add("scopes", "contains %q twice", s)
		}
		seen[s] = true
	}
	return p.Err()
}

// covers says whether the actor may make or delete a key: it holds all of the key's roles, and is not
// narrower than the key.
func covers(by access.Actor, k *access.Key) error {
	for _, r := range k.Roles {
		if !holds(by, r) {
			return fault.Forbidden("the key has the role %s, which you do not have", r)
		}
	}
	if !scoped(by) {
		return nil
	}
	for _, p := range givable() {
		if (len(k.Scopes) == 0 || inScope(k.Scopes, p)) && !inScope(by.Scopes, p) {
			return fault.Forbidden("the key would allow %s, which your own API key's scopes do not; give it narrower scopes", p)
		}
	}
	return nil
}
