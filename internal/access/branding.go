package access

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"postern/internal/fault"
)

// Branding is how the pages look that people see: sign-in, their applications, errors. There is one; its zero value is our own look.
type Branding struct {
	Meta
	Name       string // of the organisation, in the head of each page
	Logo       []byte // PNG or SVG, beside it
	LogoType   string // LogoPNG or LogoSVG, of what Logo is
	Colour     string // of buttons and links, as #rrggbb
	DarkColour string // the same on a dark page; made of Colour if empty
}

// BrandingID is the id of the one that there is.
const BrandingID ID = "branding"

// The kinds of logos.
const (
	LogoPNG = "image/png"
	LogoSVG = "image/svg+xml"
)

const (
	maxLogo      = 32 << 10 // bytes: it is part of every page
	maxLogoSide  = 1024     // pixels
	maxBrandName = 60       // characters
	contrastAA   = 4.5      // WCAG 2.2, 1.4.3
)

// The backgrounds that text and buttons of the brand's colour lie on; style.css of package web has them, and a test compares.
var (
	lightBacks = []string{"#ffffff", "#f5f5f5"}
	darkBacks  = []string{"#242424", "#141414"}
)

// Validate says everything that is wrong, and finds out what the logo is.
func (b *Branding) Validate() error {
	var p fault.Problems
	b.Name = strings.TrimSpace(b.Name)
	if utf8.RuneCountInString(b.Name) > maxBrandName || !utf8.ValidString(b.Name) || strings.ContainsFunc(b.Name, unprintable) {
		p.Add("name", "must be at most %d characters on one line", maxBrandName)
	}
	var err error
	b.LogoType, err = checkLogo(b.Logo)
	p.Check("logo", err)
	p.Check("colour", checkColour(b.Colour, false))
	p.Check("darkColour", checkColour(b.DarkColour, true))
	b.Colour, b.DarkColour = strings.ToLower(b.Colour), strings.ToLower(b.DarkColour)
	return p.Err()
}

// Dark gives the colour on a dark page: what was chosen, or the light page's made light enough.
func (b *Branding) Dark() string {
	if b.DarkColour != "" || b.Colour == "" {
		return b.DarkColour
	}
	return readable(b.Colour, true)
}

// Shades gives the colour of a page, one for what the pointer is over, and one to lie behind it; empty where it is ours.
func (b *Branding) Shades(dark bool) (colour, deep, tint string) {
	colour, away, page := b.Colour, rgb{}, rgb{255, 255, 255}
	if dark {
		colour, away, page = b.Dark(), rgb{255, 255, 255}, rgb{36, 36, 36}
	}
	c, ok := parseColour(colour)
	if !ok {
		return "", "", ""
	}
	return colour, c.mix(away, 0.18).String(), page.mix(c, 0.1).String()
}

func checkColour(text string, dark bool) error {
	if text == "" {
		return nil
	}
	if _, ok := parseColour(text); !ok {
		return errors.New("must be a colour such as #0f6cbd")
	}
	if c, on := worstContrast(text, dark); c < contrastAA {
		way, page := "darker", "light"
		if dark {
			way, page = "lighter", "dark"
		}
		return fmt.Errorf("has a contrast of %.1f:1 with %s, the background of a %s page; people need 4.5:1 to read it (WCAG AA). Choose a %s colour, such as %s", math.Floor(c*10)/10, on, page, way, readable(text, dark))
	}
	return nil
}

// readable makes a colour darker, or lighter for a dark page, until it can be read.
func readable(text string, dark bool) string {
	from, _ := parseColour(text)
	to := rgb{0, 0, 0}
	if dark {
		to = rgb{255, 255, 255}
	}
	for step := 0.0; step < 1; step += 0.02 {
		if mixed := from.mix(to, step).String(); first(worstContrast(mixed, dark)) >= contrastAA {
			return mixed
		}
	}
	return to.String()
}

func first[A, B any](a A, _ B) A { return a }

func worstContrast(text string, dark bool) (worst float64, on string) {
	c, _ := parseColour(text)
	backs := lightBacks
	if dark {
		backs = darkBacks
	}
	worst = math.Inf(1)
	for _, back := range backs {
		b, _ := parseColour(back)
		if found := contrast(c, b); found < worst {
			worst, on = found, back
		}
	}
	return worst, on
}

type rgb [3]float64

func parseColour(text string) (rgb, bool) {
	if len(text) != 7 || text[0] != '#' {
		return rgb{}, false
	}
	n, err := strconv.ParseUint(text[1:], 16, 32)
	return rgb{float64(n >> 16), float64(n >> 8 & 255), float64(n & 255)}, err == nil && text[1] != '+'
}

func (c rgb) mix(with rgb, share float64) rgb {
	for i := range c {
		c[i] += (with[i] - c[i]) * share
	}
	return c
}

func (c rgb) String() string {
	return fmt.Sprintf("#%02x%02x%02x", int(math.Round(c[0])), int(math.Round(c[1])), int(math.Round(c[2])))
}

// contrast and luminance are those of WCAG 2.2.
func contrast(a, b rgb) float64 {
	la, lb := a.luminance(), b.luminance()
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func (c rgb) luminance() float64 {
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v := c[i] / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

// checkLogo finds out what a logo is, by its content.
func checkLogo(logo []byte) (kind string, err error) {
	switch {
	case len(logo) == 0:
		return "", nil
	case len(logo) > maxLogo:
		return "", fmt.Errorf("must be at most %d KiB large, since it is a part of every page; it has %d", maxLogo>>10, (len(logo)+1023)>>10)
	case bytes.HasPrefix(logo, []byte("\x89PNG\r\n\x1a\n")):
		size, err := png.DecodeConfig(bytes.NewReader(logo))
		if err != nil {
			return "", errors.New("is no PNG image that can be read")
		}
		if size.Width > maxLogoSide || size.Height > maxLogoSide {
			return "", fmt.Errorf("must be at most %d pixels wide and high; it has %d × %d", maxLogoSide, size.Width, size.Height)
		}
		return LogoPNG, nil
	}
	return LogoSVG, checkSVG(logo)
}

// checkSVG takes drawings only. Pages show them as images, in which nothing runs and nothing is loaded; this is beside that.
func checkSVG(logo []byte) error {
	d := xml.NewDecoder(bytes.NewReader(logo))
	d.Entity, d.Strict = nil, true
	root := true
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.New("must be a PNG image or an SVG drawing")
		}
		switch token := token.(type) {
		case xml.Directive:
			return errors.New("must not declare a document type")
		case xml.ProcInst:
			if token.Target != "xml" {
				return fmt.Errorf("must not have the instruction %q", token.Target)
			}
		case xml.StartElement:
			if root && !strings.EqualFold(token.Name.Local, "svg") {
				return errors.New("must be a PNG image or an SVG drawing")
			}
			root = false
			if err := checkElement(token); err != nil {
				return err
			}
		}
	}
	if root {
		return errors.New("must be a PNG image or an SVG drawing")
	}
	return nil
}

func checkElement(e xml.StartElement) error {
	switch name := strings.ToLower(e.Name.Local); name {
	case "script", "foreignobject", "iframe", "embed", "object", "animate", "set", "handler", "image", "use", "style":
		return fmt.Errorf("must be a plain drawing, without <%s>", e.Name.Local)
	}
	for _, a := range e.Attr {
		name, value := strings.ToLower(a.Name.Local), strings.ToLower(strings.TrimSpace(a.Value))
		switch {
		case strings.HasPrefix(name, "on"):
			return fmt.Errorf("must be a plain drawing, without the attribute %s", a.Name.Local)
		case name == "href" && !strings.HasPrefix(value, "#"), strings.Contains(value, "javascript:"), strings.Contains(value, "url(") && !strings.Contains(value, "url(#"):
			return fmt.Errorf("must be a plain drawing, which leads nowhere: see the attribute %s", a.Name.Local)
		}
	}
	return nil
}
