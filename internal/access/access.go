// Package access holds the words of the domain: what is published, who may use it, through which
// connectors, and the immutable Snapshot of all that on which traffic is decided.
//
// Its types are values without behaviour beyond their own rules: Validate says what is wrong with
// one, Snapshot finds things fast. Nothing here reads a file, a clock or a network.
package access

import (
	"crypto/rand"
	"encoding/base32"
	"net/netip"
	"strings"
	"time"
)

// ID names one object for ever: a prefix that says what it is, "_", and 26 characters that sort by
// the time of creation.
type ID string

// The prefixes of IDs.
const (
	PrefixApplication    = "app"
	PrefixAssignment     = "asg"
	PrefixConnector      = "con"
	PrefixConnectorGroup = "cgr"
	PrefixGateway        = "gtw"
	PrefixGroup          = "grp"
	PrefixUser           = "usr"
	PrefixToken          = "tok"
	PrefixKey            = "key"
	PrefixSession        = "ses"
	PrefixAudit          = "aud"
	PrefixCertificate    = "crt"
	PrefixSignIn         = "sgn"
	PrefixExport         = "exp"
	PrefixAlert          = "alt"
)

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID makes an ID from 48 bits of the time in milliseconds and 80 random bits.
func NewID(prefix string, now time.Time) ID {
	var raw [16]byte
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		raw[i] = byte(ms >> (40 - 8*i))
	}
	rand.Read(raw[6:]) // never fails: crypto/rand ends the program instead
	return ID(prefix + "_" + idEncoding.EncodeToString(raw[:]))
}

// Valid reports whether the ID is well formed and of that prefix.
func (id ID) Valid(prefix string) bool {
	rest, ok := strings.CutPrefix(string(id), prefix+"_")
	if !ok || len(rest) != 26 {
		return false
	}
	_, err := idEncoding.DecodeString(rest)
	return err == nil
}

// Meta is what every stored object has.
type Meta struct {
	ID      ID
	Version int64     // counts the changes of this object, from 1; an update states the version it saw
	Created time.Time // UTC, microseconds
	Updated time.Time
}

// Role is a set of permissions that an administrator has.
type Role string

// The roles. A user may have several.
const (
	RoleOwner            Role = "owner"                     // everything
	RoleApplicationAdmin Role = "application-administrator" // applications, connectors, groups of them, assignments, tokens
	RolePolicyAdmin      Role = "policy-administrator"      // users, groups, assignments, policies
	RoleReader           Role = "reader"                    // reads all but traffic
	RoleLogReader        Role = "log-reader"                // reads logs and traffic
)

// Roles lists every role.
func Roles() []Role {
	return []Role{RoleOwner, RoleApplicationAdmin, RolePolicyAdmin, RoleReader, RoleLogReader}
}

// ActorKind says what sort of party does something.
type ActorKind string

// The kinds of actor.
const (
	ActorUser      ActorKind = "user"
	ActorKey       ActorKind = "api-key"
	ActorConnector ActorKind = "connector"
	ActorSystem    ActorKind = "system" // the service itself
	ActorAnyone    ActorKind = "anyone" // nobody proven yet: enrolment, set-up, sign-in
)

// Actor is who asks for a change or a view. Every operation of control takes one.
type Actor struct {
	Kind    ActorKind
	ID      ID
	Name    string
	Roles   []Role
	Scopes  []string // of an API key: what narrows its roles; empty: nothing
	Address string   // the network address it came from; empty for the service itself
	Request string   // the request id, for the audit log
}

// Principal is a signed-in user as decisions see them: read with the session, groups included.
type Principal struct {
	User          ID
	Name          string // sign-in name
	DisplayName   string
	Email         string
	Groups        []ID
	Roles         []Role
	Session       ID
	Authenticated time.Time // when the user last proved who they are
	Methods       []string  // how: MethodPassword and its like ("amr", RFC 8176)
	BreakGlass    bool      // policies do not hold for them
	// Reprove is from when a browser is to be sent to the upstream that vouches for them, to ask it once more, and
	// Ends from when nothing is known of them until that has happened. Zero: never.
	Reprove, Ends time.Time
	// Device is what they use it from, if that is an enrolled one.
	Device DeviceFacts
	// Address is the client's, where a gateway asks for a grant on behalf of a request. It is no part of a session.
	Address netip.Addr
}

// Page asks for a part of a list.
type Page struct {
	After  string // the cursor that the page before gave; empty for the first
	Limit  int    // at most this many; 0 means 100, at most 1000
	Search string // optional: only objects whose name contains it, case folded
	// Only holds values that the objects must have, by what the list can be filtered by; optional.
	Only map[string]string
	Sort Sort // optional: in which order; the oldest first if left out
}

// Sort is the order of a list.
type Sort string

// The orders.
const (
	SortCreated  Sort = "created"
	SortNewest   Sort = "-created"
	SortName     Sort = "name"
	SortNameDown Sort = "-name"
)

// Sorts lists the orders of a list whose objects have names.
func Sorts() []Sort { return []Sort{SortCreated, SortNewest, SortName, SortNameDown} }
