//go:build !unix

package connector

import (
	"errors"
	"syscall"
)

// canPark is false where sockets are not files: there an idle stream to a TLS backend holds a buffer.
const canPark = false

func readNow(syscall.RawConn, []byte) (int, error) { return 0, errors.ErrUnsupported }

func readWhenReady(syscall.RawConn) (*parkBuffer, int, error) { return nil, 0, errors.ErrUnsupported }
