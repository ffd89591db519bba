package system

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/internal/posterntest/pg"
	"postern/internal/service"
	"postern/test/size"
)

// replicas are services on one PostgreSQL behind a balancer, which has the port of their URL.
type replicas struct {
	*site    // whose service is the first one
	database *pg.Server
	front    *balancer
	services []*process
	ports    []int
}

// newReplicas starts so many services. Those whose number is in hidden advertise an address at which nobody
// listens, so that no connector and no gateway dials them.
func newReplicas(t *testing.T, count int, hidden ...int) *replicas {
	t.Helper()
	r := prepareReplicas(t, count, hidden...)
	r.front.to(r.ports[0])
	r.services[0].start()
	r.claim()
	for _, p := range r.services[1:] {
		p.start()
	}
	r.awaitGateways(count)
	r.front.to(r.ports...)
	return r
}

// prepareReplicas is newReplicas without a start.
func prepareReplicas(t *testing.T, count int, hidden ...int) *replicas {
	t.Helper()
	r := &replicas{database: pg.New(t), front: newBalancer(t)}
	database := r.database.Database(t)
	dir := t.TempDir()
	portal := fmt.Sprintf("https://portal.test.localhost:%d", r.front.port)
	admin := fmt.Sprintf("https://admin.test.localhost:%d", r.front.port)
	for i := range count {
		port := posterntest.FreePort(t)
		advertised := port
		if slices.Contains(hidden, i) {
			advertised = posterntest.FreePort(t)
		}
		data := filepath.Join(dir, r.directory(i))
		args := []string{"serve", "--data", data, "--url", portal, "--admin-url", admin, "--database", database,
			"--key-file", filepath.Join(dir, "master.key"), "--listen", fmt.Sprintf("127.0.0.1:%d", port), "--listen-plain", "off",
			"--metrics-listen", "off", "--gateway-address", fmt.Sprintf("127.0.0.1:%d", advertised), "--drain", "10s", "--region", regions[i]}
		r.ports = append(r.ports, port)
		r.services = append(r.services, newProcess(t, t.TempDir(), "postern", args...))
	}
	r.site = &site{t: t, service: r.services[0]}
	r.System = posterntest.Attach(t, dir, r.front.port)
	return r
}

// regions are where the services are.
var regions = []string{"west", "east", "south"}

// directory gives the name of a service's data directory.
func (r *replicas) directory(i int) string {
	if i == 0 {
		return "service"
	}
	return fmt.Sprint("service", i)
}

// at gives a client of the admin API of one service, past the balancer.
func (r *replicas) at(i int) *api.Client {
	r.t.Helper()
	client, err := api.NewClient(api.Config{URL: fmt.Sprintf("https://admin.test.localhost:%d", r.ports[i]), Key: r.Key, Roots: r.Roots})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(client.Close)
	return client
}

func (r *replicas) dial(i int) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", r.ports[i]))
	}
}

// clientsAt gives the clients of the site, all of whose connections lead to one service.
func (r *replicas) clientsAt(i int) []client {
	list := make([]client, len(r.clients))
	for n, c := range r.clients {
		transport := c.Transport.(*http.Transport).Clone()
		transport.DialContext = r.dial(i)
		r.t.Cleanup(transport.CloseIdleConnections)
		list[n] = client{c.name, &http.Client{Jar: c.Jar, Transport: transport}}
	}
	return list
}

// awaitGateways waits until each service knows so many, and all have tunnels with each other.
func (r *replicas) awaitGateways(count int) {
	r.t.Helper()
	for i := range r.services {
		client := r.at(i)
		r.Await(fmt.Sprintf("%d gateways that reach each other, as service %d sees it", count, i), func() bool {
			list, err := client.Gateways.List(r.t.Context(), api.ListOptions{})
			all := slices.DeleteFunc(list.Items, func(g api.Gateway) bool { return g.Label != "active" }) // one that stopped is there for a moment
			return err == nil && len(all) == count && !slices.ContainsFunc(all, func(g api.Gateway) bool { return len(g.Peers) < count-1 })
		})
	}
}

// balancer passes TCP connections on to one service after the other, as a load balancer before them does.
type balancer struct {
	port    int
	targets atomic.Pointer[[]int]
	turn    atomic.Int64
}

func newBalancer(t *testing.T) *balancer {
	t.Helper()
	port := posterntest.FreePort(t)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{port: port}
	b.to()
	var each sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	each.Go(func() {
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				each.Go(func() { b.pass(ctx, c.(*net.TCPConn)) })
			}
		}
	})
	t.Cleanup(func() { l.Close(); cancel(); each.Wait() })
	return b
}

func (b *balancer) to(ports ...int) { b.targets.Store(&ports) }

// pass takes the next service that accepts a connection.
func (b *balancer) pass(ctx context.Context, c *net.TCPConn) {
	defer c.Close()
	targets := *b.targets.Load()
	for range targets {
		port := targets[int(b.turn.Add(1))%len(targets)]
		to, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		stop := context.AfterFunc(ctx, func() { c.Close(); to.Close() })
		defer stop()
		var both sync.WaitGroup
		both.Go(func() { copyTCP(to.(*net.TCPConn), c) })
		both.Go(func() { copyTCP(c, to.(*net.TCPConn)) })
		both.Wait()
		to.Close()
		return
	}
}

func copyTCP(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		to.SetLinger(0) // a cut stays a cut
		to.Close()
		return
	}
	to.CloseWrite()
}

// A way is how a user and the connectors meet.
type way struct {
	name string
	site func(t *testing.T, connectors int) *site
}

var ways = []way{
	{"direct", func(t *testing.T, connectors int) *site {
		s := newSite(t, "")
		for range connectors {
			s.connect()
		}
		return s
	}},
	{"forwarded", forwardedSite},
}

// forwardedSite has users come to one service while the connectors have tunnels to another one only.
func forwardedSite(t *testing.T, connectors int) *site {
	r := newReplicas(t, 2, 0)
	r.front.to(r.ports[0])
	r.beyond = r.services[1]
	for range connectors {
		r.connect()
	}
	return r.site
}

// eachWay runs a test with the connectors at the user's own gateway, and at another one.
func eachWay(t *testing.T, test func(*testing.T, way)) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) { test(t, w) })
	}
}

// wiki gives a site with connectors and a handler published as the application wiki.
func (w way) wiki(t *testing.T, connectors int, handler http.HandlerFunc) *site {
	t.Helper()
	s := w.site(t, connectors)
	s.publish(posterntest.NewBackend(t, handler).URL)
	return s
}

// TestForwardedTransfer: much arrives unchanged both ways through two gateways.
func TestForwardedTransfer(t *testing.T) {
	amount := size.Of[int64](100<<20, 2<<30)
	s := way{"forwarded", forwardedSite}.wiki(t, 1, transfers)
	sum := sha256.New()
	if _, err := io.Copy(sum, generated(amount)); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%d %x <nil>", amount, sum.Sum(nil))
	for _, c := range s.clients {
		if got := s.download(c, "/known", amount); got != want {
			t.Errorf("%s: downloaded %s, want %s", c.name, got, want)
		}
		if got := s.upload(c, amount); got != want {
			t.Errorf("%s: uploaded %s, want %s", c.name, got, want)
		}
	}
}

// TestReplicasRestart: a graceful restart of any of them under load loses no request, with a connector that reaches all
// and with one that reaches only the last.
func TestReplicasRestart(t *testing.T) {
	for name, hidden := range map[string][]int{"the connector reaches both": nil, "the connector reaches one": {0}} {
		t.Run(name, func(t *testing.T) {
			r := newReplicas(t, 2, hidden...)
			r.connect()
			r.publish(posterntest.NewBackend(t, http.HandlerFunc(greet)).URL)
			for range size.Of(1, 5) {
				for i := range r.services {
					r.restart(i)
				}
			}
		})
	}
}

// restart takes a service out of the balancer, stops it in order and starts it again, under load.
func (r *replicas) restart(i int) {
	r.t.Helper()
	f := r.traffic()
	defer f.end()
	r.Await("some traffic", func() bool { return f.pages.Load() > 20 })
	others := slices.Clone(r.ports)
	r.front.to(slices.Delete(others, i, i+1)...)
	if err := r.services[i].signal(syscall.SIGTERM); err != nil {
		r.t.Errorf("service %d ended: %v", i, err)
	}
	r.services[i].start()
	r.awaitGateways(len(r.services))
	r.front.to(r.ports...)
	before := f.pages.Load()
	r.Await("more traffic", func() bool { return f.pages.Load() > before+20 })
	f.end()
	if lost := f.lost.Load(); lost > 0 {
		r.t.Errorf("service %d restarted: %d of %d requests were lost", i, lost, f.pages.Load()+lost)
	}
}

// TestReplicaKilled: a service that is killed takes with it what was under way there and nothing else.
func TestReplicaKilled(t *testing.T) {
	r := newReplicas(t, 2)
	r.connect()
	r.publish(posterntest.NewBackend(t, http.HandlerFunc(greet)).URL)
	for round := range size.Of(1, 10) {
		victim := round % 2
		all := r.clients
		r.clients = r.clientsAt(1 - victim)
		f := r.traffic()
		r.Await("some traffic", func() bool { return f.pages.Load() > 20 })
		r.services[victim].kill()
		r.front.to(r.ports[1-victim])
		before := f.pages.Load()
		r.Await("traffic after the kill", func() bool { return f.pages.Load() > before+50 })
		r.clients = all
		for _, c := range r.clients { // whoever came to the dead one goes to the other
			r.Await("a page for "+c.name, func() bool { status, _ := r.get(c, "/"); return status == http.StatusOK })
		}
		r.services[victim].start()
		r.awaitGateways(2)
		r.front.to(r.ports...)
		f.end()
		if lost := f.lost.Load(); lost > 0 {
			r.t.Errorf("%d requests at the service that lived were lost", lost)
		}
	}
}

// TestReplicasAgree: what is changed at one service is in force at the others, who is signed out there is out
// everywhere, and acts at both at once count the version without a gap.
func TestReplicasAgree(t *testing.T) {
	r := newReplicas(t, 2)
	r.connect()
	r.publish(posterntest.NewBackend(t, http.HandlerFunc(greet)).URL)
	there := r.clientsAt(1)[0]
	r.Await("a page", func() bool { status, _ := r.get(there, "/"); return status == http.StatusOK })
	here := r.at(0)
	list, err := here.Applications.List(t.Context(), api.ListOptions{Search: "wiki"})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("%d applications, %v", len(list.Items), err)
	}
	app := list.Items[0]
	for _, disabled := range []bool{true, false} {
		began := time.Now()
		if app, err = here.Applications.Update(t.Context(), app.ID, app.Version, api.Patch{"disabled": disabled}); err != nil {
			t.Fatal(err)
		}
		r.Await("the change at the other service", func() bool {
			status, _ := r.get(there, "/")
			return (status == http.StatusOK) != disabled
		})
		r.within("a change", began, size.Within(time.Second))
	}
	t.Run("revoked", func(t *testing.T) { r.revoked(t, there) })
	t.Run("acts at both", func(t *testing.T) { r.actsAtBoth(t) })
}

func (r *replicas) within(what string, began time.Time, bar time.Duration) {
	r.t.Helper()
	took := time.Since(began).Round(time.Millisecond)
	if took > bar {
		r.t.Errorf("%s took %v at the other service, want %v", what, took, bar)
	}
	r.t.Logf("%s was in force at the other service after %v", what, took)
}

func (r *replicas) revoked(t *testing.T, there client) {
	users, err := r.at(0).Users.List(t.Context(), api.ListOptions{Search: "ada"})
	if err != nil || len(users.Items) != 1 {
		t.Fatalf("%d users, %v", len(users.Items), err)
	}
	ada := users.Items[0]
	began := time.Now()
	if _, err := r.at(0).Users.Update(t.Context(), ada.ID, ada.Version, api.Patch{"disabled": true}); err != nil {
		t.Fatal(err)
	}
	r.Await("the user to be out at the other service", func() bool {
		status, text := r.get(there, "/")
		return status != http.StatusOK || text != "private"
	})
	r.within("a revocation", began, size.Within(5*time.Second))
}

// actsAtBoth makes groups at both services at once.
func (r *replicas) actsAtBoth(t *testing.T) {
	each := size.Of(20, 200)
	var all sync.WaitGroup
	for i := range r.services {
		client := r.at(i)
		all.Go(func() {
			for n := range each {
				if _, err := client.Groups.Create(t.Context(), api.GroupInput{Name: fmt.Sprintf("group %d of %d", n, i)}); err != nil {
					t.Errorf("group %d at service %d: %v", n, i, err)
				}
			}
		})
	}
	all.Wait()
	for i := range r.services {
		seen := map[uint64]bool{}
		highest := uint64(0)
		for entry, err := range r.at(i).Audit.All(t.Context(), api.ListOptions{Limit: api.MaxPage}) {
			if err != nil {
				t.Fatal(err)
			}
			seen[entry.Version] = true
			highest = max(highest, entry.Version)
		}
		delete(seen, 0)
		if len(seen) != int(highest) {
			t.Errorf("service %d shows %d versions up to %d", i, len(seen), highest)
		}
	}
}

// TestReplicasStartTogether: services that start at the same moment on an empty database become one.
func TestReplicasStartTogether(t *testing.T) {
	r := prepareReplicas(t, 3)
	for _, p := range r.services {
		p.start()
	}
	// Each new set-up link voids the one before: the last one printed claims the service.
	var links []string
	r.Await("the set-up links", func() bool {
		links = nil
		for _, p := range r.services {
			if code := setupLink.FindStringSubmatch(p.printed()); code != nil {
				links = append(links, code[1])
			}
		}
		return len(links) == len(r.services)
	})
	roots := must(os.ReadFile(filepath.Join(r.Dir, "service", service.RootsFile)))(t)
	r.Trust(roots)
	for i := range r.services {
		if other := must(os.ReadFile(filepath.Join(r.Dir, r.directory(i), service.RootsFile)))(t); !bytes.Equal(other, roots) {
			t.Errorf("service %d made an authority of its own", i)
		}
	}
	r.front.to(r.ports...)
	claimed := 0
	for _, code := range links {
		done, err := r.Client("").Setup(t.Context(), api.SetupRequest{Code: code, Name: "owner", Password: posterntest.Password})
		if err == nil {
			claimed++
			r.Key = done.Key
		}
	}
	if claimed != 1 {
		t.Fatalf("the service was claimed %d times", claimed)
	}
	r.API = r.Client(r.Key)
	r.awaitGateways(len(r.services))
}

// TestReplicasWithoutDatabase: while the database is away, users whom their gateway knows are served, also through another
// gateway; a new sign-in gets a clear page; all heals by itself.
func TestReplicasWithoutDatabase(t *testing.T) {
	r := newReplicas(t, 2, 0)
	r.connect()
	r.publish(posterntest.NewBackend(t, http.HandlerFunc(greet)).URL)
	for i := range r.services {
		for _, c := range r.clientsAt(i) {
			r.Await("a page", func() bool { status, _ := r.get(c, "/"); return status == http.StatusOK })
		}
	}
	f := r.traffic() // by both
	defer f.end()
	r.database.Stop(t)
	before := f.pages.Load()
	pause(t, size.Of(3*time.Second, 10*time.Minute))
	r.Await("traffic without the database", func() bool { return f.pages.Load() > before+100 })
	page := r.Browser().Go(r.wiki("/"))
	if field := regexp.MustCompile(`name="request"`); field.MatchString(page.Text) { // the form needs no database; signing in does
		page = r.Browser().SignIn(r.wiki("/"), "ada")
	}
	if page.StatusCode != http.StatusServiceUnavailable || page.Header.Get("Retry-After") == "" {
		t.Errorf("a new sign-in meets %s: %.300s", page.Status, page.Text)
	}
	r.database.Start(t)
	r.signIn(r.wiki("/"), "ada")
	r.awaitGateways(2)
	f.end()
	if lost := f.lost.Load(); lost > 0 {
		t.Errorf("%d of %d requests of known users were lost", lost, f.pages.Load()+lost)
	}
}
