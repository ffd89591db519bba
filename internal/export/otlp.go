package export

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"postern/internal/fault"
	"postern/internal/fetch"
)

// otlp posts logs as OpenTelemetry's collectors take them: OTLP/HTTP 1.x with JSON, to the URL of the logs
// (…/v1/logs).
type otlp struct{ cfg Config }

func (o *otlp) Close() { o.cfg.Fetch.Close() }

// The messages of opentelemetry/proto/collector/logs/v1, as far as they are needed, in the JSON of proto3: 64-bit
// numbers are text.
type (
	otlpRequest struct {
		ResourceLogs []otlpResourceLogs `json:"resourceLogs"`
	}
	otlpResourceLogs struct {
		Resource  otlpResource    `json:"resource"`
		ScopeLogs []otlpScopeLogs `json:"scopeLogs"`
	}
	otlpResource struct {
		Attributes []otlpAttribute `json:"attributes"`
	}
	otlpScopeLogs struct {
		Scope      otlpScope    `json:"scope"`
		LogRecords []otlpRecord `json:"logRecords"`
	}
	otlpScope struct {
		Name string `json:"name"`
	}
	otlpRecord struct {
		TimeUnixNano         string          `json:"timeUnixNano"`
		ObservedTimeUnixNano string          `json:"observedTimeUnixNano"`
		SeverityNumber       int             `json:"severityNumber"`
		SeverityText         string          `json:"severityText"`
		EventName            string          `json:"eventName"`
		Body                 otlpValue       `json:"body"`
		Attributes           []otlpAttribute `json:"attributes"`
	}
	otlpAttribute struct {
		Key   string    `json:"key"`
		Value otlpValue `json:"value"`
	}
	otlpValue struct {
		StringValue string `json:"stringValue"`
	}
	otlpAnswer struct {
		PartialSuccess struct {
			Rejected json.RawMessage `json:"rejectedLogRecords"`
			Message  string          `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
)

// The severities INFO and WARN.
const (
	otlpInfo = 9
	otlpWarn = 13
)

func (o *otlp) Send(ctx context.Context, batch []Event) error {
	body, err := json.Marshal(o.request(batch))
	if err != nil {
		return fault.Internal(err, "encode events for a collector")
	}
	head := http.Header{"Content-Type": {"application/json"}}
	if len(o.cfg.Secret) > 0 {
		head.Set("Authorization", "Bearer "+string(o.cfg.Secret))
	}
	answer, err := o.cfg.Fetch.Do(ctx, fetch.Request{Method: http.MethodPost, URL: o.cfg.URL, Header: head, Body: body})
	if err != nil {
		return err
	}
	if err := answer.OK(); err != nil {
		return err
	}
	var said otlpAnswer
	if json.Unmarshal(answer.Body, &said) != nil {
		return nil // an empty answer is as good
	}
	if n := string(said.PartialSuccess.Rejected); n != "" && n != "0" && n != `"0"` && n != "null" {
		return fault.New(fault.KindUpstream, "the collector rejected %s of %d events: %.200q", n, len(batch), said.PartialSuccess.Message)
	}
	return nil
}

func (o *otlp) request(batch []Event) otlpRequest {
	text := func(key, value string) otlpAttribute { return otlpAttribute{key, otlpValue{value}} }
	scopes := []otlpScopeLogs{}
	for _, e := range batch {
		if last := len(scopes) - 1; last < 0 || scopes[last].Scope.Name != "postern/"+e.Stream {
			scopes = append(scopes, otlpScopeLogs{Scope: otlpScope{"postern/" + e.Stream}})
		}
		r := otlpRecord{
			TimeUnixNano: nanos(e.Time), ObservedTimeUnixNano: nanos(o.cfg.Now()), SeverityNumber: otlpInfo, SeverityText: "INFO",
			EventName: "postern." + e.Stream, Body: otlpValue{string(e.Data)},
			Attributes: []otlpAttribute{text("log.record.uid", e.ID), text("postern.seq", strconv.FormatUint(e.Seq, 10)), text("postern.summary", e.Summary)},
		}
		if e.Warning {
			r.SeverityNumber, r.SeverityText = otlpWarn, "WARN"
		}
		last := &scopes[len(scopes)-1]
		last.LogRecords = append(last.LogRecords, r)
	}
	return otlpRequest{[]otlpResourceLogs{{
		Resource:  otlpResource{[]otlpAttribute{text("service.name", "postern"), text("service.instance.id", o.cfg.Instance), text("host.name", o.cfg.Host)}},
		ScopeLogs: scopes,
	}}}
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
