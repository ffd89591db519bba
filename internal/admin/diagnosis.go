package admin

import (
	"context"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/wire"
)

// diagnosis answers with what a connector found out, now or when it last had a reason to look.
func diagnosis(of func(context.Context, access.Actor, access.ID) (wire.Diagnosis, error)) operation {
	return operation{out: typeOf[api.Diagnosis](), status: 200, path: access.PrefixConnector, run: func(c *call) (reply, error) {
		d, err := of(c, c.by, c.id)
		if err != nil {
			return reply{}, err
		}
		return reply{body: showDiagnosis(d)}, nil
	}}
}

func showDiagnosis(d wire.Diagnosis) api.Diagnosis {
	shown := api.Diagnosis{Connector: d.Connector, Service: d.Service, Program: d.Program, Time: d.Time.UTC(), Took: d.Took.Seconds(),
		Running: d.Running, Worst: string(d.Worst()), Findings: make([]api.DiagnosisFinding, len(d.Findings))}
	for i, f := range d.Findings {
		shown.Findings[i] = api.DiagnosisFinding{Code: f.Code, Severity: string(f.Severity), Subject: f.Subject, Reason: f.Reason, Detail: f.Detail, Cure: f.Cure}
	}
	return shown
}
