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
