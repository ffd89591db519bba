package api

import "encoding/json"

// Document is a whole configuration, or the part of it that somebody keeps in a file. Names stand
// where the rest of the API has ids. An object is described wholly: what is left out has its
// default. Secrets are never in it.
type Document struct {
	ConnectorGroups []DocumentConnectorGroup `json:"connectorGroups,omitzero" doc:"Connector groups."`
	Upstreams       []UpstreamInput          `json:"upstreams,omitzero" doc:"Upstreams, without their secrets: those that are there stay; the groups of their mappings by name."`
	Users           []UserInput              `json:"users,omitzero" doc:"Local users, without passwords."`
	Groups          []GroupInput             `json:"groups,omitzero" doc:"Groups of users; their members by sign-in name."`
	Applications    []ApplicationInput       `json:"applications,omitzero" doc:"Published applications; their connector group by name."`
	Policies        []PolicyInput            `json:"policies,omitzero" doc:"Policies; what they name by name."`
	Assignments     []AssignmentInput        `json:"assignments,omitzero" doc:"Who may use which application, all by name."`
	Exports         []ExportInput            `json:"exports,omitzero" doc:"Where logs are sent, without secrets: those that are there stay. Only for those who may see them."`
	Branding        *BrandingInput           `json:"branding,omitempty" doc:"How the pages look that people see; the logo in base64."`
	Retention       *RetentionInput          `json:"retention,omitempty" doc:"How long logs are kept."`
	Clients         *ClientsInput            `json:"clients,omitempty" doc:"What holds for postern-client on all devices."`
}

// DocumentConnectorGroup is a connector group of a document.
type DocumentConnectorGroup struct {
	Name        string `json:"name" doc:"The name for people, unique." example:"Headquarters"`
	Default     bool   `json:"default" required:"false" doc:"New connectors land here. Where no group of a document says so, the default stays what it is."`
	Region      string `json:"region,omitempty" doc:"Where its connectors are, in a word." example:"eu-west"`
	BackupGroup string `json:"backupGroup,omitempty" doc:"The connector group, by name, that carries the traffic of this one's applications while none of its connectors can."`
}

// PlanRequest asks what a document would change.
type PlanRequest struct {
	Document Document `json:"document" doc:"The configuration that is wanted."`
	Prune    bool     `json:"prune" required:"false" doc:"Delete what is not named in those lists that the document has."`
}

// ApplyRequest asks for the changes.
type ApplyRequest struct {
	PlanRequest
	Digest string `json:"digest,omitempty" doc:"The digest of the plan that was looked at; if the changes would be any others, nothing is done."`
}

// DocumentRequest is what the client sends for either. Document is a Document, or any value that
// JSON makes one of: a file that somebody wrote is sent as it is, so that the service says what in
// it is not known.
type DocumentRequest struct {
	Document any    `json:"document"`
	Prune    bool   `json:"prune"`
	Digest   string `json:"digest,omitempty"` // of Apply only
}

// Plan is what a document changes.
type Plan struct {
	Changes []PlannedChange `json:"changes" doc:"Every object that differs; empty when nothing is to be done."`
	Digest  string          `json:"digest" doc:"Names exactly these changes, for the request that makes them."`
}

// PlannedChange is one object that differs.
type PlannedChange struct {
	Action string        `json:"action" doc:"What is done." example:"application.update"`
	Name   string        `json:"name" doc:"To which object."`
	Fields []FieldChange `json:"fields" doc:"The fields that differ, in the order of the object's fields."`
}

// FieldChange is one field that differs.
type FieldChange struct {
	Name string          `json:"name" doc:"The field."`
	Old  json.RawMessage `json:"old,omitempty" doc:"What it was; absent for nothing."`
	New  json.RawMessage `json:"new,omitempty" doc:"What it becomes; absent for nothing."`
}
