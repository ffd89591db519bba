// Package local has the sockets by which the programs of a machine talk to one that runs: in a directory that one user may enter, and
// open to that user and root alone, or to all users, where who asks is told by the system. On Windows they are named pipes with access lists that say the same.
package local

import (
	"errors"
	"time"
)

// patience is how long whoever serves a socket may take to accept.
const patience = 5 * time.Second

// ErrNobody says that nobody serves a socket.
var ErrNobody = errors.New("nobody is listening there")
