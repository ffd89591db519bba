package doctor

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"postern/internal/credential"
	"postern/internal/disk"
	"postern/internal/match"
)

const (
	leastDisk  = 16 << 20
	leastPorts = 8192
	maxRules   = 1 << 20 // bytes of the local rules, as the connector reads them
)

// local looks at what lies on this machine.
func (x *exam) local() {
	s := section{x, 0}
	s.state()
	if x.cred != nil {
		s.certificate()
		s.process()
	}
	s.rules()
	s.limits()
}

// state reads the credential in the way that the connector does.
func (s section) state() {
	x := s.x
	if _, err := os.Stat(filepath.Join(x.State, "credential.pem")); errors.Is(err, fs.ErrNotExist) { // credential.Open would make the directory
		if x.Service != "" || x.Token != nil {
			s.found("enrolment-due", x.State, "there is no credential in %s yet", x.State)
		} else {
			s.found("not-enrolled", x.State, "there is no credential in %s", x.State)
		}
		return
	}
	if who, foreign := owner(x.State); foreign {
		s.found("other-user", x.State, "%s belongs to %s, who runs the connector and can use its credential", x.State, who)
		return
	}
	dir, err := credential.Open(x.State)
	if err == nil {
		x.cred, err = dir.Load()
	}
	if err != nil {
		s.found("state-unusable", x.State, "%s", err)
		return
	}
	s.found("enrolled", x.State, "connector %s of %s, certificate %s", x.cred.Identity.ID, x.cred.Connection.ServiceURL, x.cred.Serial)
	if free, _, err := disk.Space(x.State); err == nil {
		code := "state-disk"
		if free < leastDisk {
			code = "state-disk-full"
		}
		s.found(code, x.State, "%d MiB are left", free>>20)
	}
}

// certificate says how long the certificate is good.
func (s section) certificate() {
	now, cred := s.x.Now(), s.x.cred
	until := cred.Leaf.NotAfter.UTC().Format(time.RFC3339)
	overdue := cred.RenewAfter.Add(cred.Leaf.NotAfter.Sub(cred.RenewAfter) / 2)
	switch {
	case !now.Before(cred.Leaf.NotAfter):
		s.found("certificate-expired", cred.Serial, "it expired at %s", until)
	case now.After(overdue):
		s.found("certificate-overdue", cred.Serial, "it was due at %s and expires at %s", cred.RenewAfter.UTC().Format(time.RFC3339), until)
	case now.After(cred.RenewAfter):
		s.found("certificate-due", cred.Serial, "it is due since %s and expires at %s", cred.RenewAfter.UTC().Format(time.RFC3339), until)
	default:
		s.found("certificate", cred.Serial, "issued by %q, good until %s, renewed after %s", cred.Leaf.Issuer.String(), until,
			cred.RenewAfter.UTC().Format(time.RFC3339))
	}
}

// process says whether a connector runs, and what it says of itself.
func (s section) process() {
	if s.x.Live == nil {
		s.found("not-running", s.x.State, "%s", cmp.Or(s.x.Stopped, "nobody answers on the sockets in "+s.x.State))
		return
	}
	s.found("running", s.x.State, "version %s", s.x.Host.Program)
	for _, sentence := range s.x.Live.Complaints() {
		s.found("complaint", "", "%s", sentence)
	}
}

// rules reads the local rules in the way that the connector does.
func (s section) rules() {
	path := s.x.Rules
	if path == "" {
		return
	}
	text, err := disk.ReadPrivate(path, maxRules)
	if err != nil {
		s.found("rules-wrong", path, "%s", err)
		return
	}
	rules, err := match.ParseRules(string(text))
	if err != nil {
		s.found("rules-wrong", path, "%s", err)
		return
	}
	s.found("rules", path, "%d rules", rules.Len())
}

// limits looks at what the system gives this process.
func (s section) limits() {
	if soft, ok := OpenFiles(); ok && s.x.Live != nil { // the limit of this process is that of the connector only if it is the connector
		need := uint64(s.x.Streams) + 256 // each stream is a connection to an application
		code := "files"
		if soft < need {
			code = "files-low"
		}
		s.found(code, "", "%d files may be open; %d streams need up to %d", soft, s.x.Streams, need)
	}
	if from, to, ok := PortRange(); ok {
		code := "ports"
		if to-from+1 < leastPorts {
			code = "ports-low"
		}
		s.found(code, "", "%d to %d", from, to)
	}
}
