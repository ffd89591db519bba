// Package fault names the kinds of error that Postern tells people and programs about.
//
// An error of this package carries a kind, which one table turns into an HTTP status, and a
// sentence that may be shown to whoever asked. Anything else that went wrong stays inside it for
// the log: Unwrap gives it, Error does not print it to people unless it was put into the sentence.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Kind says what sort of thing went wrong. The zero value is Internal: an error that nobody
// classified is our own mistake.
type Kind int

// The kinds. What HTTP makes of them stands in package web, once.
const (
	KindInternal        Kind = iota // ours: a bug or a broken machine
	KindInvalid                     // the request is malformed; Fields say where
	KindUnauthenticated             // nobody is signed in, or the credential is not good
	KindForbidden                   // signed in, but not allowed
	KindNotFound                    // no such thing
	KindConflict                    // the thing exists already, is in use, or is of another state
	KindChanged                     // somebody else changed it first (If-Match failed)
	KindPrecondition                // a change needs a version (If-Match missing)
	KindTooLarge                    // more than a limit allows
	KindLimited                     // too often; try again after RetryAfter
	KindUnavailable                 // cannot be done now; try again after RetryAfter
	KindTimeout                     // somebody else took too long
	KindGone                        // was there, used up or ended for good
	KindUpstream                    // somebody behind us answered badly
)

var names = map[Kind]string{
	KindInternal: "internal", KindInvalid: "invalid", KindUnauthenticated: "unauthenticated",
	KindForbidden: "forbidden", KindNotFound: "not-found", KindConflict: "conflict",
	KindChanged: "changed", KindPrecondition: "precondition-required", KindTooLarge: "too-large",
	KindLimited: "limited", KindUnavailable: "unavailable", KindTimeout: "timeout",
	KindGone: "gone", KindUpstream: "upstream",
}

// String gives the kind's stable name, which logs, metrics and problem documents use.
func (k Kind) String() string {
	if s, ok := names[k]; ok {
		return s
	}
	return "internal"
}

// KindNamed gives the kind that String names so.
func KindNamed(name string) (Kind, bool) {
	for k, s := range names {
		if s == name {
			return k, true
		}
	}
	return KindInternal, false
}

// Kinds lists every kind, for tables that must name all of them.
func Kinds() []Kind {
	kinds := make([]Kind, 0, len(names))
	for k := KindInternal; k <= KindUpstream; k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

// Field is one thing that is wrong in a request: where, and what.
type Field struct {
	Name    string // as the caller spells it: a JSON path such as "segments[2].port", a flag, a form field
	Message string // a sentence without the name, in lower case: "must be a host name"
}

// Error is an error with a kind and a sentence for a person.
type Error struct {
	Kind       Kind
	Message    string        // a sentence that may be shown to whoever asked
	Fields     []Field       // with KindInvalid: every field that is wrong
	RetryAfter time.Duration // with KindLimited and KindUnavailable: when to try again; zero says nothing
	Err        error         // optional cause, for the log only
}

// Error gives the sentence and the fields; the cause is added for logs and tests by Detail.
func (e *Error) Error() string {
	if len(e.Fields) == 0 {
		return e.Message
	}
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Name + " " + f.Message
	}
	if e.Message == "" {
		return strings.Join(parts, "; ")
	}
	return e.Message + ": " + strings.Join(parts, "; ")
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Because adds the cause, for the log. It returns e.
func (e *Error) Because(err error) *Error {
	e.Err = err
	return e
}

// After says when trying again makes sense. It returns e.
func (e *Error) After(d time.Duration) *Error {
	e.RetryAfter = d
	return e
}

// New makes an error of a kind.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Invalid says that one field of a request is wrong.
func Invalid(field, format string, args ...any) *Error {
	return &Error{Kind: KindInvalid, Fields: []Field{{field, fmt.Sprintf(format, args...)}}}
}

// NotFound says that there is no such thing.
func NotFound(format string, args ...any) *Error { return New(KindNotFound, format, args...) }

// Forbidden says that the caller is known and may not do this.
func Forbidden(format string, args ...any) *Error { return New(KindForbidden, format, args...) }

// Unauthenticated says that the caller has not proven who they are.
func Unauthenticated(format string, args ...any) *Error {
	return New(KindUnauthenticated, format, args...)
}

// Conflict says that the state of things does not allow it.
func Conflict(format string, args ...any) *Error { return New(KindConflict, format, args...) }

// Unavailable says that it cannot be done now.
func Unavailable(format string, args ...any) *Error { return New(KindUnavailable, format, args...) }

// Internal says that something of ours went wrong; err goes to the log.
func Internal(err error, format string, args ...any) *Error {
	return New(KindInternal, format, args...).Because(err)
}

// Reference is the cause of an error that another program answered: under it that program's log tells more.
type Reference string

// Error names the reference.
func (r Reference) Error() string { return "reference " + string(r) }

// KindOf gives the kind of the first fault in err's chain, KindInternal if there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return KindInternal
}

// Is reports whether err is a fault of that kind. A nil error is of no kind.
func Is(err error, kind Kind) bool {
	return err != nil && KindOf(err) == kind
}

// Problems collects what is wrong with a request, so that a person is told all of it at once.
// The zero value is ready.
type Problems struct {
	fields []Field
}

// Add notes one thing that is wrong.
func (p *Problems) Add(field, format string, args ...any) {
	p.fields = append(p.fields, Field{field, fmt.Sprintf(format, args...)})
}

// Check notes err's fields, or its sentence, under the field; nil is no problem.
func (p *Problems) Check(field string, err error) {
	if err == nil {
		return
	}
	if e, ok := errors.AsType[*Error](err); ok && len(e.Fields) > 0 {
		p.fields = append(p.fields, e.Fields...)
		return
	}
	p.Add(field, "%s", err)
}

// Err gives nil, or one KindInvalid error with everything that was noted.
func (p *Problems) Err() error {
	if len(p.fields) == 0 {
		return nil
	}
	return &Error{Kind: KindInvalid, Fields: p.fields}
}

// mostReadable is how many bytes of what others chose an error quotes.
const mostReadable = 100

// Readable gives what others chose in a form that an error can quote: short, on one line and without control characters.
func Readable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, text)
	if len(text) > mostReadable {
		text = strings.ToValidUTF8(text[:mostReadable], "") + "…"
	}
	return text
}
