package access

import "time"

// Alert is something that was wrong from one time to another, and that somebody is to be told of.
type Alert struct {
	ID       ID
	Seq      uint64 // of its last news
	Code     string // stable; docs/troubleshooting.md has an entry
	Severity string // error, warning or notice
	Object   ID     // optional: what it is about
	Sentence string
	Cure     string
	Opened   time.Time
	Resolved time.Time // zero: it is so still. That of something that happened once is Opened
}

// AlertKey names what an alert is about: there is one open alert of each.
type AlertKey struct {
	Code   string
	Object ID
}

// Key gives what the alert is about.
func (a *Alert) Key() AlertKey { return AlertKey{a.Code, a.Object} }
