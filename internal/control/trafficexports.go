package control

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"postern/internal/access"
	"postern/internal/export"
	"postern/internal/fault"
	"postern/internal/store"
	"postern/internal/wire"
)

const (
	trafficSave = time.Second      // how often it is noted how far a destination is: what is not noted is sent again
	trafficSeen = 30 * time.Second // how often a gateway says that it is there, without news
	trafficLost = 40 * day         // after so long without a word a log is taken for gone
)

// sendTraffic begins to send the traffic log of this gateway to every destination that is behind. Each gateway sends its own:
// nobody else has it.
func (c *Control) sendTraffic(ctx context.Context) {
	if c.cfg.Traffic == nil || c.cfg.Traffic.ID() == "" {
		return
	}
	var list []access.Export
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
		list, err = tx.AllExports(ctx)
		return err
	})
	if err != nil {
		return // it is said elsewhere that the database is away
	}
	for _, e := range list {
		key := e.ID + "/traffic"
		if e.Disabled || !slices.Contains(e.Streams, access.StreamTraffic) || !c.exporting.begin(key) {
			continue
		}
		c.exporting.all.Go(func() { c.exporting.end(key, c.sendTrafficTo(ctx, &e)) })
	}
}

// A trafficSender sends one log to one destination.
type trafficSender struct {
	c     *Control
	e     *access.Export
	to    export.Sender
	state access.ExportState
	saved time.Time
}

func (c *Control) sendTrafficTo(ctx context.Context, e *access.Export) error {
	ctx, cancel := context.WithTimeout(ctx, exportWithin)
	defer cancel()
	var secret []byte
	s := &trafficSender{c: c, e: e}
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
		if secret, err = tx.ExportSecret(ctx, e.ID); err != nil {
			return err
		}
		return s.find(ctx, tx)
	})
	if err != nil {
		return orElse(err, fault.KindNotFound, nil) // it was changed just now
	}
	if s.to, err = c.sender(e, secret); err != nil {
		return err
	}
	defer s.to.Close()
	return s.send(ctx)
}

// find finds out how far the destination is, or where it begins.
func (s *trafficSender) find(ctx context.Context, tx *store.Tx) error {
	log := s.c.cfg.Traffic
	since, err := tx.TrafficStart(ctx, s.e.ID)
	if err != nil {
		return err
	}
	state, begun, err := tx.TrafficCursor(ctx, s.e.ID, log.ID())
	if err != nil {
		return err
	}
	if !begun {
		state = access.ExportState{Stream: access.StreamTraffic, Log: log.ID()}
		if !since.IsZero() {
			state.Seq = log.PlaceAt(since)
		}
	}
	state.Gateway = s.c.cfg.Gateway.Address
	s.state = state
	return nil
}

// send sends batch after batch until nothing is left.
func (s *trafficSender) send(ctx context.Context) error {
	log := s.c.cfg.Traffic
	sent := false
	for ctx.Err() == nil {
		records, err := log.After(s.state.Seq, exportBatch, exportBytes)
		if err != nil {
			return err
		}
		s.wait()
		if len(records) == 0 {
			break
		}
		batch := make([]export.Event, len(records))
		for i := range records {
			batch[i] = trafficEvent(&records[i])
		}
		if err := s.to.Send(ctx, batch); err != nil {
			return s.failed(ctx, err)
		}
		s.c.exporting.sent.WithLabelValues(string(access.StreamTraffic)).Add(float64(len(batch)))
		if s.state.Error != "" {
			s.c.log.Info("export works again", "export", s.e.Name, "stream", string(access.StreamTraffic))
		}
		s.state.Missed += records[0].Place - s.state.Seq - 1
		s.state.Seq, s.state.Sent, s.state.Error, s.state.Failing = records[len(records)-1].Place, s.c.now(), "", time.Time{}
		sent = true
		s.wait()
		if time.Since(s.saved) > trafficSave {
			if err := s.save(ctx); err != nil {
				return err
			}
			sent = false
		}
	}
	key := s.e.ID + "/traffic"
	if !sent && !s.c.exporting.due(key, trafficSeen) {
		return nil
	}
	return s.save(context.WithoutCancel(ctx))
}

// wait notes how many records wait.
func (s *trafficSender) wait() {
	synced, _ := s.c.cfg.Traffic.Synced()
	s.state.Waiting = max(0, int64(synced)-int64(s.state.Seq))
	s.c.exporting.behind.WithLabelValues(s.e.Name, string(access.StreamTraffic)).Set(float64(s.state.Waiting))
}

func (s *trafficSender) save(ctx context.Context) error {
	s.saved = time.Now()
	err := s.c.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.SaveTrafficCursor(ctx, s.e.ID, s.state, s.c.now())
	})
	if err != nil {
		s.c.log.Warn("note how far an export is", "export", s.e.Name, "error", cause(err))
	}
	return err
}

func (s *trafficSender) failed(ctx context.Context, err error) error {
	s.c.exporting.failed.WithLabelValues(string(access.StreamTraffic)).Inc()
	text := short(err.Error(), 256)
	if s.state.Error != text {
		s.c.log.Warn("export", "export", s.e.Name, "stream", string(access.StreamTraffic), "error", cause(err))
	}
	s.state.Error = text
	if s.state.Failing.IsZero() {
		s.state.Failing = s.c.now()
	}
	_ = s.save(context.WithoutCancel(ctx)) // it logs
	return err
}

// due reports whether something that is repeated is due again, and takes its turn.
func (x *exporting) due(key access.ID, every time.Duration) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Now()
	if last, ok := x.told[key]; ok && now.Sub(last) < every {
		return false
	}
	x.told[key] = now
	return true
}

// exportedTraffic is a record of the traffic log as destinations get it: the names are those of the API.
type exportedTraffic struct {
	ID              string    `json:"id"`
	Seq             uint64    `json:"seq"`
	Time            time.Time `json:"time"`
	Duration        float64   `json:"duration"`
	Request         string    `json:"request,omitempty"`
	Count           int       `json:"count"`
	Outcome         string    `json:"outcome"`
	Action          string    `json:"action,omitempty"`
	Reason          string    `json:"reason,omitempty"`
	Hop             string    `json:"hop,omitempty"`
	User            string    `json:"user,omitempty"`
	UserName        string    `json:"userName,omitempty"`
	Session         string    `json:"session,omitempty"`
	Application     string    `json:"application,omitempty"`
	ApplicationName string    `json:"applicationName,omitempty"`
	Destination     string    `json:"destination,omitempty"`
	Connector       string    `json:"connector,omitempty"`
	ConnectorName   string    `json:"connectorName,omitempty"`
	ConnectorGroup  string    `json:"connectorGroup,omitempty"`
	Gateway         string    `json:"gateway,omitempty"`
	Via             string    `json:"via,omitempty"`
	Device          string    `json:"device,omitempty"`
	DeviceName      string    `json:"deviceName,omitempty"`
	Process         string    `json:"process,omitempty"`
	Segment         string    `json:"segment,omitempty"`
	Client          string    `json:"client,omitempty"`
	UserAgent       string    `json:"userAgent,omitempty"`
	Protocol        string    `json:"protocol,omitempty"`
	Method          string    `json:"method,omitempty"`
	Host            string    `json:"host,omitempty"`
	Path            string    `json:"path,omitempty"`
	Status          int       `json:"status,omitempty"`
	Received        int64     `json:"received"`
	Sent            int64     `json:"sent"`
	Open            float64   `json:"open,omitempty"`
	FirstByte       float64   `json:"firstByte,omitempty"`
	Complete        bool      `json:"complete"`
	Policy          string    `json:"policy,omitempty"`
	Condition       string    `json:"condition,omitempty"`
	BreakGlass      string    `json:"breakGlass,omitempty"`
	ReportOnly      []string  `json:"reportOnly,omitempty"`
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func trafficEvent(r *wire.TrafficRecord) export.Event {
	out := exportedTraffic{
		ID: r.ID(), Seq: r.Place, Time: r.Time, Duration: milliseconds(r.Duration), Request: r.Request, Count: r.Requests(), Outcome: string(r.Outcome), Action: r.Action,
		Reason: r.Reason, Hop: r.Hop, User: r.UserID, UserName: r.User, Session: r.Session, Application: r.Application, ApplicationName: r.ApplicationName,
		Destination: r.Destination, Connector: r.Connector, ConnectorName: r.ConnectorName, ConnectorGroup: r.ConnectorGroup, Gateway: r.Gateway, Via: r.Via,
		Device: r.Device, DeviceName: r.DeviceName, Process: r.Process, Segment: r.Segment, Client: r.Client, UserAgent: r.UserAgent, Protocol: r.Protocol, Method: r.Method, Host: r.Host, Path: r.Path, Status: r.Status,
		Received: r.Received, Sent: r.Sent, Open: milliseconds(r.Open), FirstByte: milliseconds(r.FirstByte), Complete: r.Complete,
		Policy: r.Policy, Condition: r.Condition, BreakGlass: r.BreakGlass,
	}
	for _, report := range r.Reports {
		out.ReportOnly = append(out.ReportOnly, report.Policy)
	}
	data, _ := json.Marshal(out) // values of our own: cannot fail
	return export.Event{Stream: string(access.StreamTraffic), ID: out.ID, Seq: r.Place, Time: r.Time, Data: data,
		Warning: r.Outcome == wire.OutcomeRefused || r.Outcome == wire.OutcomeFailed || r.Outcome == wire.OutcomeUnrecorded, Summary: "traffic " + out.Outcome}
}
