package admin

import (
	"net/http"

	"postern/internal/access"
	"postern/internal/api"
)

var (
	keyOpens = filter{"application", "Only those for this application.", access.PrefixApplication, nil}
	keyOf    = filter{"user", "Only those of this user.", access.PrefixUser, nil}
)

// accessKeys lists the routes about the keys that users make for their own programs. They make them
// in the portal, where they confirm first that it is them.
func (h *Handler) accessKeys() []route {
	c := h.cfg.Control
	get, del := http.MethodGet, http.MethodDelete
	return []route{
		{get, "/access-keys", "listAccessKeys", "access-keys", "List the access keys that users made for their programs", overseer, false, list(c.AccessKeys, showAccessKey, keyOpens, keyOf, ofExpired)},
		{get, "/access-keys/{id}", "showAccessKey", "access-keys", "Show an access key without its secret", overseer, false, one(access.PrefixAccessKey, c.AccessKey, showAccessKey)},
		{del, "/access-keys/{id}", "deleteAccessKey", "access-keys", "End an access key; what it has open is cut", people, false, remove(access.PrefixAccessKey, c.DeleteAccessKey)},
	}
}

func showAccessKey(k access.AccessKey) api.AccessKey {
	return api.AccessKey{Meta: meta(k.Meta), Name: k.Name, User: string(k.User), Application: string(k.Application),
		Methods: append([]string{}, k.Methods...), Expires: k.Expires, LastUsed: k.LastUsed}
}
