package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/access"
	"postern/internal/export"
	"postern/internal/fault"
	"postern/internal/store"
)

// The rhythm and the bounds of exporting.
const (
	exportEvery   = time.Second
	exportBatch   = 500
	exportBytes   = 1 << 20 // of entries in one batch, unless one alone is larger
	exportWithin  = time.Minute
	exportAgain   = time.Second // after a failure, doubling
	exportAtLeast = 2 * time.Minute
	exportRefused = 15 * time.Minute // at most, after a refusal that trying again does not change: passwords get locked by tries
	mailEvery     = 5 * time.Minute  // what comes sooner after a mail is collected for the next one
)

// exporting is what this replica knows of the destinations while it does the jobs. What must survive is
// in the store.
type exporting struct {
	sent   *prometheus.CounterVec // by stream
	failed *prometheus.CounterVec // by stream
	behind *prometheus.GaugeVec   // by export and stream
	all    sync.WaitGroup         // what runs

	mu      sync.Mutex // guards the rest
	running map[access.ID]bool
	again   map[access.ID]time.Time     // not before
	told    map[access.ID]time.Time     // when what is repeated was last told
	pause   map[access.ID]time.Duration // after the next failure
}

func newExporting(r prometheus.Registerer) (*exporting, error) {
	x := &exporting{running: map[access.ID]bool{}, again: map[access.ID]time.Time{}, told: map[access.ID]time.Time{}, pause: map[access.ID]time.Duration{},
		sent:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "postern_export_entries_total", Help: "Log entries that destinations have taken."}, []string{"stream"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "postern_export_failures_total", Help: "Batches of log entries that destinations have not taken."}, []string{"stream"}),
		behind: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "postern_export_waiting", Help: "Log entries that a destination has not got yet, at the replica that sends."}, []string{"export", "stream"}),
	}
	if r == nil {
		return x, nil
	}
	for _, each := range []prometheus.Collector{x.sent, x.failed, x.behind} {
		if err := r.Register(each); err != nil {
			return nil, fault.Internal(err, "register metrics")
		}
	}
	return x, nil
}

// begin takes the right to send to a destination, unless somebody does or it failed just now.
func (x *exporting) begin(id access.ID) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.running[id] || time.Now().Before(x.again[id]) {
		return false
	}
	x.running[id] = true
	return true
}

// end gives it back. After a failure the destination is left in peace, the longer the more often.
func (x *exporting) end(id access.ID, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.running, id)
	if err == nil {
		delete(x.pause, id)
		delete(x.again, id)
		return
	}
	first, most := exportAgain, exportAtLeast
	if _, refused := errors.AsType[*export.Verdict](err); refused {
		first, most = exportAtLeast, exportRefused
	}
	pause := min(max(first, 2*x.pause[id]), most)
	x.pause[id] = pause
	x.again[id] = time.Now().Add(pause/2 + rand.N(pause/2))
}

// sendLogs begins to send to every destination that is behind. None waits for another.
func (c *Control) sendLogs(ctx context.Context) {
	var list []access.Export
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
		list, err = tx.AllExports(ctx)
		return err
	})
	if err != nil {
		return // it is said elsewhere that the database is away
	}
	for _, e := range list {
		if e.Disabled || !c.exporting.begin(e.ID) {
			continue
		}
		c.exporting.all.Go(func() { c.exporting.end(e.ID, c.sendTo(ctx, &e)) })
	}
}

// sendTo sends a destination what it has not got yet.
func (c *Control) sendTo(ctx context.Context, e *access.Export) error {
	ctx, cancel := context.WithTimeout(ctx, exportWithin)
	defer cancel()
	var secret []byte
	var states []access.ExportState
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
		if secret, err = tx.ExportSecret(ctx, e.ID); err != nil {
			return err
		}
		all, err := tx.ExportStates(ctx, e.ID)
		states = slices.DeleteFunc(all[e.ID], func(s access.ExportState) bool { return s.Stream == access.StreamTraffic }) // sendTraffic's
		return err
	})
	if err != nil {
		return err
	}
	sender, err := c.sender(e, secret)
	if err != nil {
		return err
	}
	defer sender.Close()
	for _, state := range states {
		c.exporting.behind.WithLabelValues(e.Name, string(state.Stream)).Set(float64(max(0, state.Waiting)))
		if err := c.sendStream(ctx, e, sender, state); err != nil {
			return err
		}
	}
	return nil
}

// sendStream sends batch after batch until nothing is left, and notes after each how far that is: what is
// not noted is sent again.
func (c *Control) sendStream(ctx context.Context, e *access.Export, to export.Sender, state access.ExportState) error {
	for state.Waiting > 0 && ctx.Err() == nil && !c.collecting(e, state) {
		batch, missed, err := c.nextEvents(ctx, state)
		if err != nil || len(batch) == 0 {
			return err
		}
		err = to.Send(ctx, batch)
		verdict, refused := errors.AsType[*export.Verdict](err)
		if err != nil && !(refused && verdict.Taken) {
			c.exporting.failed.WithLabelValues(string(state.Stream)).Inc()
			c.exportFailed(ctx, e, state, err)
			return err
		}
		c.exporting.sent.WithLabelValues(string(state.Stream)).Add(float64(len(batch)))
		if state.Error != "" {
			c.log.Info("export works again", "export", e.Name, "stream", string(state.Stream))
		}
		state = access.ExportState{Stream: state.Stream, Seq: batch[len(batch)-1].Seq, Sent: c.now(), Missed: missed, Waiting: state.Waiting}
		err = c.writeSingly(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.AdvanceExport(ctx, e.ID, state) })
		if err != nil {
			return err
		}
		if refused { // some have it: they must not get it again, and somebody must hear of the others
			c.exportFailed(ctx, e, state, verdict)
		}
	}
	return ctx.Err()
}

// collecting tells whether the next mail is not due yet: the first one of an outage goes at once, and what follows together.
func (c *Control) collecting(e *access.Export, state access.ExportState) bool {
	since := c.now().Sub(state.Sent)
	return e.Kind == access.ExportMail && since >= 0 && since < mailEvery
}

func (c *Control) exportFailed(ctx context.Context, e *access.Export, state access.ExportState, err error) {
	text := short(err.Error(), 256)
	if state.Error != text {
		c.log.Warn("export", "export", e.Name, "stream", string(state.Stream), "error", cause(err))
	}
	state.Error, state.Failing = text, c.now()
	err = c.writeSingly(context.WithoutCancel(ctx), func(ctx context.Context, tx *store.Tx) error { return tx.FailExport(ctx, e.ID, state) })
	if err != nil {
		c.log.Warn("note that an export failed", "export", e.Name, "error", cause(err))
	}
}

// sender makes what sends to a destination.
func (c *Control) sender(e *access.Export, secret []byte) (export.Sender, error) {
	get, err := c.fetcher(reach{"", e.URL, e.AllowPrivate, e.AllowLoopback, e.CA})
	if err != nil {
		return nil, err
	}
	host := c.cfg.Names.PortalURL
	if u, err := url.Parse(host); err == nil {
		host = u.Hostname()
	}
	return export.New(export.Config{Kind: string(e.Kind), URL: e.URL, Array: e.Array, Secret: secret, Host: host,
		Instance: c.instance.trustDomain, Fetch: get, Now: c.now,
		Mail: export.Mail{Name: e.Name, Admin: c.cfg.Names.AdminURL, From: e.From, To: e.To, User: e.User}})
}

// nextEvents gives the next entries of a stream, and how many were removed before they could be sent.
func (c *Control) nextEvents(ctx context.Context, state access.ExportState) (batch []export.Event, missed uint64, err error) {
	if state.Stream == access.StreamSignIns {
		err := c.writeSingly(ctx, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.NumberSignIns(ctx, exportBatch)
			return err
		})
		if err != nil {
			return nil, 0, err
		}
	}
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		batch = nil
		if state.Stream == access.StreamSignIns {
			list, err := tx.SignInsAfter(ctx, state.Seq, exportBatch)
			for i := range list {
				batch = append(batch, signInEvent(&list[i]))
			}
			return err
		}
		if state.Stream == access.StreamAlerts {
			list, err := tx.AlertsAfter(ctx, state.Seq, exportBatch)
			for i := range list {
				batch = append(batch, c.alertEvent(&list[i]))
			}
			return err
		}
		list, err := tx.AuditAfter(ctx, state.Seq, exportBatch)
		for i := range list {
			batch = append(batch, auditEvent(&list[i]))
		}
		return err
	})
	if err != nil || len(batch) == 0 {
		return nil, 0, err
	}
	if state.Stream != access.StreamAlerts { // whose numbers have gaps: an alert with news has another
		missed = batch[0].Seq - state.Seq - 1
	}
	size := 0
	for i := range batch {
		if size += len(batch[i].Data) + 512; size > exportBytes && i > 0 {
			return batch[:i], missed, nil
		}
	}
	return batch, missed, nil
}

// exportedAudit is an entry of the audit log as destinations get it: the names are those of the API.
type exportedAudit struct {
	ID      string          `json:"id"`
	Seq     uint64          `json:"seq"`
	Time    time.Time       `json:"time"`
	Version uint64          `json:"version,omitempty"`
	Actor   exportedActor   `json:"actor"`
	Action  string          `json:"action"`
	Object  string          `json:"object,omitempty"`
	Name    string          `json:"name,omitempty"`
	Outcome string          `json:"outcome"`
	Detail  json.RawMessage `json:"detail,omitempty"`
	Hash    string          `json:"hash,omitempty"`
}

type exportedActor struct {
	Kind    string `json:"kind"`
	ID      string `json:"id,omitempty"`
	Name    string `json:"name,omitempty"`
	Address string `json:"address,omitempty"`
	Request string `json:"request,omitempty"`
}

func auditEvent(e *access.AuditEntry) export.Event {
	out := exportedAudit{ID: string(e.ID), Seq: e.Seq, Time: e.Time, Version: e.Version, Action: e.Action, Object: string(e.Object), Name: e.Name,
		Outcome: e.Outcome, Hash: e.Hash,
		Actor: exportedActor{string(e.Actor.Kind), string(e.Actor.ID), e.Actor.Name, e.Actor.Address, e.Actor.Request}}
	if json.Valid([]byte(e.Detail)) {
		out.Detail = json.RawMessage(e.Detail)
	}
	data, _ := json.Marshal(out) // values of our own: cannot fail
	return export.Event{Stream: string(access.StreamAudit), ID: string(e.ID), Seq: e.Seq, Time: e.Time, Warning: e.Outcome != "done",
		Summary: e.Action + " " + e.Outcome, Data: data}
}

// exportedSignIn is an entry of the sign-in log as destinations get it.
type exportedSignIn struct {
	ID              string    `json:"id"`
	Seq             uint64    `json:"seq"`
	Time            time.Time `json:"time"`
	Event           string    `json:"event"`
	Result          string    `json:"result"`
	Reason          string    `json:"reason,omitempty"`
	Message         string    `json:"message,omitempty"`
	User            string    `json:"user,omitempty"`
	UserName        string    `json:"userName,omitempty"`
	Application     string    `json:"application,omitempty"`
	ApplicationName string    `json:"applicationName,omitempty"`
	Upstream        string    `json:"upstream,omitempty"`
	UpstreamName    string    `json:"upstreamName,omitempty"`
	Methods         []string  `json:"methods,omitempty"`
	Policy          string    `json:"policy,omitempty"`
	ReportOnly      []string  `json:"reportOnly,omitempty"`
	Session         string    `json:"session,omitempty"`
	Address         string    `json:"address,omitempty"`
	UserAgent       string    `json:"userAgent,omitempty"`
	Request         string    `json:"request,omitempty"`
	Gateway         string    `json:"gateway,omitempty"`
	Client          string    `json:"client,omitempty"`
	Unrecorded      int       `json:"unrecorded,omitempty"`
}

func signInEvent(s *access.SignInEntry) export.Event {
	data, _ := json.Marshal(exportedSignIn{
		ID: string(s.ID), Seq: s.Seq, Time: s.Time, Event: string(s.Event), Result: string(s.Result), Reason: s.Reason, Message: s.Message,
		User: string(s.User), UserName: s.UserName, Application: string(s.Application), ApplicationName: s.ApplicationName,
		Upstream: string(s.Upstream), UpstreamName: s.UpstreamName, Methods: s.Methods, Policy: s.Policy, ReportOnly: s.ReportOnly,
		Session: string(s.Session), Address: s.Address, UserAgent: s.UserAgent, Request: s.Request, Gateway: string(s.Gateway),
		Client: s.Client, Unrecorded: s.Unrecorded,
	}) // values of our own: cannot fail
	return export.Event{Stream: string(access.StreamSignIns), ID: string(s.ID), Seq: s.Seq, Time: s.Time, Warning: s.Result != access.ResultSuccess,
		Summary: string(s.Event) + " " + string(s.Result), Data: data}
}

// findExports tells of destinations that have not taken anything for a while.
func (c *Control) findExports(ctx context.Context, tx *store.Tx, f *findings) error {
	names, err := tx.FailingExports(ctx, c.now())
	for _, name := range names {
		f.add(Finding{Code: "export-failing", Severity: SeverityWarning,
			Sentence: "Logs do not reach " + name + ". Nothing is lost as long as the entries are kept.",
			Cure:     "See why with postern exports show, and try with postern exports test."})
	}
	return err
}

// findAuditLog tells when the audit log lost an end that this process has seen. Whoever can write the
// database can cut it off without a trace there.
func (c *Control) findAuditLog(ctx context.Context, tx *store.Tx, f *findings) error {
	head, trimmed, err := tx.AuditHeads(ctx)
	if err != nil {
		return err
	}
	seen := c.auditSeen.Load()
	if seen == nil || seen.Seq <= trimmed.Seq {
		c.auditSeen.Store(&head)
		return nil
	}
	there, err := tx.AuditRecords(ctx, seen.Seq-1, 1)
	if err != nil {
		return err
	}
	if len(there) == 1 && there[0].Seq == seen.Seq && there[0].Hash == seen.Hash {
		c.auditSeen.Store(&head)
		return nil
	}
	f.add(Finding{Code: "audit-log-cut", Severity: SeverityError,
		Sentence: fmt.Sprintf("The audit log lost entry %d, which was there before: somebody changed the database, or put an older one in its place.", seen.Seq),
		Cure:     "Run postern audit verify, and compare with where the log is exported to. A service that is started anew takes the log as it is."})
	return nil
}
