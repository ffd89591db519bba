package credential_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postern/internal/credential"
)

// TestDiskFull has no file of an agent's process take a byte from a step on, as a disk does that is full: the old credential or the new
// one is whole, and a renewal succeeds when there is room again.
func TestDiskFull(t *testing.T) {
	for _, from := range []string{"locked", "pending", "connection", "credential"} {
		t.Run("after "+from, func(t *testing.T) {
			path, issuer := site(t)
			if err := agent(path, issuer, ""); err != nil {
				t.Fatal(err)
			}
			old, err := load(t, path)
			if err != nil {
				t.Fatal(err)
			}
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), crashEnv+"="+path+"|"+filepath.Join(filepath.Dir(path), "issuer")+"|full "+from)
			out, err := child.CombinedOutput()
			if from != "credential" && !strings.Contains(string(out), syscall.EFBIG.Error()) { // from there on nothing is written
				t.Errorf("the renewal says %q, %v", out, err)
			}
			got, err := load(t, path)
			if err != nil {
				t.Fatalf("no usable credential: %v", err)
			}
			if renewed := got.Serial != old.Serial; renewed != (from == "credential") {
				t.Errorf("renewed: %v", renewed)
			}
			finish(t, path, issuer, 3)
		})
	}
}

// agentWithoutRoom renews as agent does; from the step on the disk is full.
func agentWithoutRoom(path string, issuerPEM []byte, from string) error {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	now := before
	limit := func(to syscall.Rlimit) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &to); err != nil {
			panic(err)
		}
	}
	fill := func(at string) {
		if at == from {
			now.Cur = 0
			limit(now)
		}
	}
	d, err := credential.Open(path)
	if err != nil {
		return err
	}
	d.OnReached(fill)
	fill("locked")
	key, err := d.Pending()
	if err != nil {
		return err
	}
	csr, err := credential.Request(key)
	if err != nil {
		return err
	}
	limit(before) // the service has a disk of its own
	answer, err := answerOnce(filepath.Dir(path), issuerPEM, csr)
	limit(now)
	if err != nil {
		return err
	}
	_, err = d.Accept(answer)
	return err
}
