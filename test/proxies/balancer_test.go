package proxies

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"postern/internal/posterntest"
	"postern/internal/service"
)

// TestBehindABalancer: HAProxy passes TLS through and tells whose connection it is (PROXY protocol v2): tunnels work, and the service
// knows the connector's address, not the balancer's.
func TestBehindABalancer(t *testing.T) {
	if !need(t, "haproxy") {
		return
	}
	front := net.JoinHostPort("127.0.0.1", strconv.Itoa(posterntest.FreePort(t)))
	const balancer = "127.0.0.9"
	sys := posterntest.New(t, posterntest.With(func(c *service.Config) {
		c.GatewayAddress, c.ProxyProtocol = front, []string{balancer}
	}))
	config := filepath.Join(t.TempDir(), "haproxy.cfg")
	text := fmt.Sprintf("defaults\n mode tcp\n timeout connect 30s\n timeout client 5m\n timeout server 5m\n"+
		"listen postern\n bind %s\n server one %s send-proxy-v2 source %s\n", front, sys.Address(), balancer)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "haproxy", "-db", "-f", config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }() // it is killed
	t.Cleanup(func() { cancel(); <-ended })
	if !answers(front, ended) {
		t.Fatal("HAProxy does not start")
	}
	c := sys.Connector("behind")
	seen := must(sys.API.Connectors.Show(t.Context(), string(c.ID)))(t)
	if !strings.HasPrefix(seen.Address, "127.0.0.1:") {
		t.Errorf("the service takes the connector's address for %s", seen.Address)
	}
}
