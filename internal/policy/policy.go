// Package policy decides whether a request may reach an application.
//
// Decide is the one place where that is said. It is pure: the same snapshot, application, user and
// time give the same decision, in a gateway and in the control plane alike. What it does not know
// it denies.
package policy

import (
	"time"

	"postern/internal/access"
)

// The reasons of a denial: stable words for logs and for pages that explain.
const (
	ReasonUnknownApplication  = "unknown-application"
	ReasonApplicationDisabled = "application-disabled"
	ReasonSignInRequired      = "sign-in-required"
	ReasonNotAssigned         = "not-assigned"
	ReasonUnknownPolicy       = "unknown-policy"
)

// Decision is the outcome of Decide. The zero value denies.
type Decision struct {
	Allow   bool
	SignIn  bool   // signing in may help
	Reason  string // stable word, empty when allowed
	Message string // a sentence for the user, empty when allowed
	// Until is when to decide again, since time alone may change the decision then; zero for never.
	Until time.Time
}

// Decide says whether who, nil for nobody signed in, may use the application at now.
func Decide(snap *access.Snapshot, app *access.Application, who *access.Principal, now time.Time) Decision {
	if snap == nil || app == nil {
		return deny(ReasonUnknownApplication, "There is no such application.")
	}
	// The snapshot's own copy counts: the caller's may be of a version that is gone.
	current, ok := snap.Application(app.ID)
	switch {
	case !ok:
		return deny(ReasonUnknownApplication, "There is no such application any more.")
	case current.Disabled:
		return deny(ReasonApplicationDisabled, "This application is switched off for maintenance. Please try again later.")
	case current.PreAuthentication == access.Passthrough:
		return Decision{Allow: true}
	case current.PreAuthentication != access.SignIn:
		return deny(ReasonUnknownPolicy, "This application asks for a kind of sign-in that this gateway does not know.")
	case who == nil || who.User == "" || who.Authenticated.After(now.Add(maxSkew)):
		return Decision{SignIn: true, Reason: ReasonSignInRequired, Message: "Please sign in to use this application."}
	}
	until, assigned := snap.Assigned(current.ID, who, now)
	if !assigned {
		return deny(ReasonNotAssigned, "You are signed in, but this application is not assigned to you. Ask your administrator for access.")
	}
	return Decision{Allow: true, Until: until}
}

// maxSkew is how far the clocks of two replicas of the service may be apart before a sign-in that
// one of them made counts as made in the future, which proves nothing.
const maxSkew = 5 * time.Minute

func deny(reason, message string) Decision { return Decision{Reason: reason, Message: message} }
