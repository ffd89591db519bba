// Package service is the one wiring of the service: store, control plane, gateway and the faces
// they serve. main, the demo and the tests start this very one.
package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"postern/internal/access"
	"postern/internal/admin"
	"postern/internal/agentapi"
	"postern/internal/control"
	"postern/internal/daemon"
	"postern/internal/disk"
	"postern/internal/fetch"
	"postern/internal/gateway"
	"postern/internal/identity"
	"postern/internal/portal"
	"postern/internal/series"
	"postern/internal/store"
	"postern/internal/trafficlog"
	"postern/internal/web"
	"postern/internal/wire"
)

// Service is a whole service in one process.
type Service struct {
	cfg       Config
	flags     []control.Flag // what the service was started with
	log       *slog.Logger
	listeners gateway.Listeners
	ops       net.Listener
	store     *store.Store
	control   *control.Control
	gateway   *gateway.Gateway
	traffic   *trafficlog.Log // nil: there is none

	sessionLogs *sessionLogs
	breached    *identity.Breached
	registry    *prometheus.Registry
}

// New opens the listeners, then the store, and wires everything. It starts nothing. What it opened
// is closed again when it fails; otherwise by Run.
func New(ctx context.Context, cfg Config) (*Service, error) {
	given := cfg
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, flags: flagsOf(given, cfg), log: cfg.Log, registry: prometheus.NewRegistry()}
	s.sessionLogs = newSessionLogs(s)
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *Service) open(ctx context.Context) error {
	// The listeners come first: a port that is taken is told before anything is touched.
	if err := s.listen(); err != nil {
		return err
	}
	if err := s.openStore(ctx); err != nil {
		return err
	}
	if err := s.openBreached(); err != nil {
		return err
	}
	return s.wire(ctx)
}

func (s *Service) listen() (err error) {
	open := func(name, address string) net.Listener {
		if err != nil || address == "" || address == Off {
			return nil
		}
		var l net.Listener
		if l, err = s.cfg.Listener(name, address); err != nil {
			err = fmt.Errorf("listen on %s (--%s): %w", address, name, err)
			return nil
		}
		return l
	}
	s.listeners.TLS = open("listen", s.cfg.Listen)
	s.listeners.Plain = open("listen-plain", s.cfg.ListenPlain)
	s.listeners.Admin = open("admin-listen", s.cfg.AdminListen)
	s.ops = open("metrics-listen", s.cfg.MetricsListen)
	return err
}

// addresses gives where the service itself listens.
func (s *Service) addresses() []net.Addr {
	var list []net.Addr
	for _, l := range []net.Listener{s.listeners.TLS, s.listeners.Plain, s.listeners.Admin, s.ops} {
		if l != nil {
			list = append(list, l.Addr())
		}
	}
	return list
}

func (s *Service) wire(ctx context.Context) error {
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	now, err := time.Now(), s.openTraffic()
	if err != nil {
		return err
	}
	id := access.NewID(access.PrefixGateway, now)
	s.control, err = control.New(ctx, control.Config{
		Store:      s.store,
		Log:        s.log,
		Registerer: s.registry,
		Names:      access.Names{PortalURL: s.cfg.URL, AdminURL: s.cfg.AdminURL},
		Gateway:    access.Gateway{ID: id, Address: s.cfg.GatewayAddress, Region: s.cfg.Region, Program: s.cfg.Version, Started: now.UTC().Truncate(time.Microsecond)},
		Breached:   s.breached,
		Settings:   control.Settings{Certificate: s.cfg.Certificate, RequireSecondFactor: s.cfg.SecondFactor, ArchiveAfter: s.cfg.ArchiveAfter, AuditRetention: s.cfg.AuditRetention, SignInRetention: s.cfg.SignInRetention, TrafficRetention: s.cfg.TrafficAge, TrafficBytes: s.cfg.TrafficBytes}, Flags: s.flags,
		Now:        s.cfg.Now,
		Data:       s.cfg.Data,
		Own:        fetch.Listeners(s.addresses()...),
		Ask:        s.ask,
		AskGateway: s.askGateway,
		Traffic:    s.traffic,
		Counts:     s.counts,
	})
	if err != nil {
		return fmt.Errorf("open the control plane: %w", err)
	}
	if err := s.writeRoots(ctx); err != nil {
		return err
	}
	agents, err := agentapi.New(agentapi.Config{Enrolments: s.control, Configurations: s.control, Program: s.cfg.Version, Bench: s.bench, Log: s.log})
	if err != nil {
		return err
	}
	adminHandler := admin.New(admin.Config{Control: s.control, Log: s.log, URL: s.cfg.AdminURL, CAFile: filepath.Join(s.cfg.Data, RootsFile)})
	s.gateway, err = gateway.New(gateway.Config{
		ID:                string(id),
		Address:           s.cfg.GatewayAddress,
		Program:           s.cfg.Version,
		Peers:             s.control,
		Log:               s.log,
		Registerer:        s.registry,
		Snapshots:         s.control,
		Sessions:          s.control,
		SignIns:           s.control,
		Grants:            s.control,
		Keys:              s.control.Certificates(),
		Recorder:          s.newRecorder(),
		Presence:          s.control,
		Portal:            s.withHealth(portal.New(portal.Config{Control: s.control, Accounts: s.control, Upstreams: s.control, Programs: s.control, Keys: s.control, Devices: s.control, StepUps: s.control, Requests: s.control, AdminURL: s.cfg.AdminURL, Log: s.log, Now: s.cfg.Now})),
		Admin:             s.withHealth(adminHandler),
		Agent:             agents,
		CRL:               s.control.CRL,
		Ask:               agents.Ask,
		AskPeer:           s.control.AnswerGateway,
		ProxyProtocolFrom: s.cfg.proxyProtocol,
		Drain:             s.cfg.Drain,
		Now:               s.cfg.Now,
	})
	return err
}

// counts tells what the gateway counted. It is asked while the control plane runs, and that runs with the gateway.
func (s *Service) counts() map[string]series.Total { return s.gateway.Counted() }

// ask asks a connector by a tunnel that ends here or at another gateway. Nobody asks before the gateway is there.
func (s *Service) ask(ctx context.Context, connector access.ID, question string, body []byte) ([]byte, error) {
	return s.gateway.Ask(ctx, connector, question, body)
}

// bench loads a connector that measures what it can carry, if an administrator allowed that.
func (s *Service) bench(ctx context.Context, connector access.ID, ask wire.AskBench) (wire.BenchResult, error) {
	if err := s.control.MayBench(connector, time.Now()); err != nil {
		return wire.BenchResult{}, err
	}
	return s.gateway.Bench(ctx, connector, ask)
}

// openBreached opens the list of passwords that nobody may choose. Whoever runs the service names it, so
// it may lie in a private network.
func (s *Service) openBreached() (err error) {
	if s.cfg.BreachedPasswords != "" {
		s.breached, err = identity.OpenBreached(s.cfg.BreachedPasswords, fetch.New(fetch.Config{Private: true, Timeout: 5 * time.Second}), s.log)
	}
	return err
}

// RootsFile is the file in the data directory with the certificates of our own CA, for browsers and
// command lines that are to trust it.
const RootsFile = "ca.pem"

func (s *Service) writeRoots(ctx context.Context) error {
	snap, err := s.control.Snapshot(ctx, 0)
	if err != nil {
		return err
	}
	return disk.WriteFile(filepath.Join(s.cfg.Data, RootsFile), snap.Roots, 0o644)
}

// followRoots writes the file anew when the roots are exchanged, until ctx ends.
func (s *Service) followRoots(ctx context.Context) {
	var written []byte
	for after := uint64(0); ; {
		snap, err := s.control.Snapshot(ctx, after)
		if err != nil {
			return // ctx has ended
		}
		after = snap.Version
		if bytes.Equal(written, snap.Roots) {
			continue
		}
		if err := disk.WriteFile(s.RootsPath(), snap.Roots, 0o644); err != nil {
			s.log.Error("write the certificates of our own CA", "file", s.RootsPath(), "error", err)
			continue
		}
		written = snap.Roots
	}
}

// Run serves until ctx ends, drains, and closes what New opened.
func (s *Service) Run(ctx context.Context) error {
	// The control plane outlives the gateway: exchanges that drain still need sessions and grants.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	err := daemon.Run(ctx,
		func(ctx context.Context) error {
			defer stop()
			return s.gateway.Serve(ctx, s.listeners)
		},
		func(context.Context) error { return s.control.Run(background) },
		func(context.Context) error { return s.runTraffic(background) },
		func(context.Context) error { return s.serveOps(background) },
		func(context.Context) error { s.followRoots(background); return nil },
		func(context.Context) error { s.followRetention(background); return nil },
		func(context.Context) error { s.sessionLogs.run(background); return nil },
	)
	return errors.Join(err, s.close())
}

// Control gives the control plane, for the set-up of a demo or a test.
func (s *Service) Control() *control.Control { return s.control }

// RootsPath gives the file with the certificates of our own CA.
func (s *Service) RootsPath() string { return filepath.Join(s.cfg.Data, RootsFile) }

// Address gives where the service listens for TLS.
func (s *Service) Address() net.Addr { return s.listeners.TLS.Addr() }

// URL gives the URL of the portal, where connectors enrol, too.
func (s *Service) URL() string { return s.cfg.URL }

// AdminURL gives the URL of admin center and admin API.
func (s *Service) AdminURL() string { return s.cfg.AdminURL }

// SetupLink gives the link with which the first administrator claims the service, or nothing when
// it is claimed. Each call makes a new one and voids the one before. The code stands in the
// fragment, which browsers do not send and no log keeps.
func (s *Service) SetupLink(ctx context.Context) (string, error) {
	code, pending, err := s.control.SetupCode(ctx)
	if err != nil || !pending {
		return "", err
	}
	return s.cfg.AdminURL + "/setup#" + code, nil
}

func (s *Service) close() error {
	var errs []error
	for _, l := range []net.Listener{s.listeners.TLS, s.listeners.Plain, s.listeners.Admin, s.ops} {
		if l == nil {
			continue
		}
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	errs = append(errs, s.breached.Close())
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(errs...)
}

// serveOps answers metrics and health on an address that only the machine itself reaches.
func (s *Service) serveOps(ctx context.Context) error {
	if s.ops == nil {
		<-ctx.Done()
		return nil
	}
	return daemon.ServeHTTP(ctx, web.Server(s.opsHandler(), s.log), s.ops)
}
