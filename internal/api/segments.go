package api

import (
	"context"
	"net/http"
)

// SegmentTrial is a private application as it would be.
type SegmentTrial struct {
	Application string    `json:"application,omitempty" doc:"The id of the application that would be changed or removed; absent for a new one."`
	Name        string    `json:"name,omitempty" doc:"What to call it in the answer."`
	Kind        string    `json:"kind,omitempty" enum:"private,quick-access" default:"private" doc:"Whether it comes after all others (quick-access)."`
	Segments    []Segment `json:"segments,omitempty" maxItems:"10000" doc:"All that it would have."`
	Remove      bool      `json:"remove" required:"false" doc:"It would be deleted."`
}

// SegmentPreview tells what a change of segments would do.
type SegmentPreview struct {
	Changes []SegmentChange `json:"changes" doc:"Destinations that would belong to another application, or to none, with one example each."`
	More    int             `json:"more" doc:"How many such changes are not listed."`
	Covered []SegmentChange `json:"covered" doc:"Parts of the application's own segments that others keep, since theirs are narrower or come first."`
}

// SegmentChange is destinations that would belong to somebody else.
type SegmentChange struct {
	From         *SegmentOwner `json:"from,omitempty" doc:"Whose they are; absent for nobody's."`
	To           *SegmentOwner `json:"to,omitempty" doc:"Whose they would be; absent for nobody's."`
	Example      string        `json:"example" doc:"One of them." example:"10.1.2.3:443/tcp"`
	Losing       []string      `json:"losing" doc:"Sign-in names of those who may use them by assignment and could not any more; the first 50."`
	LosingCount  int           `json:"losingCount" doc:"How many those are in all."`
	GainingCount int           `json:"gainingCount" doc:"How many could use them who may not now."`
}

// SegmentOwner is an application and the segment of it that destinations belong to.
type SegmentOwner struct {
	Application string `json:"application" doc:"Its id."`
	Name        string `json:"name" doc:"Its name."`
	Segment     string `json:"segment" doc:"The segment that wins there." example:"10.0.0.0/8:443/tcp"`
}

// PreviewSegments tells whose destinations would become whose, and who would lose access. Nothing is stored.
func (c *Client) PreviewSegments(ctx context.Context, in SegmentTrial) (SegmentPreview, error) {
	var out SegmentPreview
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"applications", "changes"}, in: in, out: &out})
	return out, err
}
