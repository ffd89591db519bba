//go:build unix

package local

import (
	"fmt"
	"net"
	"os/user"
	"strconv"
)

// Administrator is who may do everything on the machine.
var Administrator = Peer{User: "0", Name: "root", Admin: true}

// UserID gives what PeerOf will say of a user that people name: on unix the name does, also of one whom only a directory knows that is away now.
func UserID(name string) (string, error) { return name, nil }

// PeerOf tells whose program is at the other end of a connection to a socket of ours.
func PeerOf(conn net.Conn) (Peer, error) {
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return Peer{}, fmt.Errorf("%T is no connection of a program of this machine", conn)
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return Peer{}, fmt.Errorf("find out whose program it is: %w", err)
	}
	var uid uint32
	var peerErr error
	if err := raw.Control(func(fd uintptr) { uid, peerErr = peerUID(int(fd)) }); err != nil {
		return Peer{}, fmt.Errorf("find out whose program it is: %w", err)
	}
	if peerErr != nil {
		return Peer{}, fmt.Errorf("find out whose program it is: %w", peerErr)
	}
	p := Peer{User: strconv.FormatUint(uint64(uid), 10), Admin: uid == 0}
	p.Name = p.User
	if known, err := user.LookupId(p.User); err == nil {
		p.Name = known.Username
	}
	return p, nil
}

func sameName(a, b string) bool { return a == b }
