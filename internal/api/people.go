package api

import "encoding/json"

// UserInput is what an administrator writes of a user, except the password.
type UserInput struct {
	Name        string   `json:"name" doc:"The sign-in name: a-z, 0-9 and . _ - @ +, unique." example:"ada"`
	DisplayName string   `json:"displayName" required:"false" doc:"The name for people."`
	Email       string   `json:"email" required:"false" doc:"The e-mail address."`
	Disabled    bool     `json:"disabled" required:"false" doc:"May not sign in; what is open is cut."`
	BreakGlass  bool     `json:"breakGlass" required:"false" doc:"Policies do not hold for the user, and every use is told loudly. Only an Owner sets it, and changes such a user."`
	Roles       []string `json:"roles" required:"false" doc:"What the user may administer; nothing if left out."`

	RequireSecondFactor bool `json:"requireSecondFactor" required:"false" doc:"Let in only with a second factor; one who has none is led through adding one at the next sign-in."`

	Upstream string `json:"upstream,omitempty" doc:"The upstream where the user proves who they are, instead of having a password here. Changing it signs the user out."`
	Subject  string `json:"subject,omitempty" doc:"What that upstream calls the user for ever: sub, objectGUID, entryUUID or the like."`
}

// UserCreate is a new user.
type UserCreate struct {
	UserInput
	Password string `json:"password,omitempty" doc:"The password; without one the user cannot sign in with one."`
}

// User is a local user.
type User struct {
	Meta
	UserInput
	Groups          []string `json:"groups" doc:"The groups that the user is a member of; changed through the groups."`
	PasswordSet     Time     `json:"passwordSet,omitzero" doc:"When the password was set; absent when there is none."`
	UpstreamRefused Time     `json:"upstreamRefused,omitzero" doc:"When the upstream said the last time that it does not let the user in any more; absent when it does."`
	Factors         []string `json:"factors" enum:"totp,passkey" doc:"The kinds of second factor that the user has."`
	LastSignIn      Time     `json:"lastSignIn,omitzero" doc:"When the user last signed in; absent if never, or longer ago than the sign-in log is kept."`
}

// PasswordInput is a new password.
type PasswordInput struct {
	Password string `json:"password" doc:"The new password. The user's sessions end."`
}

// GroupInput is what an administrator writes of a group of users.
type GroupInput struct {
	Name        string   `json:"name" doc:"The name for people, unique." example:"Staff"`
	Description string   `json:"description" required:"false" doc:"What the group is for."`
	Members     []string `json:"members" required:"false" doc:"The users in it."`
	Groups      []string `json:"groups" required:"false" doc:"The groups in it: their members are its members, too. No group may lie within itself."`
}

// Group is a set of users to whom applications are assigned.
type Group struct {
	Meta
	GroupInput
}

// AuditEntry tells of one change, or of one that was refused.
type AuditEntry struct {
	ID      string          `json:"id" doc:"Names the entry for ever."`
	Seq     uint64          `json:"seq" doc:"Its place in the log, from 1; the entries are chained in this order."`
	Time    Time            `json:"time" doc:"When it was."`
	Version uint64          `json:"version,omitempty" doc:"The configuration version that the change made; absent when it made none."`
	Actor   AuditActor      `json:"actor" doc:"Who did it."`
	Action  string          `json:"action" doc:"What was done." example:"application.create"`
	Object  string          `json:"object,omitempty" doc:"To which object."`
	Name    string          `json:"name,omitempty" doc:"The object's name at that time."`
	Outcome string          `json:"outcome" enum:"done,refused" doc:"Whether it was done."`
	Detail  json.RawMessage `json:"detail,omitempty" doc:"The changed fields with old and new values, or the reason of the refusal."`
}

// AuditActor is who did something.
type AuditActor struct {
	Kind    string `json:"kind" doc:"What sort of party it was."`
	ID      string `json:"id,omitempty" doc:"Its id."`
	Name    string `json:"name,omitempty" doc:"Its name at that time."`
	Address string `json:"address,omitempty" doc:"The network address it came from."`
	Request string `json:"request,omitempty" doc:"The reference of the request."`
}
