//go:build linux

package bench

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/internal/posterntest/pg"
)

// BenchmarkForwarded prints what it costs when the connector's tunnel is at another gateway than the user: two services on one
// PostgreSQL, the same connector, the same session; CPU of all processes that carry the request.
func BenchmarkForwarded(b *testing.B) {
	compare(b, startPair(b), func(b *testing.B, rounds [][]Round) {
		b.ReportMetric(ratio(rounds[1], rounds[0], cpu), "x-direct-cpu")
		b.ReportMetric(ratio(rounds[1], rounds[0], rate), "x-direct-rate")
	})
}

// startPair starts two services, of which the connector reaches the first only, and gives the way through it alone
// and the way through both.
func startPair(b *testing.B) []Side {
	b.Helper()
	startNginx(b) // its second hop's backend is what is published
	database := pg.Start(b)
	dir, second := b.TempDir(), b.TempDir()
	buildPrograms(b, dir)
	if err := os.Symlink(filepath.Join(dir, "postern"), filepath.Join(second, "postern")); err != nil {
		b.Fatal(err)
	}
	port := posterntest.FreePort(b)
	system := posterntest.Attach(b, dir, port)
	key := filepath.Join(dir, "master.key")
	serve := func(where, listen, advertised string) int {
		return startProgram(b, where, "postern", "serve", "--data", filepath.Join(where, "service"), "--url", system.PortalURL,
			"--admin-url", system.AdminURL, "--database", database, "--key-file", key, "--listen", listen, "--listen-plain", "off",
			"--metrics-listen", "off", "--gateway-address", advertised, "--drain", "1s")
	}
	local := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
	near := serve(dir, local(port), local(port))
	claim(b, system, filepath.Join(dir, "postern.out"))
	other := local(posterntest.FreePort(b))
	far := serve(second, other, local(posterntest.FreePort(b))) // where nobody listens: no connector comes there
	connected := connect(b, system)
	system.Assign(system.Publish("bench", Backend+"/"), system.User("ada"))
	system.Await("two gateways that reach each other", func() bool {
		list, err := system.API.Gateways.List(b.Context(), api.ListOptions{})
		return err == nil && len(list.Items) == 2 && list.Items[0].Label == "active" && list.Items[1].Label == "active"
	})
	headers := []string{"cookie: " + signIn(b, system)}
	return []Side{
		{Name: "direct", URL: system.URL("bench", "/1k"), Address: local(port), PIDs: []int{near, connected}, Headers: headers},
		{Name: "forwarded", URL: system.URL("bench", "/1k"), Address: other, PIDs: []int{far, near, connected}, Headers: headers},
	}
}
