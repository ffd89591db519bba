package control

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// Severity says how urgent a finding is.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"   // something does not work now
	SeverityWarning Severity = "warning" // something will stop working, or is one failure away from it
	SeverityNotice  Severity = "notice"  // something that somebody should know
)

// Finding is one thing that is wrong or soon will be: what, where, and what to do about it.
type Finding struct {
	Code     string // stable; docs/troubleshooting.md has an entry
	Severity Severity
	Sentence string
	Cure     string
	Object   access.ID // optional
	Due      time.Time // optional: when it becomes worse
}

// maxFindings bounds a report: of many of one kind the most urgent tell enough.
const maxFindings = 200

// Findings gives what is wrong or will be, the most urgent first.
func (c *Control) Findings(ctx context.Context) []Finding {
	f := &findings{now: c.now()}
	c.findDatabase(ctx, f)
	c.findAuthority(f)
	c.findUpstreams(f)
	c.findSetting(f)
	c.findTraffic(f)
	c.findDiscovery(f)
	if stored := c.inspected.Load(); stored != nil {
		f.list = append(f.list, stored.list...)
	}
	slices.SortStableFunc(f.list, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(urgency(a.Severity), urgency(b.Severity)), compareDue(a.Due, b.Due), strings.Compare(a.Code, b.Code))
	})
	return f.list[:min(len(f.list), maxFindings)]
}

func urgency(s Severity) int {
	return slices.Index([]Severity{SeverityError, SeverityWarning, SeverityNotice}, s)
}

// compareDue puts what has no time last.
func compareDue(a, b time.Time) int {
	if a.IsZero() || b.IsZero() {
		return cmp.Compare(flagOf(a.IsZero()), flagOf(b.IsZero()))
	}
	return a.Compare(b)
}

func flagOf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// findings collects them.
type findings struct {
	now    time.Time
	list   []Finding
	expiry []expiring
}

// expiring is something that ends, for the metrics.
type expiring struct {
	kind, name string
	at         time.Time
}

func (f *findings) add(one Finding) {
	if len(f.list) < maxFindings {
		f.list = append(f.list, one)
	}
}

// ends notes something that ends. Below warn days it is a warning, after its end an error.
func (f *findings) ends(e expiring, one Finding, warn time.Duration) {
	f.expiry = append(f.expiry, e)
	left := e.at.Sub(f.now)
	if e.at.IsZero() || left > warn {
		return
	}
	one.Due = e.at
	switch {
	case left <= 0:
		one.Severity = cmp.Or(one.Severity, SeverityError)
		one.Sentence += fmt.Sprintf(" ended on %s.", e.at.UTC().Format("2006-01-02"))
	default:
		one.Severity = SeverityWarning
		one.Sentence += fmt.Sprintf(" ends on %s, in %s.", e.at.UTC().Format("2006-01-02"), days(left))
	}
	f.add(one)
}

func days(d time.Duration) string {
	switch n := int(d.Hours() / 24); n {
	case 0:
		return "less than a day"
	case 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", n)
	}
}

const day = 24 * time.Hour

// findDatabase asks the database at this moment.
func (c *Control) findDatabase(ctx context.Context, f *findings) {
	began := time.Now()
	err := c.store.Ping(ctx)
	took := time.Since(began)
	if old := c.away.Load(); err == nil && old != nil {
		err = old.err
	}
	switch {
	case c.store.KeyMissing():
		f.add(Finding{Code: "master-key-missing", Severity: SeverityError,
			Sentence: "The master key was changed, and this service has not got the new one: nobody can sign in anew here, and nothing can be changed.",
			Cure:     "Copy the new master key to this service's key file (--key-file); it is taken up at once."})
	case err != nil:
		f.add(Finding{Code: "database-away", Severity: SeverityError,
			Sentence: "The database cannot be used: " + err.Error() + ". People who are signed in go on; nobody can sign in anew and nothing can be changed.",
			Cure:     "Look after the database; the service goes on by itself when it is back."})
	case took > slowDatabase:
		f.add(Finding{Code: "database-slow", Severity: SeverityWarning,
			Sentence: fmt.Sprintf("The database took %s to answer a simple question.", took.Round(time.Millisecond)),
			Cure:     "Look at the load, the disk and the network of the database's machine."})
	}
	if schema := c.store.Schema(); schema.Version > schema.Newest {
		f.add(Finding{Code: "schema-newer", Severity: SeverityNotice,
			Sentence: fmt.Sprintf("The database has schema %d and this program knows %d: another service on it is newer.", schema.Version, schema.Newest),
			Cure:     "Finish the upgrade: install the newer version here, too."})
	}
}

const slowDatabase = 500 * time.Millisecond

// findAuthority looks at what this process holds of our own CA.
func (c *Control) findAuthority(f *findings) {
	a := c.authority.Load()
	f.ends(expiring{"root", a.newest().Cert.Subject.CommonName, a.newest().Cert.NotAfter}, Finding{Code: "root-expiring",
		Sentence: "The root of the service's own certificate authority",
		Cure:     "Exchange it: postern ca rotate, wait until every connector has followed, postern ca rotate --finish."}, 180*day)
	f.ends(expiring{"issuing", a.issuers[0].Cert.Subject.CommonName, a.issuers[0].Cert.NotAfter}, Finding{Code: "issuing-expiring",
		Sentence: "The issuing certificate of the service's own authority",
		Cure:     "It renews itself while the database can be written: look for errors about it in the log, or make one with postern ca rotate --issuing."}, issuingWarning)
	if a.next != nil && f.now.Sub(a.next.started) > 30*day {
		f.add(Finding{Code: "exchange-unfinished", Severity: SeverityWarning,
			Sentence: fmt.Sprintf("The exchange of the root is under way since %s and not finished.", a.next.started.UTC().Format("2006-01-02")),
			Cure:     "postern ca status says who has not followed; delete what is not needed any more, then postern ca rotate --finish."})
	}
	if mine := c.certs.mine.Load(); mine != nil {
		f.ends(expiring{"gateway", string(c.cfg.Gateway.ID), mine.Leaf.NotAfter}, Finding{Code: "gateway-certificate-expiring", Object: c.cfg.Gateway.ID,
			Sentence: "The certificate with which this gateway proves itself to connectors",
			Cure:     "It renews itself while the database can be written: look for errors about it in the log."}, c.cfg.Settings.Certificate/4)
	}
	for domain := range c.certs.keys.Load().damaged {
		f.add(Finding{Code: "public-certificate-damaged", Severity: SeverityError,
			Sentence: "The certificate of " + domain + " cannot be used; our own authority's is shown instead, which browsers do not trust.",
			Cure:     "Upload it again: postern certificates put " + domain + "."})
	}
}

// findUpstreams names identity providers that do not answer.
func (c *Control) findUpstreams(f *findings) {
	for id, since := range c.UpstreamsAway() {
		f.add(Finding{Code: "upstream-away", Severity: SeverityError, Object: id,
			Sentence: fmt.Sprintf("An identity provider does not answer since %s: nobody can sign in by it; who is signed in goes on.", since.UTC().Format("2006-01-02 15:04 UTC")),
			Cure:     "postern upstreams check names what fails on the way to it."})
	}
}

// findSetting looks at what the process was started with and keeps its data on.
func (c *Control) findSetting(f *findings) {
	if c.cfg.Data == "" {
		return
	}
	free, total, err := diskSpace(c.cfg.Data)
	if err == nil && total > 0 {
		c.findDisk(f, free, total)
	}
}

func (c *Control) findDisk(f *findings, free, total uint64) {
	switch {
	case free < 256<<20 || free < total/100:
		f.add(Finding{Code: "disk-full", Severity: SeverityError,
			Sentence: fmt.Sprintf("The disk of the data directory %s is full: %d MiB are left.", c.cfg.Data, free>>20),
			Cure:     "Make room, or move the data directory to a larger disk. A database without room takes no changes."})
	case free < 1<<30 || free < total/20:
		f.add(Finding{Code: "disk-nearly-full", Severity: SeverityWarning,
			Sentence: fmt.Sprintf("The disk of the data directory %s is nearly full: %d MiB are left.", c.cfg.Data, free>>20),
			Cure:     "Make room, or move the data directory to a larger disk."})
	}
}

// inspection is what the last look through the stored configuration found. It is repeated from time
// to time: nobody waits for it.
type inspection struct {
	list   []Finding
	expiry []expiring
	at     time.Time
}

const inspectEvery = time.Minute

// inspect looks through what is stored for what ends or is missing.
func (c *Control) inspect(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	f := &findings{now: c.now()}
	err := c.store.Read(within, func(tx *store.Tx) error {
		f.list, f.expiry = nil, nil
		for _, look := range []func(context.Context, *store.Tx, *findings) error{
			c.findExports, c.findAuditLog, c.findClock, c.findCertificates, c.findSecrets, c.findVersions, c.findConnectors, c.findFleet, c.findLoads, c.findKeys, c.findTokens, c.findPeople,
		} {
			if err := look(within, tx, f); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return // that the database is away is a finding of its own
	}
	c.inspected.Store(&inspection{f.list, f.expiry, f.now})
	c.remind(ctx)
}

// remind logs once a day what is wrong or will be.
func (c *Control) remind(ctx context.Context) {
	now := c.now()
	if last := c.reminded.Load(); last != nil && now.Sub(*last) < day {
		return
	}
	c.reminded.Store(&now)
	for _, one := range c.Findings(ctx) {
		if one.Severity == SeverityNotice {
			continue
		}
		c.log.Warn("health: "+one.Sentence, "code", one.Code, "severity", string(one.Severity), "cure", one.Cure, "object", one.Object)
	}
}

// Check is one line of Health.
type Check struct {
	Name string
	Err  error // nil: good
}

// Health says how the control plane is, as far as this process knows it.
func (c *Control) Health(ctx context.Context) []Check {
	database := Check{Name: "database", Err: c.store.Ping(ctx)}
	if old := c.away.Load(); database.Err == nil && old != nil {
		database.Err = old.err
	}
	checks := []Check{database, {Name: "gateway certificate", Err: c.certs.health()}, {Name: "issuing certificate", Err: c.issuingHealth()}, {Name: "other gateways", Err: c.peersHealth()}}
	if c.current() == nil {
		checks = append(checks, Check{Name: "snapshot", Err: fault.Unavailable("there is no configuration yet")})
	} else {
		checks = append(checks, Check{Name: "snapshot"})
	}
	return checks
}

// issuingHealth warns long before our own CA can issue nothing any more.
func (c *Control) issuingHealth() error {
	left := c.issuer().Cert.NotAfter.Sub(c.now())
	if left < issuingWarning {
		return fault.Unavailable("the issuing certificate ends in %d days", int(left.Hours()/24))
	}
	return nil
}

const issuingWarning = 60 * day
