package center

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/store"
	"postern/internal/trafficlog"
	"postern/internal/wire"
)

// How much there is.
const (
	connectorGroups = 40
	connectors      = 1_000
	applications    = 1_000
	users           = 10_000
	groups          = 200
	assigned        = 2_000 // to the first application; the others have one assignment each
	requests        = 100_000
	signIns         = 20_000
	audits          = 20_000
	alerts          = 1_000
)

// seeds are the rows of a service that has been used for long.
type seeds struct {
	t      *testing.T
	ctx    context.Context
	store  *store.Store
	now    time.Time
	groups []access.ID
	apps   []access.Application
	agents []access.Connector
	users  []access.User
}

// seed fills the data directory of a service that does not run.
func seed(t *testing.T, data string) {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{URL: "sqlite:" + filepath.Join(data, "postern.db"), KeyFile: filepath.Join(data, "master.key")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := &seeds{t: t, ctx: t.Context(), store: db, now: time.Now().UTC().Truncate(time.Microsecond)}
	s.fleet()
	s.people()
	s.logs()
	s.traffic(filepath.Join(data, "traffic"))
}

// rows writes count rows, in transactions of some hundreds.
func (s *seeds) rows(count int, row func(tx *store.Tx, i int) error) {
	s.t.Helper()
	for from := 0; from < count; from += 500 {
		err := s.store.WriteMany(s.ctx, 500, func(tx *store.Tx) error {
			for i := from; i < min(from+500, count); i++ {
				if err := row(tx, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// meta gives the nth object of a kind, made some time ago.
func (s *seeds) meta(prefix string, i int) access.Meta {
	at := s.now.Add(-30 * 24 * time.Hour).Add(time.Duration(i) * time.Second)
	return access.Meta{ID: access.NewID(prefix, at), Version: 1, Created: at, Updated: at}
}

func (s *seeds) fleet() {
	s.rows(connectorGroups, func(tx *store.Tx, i int) error {
		g := access.ConnectorGroup{Meta: s.meta(access.PrefixConnectorGroup, i), Name: fmt.Sprintf("Site %02d", i), Region: "eu-west"}
		s.groups = append(s.groups, g.ID)
		return tx.InsertConnectorGroup(s.ctx, &g)
	})
	s.rows(connectors, func(tx *store.Tx, i int) error {
		k := access.Connector{
			Meta: s.meta(access.PrefixConnector, i), Name: fmt.Sprintf("connector-%04d", i), GroupID: s.groups[i%connectorGroups], Serial: fmt.Sprintf("%032x", i+1),
			NotAfter: s.now.Add(20 * 24 * time.Hour), LastSeen: s.now.Add(-time.Duration(i) * time.Minute), Address: fmt.Sprintf("203.0.113.%d:4711", i%250),
			Host: access.HostFacts{MachineName: fmt.Sprintf("host-%04d.site.example.com", i), OS: "linux", Arch: "amd64", Program: "v0.1.0"},
		}
		s.agents = append(s.agents, k)
		return tx.InsertConnector(s.ctx, &k)
	})
	s.rows(applications, func(tx *store.Tx, i int) error {
		name := fmt.Sprintf("application-%04d", i)
		a := access.Application{
			Meta: s.meta(access.PrefixApplication, i), Name: name, GroupID: s.groups[i%connectorGroups], ExternalURL: "https://" + name + ".test.localhost/",
			InternalURL: "http://" + name + ".internal.example.com/", PreAuthentication: access.SignIn, HostHeader: access.HostInternal, Disabled: i%50 == 0,
		}
		s.apps = append(s.apps, a)
		return tx.InsertApplication(s.ctx, &a)
	})
}

func (s *seeds) people() {
	s.rows(users, func(tx *store.Tx, i int) error {
		u := access.User{Meta: s.meta(access.PrefixUser, i), Name: fmt.Sprintf("user%05d", i), DisplayName: fmt.Sprintf("User Number %d", i), Email: fmt.Sprintf("user%05d@example.com", i)}
		s.users = append(s.users, u)
		return tx.InsertUser(s.ctx, &u)
	})
	s.rows(groups, func(tx *store.Tx, i int) error {
		g := access.Group{Meta: s.meta(access.PrefixGroup, i), Name: fmt.Sprintf("Team %03d", i)}
		for n := range users / groups {
			g.Members = append(g.Members, s.users[i*users/groups+n].ID)
		}
		return tx.InsertGroup(s.ctx, &g)
	})
	s.rows(assigned+applications, func(tx *store.Tx, i int) error {
		a := access.Assignment{Meta: s.meta(access.PrefixAssignment, i), Application: s.apps[0].ID, User: s.users[i].ID}
		if i >= assigned {
			a.Application = s.apps[i-assigned].ID
		}
		return tx.InsertAssignment(s.ctx, &a)
	})
}

func (s *seeds) logs() {
	s.rows(signIns/100, func(tx *store.Tx, i int) error {
		list := make([]access.SignInEntry, 100)
		for n := range list {
			at := s.now.Add(-time.Duration(signIns-i*100-n) * 4 * time.Second)
			u := &s.users[(i*100+n)%users]
			list[n] = access.SignInEntry{ID: access.NewID(access.PrefixSignIn, at), Time: at, Event: access.EventSignIn, Result: access.ResultSuccess, User: u.ID, UserName: u.Name,
				Methods: []string{"pwd"}, Address: "203.0.113.9", UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", Request: fmt.Sprintf("s%025d", i*100+n)}
		}
		return tx.InsertSignIns(s.ctx, list)
	})
	s.rows(audits, func(tx *store.Tx, i int) error {
		at := s.now.Add(-time.Duration(audits-i) * 4 * time.Second)
		k := &s.agents[i%connectors]
		return tx.AppendAudit(s.ctx, &access.AuditEntry{ID: access.NewID(access.PrefixAudit, at), Time: at, Actor: access.Actor{Kind: access.ActorUser, ID: s.users[0].ID, Name: s.users[0].Name},
			Action: "connector.update", Object: k.ID, Name: k.Name, Outcome: "done", Detail: `{"Priority":[0,1]}`})
	})
	s.rows(alerts, func(tx *store.Tx, i int) error {
		at := s.now.Add(-time.Duration(alerts-i) * time.Minute)
		return tx.PutAlert(s.ctx, &access.Alert{ID: access.NewID(access.PrefixAlert, at), Code: "connector-clock-skew", Severity: "warning", Object: s.agents[i].ID,
			Sentence: "The clock of the connector " + s.agents[i].Name + " differs from the service's by 3m0s.", Cure: "Set the clock of its machine by NTP.", Opened: at, Resolved: at.Add(time.Minute)})
	})
}

// traffic writes real segments of the traffic log.
func (s *seeds) traffic(dir string) {
	log, err := trafficlog.New(trafficlog.Config{Dir: dir})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	for i := range requests {
		log.Record(s.record(i))
		if i%5_000 == 4_999 {
			if err := log.Flush(ctx); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	cancel()
	if err := <-done; err != nil {
		s.t.Fatal(err)
	}
	if head, _ := log.Head(); head < requests {
		s.t.Fatalf("the traffic log has %d records, want %d", head, requests)
	}
}

func (s *seeds) record(i int) wire.Record {
	a, k, u := &s.apps[i%applications], &s.agents[i%connectors], &s.users[i%users]
	r := wire.Record{
		Time: s.now.Add(-time.Duration(requests-i) * 800 * time.Millisecond), Request: fmt.Sprintf("r%025d", i), Gateway: "gtw_0", Application: string(a.ID), Connector: string(k.ID),
		User: u.Name, UserID: string(u.ID), Client: fmt.Sprintf("198.51.%d.9:4711", i%250), UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", Protocol: "HTTP/2.0",
		Method: "GET", Host: a.Name + ".test.localhost", Path: fmt.Sprintf("/documents/%d/pages/%d", i%977, i), Status: 200, Outcome: wire.OutcomeForwarded, Action: "allow",
		Sent: 18_211, FirstByte: 3 * time.Millisecond, Duration: 4 * time.Millisecond, Complete: true, ApplicationName: a.Name, ConnectorName: k.Name, ConnectorGroup: "Site", Destination: a.Name + ":80",
	}
	if i%20 == 0 {
		r.Status = 500
	}
	return r
}
