// Package policy decides whether a request may reach an application.
//
// Decide is the one place where that is said. It is pure: the same snapshot, application and request
// give the same decision, in a gateway and in the control plane alike. What it does not know it
// denies.
package policy

import (
	"net/netip"
	"time"

	"postern/internal/access"
)

// The reasons of a denial: stable words for logs and for pages that explain.
const (
	ReasonUnknownApplication  = "unknown-application"
	ReasonApplicationDisabled = "application-disabled"
	ReasonClientsOff          = "clients-off"
	ReasonSignInRequired      = "sign-in-required"
	ReasonNotAssigned         = "not-assigned"
	ReasonUnknownPolicy       = "unknown-policy"
	ReasonPolicyStrength      = "policy-strength"
	ReasonPolicyAge           = "policy-age"
	ReasonPolicyNetwork       = "policy-network"
	ReasonPolicyTime          = "policy-time"
	ReasonPolicyDevice        = "policy-device"
	ReasonProofDue            = "proof-due"
)

// Request is what is decided about.
type Request struct {
	Who     *access.Principal // nil for nobody signed in
	Address netip.Addr        // of the client, as the gateway sees it
	Now     time.Time
}

// Decision is the outcome of Decide. The zero value denies.
type Decision struct {
	Allow   bool
	SignIn  bool            // signing in may help
	StepUp  access.Strength // signing in again with this strength may help; empty: that would not
	Reason  string          // stable word, empty when allowed
	Message string          // a sentence for the user, empty when allowed
	// Finding is the condition that denied, where a policy did.
	Finding *Finding
	// Reports are what policies that only report would have denied.
	Reports []Finding
	// Exempt is what would have denied anybody but a break-glass user.
	Exempt *Finding
	// Until is when to decide again, since time alone may change the decision then; zero for never.
	Until time.Time
}

// Decide says whether a request may reach the application: that is published, the user signed in and
// assigned where it asks for that, and every policy in force that is for both is met.
func Decide(snap *access.Snapshot, app *access.Application, r Request) Decision {
	if d := Published(snap, app); !d.Allow {
		return d
	}
	// The snapshot's own copy counts: the caller's may be of a version that is gone.
	current, _ := snap.Application(app.ID)
	if current.PreAuthentication == access.Passthrough {
		r.Who = nil // whoever it is: the application asks nobody
		return conditions(snap.Rules(current.ID), r, time.Time{})
	}
	if r.Who == nil || r.Who.User == "" || r.Who.Authenticated.After(r.Now.Add(maxSkew)) {
		return Decision{SignIn: true, Reason: ReasonSignInRequired, Message: "Please sign in to use this application."}
	}
	if !r.Who.Ends.IsZero() && !r.Now.Before(r.Who.Ends) {
		return Decision{SignIn: true, Reason: ReasonProofDue, Message: "Your identity provider has to confirm that you are still let in. Reload the page to go on."}
	}
	until, assigned := snap.Assigned(current.ID, r.Who, r.Now)
	if !assigned {
		return deny(ReasonNotAssigned, "You are signed in, but this application is not assigned to you. Ask your administrator for access.")
	}
	return conditions(snap.Rules(current.ID), r, sooner(until, r.Who.Ends))
}

// Published says whether an application is there to be used by anybody at all.
func Published(snap *access.Snapshot, app *access.Application) Decision {
	if snap == nil || app == nil {
		return deny(ReasonUnknownApplication, "There is no such application.")
	}
	current, ok := snap.Application(app.ID)
	switch {
	case !ok:
		return deny(ReasonUnknownApplication, "There is no such application any more.")
	case current.Disabled:
		return deny(ReasonApplicationDisabled, "This application is switched off for maintenance. Please try again later.")
	case current.Private() && snap.Clients.Off:
		return deny(ReasonClientsOff, clientsOff(snap.Clients.OffReason))
	case current.PreAuthentication != access.Passthrough && current.PreAuthentication != access.SignIn:
		return deny(ReasonUnknownPolicy, "This application asks for a kind of sign-in that this gateway does not know.")
	}
	return Decision{Allow: true}
}

func clientsOff(reason string) string {
	if reason == "" {
		return "An administrator has turned all clients off. Please try again later."
	}
	return "An administrator has turned all clients off: " + reason
}

// conditions holds a request against the policies of its application. Of several that it does not
// meet, the gravest denies.
func conditions(rules []*access.Rule, r Request, until time.Time) Decision {
	d := Decision{Allow: true, Until: until}
	var worst *Finding
	for _, rule := range rules {
		if !rule.Concerns(r.Who) {
			continue
		}
		f, end, ok := Meets(rule, r)
		switch {
		case ok && rule.Mode == access.ModeEnforce:
			d.Until = sooner(d.Until, end)
		case ok:
		case rule.Mode == access.ModeReportOnly:
			d.Reports = append(d.Reports, f)
		case worst == nil || f.severity() > worst.severity():
			worst = &f
		}
	}
	switch {
	case worst == nil:
		return d
	case r.Who != nil && r.Who.BreakGlass:
		d.Exempt = worst
		return d
	}
	return Decision{Reason: reasons[worst.Condition], Message: worst.Message, StepUp: worst.StepUp, Finding: worst, Reports: d.Reports}
}

// maxSkew is how far the clocks of two replicas of the service may be apart before a sign-in that
// one of them made counts as made in the future, which proves nothing.
const maxSkew = 5 * time.Minute

func deny(reason, message string) Decision { return Decision{Reason: reason, Message: message} }
