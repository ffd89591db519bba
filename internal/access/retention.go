package access

import (
	"cmp"
	"time"

	"postern/internal/fault"
)

// Retention is how long logs are kept. There is one; a zero field means what is usual.
type Retention struct {
	Meta
	AuditDays    int64 // of the audit log
	SignInDays   int64 // of the sign-in log
	TrafficDays  int64 // of each gateway's traffic log
	TrafficBytes int64 // how large that becomes
}

// RetentionID is the id of the one that there is.
const RetentionID ID = "retention"

// What is usual.
const (
	UsualAuditDays    = 400
	UsualSignInDays   = 90
	UsualTrafficDays  = 30
	UsualTrafficBytes = 10 << 30
)

const (
	// minAuditDays keeps whoever became an administrator from making what they did disappear at once.
	minAuditDays    = 30
	maxDays         = 3650
	minTrafficBytes = 1 << 20
	maxTrafficBytes = 1 << 50
)

// Day is 24 hours: what the days of a Retention are.
const Day = 24 * time.Hour

// Validate says everything that is wrong.
func (r *Retention) Validate() error {
	var p fault.Problems
	days := func(field string, days, least int64) {
		if days != 0 && (days < least || days > maxDays) {
			p.Add(field, "must be from %d to %d days, or 0 for what is usual", least, maxDays)
		}
	}
	days("auditDays", r.AuditDays, minAuditDays)
	days("signInDays", r.SignInDays, 1)
	days("trafficDays", r.TrafficDays, 1)
	// What tells the gateways whom to erase from their traffic logs stands in the audit log.
	if audit, traffic := cmp.Or(r.AuditDays, UsualAuditDays), cmp.Or(r.TrafficDays, UsualTrafficDays); audit < traffic {
		p.Add("auditDays", "must not be less than trafficDays (%d): the audit log says who was erased from the traffic log", traffic)
	}
	if r.TrafficBytes != 0 && (r.TrafficBytes < minTrafficBytes || r.TrafficBytes > maxTrafficBytes) {
		p.Add("trafficBytes", "must be from %d (1 MiB) to %d (1 PiB), or 0 for what is usual", minTrafficBytes, int64(maxTrafficBytes))
	}
	return p.Err()
}
