package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/wire"
)

// Asker asks a connector a question over one of its tunnels, wherever that ends.
type Asker func(ctx context.Context, connector access.ID, question string, body []byte) ([]byte, error)

const (
	reachWithin = 6 * time.Second // for all connectors together; each gives up earlier by itself
	reachAsked  = 8               // connectors of a group that are asked at most
)

// reached is what a connector said of an application's target, or why it said nothing.
type reached struct {
	connector *access.Connector
	said      wire.Reach
	err       error
}

// askReach asks the connectors of an application that have a tunnel whether they reach it, all at once.
func (c *Control) askReach(ctx context.Context, app *access.Application) []reached {
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	var list []reached
	for _, k := range c.servers(app) {
		if s := c.ConnectorStatus(k.ID); s.Tunnels > 0 && s.Label != LabelDisabled && len(list) < reachAsked {
			list = append(list, reached{connector: k})
		}
	}
	question := wire.Encode(wire.AskReach{Application: string(app.ID), Version: app.Version})
	var asking sync.WaitGroup
	for i := range list {
		asking.Go(func() {
			r := &list[i]
			answer, err := c.cfg.Ask(ctx, r.connector.ID, wire.QuestionReach, question)
			if err == nil {
				r.said, err = wire.Decode[wire.Reach](answer)
			}
			if err == nil && r.said.Opened == nil && r.said.Refusal == nil {
				err = errors.New("its answer says nothing")
			}
			if o := r.said.Opened; o != nil && app.BackendProtocol == access.BackendHTTP2 && app.Internal().Scheme == "https" {
				if old := o.SpeaksHTTP2(); old != nil {
					r.said = wire.Reach{Refusal: old}
				}
			}
			r.err = err
		})
	}
	asking.Wait()
	return list
}

// targets says whether the connectors reach the application. One that could not be asked is in nobody's way.
func (x *explainer) targets(ctx context.Context) {
	if x.q.Unasked || x.c.cfg.Ask == nil || x.app.Private() { // that one destination is reached says nothing of the others
		return
	}
	if x.out.Failed != "" {
		x.hop(Hop{Name: "target", State: HopUnseen, Detail: "not looked at, since the request does not get that far"})
		return
	}
	list := x.c.askReach(ctx, x.app)
	good := 0
	for _, r := range list {
		if r.err == nil && r.said.Opened != nil {
			good++
		}
	}
	refused := 0
	for _, r := range list {
		h := Hop{Name: "target", Object: r.connector.Name, State: HopNote}
		switch {
		case r.err != nil:
			h.Detail, h.Cure = "could not ask it: "+unasked(r.err), "postern connectors show "+quoted(r.connector.Name)
		case r.said.Opened != nil:
			h.State, h.Detail = HopGood, reachedBy(x.app, r.said.Opened)
		default:
			refused++
			h.Detail, h.Cure = refusedBy(r.said.Refusal), x.cureOfTarget(r.connector, r.said.Refusal)
		}
		if r.err == nil && r.said.Refusal != nil && good == 0 && refused == 1 { // the first; the others are told beside it
			h.State = HopFailed
			x.out.Reason = r.said.Refusal.Code
			x.out.Message = "The application cannot be reached by its connector at the moment."
		}
		x.hop(h)
	}
}

func reachedBy(app *access.Application, o *wire.Opened) string {
	text := "reaches " + app.InternalURL + " at " + short(o.Address, 64) + " in " + (o.Resolve + o.Connect + o.Handshake).Round(time.Millisecond/10).String()
	if app.BackendProtocol == access.BackendHTTP2 || o.ALPN == "h2" {
		text += ", by HTTP/2"
	}
	if o.Unverified {
		text += "; the backend's certificate is not verified, as the application says"
	}
	return text
}

// unasked says why a connector did not answer.
func unasked(err error) string {
	if r, ok := errors.AsType[*wire.Refusal](err); ok && r.Code == "question-unknown" {
		return "it is older than this question; update it"
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Sprintf("it did not answer within %s", reachWithin)
	}
	if fault.Is(err, fault.KindUnavailable) {
		return "its tunnel has just ended"
	}
	return short(err.Error(), 200)
}

// refusedBy gives a connector's words, which are bounded: it is not ours.
func refusedBy(r *wire.Refusal) string {
	return map[wire.Phase]string{wire.PhaseLocal: "refused by its local rules: ", wire.PhaseResolve: "cannot resolve the name: ", wire.PhaseConnect: "cannot connect: ",
		wire.PhaseTLS: "no TLS with the application: ", wire.PhaseTarget: "does not know the target: ", wire.PhaseLimit: "is at a limit: "}[r.Phase] + strings.TrimSuffix(short(r.Message, 300), ".")
}

func (x *explainer) cureOfTarget(k *access.Connector, r *wire.Refusal) string {
	change := "postern applications update " + quoted(x.app.Name)
	if r.Code == wire.CodeNoHTTP2 {
		return "switch HTTP/2 on at the application, or: " + change + " --backend-protocol http1"
	}
	switch r.Phase {
	case wire.PhaseLocal:
		return "allow it in the local rules on the machine of " + k.Name + " (docs/connector-rules.md), or: " + change + " --internal-url …"
	case wire.PhaseResolve:
		return "look the name up on the machine of " + k.Name + " and mend its DNS, or: " + change + " --internal-url …"
	case wire.PhaseConnect:
		return "see on the machine of " + k.Name + " whether the application runs and a firewall lets it through, or: " + change + " --internal-url …"
	case wire.PhaseTLS:
		return "give the application a certificate for its name, or name its authority: " + change + " --backend-ca-file …"
	case wire.PhaseTarget:
		return "try again in a moment; if it stays so, look at the log of " + k.Name
	}
	return "look at the log of " + k.Name
}
