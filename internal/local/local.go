// Package local has the sockets by which the programs of a machine talk to one that runs: in a directory that one user may enter, and
// open to that user and root alone. On Windows they are named pipes with an access list that says the same.
package local

import (
	"errors"
	"time"
)

// patience is how long whoever serves a socket may take to accept.
const patience = 5 * time.Second

// ErrNobody says that nobody serves a socket.
var ErrNobody = errors.New("nobody is listening there")
