package control

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/disk"
	"postern/internal/store"
)

func diskSpace(path string) (free, total uint64, err error) { return disk.Space(path) }

// How long before its end something is told of.
const (
	warnPublic = 21 * day // uploaded certificates: somebody has to get the next one
	warnKey    = 14 * day
	warnToken  = day
	warnSecret = 30 * day // somebody has to make the next one at the provider
)

// clockSkew is beyond what a difference of clocks breaks grants and sessions between replicas.
const clockSkew = 5 * time.Second

func (c *Control) findClock(ctx context.Context, tx *store.Tx, f *findings) error {
	before := time.Now()
	there, err := tx.Clock(ctx)
	if err != nil {
		return err
	}
	took := time.Since(before)
	here := c.cfg.Now().Add(-took / 2) // it was read on the way
	if skew := here.Sub(there); skew.Abs() > clockSkew+took {
		f.add(Finding{Code: "clock-skew", Severity: SeverityWarning,
			Sentence: fmt.Sprintf("The clocks of this machine and of the database's differ by %s.", skew.Abs().Round(time.Second)),
			Cure:     "Set both by NTP: sessions, grants and certificates rely on the time."})
	}
	return nil
}

func (c *Control) findCertificates(ctx context.Context, tx *store.Tx, f *findings) error {
	certificates, err := tx.AllPublicCertificates(ctx)
	if err != nil {
		return err
	}
	for _, cert := range certificates {
		f.ends(expiring{"public", cert.Domain, cert.NotAfter}, Finding{Code: "public-certificate-expiring", Object: cert.ID,
			Sentence: "The certificate of " + cert.Domain,
			Cure:     "Upload the next one: postern certificates put " + cert.Domain + "."}, warnPublic)
	}
	keys := c.certs.keys.Load()
	for what, raw := range map[string]string{"people sign in": c.cfg.Names.PortalURL, "administrators work": c.cfg.Names.AdminURL} {
		e, err := access.ParseEndpoint(raw)
		if err != nil || keys.public(e.Host, c.certs.current) != nil {
			continue
		}
		f.add(Finding{Code: "own-authority", Severity: SeverityNotice,
			Sentence: fmt.Sprintf("The host %s, where %s, shows a certificate of the service's own authority, which browsers do not trust by themselves.", e.Host, what),
			Cure:     "Upload a public certificate: postern certificates put " + e.Host + "."})
	}
	return nil
}

// findSecrets looks at what identity providers will not take any more one day.
func (c *Control) findSecrets(ctx context.Context, tx *store.Tx, f *findings) error {
	list, err := tx.AllUpstreams(ctx)
	for _, u := range list {
		if u.Disabled || u.OIDC == nil || u.OIDC.SecretExpires.IsZero() {
			continue
		}
		f.ends(expiring{"upstream-secret", u.Name, u.OIDC.SecretExpires}, Finding{Code: "upstream-secret-expiring", Object: u.ID,
			Sentence: "The client secret of the identity provider " + u.Name,
			Cure:     "Make the next one at the provider; then postern upstreams secret " + u.Name + ", and tell its end with postern upstreams update --secret-expires."}, warnSecret)
	}
	return err
}

// findVersions tells of replicas that are not of one version.
func (c *Control) findVersions(_ context.Context, _ *store.Tx, f *findings) error {
	seen := map[string]int{}
	for _, g := range c.current().Gateways {
		seen[g.Program]++
	}
	if len(seen) < 2 {
		return nil
	}
	parts := make([]string, 0, len(seen))
	for _, version := range slices.Sorted(maps.Keys(seen)) {
		parts = append(parts, fmt.Sprintf("%d × %s", seen[version], cmp.Or(version, "unknown")))
	}
	f.add(Finding{Code: "versions-differ", Severity: SeverityNotice,
		Sentence: "The replicas are not of one version: " + strings.Join(parts, ", ") + ".",
		Cure:     "Finish the upgrade: postern gateways list says which replica runs what."})
	return nil
}

// findConnectors looks at groups that serve applications and who is there to serve them.
func (c *Control) findConnectors(_ context.Context, _ *store.Tx, f *findings) error {
	snap := c.current()
	var earliest expiring
	for _, k := range snap.Connectors {
		if k.Disabled || k.NotAfter.IsZero() || !k.Archived.IsZero() {
			continue
		}
		if earliest.at.IsZero() || k.NotAfter.Before(earliest.at) {
			earliest = expiring{"connector", "", k.NotAfter}
		}
		if left := k.NotAfter.Sub(f.now); left < c.cfg.Settings.Certificate/8 {
			f.add(Finding{Code: "connector-certificate-expiring", Severity: SeverityWarning, Object: k.ID, Due: k.NotAfter,
				Sentence: fmt.Sprintf("The certificate of the connector %s was not renewed and ends on %s; it was last seen at %s.",
					k.Name, k.NotAfter.UTC().Format("2006-01-02"), k.LastSeen.UTC().Format("2006-01-02 15:04 UTC")),
				Cure: "Look at the connector with postern-connector status on its machine; delete it if it is not needed any more."})
		}
	}
	if !earliest.at.IsZero() {
		f.expiry = append(f.expiry, earliest)
	}
	used := map[access.ID]int{}
	for _, a := range snap.Applications {
		if !a.Disabled {
			used[a.GroupID]++
		}
	}
	for _, g := range snap.Groups {
		if used[g.ID] > 0 {
			c.findGroup(snap, g, used[g.ID], f)
		}
	}
	return nil
}

func (c *Control) findGroup(snap *access.Snapshot, g *access.ConnectorGroup, applications int, f *findings) {
	enabled, active := 0, 0
	for _, k := range snap.Members(g.ID) {
		if k.Disabled {
			continue
		}
		enabled++
		if label := c.ConnectorStatus(k.ID).Label; label == LabelActive || label == LabelDegraded {
			active++
		}
	}
	one := Finding{Severity: SeverityError, Object: g.ID}
	switch {
	case enabled == 0:
		one.Code = "group-empty"
		one.Sentence = fmt.Sprintf("The connector group %s has %d applications and no enabled connector: nobody reaches them.", g.Name, applications)
		one.Cure = "Enrol a connector in it (postern tokens create), or move the applications to another group."
	case active == 0:
		one.Code = "group-unreachable"
		one.Sentence = fmt.Sprintf("None of the %d connectors of the group %s has a tunnel: nobody reaches its %d applications.", enabled, g.Name, applications)
		one.Cure = "postern connectors list says when they were last seen; postern-connector status on their machines says why they do not connect."
	case active == 1 && enabled > 1:
		one.Code, one.Severity = "group-down-to-one", SeverityWarning
		one.Sentence = fmt.Sprintf("Of the %d connectors of the group %s only one is connected: if it goes, nobody reaches its %d applications.", enabled, g.Name, applications)
		one.Cure = "postern connectors list says which are not, and postern-connector status on their machines why."
	case enabled == 1:
		one.Code, one.Severity = "group-without-spare", SeverityNotice
		one.Sentence = fmt.Sprintf("The connector group %s has only one connector: while it restarts, nobody reaches its %d applications.", g.Name, applications)
		one.Cure = "Enrol a second connector in it."
	default:
		return
	}
	f.add(one)
}

func (c *Control) findKeys(ctx context.Context, tx *store.Tx, f *findings) error {
	return pages(func(page access.Page) (string, error) {
		list, next, err := tx.Keys(ctx, page)
		for _, k := range list {
			if k.Expires.IsZero() {
				continue
			}
			one := Finding{Code: "api-key-expiring", Object: k.ID,
				Sentence: "The API key " + k.Name,
				Cure:     "Make the next one (postern keys create), put it where this one is used, then delete this one."}
			if !k.Expires.After(f.now) {
				one.Severity = SeverityNotice // it is refused; whoever used it has noticed
			}
			f.ends(expiring{"api-key", k.Name, k.Expires}, one, warnKey)
		}
		return next, err
	})
}

func (c *Control) findTokens(ctx context.Context, tx *store.Tx, f *findings) error {
	return pages(func(page access.Page) (string, error) {
		list, next, err := tx.Tokens(ctx, page)
		for _, t := range list {
			// Of those that are for the moment everybody knows.
			if left := t.Expires.Sub(f.now); t.Used.IsZero() && left > 0 && left < warnToken && t.Expires.Sub(t.Created) > 2*warnToken {
				f.add(Finding{Code: "token-expiring", Severity: SeverityNotice, Object: t.ID, Due: t.Expires,
					Sentence: fmt.Sprintf("The enrolment token %s was not used and expires at %s.", t.Name, t.Expires.UTC().Format("2006-01-02 15:04 UTC")),
					Cure:     "Enrol the connector that it is for, or make another token when it is needed."})
			}
		}
		return next, err
	})
}

// pages asks for one page after the other.
func pages(ask func(access.Page) (next string, err error)) error {
	for after := ""; ; {
		next, err := ask(access.Page{After: after, Limit: 1000})
		if err != nil || next == "" {
			return err
		}
		after = next
	}
}

func (c *Control) findPeople(ctx context.Context, tx *store.Tx, f *findings) error {
	if err := c.findBreakGlass(ctx, tx, f); err != nil {
		return err
	}
	enforced := 0
	for _, p := range c.current().Policies {
		if p.Mode == access.ModeEnforce {
			enforced++
		}
	}
	if enforced == 0 {
		return nil
	}
	count, err := tx.BreakGlassUsers(ctx)
	if err == nil && count == 0 {
		f.add(Finding{Code: "break-glass-missing", Severity: SeverityWarning,
			Sentence: fmt.Sprintf("There are %d enforced policies and no break-glass user: a wrong policy may lock every administrator out.", enforced),
			Cure:     "Make a user with the role owner and --break-glass, and keep its password and factor in a safe."})
	}
	return err
}
