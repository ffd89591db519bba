package admin

import (
	"cmp"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
)

// previewSegments tells what a change of segments would do.
func (h *Handler) previewSegments() operation {
	return operation{in: typeOf[api.SegmentTrial](), out: typeOf[api.SegmentPreview](), status: 200, run: func(c *call) (reply, error) {
		in, err := into[api.SegmentTrial](c.body)
		if err != nil {
			return reply{}, err
		}
		a := access.Application{Name: in.Name, Kind: cmp.Or(access.ApplicationKind(in.Kind), access.KindPrivate), Segments: each(in.Segments, func(_ int, s api.Segment) access.Segment { return access.Segment(s) })}
		a.ID = access.ID(in.Application)
		p, err := h.cfg.Control.PreviewSegments(c, c.by, a, in.Remove)
		if err != nil {
			return reply{}, err
		}
		return reply{body: api.SegmentPreview{Changes: orNone(each(p.Changes, showSegmentChange)), More: p.More, Covered: orNone(each(p.Covered, showSegmentChange))}}, nil
	}}
}

func showSegmentChange(_ int, s control.SegmentChange) api.SegmentChange {
	owner := func(o control.SegmentOwner) *api.SegmentOwner {
		if o.Application == "" {
			return nil
		}
		return &api.SegmentOwner{Application: string(o.Application), Name: o.Name, Segment: o.Segment}
	}
	return api.SegmentChange{From: owner(s.From), To: owner(s.To), Example: s.Example, Losing: orNone(s.Losing), LosingCount: s.LosingCount, GainingCount: s.GainingCount}
}
