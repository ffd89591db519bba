package control

import (
	"context"
	"slices"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/series"
	"postern/internal/store"
)

// SeriesQuery asks for what was measured between two times. The zero value asks for the last hour.
type SeriesQuery struct {
	From, To time.Time     // zero: an hour before To, and now
	Step     time.Duration // zero: as short as makes at most stepsWanted of them
}

// Series is what was measured, step by step. A step of which nobody told is left out.
type Series struct {
	From, To time.Time
	Step     time.Duration
	Slots    []series.Slot
}

const (
	stepsWanted = 180
	stepsMost   = 2000
)

// steps are the ones that are chosen from.
func steps() []time.Duration {
	return []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour}
}

// complete fills in what was left out and refuses what cannot be answered.
func (q *SeriesQuery) complete(now time.Time) error {
	if q.To.IsZero() {
		q.To = now
	}
	if q.From.IsZero() {
		q.From = q.To.Add(-time.Hour)
	}
	var p fault.Problems
	if !q.From.Before(q.To) {
		p.Add("from", "must be before to")
		return p.Err()
	}
	least := series.Fine
	if q.From.Before(now.Add(-fineFor)) {
		least = series.Coarse
	}
	span := q.To.Sub(q.From)
	if q.Step == 0 {
		q.Step = 2 * time.Hour
		if i := slices.IndexFunc(steps(), func(s time.Duration) bool { return s >= least && span <= stepsWanted*s }); i >= 0 {
			q.Step = steps()[i]
		}
	}
	switch {
	case q.Step < least && least == series.Coarse:
		p.Add("step", "must be at least 10m: what is older than a day is kept by ten minutes")
	case q.Step < least || q.Step%least != 0:
		p.Add("step", "must be a multiple of %s", map[time.Duration]string{series.Fine: "1m", series.Coarse: "10m"}[least])
	case span > stepsMost*q.Step:
		p.Add("step", "would give more than %d steps: make it longer, or the time shorter", stepsMost)
	}
	q.From = q.From.Truncate(max(q.Step, series.Fine))
	return p.Err()
}

// ConnectorSeries gives what was measured of a connector, by itself and by the gateways.
func (c *Control) ConnectorSeries(ctx context.Context, by access.Actor, id access.ID, q SeriesQuery) (Series, error) {
	return c.seriesOf(ctx, request{by: by, perm: readConnector, object: id}, q, func(tx *store.Tx) ([]string, error) {
		_, err := tx.Connector(ctx, id)
		return []string{string(id)}, err
	})
}

// GroupSeries gives what was measured of all connectors that are in a group now.
func (c *Control) GroupSeries(ctx context.Context, by access.Actor, id access.ID, q SeriesQuery) (Series, error) {
	return c.seriesOf(ctx, request{by: by, perm: readConnectorGroup, object: id}, q, func(tx *store.Tx) (members []string, err error) {
		if _, err := tx.ConnectorGroup(ctx, id); err != nil {
			return nil, err
		}
		for _, k := range c.current().Connectors {
			if k.GroupID == id {
				members = append(members, string(k.ID))
			}
		}
		return members, nil
	})
}

// ApplicationSeries gives what gateways counted of an application.
func (c *Control) ApplicationSeries(ctx context.Context, by access.Actor, id access.ID, q SeriesQuery) (Series, error) {
	return c.seriesOf(ctx, request{by: by, perm: readApplication, object: id}, q, func(tx *store.Tx) ([]string, error) {
		_, err := tx.Application(ctx, id)
		return []string{string(id)}, err
	})
}

// ServiceSeries gives what gateways counted of everything.
func (c *Control) ServiceSeries(ctx context.Context, by access.Actor, q SeriesQuery) (Series, error) {
	return c.seriesOf(ctx, request{by: by, perm: readGateway}, q, func(*store.Tx) ([]string, error) { return nil, nil })
}

// seriesOf joins what is kept of subjects. That of the service is read, too: it tells when gateways counted.
func (c *Control) seriesOf(ctx context.Context, r request, q SeriesQuery, subjects func(tx *store.Tx) ([]string, error)) (Series, error) {
	if err := q.complete(c.now()); err != nil {
		return Series{}, err
	}
	out := Series{From: q.From, To: q.To, Step: q.Step}
	err := c.read(ctx, r, func(tx *store.Tx) error {
		named, err := subjects(tx)
		if err != nil {
			return err
		}
		whole, err := c.slots(ctx, tx, []string{store.SeriesService}, q)
		if err != nil {
			return err
		}
		if named == nil && r.object == "" {
			out.Slots = whole
			return nil
		}
		of, err := c.slots(ctx, tx, named, q)
		out.Slots = series.Sum(series.Blank(whole), of)
		return err
	})
	return out, err
}

// slots reads what is kept of subjects, each of them on its own.
func (c *Control) slots(ctx context.Context, tx *store.Tx, subjects []string, q SeriesQuery) ([]series.Slot, error) {
	chunks, err := tx.Series(ctx, subjects, q.From, q.To)
	if err != nil {
		return nil, err
	}
	var sum []series.Slot
	for len(chunks) > 0 {
		n := slices.IndexFunc(chunks, func(k store.SeriesChunk) bool { return k.Subject != chunks[0].Subject })
		if n < 0 {
			n = len(chunks)
		}
		sum = series.Sum(sum, slotsOf(chunks[:n], q))
		chunks = chunks[n:]
	}
	return sum, nil
}

// slotsOf gives the slots of one subject.
func slotsOf(chunks []store.SeriesChunk, q SeriesQuery) []series.Slot {
	var slots []series.Slot
	for _, chunk := range chunks {
		points, _ := series.Parse(chunk.Data, chunk.Start) // what is damaged is a gap
		length := series.Fine
		if chunk.Span == coarseSpan {
			length = series.Coarse
		}
		for _, s := range series.Slots(points, length) {
			if !s.Start.Before(q.From) && s.Start.Before(q.To) {
				slots = append(slots, s)
			}
		}
	}
	slices.SortStableFunc(slots, func(a, b series.Slot) int { return a.Start.Compare(b.Start) })
	return series.Fold(slots, q.Step)
}

// Narrowest gives the resource of which most was used, and how much, from 0 to 1 and beyond; false if it is not known.
func Narrowest(v *series.Values) (name string, share float64, ok bool) {
	for resource, m := range shares() {
		if used := float64(v[m]) / 1000; used > share || used == share && used > 0 && resource < name {
			name, share = resource, used
		}
	}
	return name, share, name != ""
}
