package credential_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/ca"
	"postern/internal/credential"
	"postern/internal/fault"
	"postern/internal/wire"
)

const crashEnv = "CREDENTIAL_TEST_CRASH" // directory, issuer file and step, separated by "|"

// TestMain is also the agent that TestCrashPoints kills.
func TestMain(m *testing.M) {
	plan := strings.Split(os.Getenv(crashEnv), "|")
	if len(plan) != 3 {
		os.Exit(m.Run())
	}
	data, err := os.ReadFile(plan[1])
	if from, full := strings.CutPrefix(plan[2], "full "); err == nil && full {
		err = agentWithoutRoom(plan[0], data, from)
	} else if err == nil {
		err = agent(plan[0], data, plan[2])
	}
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
}

// agent enrols or renews as the connector does. At the step it tells its parent and waits to be
// killed; with no step it runs through.
func agent(path string, issuerPEM []byte, step string) error {
	d, err := credential.Open(path)
	if err != nil {
		return err
	}
	stop := func(at string) {
		if at == step {
			os.Stdout.WriteString(at + "\n")
			select {}
		}
	}
	d.OnReached(stop)
	lock, err := d.Lock(context.Background())
	if err != nil {
		return err
	}
	stop("locked")
	key, err := d.Pending()
	if err != nil {
		return err
	}
	csr, err := credential.Request(key)
	if err != nil {
		return err
	}
	answer, err := answerOnce(filepath.Dir(path), issuerPEM, csr)
	if err != nil {
		return err
	}
	stop("answered")
	if _, err := d.Accept(answer); err != nil {
		return err
	}
	return lock.Unlock()
}

// agentInto enrols into a directory inside another one's, at the service of that one.
func agentInto(path string, issuerPEM []byte, site string) error {
	d, err := credential.Open(path)
	if err != nil {
		return err
	}
	key, err := d.Pending()
	if err != nil {
		return err
	}
	csr, err := credential.Request(key)
	if err != nil {
		return err
	}
	answer, err := answerOnce(filepath.Dir(site), issuerPEM, csr)
	if err != nil {
		return err
	}
	_, err = d.Accept(answer)
	return err
}

// answerOnce is the service: for the same key it answers the same certificate.
func answerOnce(dir string, issuerPEM, csr []byte) (wire.Credential, error) {
	issuer, err := ca.ParseIssuer(issuerPEM)
	if err != nil {
		return wire.Credential{}, err
	}
	public, err := ca.ParseCSR(csr)
	if err != nil {
		return wire.Credential{}, err
	}
	hash, err := ca.KeyHash(public)
	if err != nil {
		return wire.Credential{}, err
	}
	memory := filepath.Join(dir, "issued-"+hash)
	der, err := os.ReadFile(memory)
	if errors.Is(err, os.ErrNotExist) {
		der, err = issuer.Issue(ca.Request{Profile: ca.ProfileConnector, Serial: ca.NewSerial(), Public: public, Now: time.Now(),
			Identity: wire.Identity{TrustDomain: issuer.TrustDomain(), Role: wire.RoleConnector, ID: "con_1"}})
		if err == nil {
			err = os.WriteFile(memory, der, 0o600)
		}
	}
	if err != nil {
		return wire.Credential{}, err
	}
	roots, err := os.ReadFile(filepath.Join(dir, "roots"))
	return wire.Credential{
		Connector: "con_1", TrustDomain: issuer.TrustDomain(), Certificate: der, Roots: roots, ServiceURL: "https://portal.example.com",
		Gateways: []wire.Gateway{{ID: "gtw_1", Address: "portal.example.com:443"}}, RenewAfter: time.Now().Add(time.Hour).UTC(), Time: time.Now(),
	}, err
}

// site gives an empty credential directory and its service's issuer.
func site(t *testing.T) (path string, issuerPEM []byte) {
	t.Helper()
	w := newWorld(t, domain)
	issuerPEM, err := w.issuer.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "roots"), w.rootsPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "issuer"), issuerPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "credential"), issuerPEM
}

func load(t *testing.T, path string) (*credential.Credential, error) {
	t.Helper()
	d, err := credential.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return d.Load()
}

// killAt runs an agent as a process of its own and kills it at the step.
func killAt(t *testing.T, path, step string) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashEnv+"="+path+"|"+filepath.Join(filepath.Dir(path), "issuer")+"|"+step)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != step {
		t.Errorf("the agent never came to %q: %q, %v", step, line, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = child.Wait() // killed
}

func TestCrashPoints(t *testing.T) {
	for _, step := range []string{"locked", "pending", "answered", "connection", "credential", "removed"} {
		t.Run("enrol killed at "+step, func(t *testing.T) {
			path, issuer := site(t)
			killAt(t, path, step)
			if _, err := load(t, path); err != nil && !fault.Is(err, fault.KindNotFound) {
				t.Errorf("neither enrolled nor unenrolled: %v", err)
			}
			finish(t, path, issuer, 2) // enrolled, or enrolled and renewed
		})
		t.Run("renewal killed at "+step, func(t *testing.T) {
			path, issuer := site(t)
			if err := agent(path, issuer, ""); err != nil {
				t.Fatal(err)
			}
			old, err := load(t, path)
			if err != nil {
				t.Fatal(err)
			}
			killAt(t, path, step)
			between, err := load(t, path)
			if err != nil {
				t.Fatalf("no usable credential: %v", err)
			}
			switched := step == "credential" || step == "removed"
			if switched != (between.Serial != old.Serial) {
				t.Errorf("old %s, now %s", old.Serial, between.Serial)
			}
			// Until the switch the interrupted renewal must be resumed at once.
			if due := !between.RenewAfter.After(time.Now()); due != (step == "pending" || step == "answered" || step == "connection") {
				t.Errorf("renewal due: %v", due)
			}
			finish(t, path, issuer, 3)
		})
	}
}

// finish runs the agent again: it must come to a new, settled credential, and the service must not
// have been made to issue more than the given number of certificates.
func finish(t *testing.T, path string, issuer []byte, most int) {
	t.Helper()
	if err := agent(path, issuer, ""); err != nil {
		t.Fatal(err)
	}
	c, err := load(t, path)
	if err != nil {
		t.Fatal(err)
	}
	if !c.RenewAfter.After(time.Now()) {
		t.Error("the credential is not settled")
	}
	issued, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "issued-*"))
	if len(issued) > most {
		t.Errorf("%d certificates were issued", len(issued))
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"connection.json", "credential.pem", "lock"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestTornWritesAreSweptAway(t *testing.T) {
	path, issuer := site(t)
	if _, err := credential.Open(path); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".credential.pem.12345.tmp", ".pending.pem.9.tmp"} {
		if err := os.WriteFile(filepath.Join(path, name), []byte("-----BEGIN PRIVATE"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(path, "pending.pem"), []byte("-----BEGIN PRIV"), 0o600); err != nil {
		t.Fatal(err)
	}
	finish(t, path, issuer, 1)
}

func TestRenewalUsesANewKey(t *testing.T) {
	path, issuer := site(t)
	finish(t, path, issuer, 1)
	first, err := load(t, path)
	if err != nil {
		t.Fatal(err)
	}
	finish(t, path, issuer, 2)
	second, err := load(t, path)
	if err != nil {
		t.Fatal(err)
	}
	if first.Key.Equal(second.Key) || first.Serial == second.Serial {
		t.Error("the key stayed")
	}
}

func TestOpenToOthersIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("modes say nothing on Windows; package disk checks access lists")
		return
	}
	path, issuer := site(t)
	finish(t, path, issuer, 1)
	for name, want := range map[string]string{"credential.pem": "chmod 600 ", "connection.json": "chmod 600 "} {
		file := filepath.Join(path, name)
		chmod(t, file, 0o640)
		if _, err := load(t, path); err == nil || !strings.Contains(err.Error(), want+file) {
			t.Errorf("%s: %v", name, err)
		}
		chmod(t, file, 0o600)
	}
	chmod(t, path, 0o755)
	if _, err := credential.Open(path); err == nil || !strings.Contains(err.Error(), "chmod 700 "+path) {
		t.Errorf("directory: %v", err)
	}
	chmod(t, path, 0o700)
	if os.Geteuid() == 0 {
		if err := os.Chown(filepath.Join(path, "credential.pem"), 4242, -1); err != nil {
			t.Fatal(err)
		}
		if _, err := load(t, path); err == nil || !strings.Contains(err.Error(), "belongs to user 4242") {
			t.Errorf("foreign owner: %v", err)
		}
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestDamageIsNamed(t *testing.T) {
	path, issuer := site(t)
	finish(t, path, issuer, 1)
	for _, name := range []string{"credential.pem", "connection.json"} {
		file := filepath.Join(path, name)
		good, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for what, bad := range map[string][]byte{"empty": nil, "cut": good[:len(good)/2], "twice": append(append([]byte{}, good...), good...)} {
			if err := os.WriteFile(file, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := load(t, path); err == nil || fault.Is(err, fault.KindNotFound) || !strings.Contains(err.Error(), file) {
				t.Errorf("%s %s: %v", name, what, err)
			}
		}
		if err := os.WriteFile(file, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAcceptRefuses(t *testing.T) {
	path, issuer := site(t)
	finish(t, path, issuer, 1)
	before, err := load(t, path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := credential.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Accept(wire.Credential{}); err == nil || !strings.Contains(err.Error(), "nothing was asked for") {
		t.Errorf("without a question: %v", err)
	}
	key, err := d.Pending()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := credential.Request(key)
	if err != nil {
		t.Fatal(err)
	}
	good, err := answerOnce(filepath.Dir(path), issuer, csr)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*wire.Credential)
		want   string
	}{
		{"no certificate", func(c *wire.Credential) { c.Certificate = nil }, "cannot be read"},
		{"the old certificate", func(c *wire.Credential) { c.Certificate = before.Leaf.Raw }, "for another key"},
		{"another connector", func(c *wire.Credential) { c.Connector = "con_2" }, "not this connector's"},
		{"another trust domain", func(c *wire.Credential) { c.TrustDomain = "x" }, "not this connector's"},
		{"no roots", func(c *wire.Credential) { c.Roots = nil }, "roots must not be empty"},
		{"roots of noise", func(c *wire.Credential) { c.Roots = []byte("hello") }, "roots must be"},
		{"plain http", func(c *wire.Credential) { c.ServiceURL = "http://x" }, "serviceUrl must"},
		{"no gateways", func(c *wire.Credential) { c.Gateways = nil }, "gateways must be"},
		{"a gateway without a port", func(c *wire.Credential) { c.Gateways = []wire.Gateway{{Address: "x"}} }, "not host:port"},
	}
	for _, test := range tests {
		answer := good
		test.change(&answer)
		if _, err := d.Accept(answer); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		if now, err := d.Load(); err != nil || now.Serial != before.Serial {
			t.Errorf("%s: the old credential is gone: %v", test.name, err)
		}
	}
	if _, err := d.Accept(good); err != nil {
		t.Error(err)
	}
}

func TestSaveConnectionAndRemove(t *testing.T) {
	path, issuer := site(t)
	finish(t, path, issuer, 1)
	c, err := load(t, path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := credential.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	pushed := c.Connection
	pushed.ServiceURL, pushed.Serial, pushed.RenewAfter = "https://new.example.com", "", time.Time{}
	if err := d.SaveConnection(pushed); err != nil {
		t.Fatal(err)
	}
	pushed.Serial, pushed.RenewAfter = c.Connection.Serial, c.Connection.RenewAfter
	if now, err := d.Load(); err != nil || cmp.Diff(pushed, now.Connection) != "" {
		t.Errorf("%v, %v", now, err)
	}
	for name, change := range map[string]func(*credential.Connection){
		"another connector": func(c *credential.Connection) { c.Connector = "con_2" },
		"no gateways":       func(c *credential.Connection) { c.Gateways = nil },
	} {
		bad := pushed
		change(&bad)
		if d.SaveConnection(bad) == nil {
			t.Errorf("%s: saved", name)
		}
	}
	if err := errors.Join(d.Remove(), d.Remove()); err != nil {
		t.Error(err)
	}
	if _, err := d.Load(); !fault.Is(err, fault.KindNotFound) {
		t.Errorf("after Remove: %v", err)
	}
}

func TestSignedRequests(t *testing.T) {
	w := newWorld(t, domain)
	mine, theirs := w.enrolled(t, "con_1"), w.enrolled(t, "con_2")
	find := func(serial string) (*x509.Certificate, error) {
		for _, c := range []*credential.Credential{mine, theirs} {
			if c.Serial == serial {
				return c.Leaf, nil
			}
		}
		return nil, fault.Unauthenticated("the certificate is unknown")
	}
	sign := func(c *credential.Credential) wire.SignedRequest {
		req, err := c.Sign(wire.RenewPayload{Purpose: wire.PurposeRenew, CSR: []byte("csr"), Connector: "con_9", Serial: "9"})
		if err != nil {
			t.Fatal(err)
		}
		return req
	}
	payload, leaf, err := credential.OpenRequest(sign(mine), wire.PurposeRenew, find)
	if err != nil || payload.Connector != "con_1" || payload.Serial != mine.Serial || !leaf.Equal(mine.Leaf) {
		t.Fatalf("OpenRequest = %+v, %v", payload, err)
	}
	edit := func(change func(*wire.RenewPayload)) wire.SignedRequest {
		req := sign(mine)
		var p wire.RenewPayload
		if err := json.Unmarshal(req.Payload, &p); err != nil {
			t.Fatal(err)
		}
		change(&p)
		req.Payload = wire.Encode(p)
		return req
	}
	posing := *mine
	posing.Identity.ID = "con_2" // signs with con_1's key and serial in con_2's name
	flipped := sign(mine)
	flipped.Signature[len(flipped.Signature)-1] ^= 1
	tests := []struct {
		name, purpose string
		req           wire.SignedRequest
		want          string
	}{
		{"other purpose", wire.PurposeDeregister, sign(mine), "another purpose"},
		{"empty", wire.PurposeRenew, wire.SignedRequest{}, "malformed"},
		{"huge", wire.PurposeRenew, wire.SignedRequest{Payload: make([]byte, 33<<10)}, "too large"},
		{"flipped bit", wire.PurposeRenew, flipped, "not signed by the key"},
		{"changed after signing", wire.PurposeRenew, edit(func(p *wire.RenewPayload) { p.CSR = []byte("mine") }), "not signed by the key"},
		{"another's serial", wire.PurposeRenew, edit(func(p *wire.RenewPayload) { p.Serial = theirs.Serial }), "not signed by the key"},
		{"unknown serial", wire.PurposeRenew, edit(func(p *wire.RenewPayload) { p.Serial = "1" }), "certificate is unknown"},
		{"another's name", wire.PurposeRenew, sign(&posing), "names another connector"},
	}
	for _, test := range tests {
		if _, _, err := credential.OpenRequest(test.req, test.purpose, find); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}
