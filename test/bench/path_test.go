//go:build linux

package bench

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/internal/service"
)

// BenchmarkPath prints the CPU time that gateway and connector need for a request, sign-in and policy checked and every
// request logged to a file, beside nginx in two TLS hops before the same backend. ROUNDS says how often the sides take turns.
func BenchmarkPath(b *testing.B) {
	compare(b, []Side{startNginx(b).Side, startPostern(b).Side}, func(b *testing.B, rounds [][]Round) {
		b.ReportMetric(ratio(rounds[1], rounds[0], cpu), "x-nginx-cpu")
		b.ReportMetric(ratio(rounds[1], rounds[0], rate), "x-nginx-rate")
	})
}

// rounds says how often the sides take turns.
func rounds() int {
	turns, err := strconv.Atoi(os.Getenv("ROUNDS"))
	if err != nil {
		return 3
	}
	return turns
}

// startNginx starts the reference until the benchmark ends.
func startNginx(b *testing.B) subject {
	b.Helper()
	nginx, err := StartNginx(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := nginx.Stop(); err != nil {
			b.Error(err)
		}
	})
	side, err := nginx.Side("/1k")
	if err != nil {
		b.Fatal(err)
	}
	return subject{Side: side}
}

// compare lets the sides take turns under HTTP/1.1 and HTTP/2, prints what came out and lets report tell of it.
func compare(b *testing.B, sides []Side, report func(*testing.B, [][]Round)) {
	for _, load := range []struct {
		name, path string
		Load
	}{
		{"h1", "/1k", Load{Connections: 64, Duration: 2 * time.Second, Rounds: rounds(), Body: 1024}},
		{"h2", "/1k", Load{HTTP2: true, Connections: 8, Streams: 8, Duration: 2 * time.Second, Rounds: rounds(), Body: 1024}},
		{"h1-100k", "/100k", Load{Connections: 64, Duration: 2 * time.Second, Rounds: rounds(), Body: 102_400}},
		{"h2-100k", "/100k", Load{HTTP2: true, Connections: 8, Streams: 8, Duration: 2 * time.Second, Rounds: rounds(), Body: 102_400}},
	} {
		b.Run(load.name, func(b *testing.B) {
			sides := at(load.path, sides)
			for b.Loop() {
				rounds, err := Compare(b.Context(), load.Load, sides...)
				if err != nil {
					b.Fatal(err)
				}
				fmt.Println()
				if err := Print(os.Stdout, sides, rounds); err != nil {
					b.Fatal(err)
				}
				report(b, rounds)
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

func cpu(r Round) float64  { return float64(r.CPU) }
func rate(r Round) float64 { return r.Rate }

// at gives the sides with another path.
func at(path string, sides []Side) []Side {
	out := slices.Clone(sides)
	for i, side := range out {
		out[i].URL = side.URL[:strings.LastIndex(side.URL, "/")] + path
	}
	return out
}

// A subject is a side that is asked for more than what it carries.
type subject struct {
	Side
	system  *posterntest.System
	serve   func() int // starts the service again after it was killed
	metrics string     // URL
}

// startPostern starts a service and a connector, publishes the backend and signs somebody in.
func startPostern(b *testing.B) subject {
	b.Helper()
	s := startService(b)
	s.system.Assign(s.system.Publish("bench", Backend+"/"), s.system.User("ada"))
	s.URL, s.Headers = s.system.URL("bench", "/1k"), []string{"cookie: " + signIn(b, s.system)}
	return s
}

// startService starts service and connector as processes of their own.
func startService(b *testing.B) subject {
	b.Helper()
	dir := b.TempDir()
	buildPrograms(b, dir)
	port := posterntest.FreePort(b)
	metrics := net.JoinHostPort("127.0.0.1", strconv.Itoa(posterntest.FreePort(b)))
	system := posterntest.Attach(b, dir, port)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	serve := func() int {
		return startProgram(b, dir, "postern", "serve", "--data", filepath.Join(dir, "service"), "--url", system.PortalURL,
			"--admin-url", system.AdminURL, "--listen", address, "--listen-plain", "off", "--metrics-listen", metrics,
			"--gateway-address", address, "--drain", "1s")
	}
	served := serve()
	claim(b, system, filepath.Join(dir, "postern.out"))
	connected := connect(b, system)
	return subject{Side: Side{Name: "postern", Address: address, PIDs: []int{served, connected}}, system: system, serve: serve, metrics: "http://" + metrics + "/metrics"}
}

// buildPrograms builds them as `make build` does.
func buildPrograms(b *testing.B, dir string) {
	b.Helper()
	build := exec.Command("go", "build", "-pgo=../../scripts/build.pgo", "-o", dir+string(filepath.Separator), "postern/cmd/...")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build the programs: %v: %s", err, out)
	}
}

// startProgram starts one of our programs, writing to files in dir, and gives its process's id.
func startProgram(b *testing.B, dir, name string, args ...string) int {
	b.Helper()
	cmd := exec.Command(filepath.Join(dir, name), args...)
	out, err := os.Create(filepath.Join(dir, name+".out"))
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = out, log
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

var setupLink = regexp.MustCompile(`https://\S+/setup#(\S+)`)

// claim uses the set-up link that the service printed.
func claim(b *testing.B, system *posterntest.System, printed string) {
	b.Helper()
	var link [][]byte
	system.Await("the set-up link", func() bool {
		text, err := os.ReadFile(printed)
		link = setupLink.FindSubmatch(text)
		return err == nil && link != nil
	})
	roots, err := os.ReadFile(filepath.Join(system.Dir, "service", service.RootsFile))
	if err != nil {
		b.Fatal(err)
	}
	system.Trust(roots)
	done, err := system.Client("").Setup(b.Context(), api.SetupRequest{Code: string(link[1]), Name: "owner", Password: posterntest.Password})
	if err != nil {
		b.Fatal(err)
	}
	system.API = system.Client(done.Key)
}

// connect starts a connector and waits until the service knows it.
func connect(b *testing.B, system *posterntest.System) (pid int) {
	b.Helper()
	file := func(name, text string) string {
		path := filepath.Join(system.Dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
		return path
	}
	pid = startProgram(b, system.Dir, "postern-connector", "run", "--state", filepath.Join(system.Dir, "connector"),
		"--token-file", file("token", system.Token("bench")+"\n"), "--rules", file("rules", posterntest.Rules), "--name", "bench")
	system.Await("the connector to be active", func() bool {
		ctx, cancel := context.WithTimeout(b.Context(), 2*time.Second)
		defer cancel()
		list, err := system.API.Connectors.List(ctx, api.ListOptions{})
		return err == nil && len(list.Items) == 1 && list.Items[0].Status.Label == "active"
	})
	return pid
}

// signIn signs ada in at the application and gives her cookies there.
func signIn(b *testing.B, system *posterntest.System) string {
	b.Helper()
	var browser *posterntest.Browser
	system.Await("ada to be let in", func() bool {
		browser = system.Browser()
		return browser.SignIn(system.URL("bench", "/1k"), "ada").StatusCode == http.StatusOK
	})
	at, err := url.Parse(system.URL("bench", "/"))
	if err != nil {
		b.Fatal(err)
	}
	header := ""
	for _, cookie := range browser.Jar.Cookies(at) {
		if header != "" {
			header += "; "
		}
		header += cookie.Name + "=" + cookie.Value
	}
	return header
}
