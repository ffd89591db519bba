// Package install puts a program on this machine as a service of the operating system, and takes it away again.
//
// It speaks to systemd on Linux, to the service control manager on Windows and to launchd on macOS. What a service is allowed
// is as little as the system can express: it runs unprivileged, unless it changes the machine's network, writes nowhere but in its own
// directory, and nobody else reads there. Installing twice is updating.
package install

import (
	"regexp"

	"postern/internal/fault"
)

// connector is a program that has more than others: sources of the event log and performance counters.
const connector = "postern-connector"

// running is the command that does the work without a service.
func (h Host) running() string {
	if h.Program == "" {
		return connector + " run"
	}
	return h.Program + " service"
}

// Service is what is to be installed.
type Service struct {
	Name      string    // of the service, of its user and of its directories: lower-case letters, digits and hyphens
	Title     string    // for people
	About     string    // a sentence of what it does
	Program   string    // the absolute path of the program; Place gives one
	Beside    []string  // names of files that the program needs in its directory, and takes along if they are there (Windows)
	Arguments []string  // of the program
	Settings  []Setting // environment variables of the service; they may hold secrets
	Enable    bool      // it starts with the machine
	Network   bool      // it changes the machine's routes and name servers, so it runs as root, with a socket for all users in /run (Windows: as SYSTEM)
}

// Setting is an environment variable.
type Setting struct{ Name, Value string }

// Host is the machine. The zero value is this one; tests have one of their own below Root.
type Host struct {
	Root    string // what stands before every path
	Program string // what the program is called, whatever the file was called that it was downloaded to; postern-connector if empty
}

func (h Host) program() string {
	if h.Program == "" {
		return connector
	}
	return h.Program
}

// maxName is what fits into a user's name on Linux.
const maxName = 32

var names = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// check refuses what would end up in a unit, a path or the registry as something else than it is.
func (s Service) check() error {
	if !names.MatchString(s.Name) || len(s.Name) > maxName {
		return fault.Invalid("--instance", "must be lower-case letters, digits and single hyphens, and %q at most %d long", s.Name, maxName)
	}
	for _, setting := range s.Settings {
		for _, r := range setting.Value {
			if r < ' ' || r == 0x7f {
				return fault.Invalid(setting.Name, "must be one line without control characters")
			}
		}
	}
	return nil
}

// State is what the operating system says of a service.
type State struct {
	Installed bool
	Enabled   bool   // it starts with the machine
	Running   bool   // the system has it run
	Text      string // in the system's own words
}

// Removed says what Remove took away and left.
type Removed struct {
	Gone []string
	Left []string // and why
}
