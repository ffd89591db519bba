package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postern/internal/connector"
	"postern/internal/connector/journal"
	"postern/internal/credential"
	"postern/internal/daemon"
	"postern/internal/fault"
	"postern/internal/supervise"
	"postern/internal/uplink"
	"postern/internal/wire"
)

// runFlags are the flags of run.
type runFlags struct {
	*settings
	tokenFile            string
	rules                string
	name                 string
	gateways             int
	metrics              string
	adminLog, sessionLog string
	tie                  *supervise.Tie // of a worker to its supervisor; nil without one
	patience             time.Duration  // of a supervisor with a worker that is stuck
	output               io.Writer      // of a supervisor's workers; standard error if nil
}

func (r *runFlags) add(f *pflag.FlagSet) {
	tokenFlag(f, &r.tokenFile)
	f.StringVar(&r.rules, "rules", "", "`file` of destinations that this machine allows or denies, whatever the service says")
	f.StringVar(&r.name, "name", "", "`name` of the connector when it enrols (default the machine's)")
	f.IntVar(&r.gateways, "gateways", 3, "how many gateways to keep tunnels to")
	f.StringVar(&r.metrics, "metrics", "", "`address` to serve Prometheus metrics on, such as 127.0.0.1:9464 (default: nowhere)")
	const where = ": off, or any of file (STATE/logs), eventlog (on Windows) and the URL of a syslog server, with commas between"
	f.StringVar(&r.adminLog, "admin-log", "file", "where key `events` go"+where)
	f.StringVar(&r.sessionLog, "session-log", "file", "where `transactions` go while the service switches that on"+where)
}

func runCommand(s *settings) *cobra.Command {
	flags := &runFlags{settings: s}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the connector until it is told to stop",
		Long: `run connects to the service and serves until SIGTERM or SIGINT; then it finishes what is open and ends. A second
signal ends it at once. SIGHUP reads the local rules again.

With --token-file it enrols first if this machine is not enrolled yet; otherwise the token is not looked at.

It ends with exit code 3 when the service has deleted this connector: starting it again does not help then.`,
		Example: `  postern-connector run
  postern-connector run --token-file /run/secrets/token --rules /etc/postern-connector/rules
  POSTERN_CONNECTOR_PROXY=http://user:password@proxy:3128 postern-connector run`,
		Args: noToken,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.run(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr())
		},
	}
	flags.add(cmd.Flags())
	return cmd
}

func (r *runFlags) run(ctx context.Context, in io.Reader, out io.Writer) error {
	if err := r.stateRequired(); err != nil {
		return err
	}
	if r.gateways < 1 || r.gateways > 16 {
		return fault.Invalid("--gateways", "must be from 1 to 16")
	}
	log, kept, err := r.keptLog(out)
	if err != nil {
		return err
	}
	defer func() { // nobody is left to be told but this log
		if err := kept.Close(); err != nil {
			log.Warn("logs not complete", "error", err)
		}
	}()
	dialer, err := r.proxy.Dialer()
	if err != nil {
		return err
	}
	if r.tie != nil {
		err = r.awaitEnrolment(ctx, dialer, log)
	} else {
		err = r.enrolOnce(ctx, in, dialer, log)
	}
	if err != nil || ctx.Err() != nil {
		return err
	}
	return r.serve(ctx, dialer, log, kept)
}

// enrolOnce enrols a machine that is not enrolled, for images that are made once and started many times. A service that
// cannot be reached yet is waited for.
func (r *runFlags) enrolOnce(ctx context.Context, in io.Reader, dialer *uplink.Dialer, log *slog.Logger) error {
	if r.tokenFile == "" {
		return nil
	}
	dir, err := credential.Open(r.state)
	if err != nil {
		return fmt.Errorf("--state: %w", err)
	}
	if cred, err := dir.Load(); !fault.Is(err, fault.KindNotFound) {
		if err == nil {
			log.Info("enrolled already: the token file is not used", "connector", cred.Identity.ID, "file", r.tokenFile)
		}
		return err
	}
	token, err := readToken(r.tokenFile, in, log)
	if err != nil {
		return err
	}
	return r.enrolPatiently(ctx, token, dialer, log)
}

// enrolPatiently enrols, or returns nil when ctx ends before a service that is away has come back.
func (r *runFlags) enrolPatiently(ctx context.Context, token wire.EnrolmentToken, dialer *uplink.Dialer, log *slog.Logger) error {
	var backoff uplink.Backoff
	for {
		_, err := connector.Enrol(ctx, connector.Enrolment{State: r.state, Token: token, Name: r.name, Dialer: dialer, Host: host(), Log: log})
		if ctx.Err() != nil {
			return nil // told to stop while it waited
		}
		if err == nil || !passing(err) {
			return err
		}
		log.Warn("cannot enrol yet", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(backoff.Next(), time.Second)):
		}
	}
}

// passing tells whether an error may be gone by itself: the network or the service is not there, rather than the token
// or somebody in between being wrong.
func passing(err error) bool {
	if _, ok := errors.AsType[*uplink.Intercepted](err); ok {
		return false
	}
	switch fault.KindOf(err) {
	case fault.KindUnavailable, fault.KindTimeout, fault.KindLimited, fault.KindUpstream:
		return true
	case fault.KindInternal:
		_, network := errors.AsType[net.Error](err)
		return network
	}
	return false
}

func (r *runFlags) serve(ctx context.Context, dialer *uplink.Dialer, log *slog.Logger, kept *journal.Journal) error {
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	backends, err := r.backends()
	if err != nil {
		return fmt.Errorf("--%w", err)
	}
	cfg := connector.Config{
		State: r.state, Rules: r.rules, Dialer: dialer, Backends: backends, Host: host(), Log: log, Gateways: r.gateways, Reload: reload,
		Supervised: r.tie != nil, Journal: kept, Counters: r.performance(),
	}
	listener, registry, err := r.listenMetrics(ctx, log)
	if err != nil {
		return err
	}
	if registry != nil {
		cfg.Registerer = registry
	}
	c, err := connector.New(cfg)
	if err != nil {
		return notEnrolled(err)
	}
	r.started(log)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	life, over := context.WithCancel(context.WithoutCancel(ctx))
	defer over()
	err = daemon.Run(ctx, append(r.tasks(life, c, reload),
		func(ctx context.Context) error { defer over(); defer stop(); return c.Run(ctx) },
		func(ctx context.Context) error { return serveMetrics(ctx, listener, registry) },
	)...)
	if errors.Is(err, connector.ErrEnded) {
		return &exit{exitEnded, err}
	}
	return err
}

// started tells whoever started this process that its settings are right.
func (r *runFlags) started(log *slog.Logger) {
	if r.tie != nil {
		r.tie.Started()
		return
	}
	if err := daemon.Ready(); err != nil {
		log.Warn("systemd was not told", "error", err)
	}
}

// listenMetrics gives the metrics' listener, nil if there shall be none. A worker may find the one before it on the
// address, which leaves as soon as it hands over: then the listener waits for it.
func (r *runFlags) listenMetrics(ctx context.Context, log *slog.Logger) (net.Listener, *prometheus.Registry, error) {
	if r.metrics == "" {
		return nil, nil, nil
	}
	l, err := net.Listen("tcp", r.metrics)
	if err != nil && r.tie != nil && inUse(err) {
		log.Info("the metrics' address is in use: it is waited for", "address", r.metrics)
		return newLateListener(ctx, r.metrics), prometheus.NewRegistry(), nil
	}
	if err != nil {
		return nil, nil, fault.Invalid("--metrics", "cannot be listened on: %v", err)
	}
	return l, prometheus.NewRegistry(), nil
}

// serveMetrics serves the registry until ctx ends; it does nothing without a listener.
func serveMetrics(ctx context.Context, l net.Listener, registry *prometheus.Registry) error {
	if l == nil {
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second}))
	server := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10}
	if err := daemon.ServeHTTP(ctx, server, l); err != nil {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}
