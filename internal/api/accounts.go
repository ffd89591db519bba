package api

import (
	"context"
	"net/http"
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

// ResetFactors removes a user's second factors and recovery codes.
func (n Users) ResetFactors(ctx context.Context, id string) error {
	return n.reads.c.do(ctx, call{method: http.MethodDelete, path: []string{n.reads.path, id, "factors"}})
}
