package api

import (
	"context"
	"net/http"
)

// Diagnosis is what a connector found out about itself, its machine and its network.
type Diagnosis struct {
	Connector string             `json:"connector" doc:"The connector."`
	Service   string             `json:"service,omitempty" doc:"The service's URL, as the connector has it."`
	Program   string             `json:"program" doc:"The connector program's version."`
	Time      Time               `json:"time" doc:"When it began, by the connector's clock."`
	Took      float64            `json:"took" doc:"How long it took, in seconds."`
	Running   bool               `json:"running" doc:"Whether the connector itself looked."`
	Worst     string             `json:"worst" enum:"ok,note,warning,error" doc:"The worst severity of all findings."`
	Findings  []DiagnosisFinding `json:"findings" doc:"What was found, the worst first."`
}

// DiagnosisFinding is one thing that a diagnosis looked at.
type DiagnosisFinding struct {
	Code     string `json:"code" doc:"A stable word; docs/doctor.md lists them."`
	Severity string `json:"severity" enum:"ok,note,warning,error" doc:"How bad it is."`
	Subject  string `json:"subject,omitempty" doc:"What was looked at: a gateway, an application, a file."`
	Reason   string `json:"reason,omitempty" doc:"Of an application that is not reached: the code that a user's request fails with."`
	Detail   string `json:"detail" doc:"What was found, and its cause where it is known."`
	Cure     string `json:"cure,omitempty" doc:"What to do about it."`
}

// Diagnose has a connector examine itself now.
func (n Connectors) Diagnose(ctx context.Context, id string) (d Diagnosis, err error) {
	err = n.reads.c.do(ctx, call{method: http.MethodPost, path: []string{n.reads.path, id, "diagnosis"}, out: &d})
	return d, err
}

// LastDiagnosis gives what a connector found when it last examined itself of its own accord.
func (n Connectors) LastDiagnosis(ctx context.Context, id string) (d Diagnosis, err error) {
	err = n.reads.c.do(ctx, call{method: http.MethodGet, path: []string{n.reads.path, id, "diagnosis"}, out: &d})
	return d, err
}
