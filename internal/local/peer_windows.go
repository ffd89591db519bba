package local

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/windows"
)

// Administrator is who may do everything on the machine: the group of those.
var Administrator = Peer{User: "S-1-5-32-544", Name: "an administrator", Admin: true}

// UserID gives what PeerOf will say of a user that people name, with a domain or without: the SID, since Windows finds names by a domain that may be
// away later.
func UserID(name string) (string, error) {
	if _, err := windows.StringToSid(name); err == nil {
		return name, nil
	}
	sid, _, _, err := windows.LookupSID("", strings.TrimPrefix(name, `.\`))
	if err != nil {
		return "", err
	}
	return sid.String(), nil
}

// PeerOf tells whose program is at the other end of a connection to a pipe of ours. Whoever has not let himself be known is refused.
func PeerOf(conn net.Conn) (Peer, error) {
	pipe, ok := conn.(*pipeConn)
	if !ok {
		return Peer{}, fmt.Errorf("%T is no connection of a program of this machine", conn)
	}
	raw, err := pipe.SyscallConn()
	if err != nil {
		return Peer{}, fmt.Errorf("find out whose program it is: %w", err)
	}
	var p Peer
	var peerErr error
	if err := raw.Control(func(handle uintptr) { p, peerErr = peerOf(windows.Handle(handle)) }); err != nil {
		return Peer{}, fmt.Errorf("find out whose program it is: %w", err)
	}
	if peerErr != nil {
		return Peer{}, fmt.Errorf("find out whose program it is: %w", peerErr)
	}
	return p, nil
}

var impersonateNamedPipeClient = windows.NewLazySystemDLL("advapi32.dll").NewProc("ImpersonateNamedPipeClient")

// peerOf asks Windows by the token that the other side's program had when it connected: its process may be gone, and its number another one's.
func peerOf(pipe windows.Handle) (Peer, error) {
	done := make(chan error, 1)
	var p Peer
	go func() { // on a thread of its own, which ends with it if it cannot become ourselves again
		runtime.LockOSThread()
		if ok, _, err := impersonateNamedPipeClient.Call(uintptr(pipe)); ok == 0 {
			runtime.UnlockOSThread()
			done <- err
			return
		}
		var token windows.Token
		err := windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &token)
		if reverted := windows.RevertToSelf(); reverted == nil {
			runtime.UnlockOSThread()
		}
		if err == nil {
			p, err = userOf(token)
			err = errors.Join(err, token.Close())
		}
		done <- err
	}()
	err := <-done
	return p, err
}

func userOf(token windows.Token) (Peer, error) {
	who, err := token.GetTokenUser()
	if err != nil {
		return Peer{}, err
	}
	administrators, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return Peer{}, err
	}
	p := Peer{User: who.User.Sid.String()}
	if p.Admin, err = token.IsMember(administrators); err != nil { // of a program that was started as one
		return Peer{}, err
	}
	p.Name = nameOf(who.User.Sid)
	return p, nil
}

const nameWithin = 2 * time.Second // the longest that a domain may take

var namesOf sync.Map // SID -> its name, or the SID while it is looked for. As many as the machine has users who ask

// nameOf gives a user's name for people. Windows may wait long for a domain that is reached only by what asks here: once for each user, and
// whoever waits does so for a moment.
func nameOf(sid *windows.SID) string {
	id := sid.String()
	if name, known := namesOf.LoadOrStore(id, id); known {
		return name.(string)
	}
	found := make(chan struct{})
	go func() { // ends when Windows has an answer
		defer close(found)
		own, err := windows.StringToSid(id)
		if err != nil {
			return
		}
		if name, domain, _, err := own.LookupAccount(""); err == nil {
			namesOf.Store(id, domain+`\`+name)
		}
	}()
	select {
	case <-found:
	case <-time.After(nameWithin):
	}
	name, _ := namesOf.Load(id)
	return name.(string)
}

// sameName compares as Windows does: both with their domain.
func sameName(a, b string) bool { return strings.EqualFold(a, b) }
