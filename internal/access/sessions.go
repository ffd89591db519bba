package access

import "time"

// SessionKind says where a session is good.
type SessionKind string

// The kinds of session.
const (
	SessionPortal      SessionKind = "portal"      // made by signing in; good at the portal
	SessionApplication SessionKind = "application" // its child, good on one host of one application
	SessionCenter      SessionKind = "center"      // its child, good at the admin center
	SessionProgram     SessionKind = "program"     // of a program such as the command line, by its tokens; no cookie is good for it
)

// Session is one signed-in browser at one host. The cookie's secret is not in it, only a hash.
type Session struct {
	ID            ID
	Kind          SessionKind
	Parent        ID // of SessionApplication and SessionCenter: the portal session; when that ends, this ends
	User          ID
	Application   ID     // of SessionApplication
	Host          string // of SessionApplication: the external host; of SessionCenter: its own
	Hash          []byte // SHA-256 of the cookie's secret
	Address       string // from where it was made
	UserAgent     string
	Authenticated time.Time
	Methods       []string // with which the user authenticated
	Created       time.Time
	LastUsed      time.Time // written in batches
	Expires       time.Time // whatever happens
	Client        string    // of SessionProgram: the OAuth client
	Name          string    // of SessionProgram: what the program calls itself and its machine
	Device        ID        // of SessionProgram: the enrolled device that it is bound to
}

// EndingKind says what an Ending ends.
type EndingKind string

// The kinds of ending.
const (
	EndingSession     EndingKind = "session"     // this session and its children are over
	EndingUser        EndingKind = "user"        // the user changed (disabled, deleted, other groups, other password): look again
	EndingUsers       EndingKind = "users"       // many users changed: look at all again
	EndingConnector   EndingKind = "connector"   // the connector was disabled or deleted: cut its tunnels
	EndingCertificate EndingKind = "certificate" // the certificate with this serial is revoked
)

// Ending says that something is no longer as it was, for those who must cut open traffic. Endings
// have a sequence of their own, apart from configuration versions.
type Ending struct {
	Seq  uint64
	Kind EndingKind
	ID   string
	Time time.Time
}

// SignInRequest is what an application host sends a browser to the portal with. It is handed over
// signed, so nothing is stored for somebody who has not signed in.
type SignInRequest struct {
	Application ID
	Host        string // the application's external host, with its port if it has one
	Return      string // path and query to come back to, on that host only
	Binding     string // hash of the binding cookie of the browser on that host
	// Continue is set instead of all that when somebody signs in for a page of the portal: its path and query.
	Continue string `json:",omitempty"`
	// Center says that it is for the admin center, which is no application.
	Center bool `json:",omitempty"`
}

// Code is the one-time code with which an application host gets its session.
type Code struct {
	Hash        []byte // SHA-256 of the code
	Parent      ID     // the portal session
	Application ID
	Host        string
	Return      string
	Binding     string
	Expires     time.Time
}

// CodeShown is a one-time code as a browser brought it to an application's host.
type CodeShown struct {
	Code        string
	Application ID
	Host        string
	Binding     string // the hash of the browser's binding cookie
	Address     string // of the browser
	UserAgent   string
	Request     string // id of the request, for the sign-in log
}

// AuditEntry tells of one change, or of one that was refused: who, when, what.
type AuditEntry struct {
	ID      ID
	Seq     uint64 // its place in the log, from 1; 0 until it is there
	Version uint64 // the configuration version that the change made; 0 for what changed none (a refusal)
	Time    time.Time
	Actor   Actor
	Action  string // such as "application.create"
	Object  ID
	Name    string // of the object, at that time
	Outcome string // "done" or "refused"
	Hash    string // of the entry and the one before; see package audit
	Detail  string // JSON: changed fields with old and new values (secrets left out), or the reason of the refusal
}
