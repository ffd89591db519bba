package control

import (
	"context"
	"errors"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
	"postern/internal/wire"
)

// diagnoseWithin bounds how long a connector may look what is wrong with it. It gives up earlier by itself.
const diagnoseWithin = 45 * time.Second

// examined keeps what connectors found when they examined themselves of their own accord. A connector tells it again with every
// report, to one replica at a time; what is new is written, for the others and for the time after a restart.
type examined struct {
	mu   sync.Mutex // guards last
	last map[access.ID]wire.Diagnosis
}

// keep takes a diagnosis, and gives it as it is kept if it was not known.
func (e *examined) keep(snap *access.Snapshot, id access.ID, told *wire.Diagnosis) *wire.Diagnosis {
	if told == nil {
		return nil
	}
	d := bounded(*told)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.last == nil {
		e.last = map[access.ID]wire.Diagnosis{}
	}
	for known := range e.last {
		if _, ok := snap.Connector(known); !ok {
			delete(e.last, known)
		}
	}
	before, known := e.last[id]
	e.last[id] = d
	if known && before.Time.Equal(d.Time) {
		return nil
	}
	return &d
}

func (e *examined) of(id access.ID) (wire.Diagnosis, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	d, ok := e.last[id]
	return d, ok
}

// LastDiagnosis gives what a connector found when it last examined itself, which it does when it has had no tunnel for a
// minute; it tells as soon as it has one again. The error is of fault.KindNotFound when it had no reason to.
func (c *Control) LastDiagnosis(ctx context.Context, by access.Actor, id access.ID) (wire.Diagnosis, error) {
	if err := c.read(ctx, request{by: by, perm: readConnector, object: id}, func(tx *store.Tx) error {
		_, err := tx.Connector(ctx, id)
		return err
	}); err != nil {
		return wire.Diagnosis{}, err
	}
	d, ok := c.examined.of(id)
	if !ok {
		return d, fault.NotFound("the connector has not examined itself of its own accord: it had no reason to; ask it to with POST")
	}
	return d, nil
}

// DiagnoseConnector has a connector examine itself, its machine and its network, now.
func (c *Control) DiagnoseConnector(ctx context.Context, by access.Actor, id access.ID) (wire.Diagnosis, error) {
	var none wire.Diagnosis
	var k access.Connector
	err := c.read(ctx, request{by: by, perm: diagnoseConnector, object: id}, func(tx *store.Tx) (err error) {
		k, err = tx.Connector(ctx, id)
		return err
	})
	if err != nil {
		return none, err
	}
	answer, err := c.askConnector(ctx, k, wire.QuestionDoctor, wire.AskDoctor{})
	if err != nil {
		return none, err
	}
	d, err := wire.Decode[wire.Diagnosis](answer)
	if err != nil {
		return none, fault.New(fault.KindUpstream, "the answer of %s is not understood", k.Name).Because(err)
	}
	return bounded(d), nil
}

// askConnector asks one connector a question on behalf of an administrator, whom the errors are for.
func (c *Control) askConnector(ctx context.Context, k access.Connector, question string, body any) ([]byte, error) {
	if c.cfg.Ask == nil {
		return nil, fault.Unavailable("this service cannot ask connectors")
	}
	if k.Disabled {
		return nil, fault.Conflict("%s is disabled: it has no tunnel to be asked over", k.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, diagnoseWithin)
	defer cancel()
	answer, err := c.cfg.Ask(ctx, k.ID, question, wire.Encode(body))
	if err == nil {
		return answer, nil
	}
	if r, ok := errors.AsType[*wire.Refusal](err); ok {
		if r.Code == "question-unknown" {
			return nil, fault.Conflict("%s is older than this question: update it", k.Name).Because(err)
		}
		return nil, fault.New(fault.KindUpstream, "%s does not answer: %s", k.Name, short(r.Message, 300)).Because(err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fault.New(fault.KindTimeout, "%s did not answer within %s", k.Name, diagnoseWithin).Because(err)
	}
	if fault.Is(err, fault.KindUnavailable) {
		return nil, fault.Unavailable("%s has no tunnel at the moment, so it cannot be asked; on its machine, postern-connector doctor says why", k.Name).Because(err)
	}
	return nil, fault.New(fault.KindUpstream, "%s was not asked: its tunnel ended meanwhile", k.Name).Because(err)
}

// bounded cuts what a connector says to what an answer may hold: it is not ours.
func bounded(d wire.Diagnosis) wire.Diagnosis {
	const most = 600 // findings
	d.Connector, d.Service, d.Program = short(d.Connector, 64), short(d.Service, 256), short(d.Program, 64)
	findings := make([]wire.Finding, 0, min(len(d.Findings), most))
	for _, f := range d.Findings[:min(len(d.Findings), most)] {
		switch f.Severity {
		case wire.SeverityOK, wire.SeverityNote, wire.SeverityWarning, wire.SeverityError:
		default:
			f.Severity = wire.SeverityError // newer than we are: as bad as can be
		}
		f.Code, f.Subject, f.Reason = short(f.Code, 64), short(f.Subject, 256), short(f.Reason, 64)
		f.Detail, f.Cure = short(f.Detail, 700), short(f.Cure, 400)
		findings = append(findings, f)
	}
	d.Findings = findings
	return d
}
