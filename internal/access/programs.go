package access

import (
	"time"
	"unicode/utf8"

	"postern/internal/fault"
)

// The OAuth clients that are built in. Beside them every application is one, under its id, for
// programs that want that application only.
const (
	ClientCLI    = "postern-cli"
	ClientDevice = "postern-client"
	ClientCenter = "postern-admin-center" // no OAuth client: the name of the admin center in logs
)

// MaxDeviceName is how long a program's name for its machine may be, in characters.
const MaxDeviceName = 64

// CheckDeviceName says what is wrong with what a program calls its machine. It may be empty.
func CheckDeviceName(name string) error {
	if name == "" {
		return nil
	}
	if utf8.RuneCountInString(name) > MaxDeviceName {
		return fault.New(fault.KindInvalid, "must be at most %d characters long", MaxDeviceName)
	}
	return CheckName(name)
}

// ProgramCode is the one-time code with which a program on somebody's machine gets its session.
type ProgramCode struct {
	Hash      []byte // SHA-256 of the code
	Parent    ID     // the portal session that allowed it
	Session   ID     // the program's session that it was spent for; empty before
	Client    string
	Name      string // what the program calls its machine
	Redirect  string
	Challenge string // PKCE, S256
	Resource  string // the only one that the tokens are good for; empty for all that the client may use
	Scope     string
	Nonce     string
	Expires   time.Time
}

// DeviceState is how far the sign-in of a program without a browser is.
type DeviceState string

// The states of a DeviceCode.
const (
	DevicePending DeviceState = "pending"
	DeviceAllowed DeviceState = "allowed"
	DeviceDenied  DeviceState = "denied"
)

// DeviceCode is the sign-in of a program that has no browser, until somebody allows it elsewhere.
type DeviceCode struct {
	Hash     []byte // SHA-256 of the code that the program keeps
	UserHash []byte // SHA-256 of the code that a person types
	Parent   ID     // the portal session that allowed it; empty before
	State    DeviceState
	Client   string
	Name     string // what the program calls its machine
	Resource string // as in ProgramCode
	Scope    string
	Address  string // of the program
	Network  string // of that address, for bounds
	Created  time.Time
	Expires  time.Time
	Polled   time.Time // when the program last asked
}

// Refresh is what a program's session is renewed with. Only the newest token is good.
type Refresh struct {
	Session    ID
	Resource   string
	Generation int64
	Hash       []byte // SHA-256 of the newest token
	Previous   []byte // of the one before: good for a moment more, should the answer have been lost
	Rotated    time.Time
}

// What begins the credentials of programs, so that gateways and scanners for leaked secrets know one.
const (
	TokenPrefix     = "postern-token-1."  // an access token
	AccessKeyPrefix = "postern-access-1." // an access key
)

// Credential is what is shown at an application: a cookie, or by a program an access token or access
// key.
type Credential struct {
	Application ID
	Host        string // the application's external host, with its port if it has one
	Secret      string
	Address     string    // of who shows it
	At          time.Time // when it was shown: a token must have been good then
	UserAgent   string
	Request     string // id of the request, for the sign-in log
}

// PrefixAccessKey is the prefix of access keys' ids.
const PrefixAccessKey = "ack"

// MethodAccessKey says that an access key was shown, which proves one thing only: having it.
const MethodAccessKey = "access-key"

// AccessKey is a secret with which a user's programs use one application, where they can neither sign
// in nor renew a token. Its user, or an administrator, ends it.
type AccessKey struct {
	Meta
	User        ID
	Application ID
	Name        string
	Methods     []string // how its user had signed in when it was made
	Expires     time.Time
	LastUsed    time.Time // written in batches, without a new version; zero for never
	Hash        []byte    // SHA-256 of the secret
}

// The lives of access keys, and how many one user may have.
const (
	AccessKeyLife    = 90 * 24 * time.Hour // when nobody says otherwise
	MaxAccessKeyLife = 366 * 24 * time.Hour
	MaxAccessKeys    = 50
)

// Validate says everything that is wrong with a new access key; now is the time of its creation.
func (k *AccessKey) Validate(now time.Time) error {
	var p fault.Problems
	p.Check("name", CheckName(k.Name))
	if !k.Application.Valid(PrefixApplication) {
		p.Add("application", "must be the id of an application")
	}
	if life := k.Expires.Sub(now); life < time.Minute || life > MaxAccessKeyLife {
		p.Add("expires", "must be between one minute and 366 days ahead")
	}
	return p.Err()
}
