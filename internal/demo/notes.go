package demo

import (
	_ "embed"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:embed notes.html
var notesText string

var notesPage = template.Must(template.New("notes").Parse(notesText))

// maxNotes bounds the notes that are kept.
const maxNotes = 50

// notebook is the private application: a page of notes with a clock that streams.
type notebook struct {
	address net.Addr
	mu      sync.Mutex // guards notes
	notes   []note
}

type note struct {
	Time time.Time
	Text string
}

type header struct{ Name, Value string }

// notes makes the private application that listens on address.
func notes(address net.Addr) http.Handler {
	n := &notebook{address: address}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", n.show)
	mux.HandleFunc("POST /{$}", n.add)
	mux.HandleFunc("GET /clock", clock)
	return mux
}

func (n *notebook) show(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	list := slices.Clone(n.notes)
	n.mu.Unlock()
	slices.Reverse(list)
	var headers []header
	for name, values := range r.Header {
		for _, v := range values {
			headers = append(headers, header{name, v})
		}
	}
	slices.SortFunc(headers, func(a, b header) int { return strings.Compare(a.Name, b.Name) })
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	notesPage.Execute(w, struct {
		Address, Peer, Host string
		Notes               []note
		Headers             []header
	}{n.address.String(), r.RemoteAddr, r.Host, list, headers})
}

func (n *notebook) add(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	if line := r.PostFormValue("text"); line != "" {
		n.mu.Lock()
		n.notes = append(n.notes, note{time.Now(), line})
		if len(n.notes) > maxNotes {
			n.notes = n.notes[1:]
		}
		n.mu.Unlock()
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// clock streams the time as server-sent events.
func clock(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	flush := http.NewResponseController(w)
	for {
		fmt.Fprintf(w, "data: %s\n\n", time.Now().Format(time.TimeOnly))
		if flush.Flush() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}
