// Package api is the admin API as its users see it: the JSON types of /api/v1 and a Go client.
//
// It knows nothing of how the service works inside. The types say in their tags what the OpenAPI
// document says; a field that may be left out has omitempty or omitzero. What can be written has a
// type of its own (ApplicationInput beside Application), so nobody sends what only the service sets.
package api

import (
	"time"
)

// Prefix is the path under which all of this stands. It changes when something breaks clients.
const Prefix = "/api/v1"

// The limits of the API, in force on both sides.
const (
	MaxBody  = 1 << 20  // bytes of a request body
	MaxReply = 64 << 20 // bytes of an answer that the client reads
	MaxApply = 8 << 20  // bytes of a request that carries a whole configuration
	MaxPage  = 1000     // objects on one page of a list
)

// Time is a point in time, UTC, to the microsecond.
type Time = time.Time

// Meta is what every object has.
type Meta struct {
	ID      string `json:"id" doc:"Names the object for ever." example:"app_0069vq3p7ykh4v0yqn6e6b1z2c"`
	Version int64  `json:"version" doc:"Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match."`
	Created Time   `json:"created" doc:"When it was made, UTC."`
	Updated Time   `json:"updated" doc:"When it was last changed, UTC."`
}

// List is one page of a list.
type List[T any] struct {
	Items []T    `json:"items" doc:"The objects of this page."`
	Next  string `json:"next,omitempty" doc:"Cursor of the next page, for the parameter after; absent on the last page."`
}

// Patch is a JSON merge patch (RFC 7386): members replace, null resets to the default, what is not
// named stays.
type Patch map[string]any

// Problem is what every error answers with (RFC 9457).
type Problem struct {
	Type      string         `json:"type" doc:"The kind of error, stable: postern: and a word." example:"postern:invalid"`
	Title     string         `json:"title" doc:"The status in words."`
	Status    int            `json:"status" doc:"The HTTP status."`
	Detail    string         `json:"detail,omitempty" doc:"What went wrong, in a sentence for a person."`
	Reference string         `json:"reference,omitempty" doc:"Finds the same event in the logs of the service."`
	Fields    []ProblemField `json:"fields,omitempty" doc:"Every field that is wrong."`
}

// ProblemField is one thing that is wrong in a request.
type ProblemField struct {
	Name    string `json:"name" doc:"The JSON path, or the name of the header or parameter."`
	Message string `json:"message" doc:"What is wrong with it."`
}

// Me is who is asking.
type Me struct {
	Kind  string   `json:"kind" enum:"user,api-key" doc:"What sort of party it is."`
	ID    string   `json:"id" doc:"The user or the API key."`
	Name  string   `json:"name" doc:"Its name."`
	Roles []string `json:"roles" doc:"What it may do."`
	// Scopes are in it only for an API key that has some.
	Scopes []string `json:"scopes,omitempty" doc:"What narrows the roles of an API key; absent when nothing does."`
}

// Health says how the service is.
type Health struct {
	Healthy  bool          `json:"healthy" doc:"Whether every check is good and nothing is found that does not work now."`
	Checks   []HealthCheck `json:"checks" doc:"Each thing that was looked at."`
	Findings []Finding     `json:"findings" doc:"What is wrong or will be, the most urgent first."`
}

// Finding is one thing that is wrong or will be.
type Finding struct {
	Code     string `json:"code" doc:"Names the kind of finding; docs/troubleshooting.md has an entry."`
	Severity string `json:"severity" enum:"error,warning,notice" doc:"Whether something does not work now, will stop working, or should only be known."`
	Sentence string `json:"sentence" doc:"What is wrong."`
	Cure     string `json:"cure" doc:"What to do about it."`
	Object   string `json:"object,omitempty" doc:"What it is about."`
	Due      Time   `json:"due,omitzero" doc:"When it becomes worse."`
}

// HealthCheck is one line of Health.
type HealthCheck struct {
	Name    string `json:"name" doc:"What was looked at."`
	Healthy bool   `json:"healthy" doc:"Whether it is good."`
	Error   string `json:"error,omitempty" doc:"What is wrong."`
}

// SetupRequest claims a new service: it makes the first Owner and the first API key.
type SetupRequest struct {
	Code        string `json:"code" doc:"The code of the one-time set-up link that the service prints when it starts." minLength:"1"`
	Name        string `json:"name" doc:"The sign-in name of the first Owner." example:"ada"`
	DisplayName string `json:"displayName,omitempty" doc:"The Owner's name for people."`
	Email       string `json:"email,omitempty" doc:"The Owner's e-mail address."`
	Password    string `json:"password" doc:"The Owner's password." minLength:"1"`
}

// SetupDone is the answer to SetupRequest.
type SetupDone struct {
	Key string `json:"key" doc:"The secret of the first API key. It is shown once and kept nowhere."`
}

// Identity gives the object's id and version.
func (m Meta) Identity() (id string, version int64) { return m.ID, m.Version }
