package control_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/series"
	"postern/internal/store"
	"postern/internal/wire"
)

// tally counts as a gateway does.
type tally struct {
	mu     sync.Mutex
	totals map[string]series.Total
}

func (c *tally) add(subject string, requests, failed uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.totals[subject]
	t.Values[series.Requests] += requests
	t.Values[series.Status5xx] += failed
	t.Causes = map[string]uint64{"backend-refused": t.Values[series.Status5xx]}
	c.totals[subject] = t
}

func (c *tally) told() map[string]series.Total {
	c.mu.Lock()
	defer c.mu.Unlock()
	copied := map[string]series.Total{}
	for subject, t := range c.totals {
		copied[subject] = t
	}
	return copied
}

// gateway gives another replica on the same database, which runs and knows what this one knows.
func (k *kit) gateway(counts control.Counter) *control.Control {
	k.t.Helper()
	other := *k
	other.cfg.Gateway.ID = access.NewID(access.PrefixGateway, time.Now())
	other.cfg.Counts = counts
	other.Control = other.open()
	other.run()
	return other.Control
}

// longEnough lets gateways count for more than a second, twice.
func (k *kit) longEnough(of ...*control.Control) {
	k.t.Helper()
	began := time.Now()
	eventually(k.t, "gateways to count", func() bool {
		for _, c := range of {
			c.Measure(k.t.Context())
		}
		return time.Since(began) > 2*time.Second
	})
}

// series gives all that is kept of a subject.
func (k *kit) series(subject string) (list []store.SeriesChunk) {
	k.t.Helper()
	err := k.store.Read(k.t.Context(), func(tx *store.Tx) (err error) {
		list, err = tx.Series(k.t.Context(), []string{subject}, time.Unix(0, 0), k.cfg.Now().Add(1000*time.Hour))
		return err
	})
	return must(k.t, list, err)
}

// states gives what connectors told last, as it is written.
func (k *kit) states() (list []store.ConnectorState) {
	k.t.Helper()
	err := k.store.Read(k.t.Context(), func(tx *store.Tx) (err error) {
		list, err = tx.ConnectorStates(k.t.Context(), time.Time{})
		return err
	})
	return must(k.t, list, err)
}

// sample is a minute that a connector measured.
func sample(seq uint64, end time.Time, streams uint64) wire.Sample {
	return wire.Sample{Seq: seq, End: end, Length: time.Minute, Opened: streams, Tunnels: 2, Memory: 20 << 20, CPU: time.Second,
		Certificate: end.Add(48 * time.Hour), Refusals: map[string]uint64{"connection-refused": 1}, Shares: map[string]float64{wire.ResourceCPU: 0.5}}
}

// total adds up one metric of all steps.
func total(s control.Series, m series.Metric) (n uint64) {
	for _, slot := range s.Slots {
		n += slot.Values[m]
	}
	return n
}

// TestSeries: what a connector measured is counted once, whoever was told it how often, and no gap is filled.
func TestSeries(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := k.enrol()
		k.settled()
		other := k.gateway(nil)
		now := k.cfg.Now().Truncate(time.Minute)
		report := func(c *control.Control, instance string, samples ...wire.Sample) {
			t.Helper()
			must(t, 0, c.ReportConnector(t.Context(), a.id(), wire.Report{Time: k.cfg.Now(), Instance: instance, Samples: samples}))
		}
		first, second := sample(1, now.Add(-30*time.Minute), 5), sample(2, now.Add(-29*time.Minute), 7)
		report(k.Control, "one", first)
		report(other, "one", first, second) // the answer was lost
		report(k.Control, "one", second)
		k.Measure(t.Context())
		other.Measure(t.Context())
		report(other, "one", second)
		report(other, "two", sample(1, now.Add(-10*time.Minute), 11)) // the worker after it counts from the beginning
		other.Measure(t.Context())

		got := must2(k.ConnectorSeries(t.Context(), k.owner, a.id(), control.SeriesQuery{}))(t)
		if n := total(got, series.Opened); n != 23 || len(got.Slots) != 3 || got.Step != time.Minute {
			t.Errorf("%d streams in %d steps of %s", n, len(got.Slots), got.Step)
		}
		slot := got.Slots[0]
		if slot.Values[series.Reported] != 60 || slot.Values[series.Tunnels] != 2 || slot.Values[series.Memory] != 20<<10 || slot.Values[series.Certificate] != 48 ||
			slot.Values[series.ShareCPU] != 500 || slot.Causes["c:connection-refused"] != 1 || !slot.Start.Equal(now.Add(-31*time.Minute)) {
			t.Errorf("got %+v", slot)
		}
		group := must2(other.GroupSeries(t.Context(), k.owner, k.defaultGroup(), control.SeriesQuery{Step: 20 * time.Minute}))(t)
		if n := total(group, series.Opened); n != 23 || total(group, series.Reported) != 180 {
			t.Errorf("the group: %d streams in %d s", n, total(group, series.Reported))
		}
	})
}

// TestSeriesOfGateways: several gateways count each their own, and what none of them counted of while they ran was nothing.
func TestSeriesOfGateways(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a, wiki := k.enrol(), k.application("wiki")
		k.settled()
		counts := &tally{totals: map[string]series.Total{}}
		c := k.gateway(counts.told)
		counts.add(string(a.id()), 10, 2)
		counts.add(string(wiki.ID), 10, 2)
		counts.add("", 3, 0)
		other := &tally{totals: map[string]series.Total{}}
		d := k.gateway(other.told)
		other.add(string(a.id()), 5, 0)
		other.add(string(wiki.ID), 5, 0)
		k.longEnough(c, d)
		counts.add(string(a.id()), 1, 1)
		k.longEnough(c, d)
		counts.mu.Lock()
		delete(counts.totals, string(wiki.ID)) // it was forgotten
		counts.mu.Unlock()
		counts.add(string(wiki.ID), 2, 0)
		k.longEnough(c, d)

		for name, tt := range map[string]struct {
			series func() (control.Series, error)
			want   uint64
		}{
			"connector": {func() (control.Series, error) {
				return c.ConnectorSeries(t.Context(), k.owner, a.id(), control.SeriesQuery{})
			}, 16},
			"group": {func() (control.Series, error) {
				return d.GroupSeries(t.Context(), k.owner, k.defaultGroup(), control.SeriesQuery{})
			}, 16},
			"application": {func() (control.Series, error) {
				return d.ApplicationSeries(t.Context(), k.owner, wiki.ID, control.SeriesQuery{})
			}, 17},
			"service": {func() (control.Series, error) { return d.ServiceSeries(t.Context(), k.owner, control.SeriesQuery{}) }, 20},
		} {
			got := must2(tt.series())(t)
			if n := total(got, series.Requests); n != tt.want {
				t.Errorf("%s: %d requests, want %d", name, n, tt.want)
			}
			if name == "connector" && (total(got, series.Status5xx) != 3 || got.Slots[len(got.Slots)-1].Values[series.Counted] == 0) {
				t.Errorf("%+v", got.Slots)
			}
		}
		idle := k.enrol()
		k.settled()
		got := must2(c.ConnectorSeries(t.Context(), k.owner, idle.id(), control.SeriesQuery{}))(t)
		if len(got.Slots) == 0 || total(got, series.Counted) == 0 || total(got, series.Requests) != 0 || total(got, series.Reported) != 0 {
			t.Errorf("of one that nobody asked for anything: %+v", got.Slots)
		}
	})
}

// TestSeriesAreRolledUp: after a day by ten minutes, after a week not at all, and nothing is lost or counted twice on the way.
func TestSeriesAreRolledUp(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := k.enrol()
		k.settled()
		now := k.cfg.Now().Truncate(time.Minute)
		var samples []wire.Sample
		for i := range 30 {
			samples = append(samples, sample(uint64(i+1), now.Add(time.Duration(i-30)*time.Minute), 1))
		}
		must(t, 0, k.ReportConnector(t.Context(), a.id(), wire.Report{Time: k.cfg.Now(), Instance: "one", Samples: samples}))
		k.Measure(t.Context())
		query := control.SeriesQuery{From: now.Add(-time.Hour), To: now.Add(time.Hour), Step: 10 * time.Minute}
		before := must2(k.ConnectorSeries(t.Context(), k.owner, a.id(), query))(t)
		k.pass(26 * time.Hour)
		k.CleanUp(t.Context())
		k.CleanUp(t.Context())
		after := must2(k.ConnectorSeries(t.Context(), k.owner, a.id(), query))(t)
		if len(before.Slots) != len(after.Slots) || total(after, series.Opened) != 30 || total(after, series.Reported) != 1800 {
			t.Errorf("before %+v\nafter %+v", before.Slots, after.Slots)
		}
		for _, chunk := range k.series(string(a.id())) {
			if chunk.Span < time.Hour {
				t.Errorf("by the minute: %+v", chunk)
			}
		}
		_, err := k.ConnectorSeries(t.Context(), k.owner, a.id(), control.SeriesQuery{From: now.Add(-time.Hour), To: now, Step: time.Minute})
		wantKind(t, err, fault.KindInvalid)
		k.pass(7 * 24 * time.Hour)
		k.CleanUp(t.Context())
		if rows := k.series(string(a.id())); len(rows) > 0 {
			t.Errorf("%d rows are kept after a week", len(rows))
		}
	})
}

// TestSeriesOfAHostileConnector: what it says can neither fill the database nor stand for another time.
func TestSeriesOfAHostileConnector(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := k.enrol()
		k.settled()
		now := k.cfg.Now()
		huge := sample(1, now, 1<<63)
		huge.Refusals = map[string]uint64{"<script>": 1, "good-code": 1 << 63, fmt.Sprintf("%0100d", 1): 1}
		huge.Shares = map[string]float64{wire.ResourceCPU: -1, "made-up": 5}
		old, future, long := sample(2, now.Add(-3*time.Hour), 1), sample(3, now.Add(time.Hour), 1), sample(4, now, 1)
		long.Length = 100 * 24 * time.Hour
		tell := func(samples ...wire.Sample) {
			must(t, 0, k.ReportConnector(t.Context(), a.id(), wire.Report{Time: k.cfg.Now(), Instance: "one", Samples: samples}))
		}
		tell(huge, old, future, long)
		for i := range 1000 {
			tell(sample(uint64(100+i), now, 1))
		}
		k.Measure(t.Context())
		got := must2(k.ConnectorSeries(t.Context(), k.owner, a.id(), control.SeriesQuery{To: now.Add(2 * time.Hour), From: now.Add(-5 * time.Hour)}))(t)
		if len(got.Slots) != 1 {
			t.Fatalf("%d steps", len(got.Slots))
		}
		slot := got.Slots[0]
		if slot.Values[series.Opened] > 1<<50+100 || slot.Values[series.ShareCPU] != 500 || len(slot.Causes) != 2 || slot.Values[series.Reported] > 300 {
			t.Errorf("got %+v", slot)
		}
		size := 0
		for _, chunk := range k.series(string(a.id())) {
			size += len(chunk.Data)
		}
		if size > 20_000 {
			t.Errorf("%d bytes are kept", size)
		}
	})
}

func TestSeriesQueryRefused(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := k.enrol()
		k.settled()
		now := k.cfg.Now()
		for name, tt := range map[string]struct {
			q     control.SeriesQuery
			field string
		}{
			"backwards":       {control.SeriesQuery{From: now, To: now.Add(-time.Hour)}, "from"},
			"too short":       {control.SeriesQuery{Step: time.Second}, "step"},
			"negative":        {control.SeriesQuery{Step: -time.Minute}, "step"},
			"no whole minute": {control.SeriesQuery{Step: 90 * time.Second}, "step"},
			"too many":        {control.SeriesQuery{From: now.Add(-23 * time.Hour), To: now.Add(300 * time.Hour), Step: time.Minute}, "step"},
			"too fine":        {control.SeriesQuery{From: now.Add(-25 * time.Hour), Step: time.Minute}, "step"},
			"odd":             {control.SeriesQuery{From: now.Add(-25 * time.Hour), Step: 15 * time.Minute}, "step"},
		} {
			_, err := k.ConnectorSeries(t.Context(), k.owner, a.id(), tt.q)
			if got := firstField(err); got != tt.field {
				t.Errorf("%s: %v names %q", name, err, got)
			}
		}
		_, err := k.ConnectorSeries(t.Context(), k.owner, access.NewID(access.PrefixConnector, now), control.SeriesQuery{})
		wantKind(t, err, fault.KindNotFound)
		for _, role := range []access.Role{access.RoleLogReader} {
			by := k.actor(role)
			_, err = k.ConnectorSeries(t.Context(), by, a.id(), control.SeriesQuery{})
			wantKind(t, err, fault.KindForbidden)
			_, err = k.ServiceSeries(t.Context(), by, control.SeriesQuery{})
			wantKind(t, err, fault.KindForbidden)
		}
		if got := must2(k.ServiceSeries(t.Context(), k.owner, control.SeriesQuery{From: now.Add(-7 * 24 * time.Hour)}))(t); got.Step != time.Hour {
			t.Errorf("a week in steps of %s", got.Step)
		}
	})
}

// TestSeriesWaitForTheDatabase: what cannot be written is written later, and once.
func TestSeriesWaitForTheDatabase(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := k.enrol()
		k.settled()
		now := k.cfg.Now()
		tell := func(seq uint64, end time.Time) {
			must(t, 0, k.ReportConnector(t.Context(), a.id(), wire.Report{Time: now, Instance: "one", Samples: []wire.Sample{sample(seq, end, 1)},
				Load: &wire.Load{Window: wire.LoadWindow}, Diagnosis: &wire.Diagnosis{Time: now, Program: "1"}}))
		}
		tell(1, now.Add(-2*time.Minute))
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		k.Measure(gone)
		tell(2, now.Add(-time.Minute))
		k.Measure(t.Context())
		got := must2(k.ConnectorSeries(t.Context(), k.owner, a.id(), control.SeriesQuery{}))(t)
		states := k.states()
		if n := total(got, series.Opened); n != 2 || len(states) != 1 || states[0].Diagnosis == "" || states[0].Load == "" {
			t.Errorf("%d streams, %+v", n, states)
		}
	})
}
