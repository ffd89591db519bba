package local

import (
	"errors"
	"fmt"
	"net"
)

// ListenAll and PeerOf are for a client that is a service, which there is none of on Windows yet.
func ListenAll(string, string) (net.Listener, error) { return nil, errShared() }

// PeerOf tells whose program is at the other end.
func PeerOf(net.Conn) (Peer, error) { return Peer{}, errShared() }

func errShared() error {
	return fmt.Errorf("a socket for all users of the machine: %w", errors.ErrUnsupported)
}
