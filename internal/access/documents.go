package access

// Document describes a whole configuration, or the part of it that somebody keeps in a file. What
// refers to another object does so by name: a GroupID, a member or an assignment's user holds a
// name here and not an ID. A nil list or value is a part that the document does not speak of; an empty one
// says that there are none. Secrets (passwords, keys, tokens) are never in it.
type Document struct {
	ConnectorGroups []ConnectorGroup
	Upstreams       []Upstream
	Users           []User
	Groups          []Group
	Applications    []Application
	Policies        []Policy
	Assignments     []Assignment
	Exports         []Export
	Branding        *Branding
	Retention       *Retention
	Clients         *Clients
}
