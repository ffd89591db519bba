//go:build linux

package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConnectorThatIsAwayForAWholeExchange: the root is exchanged and retired by force while the machine of a connector is
// off. It is told what happened and what to do, and doing that is all it needs.
func TestConnectorThatIsAwayForAWholeExchange(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.publish()
	p.startConnector()
	p.awaitActive()
	end(p.connector) // its machine is switched off
	p.admin("ca", "rotate", "--yes")
	refusal := p.refused("ca", "rotate", "--finish", "--yes")
	for _, words := range []string{"1 connector that has not renewed under the new root (site)", "they follow by themselves", "enrolled again with a new token"} {
		if !strings.Contains(refusal, words) {
			t.Errorf("finishing is refused with %q, want %q", refusal, words)
		}
	}
	p.admin("ca", "rotate", "--finish", "--force", "--yes")
	p.admin("ca", "status") // meanwhile the gateway hears of it: until then it takes the old certificate, and gives a ticket to resume with
	p.startConnector()
	p.system.Await("the connector to say what happened", func() bool {
		return strings.Contains(p.log.String(), "an authority that this machine does not know")
	})
	if text := p.log.String(); !strings.Contains(text, "must be enrolled with a new token") || strings.Contains(text, "inspects TLS") {
		t.Errorf("the connector says %s", text)
	}
	end(p.connector)
	if out, err := p.Command(Site, filepath.Join(programs, "postern-connector"), "uninstall", "--force", "--state", p.path("connector")).CombinedOutput(); err != nil {
		t.Fatalf("uninstall: %v: %s", err, out)
	}
	p.admin("connectors", "delete", "site", "--yes")
	if err := os.Remove(p.path("token")); err != nil {
		t.Fatal(err)
	}
	p.admin("tokens", "create", "again", "--out", p.path("token"))
	p.startConnector()
	p.awaitActive()
	roots, err := os.ReadFile(p.path("service/ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	p.system.Trust(roots)
	p.user = p.newUser()
	p.signIn()
	p.expectNothingInbound()
}

// refused runs the command line as the owner does and gives what it says when it refuses.
func (p *product) refused(args ...string) string {
	p.t.Helper()
	out, err := p.adminCommand(args...).CombinedOutput()
	if err == nil {
		p.t.Fatalf("postern %s was done: %s", strings.Join(args, " "), out)
	}
	return string(out)
}
