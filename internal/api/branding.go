package api

import (
	"context"
	"net/http"
)

// BrandingInput is how the pages look that people see: sign-in, their applications, errors, signed out, questions. What is left out is our own look.
type BrandingInput struct {
	Name       string `json:"name,omitempty" doc:"The name of the organisation, in the head of each page; at most 60 characters." example:"Example Corp."`
	Logo       string `json:"logo,omitempty" doc:"A PNG image or an SVG drawing without scripts and links, in base64; at most 32 KiB."`
	Colour     string `json:"colour,omitempty" doc:"The colour of buttons and links on light pages. One that people cannot read (WCAG AA, 4.5:1) is refused." example:"#0f6cbd"`
	DarkColour string `json:"darkColour,omitempty" doc:"The same on dark pages; made of colour if left out." example:"#479ef5"`
}

// Branding is how the pages look that people see.
type Branding struct {
	Meta
	BrandingInput
	LogoType string `json:"logoType,omitempty" enum:"image/png,image/svg+xml" doc:"What the logo is."`
	Light    Shades `json:"light" doc:"The colours of light pages as they are shown."`
	Dark     Shades `json:"dark" doc:"The colours of dark pages as they are shown."`
}

// Shades are the colours of a page; empty where they are our own.
type Shades struct {
	Colour string `json:"colour,omitempty" doc:"Of buttons and links."`
	Deep   string `json:"deep,omitempty" doc:"Of what the pointer is over."`
	Tint   string `json:"tint,omitempty" doc:"Of what lies behind."`
}

// Branding gives how pages look.
func (c *Client) Branding(ctx context.Context) (Branding, error) {
	var b Branding
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"branding"}, out: &b})
	return b, err
}

// UpdateBranding changes what a patch names, if the branding is still at that version.
func (c *Client) UpdateBranding(ctx context.Context, version int64, patch Patch) (Branding, error) {
	var b Branding
	err := c.do(ctx, call{method: http.MethodPatch, path: []string{"branding"}, version: version, in: patch, out: &b})
	return b, err
}

// BrandingHistory gives the versions of the branding, the newest first; of a logo, which one it was.
func (c *Client) BrandingHistory(ctx context.Context) ([]HistoryEntry, error) {
	var list List[HistoryEntry]
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"branding", "history"}, out: &list})
	return list.Items, err
}

// UndoBranding brings an earlier version back; 0 stands for the one before.
func (c *Client) UndoBranding(ctx context.Context, version, to int64) (Branding, error) {
	var b Branding
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"branding", "undo"}, version: version, in: UndoInput{To: to}, out: &b})
	return b, err
}
