//go:build linux

package lab

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestNoPortsLeft: the connector's machine has twenty ports of its own towards the application. Those who find none are told so, by a code that
// stands in the connector's metrics and in the doctor's findings; all others are served, and all of them again when ports are free.
func TestNoPortsLeft(t *testing.T) {
	t.Parallel()
	const ports = 20
	f := newFleet(t, 1)
	m := f.members[0]
	// The tunnels have theirs already; the rest is for the application.
	f.Run(m.host, "sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 40019")
	users := f.newUser()
	users.Jar = f.user.Jar
	var all sync.WaitGroup
	var mu sync.Mutex
	served, told := 0, 0
	for range 3 * ports {
		all.Go(func() {
			status, text := get(users.Client, "https://"+appHost+"/?wait=3s")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case status == http.StatusOK:
				served++
			case status == http.StatusServiceUnavailable && strings.Contains(text, "connector-limit"):
				told++
			default:
				t.Errorf("%d: %.600s", status, text)
			}
		})
	}
	all.Wait()
	t.Logf("%d served, %d told that there is no port", served, told)
	if served < ports-5 || told == 0 {
		t.Errorf("%d served and %d told of %d, with %d ports", served, told, 3*ports, ports)
	}
	f.system.Await("the application to be served again", func() bool {
		status, _ := get(users.Client, "https://"+appHost+"/")
		return status == http.StatusOK
	})
	metrics := f.Run(m.host, "curl", "-s", "http://127.0.0.1:9464/metrics")
	if !strings.Contains(metrics, `postern_connector_refusals_total{code="out-of-ports",phase="limit"}`) {
		t.Errorf("the metrics do not tell:\n%s", metrics)
	}
	out, _ := f.Command(m.host, "sh", "-c", programs+"/postern-connector doctor -o json --state "+f.path("state-"+m.name)).CombinedOutput() // its code tells of the finding
	if !strings.Contains(string(out), "ports-low") {
		t.Errorf("the doctor does not tell that there are few ports:\n%s", out)
	}
}

// get gives the status and the text of a page, 0 if there was none.
func get(c *http.Client, target string) (int, string) {
	req, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Accept", "application/problem+json")
	resp, err := c.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}
