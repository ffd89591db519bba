package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
)

//go:embed style.css
var style string

//go:embed layout.html
var layoutText string

//go:embed error.html
var errorText string

var (
	// The style is inline, so that an error page needs no second request on a host that may not
	// answer; the policy allows exactly this text and no other.
	styleSum  = sha256.Sum256([]byte(style))
	styleHash = "'sha256-" + base64.StdEncoding.EncodeToString(styleSum[:]) + "'"

	layout    = template.Must(template.New("layout").Parse(layoutText))
	errorPage = template.Must(template.New("error").Parse(errorText))
)

// Page is a page for people in Postern's layout. It works without script.
type Page struct {
	Status int // 200 if zero
	Title  string
	Body   template.HTML // of a template, never of concatenated strings
	Wide   bool          // a page of lists instead of a card
	Script string        // optional path of a script on the same host
}

// Write answers with the page.
func (p Page) Write(w http.ResponseWriter, r *http.Request) {
	var out bytes.Buffer
	brand := brandOf(r.Context())
	out.Grow(len(style) + len(brand.Logo) + len(p.Body) + 4<<10)
	err := layout.Execute(&out, struct {
		Page
		Style, Colours template.CSS
		Brand          Brand
	}{p, template.CSS(style), brand.styled, brand})
	if err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	if h.Get("Content-Security-Policy") == "" {
		SafeHeaders(h)
	}
	h.Set("Content-Security-Policy", brand.allow(h.Get("Content-Security-Policy")))
	h.Set("Content-Type", "text/html; charset=utf-8")
	if p.Status == 0 {
		p.Status = http.StatusOK
	}
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		w.Write(out.Bytes())
	}
}

// Render executes a template for a Page's Body.
func Render(t *template.Template, data any) (template.HTML, error) {
	var out strings.Builder
	if err := t.Execute(&out, data); err != nil {
		return "", err
	}
	return template.HTML(out.String()), nil
}

// HopState says whether a hop of the way is known to work.
type HopState string

// The states of a hop.
const (
	HopOK      HopState = "ok"
	HopFailed  HopState = "failed"
	HopUnknown HopState = "unknown" // not tried, because one before it failed
)

// Hop is one station between a person and the application.
type Hop struct {
	Name  string // "You", "Postern", "Connector", "Application"
	State HopState
}

// The hops of every request, in order.
const (
	HopYou       = "You"
	HopService   = "Service"
	HopGateway   = "Gateway"
	HopConnector = "Connector"
	HopBackend   = "Application"
)

// Way gives the hops of a request of which one failed: those before it work, those after it are
// not known. An empty name gives no hops.
func Way(failed string) []Hop {
	if failed == "" {
		return nil
	}
	state := HopOK
	var hops []Hop
	for _, name := range []string{HopYou, HopService, HopGateway, HopConnector, HopBackend} {
		if name == failed {
			hops = append(hops, Hop{name, HopFailed})
			state = HopUnknown
			continue
		}
		hops = append(hops, Hop{name, state})
	}
	return hops
}

// ErrorPage tells a person that something did not work: what, where, and what to do.
type ErrorPage struct {
	Status    int
	Code      string // optional: the stable word under which the documentation explains it
	Title     string // "The application does not answer"
	Message   string // the reason, in a sentence
	Advice    string // what to do
	Hops      []Hop  // optional, see Way
	Reference string // finds the same event in the logs; RequestID of the request's context if empty
	Link      string // optional: where to go on, with LinkText
	LinkText  string
	Header    http.Header // optional, such as Retry-After
}

// Write answers with the page.
func (e ErrorPage) Write(w http.ResponseWriter, r *http.Request) {
	if e.Reference == "" {
		e.Reference = RequestID(r.Context())
	}
	body, err := Render(errorPage, e)
	if err != nil {
		http.Error(w, e.Title, e.Status)
		return
	}
	for name, values := range e.Header {
		w.Header()[name] = values
	}
	Page{Status: e.Status, Title: e.Title, Body: body}.Write(w, r)
}
