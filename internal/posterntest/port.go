package posterntest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// FreePort gives a port below the range from which the system takes ports for outgoing connections, so that it stays free
// while nothing listens on it between two runs of a process. Nobody else gets it until the test ends: a socket of that name
// in the abstract name space, which ends with this process at the latest, says that it is taken.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 200 {
		port := 2000 + rand.IntN(7000)
		taken, err := net.Listen("unix", fmt.Sprintf("@postern-test-port-%d", port))
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			taken.Close()
			continue
		}
		l.Close()
		t.Cleanup(func() { taken.Close() })
		return port
	}
	t.Fatal("no free port")
	return 0
}
