package api

import (
	"context"
	"net/http"
	"net/url"
)

// UserLink is a one-time link with which a user sets a password.
type UserLink struct {
	URL     string `json:"url" doc:"The link. Whoever has it sets the user's password; it is not shown again."`
	Kind    string `json:"kind" enum:"invitation,reset" doc:"Whether the user had no password, or had one."`
	Expires Time   `json:"expires" doc:"When it is good no more."`
}

// Session is one browser, or one program, in which a user is signed in.
type Session struct {
	ID            string   `json:"id" doc:"Names the session."`
	Kind          string   `json:"kind" enum:"portal,program" doc:"Whether it is a browser's (portal) or a program's such as the command line."`
	Name          string   `json:"name,omitempty" doc:"What the program and its machine call themselves; absent for a browser."`
	Address       string   `json:"address" doc:"The network address it was made from."`
	UserAgent     string   `json:"userAgent" doc:"What the browser or the program calls itself."`
	Methods       []string `json:"methods" doc:"How the user proved who they are: pwd a password, otp an authenticator app, pop a passkey, user that it verified its user, recovery a recovery code."`
	Authenticated Time     `json:"authenticated" doc:"When that was."`
	LastUsed      Time     `json:"lastUsed" doc:"When the session was last used."`
	Expires       Time     `json:"expires" doc:"When it ends whatever happens."`
}

// UserFactors are the second factors of a user.
type UserFactors struct {
	Factors       []UserFactor `json:"factors" doc:"What the user proves to have, in the order in which they were added."`
	RecoveryCodes int          `json:"recoveryCodes" doc:"How many recovery codes are left."`
}

// UserFactor is one second factor, without its secret.
type UserFactor struct {
	ID       string `json:"id" doc:"Names it."`
	Kind     string `json:"kind" enum:"totp,passkey" doc:"An authenticator app (totp), or a passkey, which is good alone, too."`
	Name     string `json:"name" doc:"What its user calls it."`
	Added    Time   `json:"added" doc:"When it was added."`
	LastUsed Time   `json:"lastUsed,omitzero" doc:"When it was last used; absent when never."`
}

// UserApplication is an application that is assigned to a user.
type UserApplication struct {
	ID          string           `json:"id" doc:"The application."`
	Name        string           `json:"name" doc:"Its name."`
	ExternalURL string           `json:"externalUrl" doc:"Where it is opened."`
	Allow       bool             `json:"allow" doc:"Whether a request would be let through, by the user's latest session or else by the best sign-in that they can make; connectors are not asked."`
	Reason      string           `json:"reason,omitempty" doc:"The stable word of the denial; absent when allowed."`
	Message     string           `json:"message,omitempty" doc:"What the user is told."`
	StepUp      string           `json:"stepUp,omitempty" doc:"The user gets through after signing in again with this strength."`
	Assignments []UserAssignment `json:"assignments" doc:"By which it is the user's."`
}

// UserAssignment is one way in which an application is a user's.
type UserAssignment struct {
	ID      string `json:"id" doc:"The assignment."`
	Group   string `json:"group,omitempty" doc:"The group that it is assigned to; absent when it is to the user."`
	Expires Time   `json:"expires,omitzero" doc:"When it ends; absent for never."`
}

// Link makes a one-time link with which a user sets a password. The one before is void.
func (n Users) Link(ctx context.Context, id string) (UserLink, error) {
	var out UserLink
	err := n.reads.c.do(ctx, call{method: http.MethodPost, path: []string{n.reads.path, id, "link"}, out: &out})
	return out, err
}

// Sessions lists where a user is signed in.
func (n Users) Sessions(ctx context.Context, id string) (List[Session], error) {
	var out List[Session]
	err := n.reads.c.do(ctx, call{method: http.MethodGet, path: []string{n.reads.path, id, "sessions"}, out: &out})
	return out, err
}

// RevokeSessions signs a user out everywhere.
func (n Users) RevokeSessions(ctx context.Context, id string) error {
	return n.reads.c.do(ctx, call{method: http.MethodDelete, path: []string{n.reads.path, id, "sessions"}})
}

// RevokeSession signs a user out of one session.
func (n Users) RevokeSession(ctx context.Context, id, session string) error {
	return n.reads.c.do(ctx, call{method: http.MethodDelete, path: []string{n.reads.path, id, "sessions"}, query: url.Values{"session": {session}}})
}

// Factors shows the second factors of a user.
func (n Users) Factors(ctx context.Context, id string) (UserFactors, error) {
	var out UserFactors
	err := n.reads.c.do(ctx, call{method: http.MethodGet, path: []string{n.reads.path, id, "factors"}, out: &out})
	return out, err
}

// Applications lists what is assigned to a user, and whether they may open it.
func (n Users) Applications(ctx context.Context, id string) (List[UserApplication], error) {
	var out List[UserApplication]
	err := n.reads.c.do(ctx, call{method: http.MethodGet, path: []string{n.reads.path, id, "applications"}, out: &out})
	return out, err
}

// ResetFactors removes a user's second factors and recovery codes.
func (n Users) ResetFactors(ctx context.Context, id string) error {
	return n.reads.c.do(ctx, call{method: http.MethodDelete, path: []string{n.reads.path, id, "factors"}})
}
