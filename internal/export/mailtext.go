package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// maxTold is how many alerts a mail tells in full; of more it tells how many there are.
const maxTold = 50

// told is what a mail says of an alert: the entry as every destination gets it.
type told struct {
	ID         string    `json:"id"`
	State      string    `json:"state"` // open, resolved, event
	Code       string    `json:"code"`
	Severity   string    `json:"severity"`
	ObjectName string    `json:"objectName"`
	GroupName  string    `json:"groupName"`
	Sentence   string    `json:"sentence"`
	Cure       string    `json:"cure"`
	Opened     time.Time `json:"opened"`
	Resolved   time.Time `json:"resolved"`
}

// about names what an alert is about: group/connector, as far as it has names.
func (a *told) about() string {
	switch {
	case a.GroupName != "" && a.ObjectName != "":
		return a.GroupName + "/" + a.ObjectName
	case a.ObjectName != "":
		return a.ObjectName
	}
	return a.GroupName
}

func (a *told) title() string {
	switch a.State {
	case "resolved":
		return "Over"
	case "":
		return "Test"
	}
	return strings.ToUpper(a.Severity[:min(1, len(a.Severity))]) + a.Severity[min(1, len(a.Severity)):]
}

// read gives the alerts of a batch. What tells of nothing, the test, is its summary.
func read(batch []Event) []told {
	list := make([]told, len(batch))
	for i, e := range batch {
		if err := json.Unmarshal(e.Data, &list[i]); err != nil || list[i].Sentence == "" {
			list[i] = told{ID: e.ID, Sentence: e.Summary, Opened: e.Time}
		}
		a := &list[i]
		for _, text := range []*string{&a.ID, &a.Code, &a.Severity, &a.ObjectName, &a.GroupName, &a.Sentence, &a.Cure} {
			*text = flat(*text) // a line each: what looks like one of ours is ours
		}
	}
	return list
}

// compose writes the mail of a batch.
func (m *mailer) compose(batch []Event) []byte {
	list := read(batch)
	var body strings.Builder
	for i := range list[:min(len(list), maxTold)] {
		tell(&body, &list[i])
	}
	if rest := len(list) - maxTold; rest > 0 {
		fmt.Fprintf(&body, "… and %d more: postern alerts list\n\n", rest)
	}
	m.foot(&body)
	first := batch[0]
	h := heading{subject: m.subject(list), id: first.ID, thread: list[0].ID, at: m.cfg.Now()}
	if len(list) > 1 {
		h.thread = ""
	}
	for i := range list {
		h.urgent = h.urgent || list[i].Severity == "error" && list[i].State != "resolved"
	}
	return m.write(h, body.String())
}

// bare writes a mail that says only that there are alerts, for a server that refuses more.
func (m *mailer) bare(count int, why string) []byte {
	var body strings.Builder
	fmt.Fprintf(&body, "There is news of %d alerts: postern alerts list\n\nThe mail that tells them was refused by the mail server:\n%s\n\n", count, why)
	m.foot(&body)
	now := m.cfg.Now()
	return m.write(heading{subject: fmt.Sprintf("Postern %s: news of %d alerts", m.cfg.Host, count), id: fmt.Sprintf("bare.%d", now.UnixMicro()), at: now}, body.String())
}

// subject says what a mail is about: one alert, or how many have begun and are over.
func (m *mailer) subject(list []told) string {
	if len(list) == 1 {
		text := list[0].title() + ": "
		if about := list[0].about(); about != "" {
			text = list[0].title() + " in " + about + ": "
		}
		return "Postern " + m.cfg.Host + ": " + cut(text+list[0].Sentence, 150)
	}
	count := map[string]int{}
	var names []string
	for i := range list {
		count[list[i].title()]++
		if about := list[i].about(); about != "" && len(names) < 3 {
			names = append(names, about)
		}
	}
	var parts []string
	for _, kind := range [][3]string{{"Error", "error", "errors"}, {"Warning", "warning", "warnings"}, {"Notice", "notice", "notices"}, {"Over", "over", "over"}, {"Test", "test", "tests"}} {
		if n := count[kind[0]]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind[1+min(n-1, 1)]))
		}
	}
	text := strings.Join(parts, ", ")
	if len(names) > 0 {
		text += " (" + strings.Join(names, ", ")
		if len(list) > len(names) {
			text += ", …"
		}
		text += ")"
	}
	return "Postern " + m.cfg.Host + ": " + cut(text, 200)
}

func cut(text string, runes int) string {
	list := []rune(text)
	if len(list) <= runes {
		return text
	}
	return string(list[:runes]) + "…"
}

func tell(out *strings.Builder, a *told) {
	title := strings.ToUpper(a.title())
	if about := a.about(); about != "" {
		title += "  " + about
	}
	fmt.Fprintf(out, "%s\n%s\n", title, a.Sentence)
	if a.Cure != "" && a.State != "resolved" {
		fmt.Fprintf(out, "What to do: %s\n", a.Cure)
	}
	const layout = "2006-01-02 15:04:05 UTC"
	switch {
	case a.State == "resolved":
		fmt.Fprintf(out, "From %s to %s.", a.Opened.UTC().Format(layout), a.Resolved.UTC().Format(layout))
	case a.State == "open":
		fmt.Fprintf(out, "Since %s.", a.Opened.UTC().Format(layout))
	default:
		fmt.Fprintf(out, "At %s.", a.Opened.UTC().Format(layout))
	}
	if a.Code != "" {
		fmt.Fprintf(out, " [%s %s]", a.Code, a.ID)
	}
	out.WriteString("\n\n")
}

func (m *mailer) foot(out *strings.Builder) {
	fmt.Fprintf(out, "-- \nAdmin center: %s\nSent by the export %q of %s (postern exports show).\n", m.cfg.Mail.Admin, m.cfg.Mail.Name, m.cfg.Instance)
}

// heading is what a mail's header tells.
type heading struct {
	subject string
	id      string // of the first entry: a second copy of the mail has the same
	thread  string // what one alert's mails have in common; optional
	urgent  bool
	at      time.Time
}

// write gives the mail as it goes to the server. Nothing that it is given makes a line of the header.
func (m *mailer) write(h heading, body string) []byte {
	var out bytes.Buffer
	line := func(name, value string) { out.WriteString(name + ": " + value + "\r\n") }
	from := mail.Address{Name: "Postern " + m.cfg.Host, Address: flat(m.cfg.Mail.From)}
	line("From", from.String())
	line("To", strings.Join(recipients(m.cfg.Mail.To), ",\r\n "))
	line("Subject", mime.QEncoding.Encode("utf-8", flat(h.subject)))
	line("Date", h.at.UTC().Format(time.RFC1123Z))
	line("Message-ID", "<"+flat(h.id)+"@"+m.cfg.Host+">")
	if h.thread != "" {
		line("References", "<"+flat(h.thread)+"@"+m.cfg.Host+">")
	}
	if h.urgent {
		line("Importance", "high")
	}
	line("Auto-Submitted", "auto-generated")
	line("X-Auto-Response-Suppress", "All")
	line("MIME-Version", "1.0")
	line("Content-Type", "text/plain; charset=utf-8")
	line("Content-Transfer-Encoding", "quoted-printable")
	out.WriteString("\r\n")
	encoded := quotedprintable.NewWriter(&out)
	_, _ = encoded.Write([]byte(strings.ReplaceAll(body, "\n", "\r\n"))) // into memory: cannot fail
	_ = encoded.Close()                                                  // as above
	return out.Bytes()
}

// flat takes controls out of a text that goes into a header.
func flat(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}

func recipients(list []string) []string {
	out := make([]string, len(list))
	for i, to := range list {
		out[i] = flat(to)
	}
	return out
}
