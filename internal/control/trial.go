package control

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/wire"
)

// Bounds of trials.
const (
	trialWithin   = 15 * time.Second // for all connectors together; each gives up earlier by itself
	trialLife     = time.Minute      // of the order that a connector gets
	trialsAtOnce  = 8
	maxTrialRoots = 32 << 10 // bytes of authorities, which travel in a question
)

// Trial is what one connector saw of a target that is not published.
type Trial struct {
	Connector *access.Connector
	Backup    bool
	Label     Label // LabelActive: it was reached; LabelUnreachable: not; else why the connector was not asked
	Why, Code string
	Phase     wire.Phase // how far it got, of LabelUnreachable
	Seen      wire.Tried
}

// trialTarget is what the audit log keeps of a trial.
type trialTarget struct {
	InternalURL string
	GroupID     access.ID
	SkipVerify  bool
}

// TestApplication has the connectors of a group try the internal URL of an application that need not exist: they resolve,
// connect, agree on TLS and ask once for its path, by their local rules. Nothing is stored but an entry of the audit log.
func (c *Control) TestApplication(ctx context.Context, by access.Actor, app access.Application) ([]Trial, error) {
	app.Defaults()
	r := request{by: by, perm: testApplication, name: app.InternalURL}
	err := allow(by, testApplication)
	if err == nil {
		err = checkTrial(&app)
	}
	if err != nil {
		c.refused(ctx, r, err)
		return nil, err
	}
	if c.cfg.Ask == nil {
		return nil, fault.Unavailable("this service cannot ask connectors")
	}
	defer c.trials.Add(-1)
	if c.trials.Add(1) > trialsAtOnce {
		return nil, fault.New(fault.KindLimited, "%d tests are under way, which is the limit; try again in a moment", trialsAtOnce).After(5 * time.Second)
	}
	err = c.act(ctx, r, func(ch *change) error {
		if _, err := ch.tx.ConnectorGroup(ctx, app.GroupID); err != nil {
			return orElse(err, fault.KindNotFound, fault.Invalid("connectorGroup", "must be the id of a connector group that exists"))
		}
		ch.audit(testApplication, object{name: app.InternalURL}, nil, trialTarget{app.InternalURL, app.GroupID, app.SkipVerify})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.tryEverywhere(ctx, &app), nil
}

func checkTrial(app *access.Application) error {
	if app.Private() {
		return fault.Invalid("kind", "must be %q: only web applications are tested by themselves", access.KindWeb)
	}
	var p fault.Problems
	p.Check("", app.ValidateTarget())
	if app.HostHeader == access.HostExternal && app.ExternalURL == "" {
		p.Add("externalUrl", "must be given where the application is shown its host")
	}
	if len(app.BackendCA) > maxTrialRoots {
		p.Add("backendCa", "must be at most %d KiB long for a test", maxTrialRoots>>10)
	}
	return p.Err()
}

func (c *Control) tryEverywhere(ctx context.Context, app *access.Application) []Trial {
	ctx, cancel := context.WithTimeout(ctx, trialWithin)
	defer cancel()
	var asking sync.WaitGroup
	servers, asked := c.servers(app), 0
	list := make([]Trial, len(servers))
	for i, k := range servers {
		t := &list[i]
		*t = Trial{Connector: k, Backup: k.GroupID != app.GroupID}
		switch s := c.ConnectorStatus(k.ID); {
		case s.Tunnels == 0, s.Label == LabelDisabled:
			t.Label, t.Why = s.Label, s.Why
		case asked == reachAsked:
			t.Label, t.Why = LabelUnknown, "It was not asked, since there are many."
		default:
			asked++
			asking.Go(func() { c.tryOne(ctx, app, t) })
		}
	}
	asking.Wait()
	return list
}

// tryOne asks one connector and judges what it says.
func (c *Control) tryOne(ctx context.Context, app *access.Application, t *Trial) {
	order, err := c.signTrial(app, t.Connector.ID)
	var answer []byte
	if err == nil {
		answer, err = c.cfg.Ask(ctx, t.Connector.ID, wire.QuestionTrial, wire.Encode(order))
	}
	if err == nil {
		t.Seen, err = wire.Decode[wire.Tried](answer)
	}
	if err != nil {
		t.Label, t.Why = LabelUnknown, "It could not be asked: "+untried(t.Connector, err)+"."
		return
	}
	t.Seen = boundedTrial(t.Seen)
	if refusal := t.Seen.Refusal; refusal != nil {
		t.Label, t.Phase, t.Code, t.Why = LabelUnreachable, refusal.Phase, refusal.Code, closed("It "+refusedBy(refusal))
		return
	}
	t.Label = LabelActive
}

// closed ends a sentence that has no end.
func closed(text string) string {
	if strings.HasSuffix(text, "?") || strings.HasSuffix(text, "!") {
		return text
	}
	return text + "."
}

// untried says why a connector did not try.
func untried(k *access.Connector, err error) string {
	if r, ok := errors.AsType[*wire.Refusal](err); ok && r.Code == "question-unknown" {
		return k.Name + " is too old to be asked before an application is published; update it"
	}
	return unasked(err)
}

// signTrial makes the order that a connector follows.
func (c *Control) signTrial(app *access.Application, to access.ID) (wire.SignedTrial, error) {
	now, internal := c.now(), app.Internal()
	key := current(c.signing.Load().grants, now)
	host := internal.Authority()
	if app.HostHeader == access.HostExternal {
		host = app.External().Authority()
	}
	t := wire.Trial{
		KeyID: key.id, TrustDomain: c.instance.trustDomain, Connector: string(to), Path: internal.Path, Host: host, Issued: now, Expires: now.Add(trialLife),
		Target: wire.Target{Name: app.Name, Host: internal.Host, Port: internal.Port, TLS: internal.Scheme == "https", SkipVerify: app.SkipVerify},
	}
	if app.BackendProtocol != access.BackendHTTP1 {
		t.Target.Protocol = string(app.BackendProtocol)
	}
	if app.BackendCA != "" {
		t.Target.Roots = []byte(app.BackendCA)
	}
	return t.Sign(key.key)
}

// boundedTrial cuts what a connector says to what an answer may hold: it is not ours, and what it tells of is somebody else's.
func boundedTrial(t wire.Tried) wire.Tried {
	if t.Opened == nil && t.Refusal == nil {
		t.Refusal = &wire.Refusal{Phase: wire.PhaseAsk, Code: "answer-empty", Message: "its answer says nothing"}
	}
	if o := t.Opened; o != nil {
		o.Address, o.ALPN = short(o.Address, 64), short(o.ALPN, 16)
	}
	if k := t.Certificate; k != nil {
		k.Subject, k.Issuer, k.SHA256, k.Problem = short(k.Subject, 512), short(k.Issuer, 512), short(k.SHA256, 64), short(k.Problem, 512)
		k.Code, k.TLS, k.Names = short(k.Code, 64), short(k.TLS, 16), k.Names[:min(len(k.Names), 50)]
		for i := range k.Names {
			k.Names[i] = short(k.Names[i], 255)
		}
	}
	if a := t.Answer; a != nil {
		a.Protocol, a.Location, a.Server, a.Error = short(a.Protocol, 16), short(a.Location, 512), short(a.Server, 128), short(a.Error, 512)
	}
	if r := t.Refusal; r != nil {
		r.Code = short(r.Code, 64)
	}
	return t
}
