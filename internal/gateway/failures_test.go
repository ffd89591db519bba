package gateway

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"postern/internal/tunnel"
)

// TestASilentNetworkIsNoSlowApplication: the way to the connector ended without a word, which the kernel tells as a
// timeout. What is broken is the way, not the application.
func TestASilentNetworkIsNoSlowApplication(t *testing.T) {
	silent := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ETIMEDOUT)}
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"a tunnel that fell silent", &tunnel.ResetError{Code: tunnel.CodeConnectionLost, Cause: fmt.Errorf("%w: %w", tunnel.ErrLost, silent)}, "connector-lost"},
		{"the same while the request is written", fmt.Errorf("write: %w", fmt.Errorf("%w: %w", tunnel.ErrLost, silent)), "connector-lost"},
		{"an application that does not answer", silent, "backend-timeout"},
		{"one that stops in the middle", errIdle, "backend-timeout"},
	}
	for _, test := range tests {
		if f := failureOf(test.err); f.reason != test.want {
			t.Errorf("%s: %s at %v, want %s", test.name, f.reason, f.hop, test.want)
		}
	}
}
