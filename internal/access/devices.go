package access

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/internal/fault"
)

// PrefixDevice is the prefix of devices' ids.
const PrefixDevice = "dev"

// DeviceFacts are what is known of the device that somebody uses. The zero value: a browser, or a program that is not enrolled.
type DeviceFacts struct {
	ID        ID     `json:",omitempty"`
	Name      string `json:",omitempty"`
	OS        string `json:",omitempty"` // "linux", "windows" or "darwin", as the device says
	OSVersion string `json:",omitempty"`
	Program   string `json:",omitempty"` // the client's version
}

// DeviceToken is what a device shows to say who uses it.
type DeviceToken struct {
	Device  ID // proven by its certificate
	Serial  string
	Secret  string // an access token
	Address string // from where
	At      time.Time
}

// Device is a machine with postern-client on it: a key that never leaves it, and the user who enrolled it. A row as sessions are, not
// configuration.
type Device struct {
	Meta
	User        ID
	Name        string // for people
	MachineName string // as the device tells, like all down to Program
	OS          string
	OSVersion   string
	Arch        string
	Program     string
	KeyHash     string    // SHA-256 of its public key, lower-case hexadecimal: which device it is
	Serial      string    // of its newest certificate, lower-case hexadecimal
	NotAfter    time.Time // of that
	Previous    string    // serial of the certificate before
	PreviousEnd time.Time // of that
	LastSeen    time.Time // written in batches, without a new version
	Address     string    // from which it was seen then
	Revoked     time.Time // zero: it is not
}

// Facts gives what decisions may depend on.
func (d *Device) Facts() DeviceFacts {
	return DeviceFacts{ID: d.ID, Name: d.Name, OS: d.OS, OSVersion: d.OSVersion, Program: d.Program}
}

// Bounds of devices.
const (
	MaxDevices    = 20  // of one user, that are not revoked
	MaxDeviceRows = 100 // of one user, with those that are
)

// DeviceSystems are the operating systems that the client is built for, as devices name them.
func DeviceSystems() []string { return []string{"linux", "windows", "darwin"} }

// A DeviceCondition asks for a device. The zero value asks for none; anything else asks for one that is enrolled.
type DeviceCondition struct {
	Enrolled bool            `json:"enrolled,omitempty"`
	Systems  []string        `json:"systems,omitempty"` // its operating system is one of them
	Clients  []ClientVersion `json:"clients,omitempty"` // its client is at least of the version for its system
}

// Any reports whether the condition asks for something.
func (d *DeviceCondition) Any() bool { return d.Enrolled || len(d.Systems) > 0 || len(d.Clients) > 0 }

// IsZero is Any the other way round, for JSON.
func (d DeviceCondition) IsZero() bool { return !d.Any() }

// Minimum gives the least version of the client that the condition asks for on a system; empty for any.
func (d *DeviceCondition) Minimum(system string) string {
	least := ""
	for _, v := range d.Clients {
		switch v.System {
		case system:
			return v.Version
		case "":
			least = v.Version
		}
	}
	return least
}

func (d *DeviceCondition) check(p *fault.Problems) {
	for i, system := range d.Systems {
		switch {
		case !slices.Contains(DeviceSystems(), system):
			p.Add("deviceSystems", "must be %s; %q is none of them", strings.Join(DeviceSystems(), ", "), system)
		case slices.Contains(d.Systems[:i], system):
			p.Add("deviceSystems", "contains %q twice", system)
		}
	}
	seen := map[string]bool{}
	for _, v := range d.Clients {
		if _, err := ParseClientVersion(v.String()); err != nil {
			p.Check("clientVersions", err)
		}
		if seen[v.System] {
			p.Add("clientVersions", "has two versions for the same system")
		}
		seen[v.System] = true
	}
}

// ClientVersion is the least version of the client on an operating system.
type ClientVersion struct {
	System  string // empty: on every one that has none of its own
	Version string
}

// String writes the version as ParseClientVersion reads it.
func (v ClientVersion) String() string {
	if v.System == "" {
		return v.Version
	}
	return v.System + "=" + v.Version
}

// MarshalText writes the version as ParseClientVersion reads it.
func (v ClientVersion) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (v *ClientVersion) UnmarshalText(text []byte) (err error) {
	*v, err = ParseClientVersion(string(text))
	return err
}

// ParseClientVersion reads a least version such as 1.4.0, or linux=1.4.0 for one operating system.
func ParseClientVersion(text string) (ClientVersion, error) {
	bad := fault.New(fault.KindInvalid, "must be versions such as 1.4.0, or linux=1.4.0 for one of %s; %q is none", strings.Join(DeviceSystems(), ", "), text)
	system, version, given := strings.Cut(text, "=")
	if !given {
		system, version = "", text
	}
	if _, _, ok := versionParts(version); !ok || strings.HasPrefix(version, "v") || given && !slices.Contains(DeviceSystems(), system) {
		return ClientVersion{}, bad
	}
	return ClientVersion{system, version}, nil
}

// VersionAtLeast reports whether a version is another one or newer. A part that is missing is 0, a version with a "-" after its numbers
// comes before the one without. What is no version is older than any.
func VersionAtLeast(version, least string) bool {
	have, early, ok := versionParts(version)
	want, wantEarly, fine := versionParts(least)
	if !ok || !fine {
		return false
	}
	if c := slices.Compare(have[:], want[:]); c != 0 {
		return c > 0
	}
	return early == "" || wantEarly != "" && early >= wantEarly
}

// versionParts reads 1, 1.2 or 1.2.3, with or without "v" before it, "-" and a word, and "+" and the build after it.
func versionParts(text string) (parts [3]int, early string, ok bool) {
	text, _, _ = strings.Cut(strings.TrimPrefix(text, "v"), "+")
	numbers, early, dashed := strings.Cut(text, "-")
	if len(text) > 64 || dashed && early == "" || strings.Trim(early, versionLetters) != "" {
		return parts, "", false
	}
	list := strings.Split(numbers, ".")
	if len(list) > len(parts) {
		return parts, "", false
	}
	for i, number := range list {
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || len(number) > 6 || strings.Trim(number, "0123456789") != "" {
			return parts, "", false
		}
		parts[i] = n
	}
	return parts, early, true
}

const versionLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-"
