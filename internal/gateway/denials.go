package gateway

import (
	"net/http"

	"postern/internal/policy"
	"postern/internal/wire"
)

// A denial is the policy's no.
type denial struct{ policy.Decision }

func (d *denial) Error() string {
	if d.Finding != nil {
		return d.Reason + ": policy " + d.Finding.Name + ": " + d.Finding.Detail
	}
	return d.Reason
}

// denials says, for reasons that have more to say than the decision itself, what a person reads.
var denials = map[string]struct{ title, advice string }{
	policy.ReasonNotAssigned:   {"You may not use this application", "You can ask for access on the page of your applications, if the application allows that."},
	policy.ReasonPolicyNetwork: {"You may not use this application from here", askAdmin},
	policy.ReasonPolicyTime:    {"This application is closed now", askAdmin},
	policy.ReasonPolicyDevice:  {"You may not use this application from this device", askAdmin},
}

// refusal turns a denial that signing in does not help into what a person is told.
func refusal(d *denial) *failure {
	f := failure{status: http.StatusForbidden, reason: d.Reason, title: "You may not use this application", message: d.Message, advice: askAdmin, err: d}
	if more, ok := denials[d.Reason]; ok {
		f.title, f.advice = more.title, more.advice
	}
	return &f
}

// maxReports bounds how many policies that only report a record names.
const maxReports = 10

// found notes in the record what policies found.
func (x *exchange) found(d *policy.Decision) {
	r := &x.record
	r.Policy, r.BreakGlass, r.Reports = "", "", nil
	if d.Finding != nil {
		r.Policy, r.Condition = string(d.Finding.Policy), string(d.Finding.Condition)
	}
	if d.Exempt != nil {
		r.BreakGlass, r.Condition = string(d.Exempt.Policy), string(d.Exempt.Condition)
	}
	for _, f := range d.Reports[:min(len(d.Reports), maxReports)] {
		r.Reports = append(r.Reports, wire.PolicyReport{Policy: string(f.Policy), Condition: string(f.Condition)})
	}
}
