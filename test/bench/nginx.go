package bench

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed nginx-two-hops.sh
var twoHops string

// Backend is where the reference's static backend listens: /1k, /100k and /100m over plain HTTP.
// Publish it on the other side, so that both end at the same place.
const Backend = "http://127.0.0.1:9001"

// Nginx is the reference: nginx in two TLS hops, the second with mutual TLS, before the static backend.
type Nginx struct {
	dir string
}

// StartNginx starts the backend and the reference. Its ports are fixed, so there is one at a time on a machine.
func StartNginx(ctx context.Context) (*Nginx, error) {
	dir, err := os.MkdirTemp("", "nginx-two-hops-")
	if err != nil {
		return nil, err
	}
	n := &Nginx{dir}
	if err := os.Chmod(dir, 0o755); err != nil { // nginx's workers are another user, when it is started by root
		return nil, errors.Join(err, n.Stop())
	}
	if err := n.script(ctx, "up"); err != nil {
		return nil, errors.Join(fmt.Errorf("start nginx in two hops: %w", err), n.Stop())
	}
	return n, nil
}

// Side returns the reference as a side that asks for path, such as /1k.
func (n *Nginx) Side(path string) (Side, error) {
	side := Side{Name: "nginx, two hops", URL: "https://bench.test" + path, Address: "127.0.0.1:9444"}
	for _, hop := range []string{"gw.pid", "conn.pid"} {
		text, err := os.ReadFile(filepath.Join(n.dir, hop))
		if err != nil {
			return Side{}, err
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return Side{}, fmt.Errorf("%s: %w", hop, err)
		}
		side.PIDs = append(side.PIDs, pid)
	}
	return side, nil
}

// Stop ends all of it and removes its files.
func (n *Nginx) Stop() error {
	return errors.Join(n.script(context.Background(), "down"), os.RemoveAll(n.dir))
}

func (n *Nginx) script(ctx context.Context, verb string) error {
	cmd := exec.CommandContext(ctx, "bash", "-s", verb)
	cmd.Env = append(os.Environ(), "D="+n.dir)
	cmd.Stdin = strings.NewReader(twoHops)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
