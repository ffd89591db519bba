package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"runtime"
	"sync"

	"postern/internal/disk"
	"postern/internal/fault"
	"postern/internal/local"
	"postern/internal/oauth"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// A client that is a service of the machine runs as root (Windows: as SYSTEM, and administrators are what root is elsewhere), and its users talk to it over a socket that all of them can open; who does is said by
// the system. One user at a time is signed in on it: whoever signed in owns it until they sign out. The owner and root ask it everything, others
// nothing but whether it is free.

const fileOwner = "owner.json"

// owner is a user of this machine.
type owner struct {
	User string `json:"user"` // as the system numbers them
	Name string `json:"name"`
}

var administrator = owner{User: local.Administrator.User, Name: local.Administrator.Name}

// ending says who ends the service, and how.
func ending() string {
	switch runtime.GOOS {
	case "windows":
		return "administrators end (sc.exe stop postern-client)"
	case "darwin":
		return "root ends (launchctl bootout system/postern-client)"
	}
	return "root ends (systemctl stop postern-client)"
}

// ownership knows who owns a service.
type ownership struct {
	only string // name or number of the only user who may sign in; empty: whoever comes first

	signingIn sync.Mutex // held by the one sign-in that is under way

	mu       sync.Mutex     // guards programs
	programs map[string]int // by user
}

// program is one that talks to a client.
type program struct{ local.Peer }

// Share makes the control socket of a service in a directory that every user of the machine can enter. only may name the user who may sign in.
func (c *Client) Share(dir, only string, listeners func() []Listener) (*Control, error) {
	l, err := local.ListenAll(dir, socketName)
	if err != nil {
		return nil, err
	}
	return &Control{c: c, listener: l, listeners: listeners, socket: filepath.Join(dir, socketName), owned: &ownership{only: only, programs: map[string]int{}}}, nil
}

// program tells whose a program is.
func (s *Control) program(conn net.Conn) (p program, err error) {
	if s.owned != nil {
		p.Peer, err = local.PeerOf(conn)
	}
	return p, err
}

// enter takes a place for a program, unless its user has too many and is neither the owner nor root.
func (s *Control) enter(p program) bool {
	if s.owned == nil {
		return true
	}
	who, err := s.c.state.owner()
	s.owned.mu.Lock()
	defer s.owned.mu.Unlock()
	if !p.Admin && (err != nil || who.User != p.User) && s.owned.programs[p.User] >= maxOfUser {
		return false
	}
	s.owned.programs[p.User]++
	return true
}

func (s *Control) leave(p program) {
	if s.owned == nil {
		return
	}
	s.owned.mu.Lock()
	defer s.owned.mu.Unlock()
	if s.owned.programs[p.User]--; s.owned.programs[p.User] == 0 {
		delete(s.owned.programs, p.User)
	}
}

// may refuses what a program may not ask.
func (s *Control) may(p program, open wire.Open) error {
	if s.owned == nil || p.Admin {
		return nil
	}
	if open.Question == questionStop {
		return fault.Forbidden("the client of this machine is a service, which %s; postern-client pause has nothing go through it for a while, and logout ends your sign-in", ending())
	}
	who, err := s.c.state.owner()
	switch {
	case err != nil:
		return err
	case who.User == p.User:
		return nil
	case who.User != "":
		return fault.Forbidden("the client of this machine is used by %s: only they and %s may ask it. With --state DIRECTORY you run one of your own, without rights", who.Name, local.Administrator.Name)
	case open.Question == questionLogin && s.owned.only != "" && !p.Is(s.owned.only):
		return fault.Forbidden("only %s may sign in on the client of this machine. With --state DIRECTORY you run one of your own, without rights", s.owned.only)
	case open.Question == questionLogin, open.Question == questionStatus:
		return nil
	}
	return ErrSignedOut
}

// owner tells who owns the service that runs on a directory; nobody while nobody is signed in.
func (s *State) owner() (who owner, err error) {
	if _, err := s.signIn(); errors.Is(err, ErrSignedOut) {
		return owner{}, nil
	}
	data, err := disk.ReadSecret(s.file(fileOwner), maxState)
	if errors.Is(err, fs.ErrNotExist) {
		return administrator, nil // whoever signed in could write the directory
	}
	if err == nil {
		err = json.Unmarshal(data, &who)
	}
	if err != nil {
		return administrator, fmt.Errorf("read who uses this client: %w", err)
	}
	return who, nil
}

func (s *State) setOwner(who owner) error {
	data, err := json.Marshal(who)
	if err == nil {
		err = disk.WriteFile(s.file(fileOwner), data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep who uses this client: %w", err)
	}
	return nil
}

// LoginAsk is what a user's program says to sign in on a service.
type LoginAsk struct {
	URL       string `json:"url"`
	CA        []byte `json:"ca,omitempty"`
	Name      string `json:"name,omitempty"`
	NewDevice bool   `json:"newDevice,omitempty"`
	Code      bool   `json:"code,omitempty"` // by a code to be typed elsewhere, not in a browser of this machine
}

// loginNews is what a sign-in that is under way tells.
type loginNews struct {
	Address string        `json:"address,omitempty"` // to open in the user's browser
	Code    *oauth.Code   `json:"code,omitempty"`    // to be typed
	Done    *SignedIn     `json:"done,omitempty"`
	Refusal *wire.Refusal `json:"refusal,omitempty"`
}

// login signs a user in. The tokens stay with the service: the user's program only opens the page.
func (s *Control) login(ctx context.Context, p program, st *tunnel.Stream) {
	body, ok := questionBody(st)
	if !ok {
		return
	}
	q, err := wire.Decode[LoginAsk](body)
	switch {
	case s.owned == nil:
		err = fault.Invalid("the question", "is for a client that is a service of the machine")
	case err != nil:
		err = fault.Invalid("the question", "cannot be read")
	case !s.owned.signingIn.TryLock():
		err = fault.Conflict("somebody is signing in on this machine just now")
	default:
		defer s.owned.signingIn.Unlock()
		err = s.may(p, wire.Open{Kind: wire.KindAsk, Question: questionLogin}) // somebody may have signed in meanwhile
	}
	if err != nil {
		refuse(st, err)
		return
	}
	if st.Accept(nil) != nil {
		return // whoever asked is gone
	}
	defer st.Close()
	tell := func(n loginNews) { _, _ = st.Write(append(wire.Encode(n), '\n')) } // who is gone cancels st's context
	signing, cancel := context.WithCancel(st.Context())
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	done, err := s.signIn(signing, p, q, tell)
	if err != nil {
		tell(loginNews{Refusal: &wire.Refusal{Phase: phaseClient, Code: fault.KindOf(err).String(), Message: err.Error()}})
	} else {
		tell(loginNews{Done: &done})
	}
	_ = st.CloseWrite() // as above
}

// signIn notes whose the client is before it is: after a crash between the two it is nobody's, not somebody else's.
func (s *Control) signIn(ctx context.Context, p program, q LoginAsk, tell func(loginNews)) (SignedIn, error) {
	before, err := s.c.state.owner()
	if err != nil && !p.Admin {
		return SignedIn{}, err
	}
	who := owner{p.User, p.Name}
	if before.User != "" && err == nil {
		who = before // root signs in for its owner
	}
	if err := s.c.state.setOwner(who); err != nil {
		return SignedIn{}, err
	}
	in := SignIn{State: s.c.state, URL: q.URL, CA: q.CA, Dialer: s.c.cfg.Dialer, Host: s.c.cfg.Host, OSVersion: s.c.cfg.OSVersion, Name: q.Name, NewDevice: q.NewDevice}
	if q.Code {
		in.Device = func(code oauth.Code) { tell(loginNews{Code: &code}) }
	} else {
		in.Browser = func(address string) { tell(loginNews{Address: address}) }
	}
	done, err := Login(ctx, in)
	if err == nil {
		s.c.log.Info("signed in on this machine", "user", who.Name, "device", done.Device)
	}
	return done, err
}
