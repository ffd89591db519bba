//go:build !unix

package tunnel

import "syscall"

// Elsewhere sockets are not written to without waiting: the writer goroutine does it.
const canPush = false

type pusher struct{}

func (*pusher) push(syscall.RawConn, []byte) (int, error) { return 0, nil }

type puller struct{}

func newPuller(syscall.RawConn) *puller { return nil }

func (*puller) pull() (*copyBuffer, int, error) { return nil, 0, syscall.ENOTSUP }
