package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"postern/internal/credential"
	"postern/internal/disk"
	"postern/internal/fault"
)

// The files of a state directory, beside those of the device's credential.
const (
	fileSignIn = "sign-in.json"
	fileRules  = "rules.json" // what the user may reach, as it was told last: what goes direct and what is blocked without a gateway
	lockSignIn = "sign-in.lock"
	lockRun    = "run.lock"
	socketName = "control.sock"
)

const maxState = 4 << 20 // bytes of a file

// signIn is what is kept of the sign-in of a user. Whoever can read it is the user.
type signIn struct {
	Service string    `json:"service"`          // URL, as the service calls itself
	CA      []byte    `json:"ca,omitempty"`     // PEM; whom to trust for the service's certificate beside the system's authorities
	Refresh []byte    `json:"refresh"`          // sealed by the operating system, where it does that
	Access  []byte    `json:"access,omitempty"` // as Refresh
	Expires time.Time `json:"expires,omitzero"` // of Access
}

// tokens gives the tokens in clear.
func (s signIn) tokens() (refresh, access string, err error) {
	a, err := unseal(s.Refresh)
	if err != nil {
		return "", "", fault.Unauthenticated("the sign-in that is kept here is another user's or machine's; sign in again: postern-client login URL").Because(err)
	}
	b, err := unseal(s.Access)
	if err != nil {
		b = nil // a new one is had for the refresh token
	}
	return string(a), string(b), nil
}

// with gives the sign-in with other tokens.
func (s signIn) with(refresh, access string, expires time.Time) (signIn, error) {
	a, err := seal([]byte(refresh))
	if err != nil {
		return s, fmt.Errorf("have the operating system seal the sign-in: %w", err)
	}
	b, err := seal([]byte(access))
	if err != nil {
		return s, fmt.Errorf("have the operating system seal the sign-in: %w", err)
	}
	s.Refresh, s.Access, s.Expires = a, b, expires
	return s, nil
}

// State is the directory of a user's client: the device's key and certificate, and the sign-in. It is for that user alone.
type State struct {
	path string
	dir  *credential.Directory
}

// OpenState gives the directory at path, which it makes if need be. It refuses one that other users can enter.
func OpenState(path string) (*State, error) {
	dir, err := credential.OpenDevice(path)
	if err != nil {
		return nil, err
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the state directory: %w", err)
	}
	return &State{path: path, dir: dir}, nil
}

func (s *State) file(name string) string { return filepath.Join(s.path, name) }

// ErrSignedOut says that nobody is signed in.
var ErrSignedOut = fault.Unauthenticated("nobody is signed in here; sign in with: postern-client login URL")

// signIn reads the sign-in. ErrSignedOut: there is none.
func (s *State) signIn() (signIn, error) {
	data, err := disk.ReadSecret(s.file(fileSignIn), maxState)
	if errors.Is(err, fs.ErrNotExist) {
		return signIn{}, ErrSignedOut
	}
	if err != nil {
		return signIn{}, fmt.Errorf("read the sign-in: %w", err)
	}
	var kept signIn
	if json.Unmarshal(data, &kept) != nil || kept.Service == "" || len(kept.Refresh) == 0 {
		return signIn{}, fault.Unauthenticated("%s is damaged; sign in again: postern-client login URL", s.file(fileSignIn))
	}
	return kept, nil
}

func (s *State) saveSignIn(kept signIn) error {
	data, err := json.Marshal(kept)
	if err != nil {
		return fault.Internal(err, "encode the sign-in")
	}
	return disk.WriteFile(s.file(fileSignIn), data, 0o600)
}

// lock has programs that use or change the sign-in take turns: a refresh token is good once.
func (s *State) lock(ctx context.Context) (*disk.FileLock, error) {
	return disk.Lock(ctx, s.file(lockSignIn))
}

// Service gives the URL of the service that somebody is signed in at.
func (s *State) Service() (string, error) {
	kept, err := s.signIn()
	return kept.Service, err
}
