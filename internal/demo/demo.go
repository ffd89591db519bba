// Package demo runs a whole Postern on loopback: the service, a connector as a process of its own
// and a small private web application behind it.
//
// It uses what everybody uses: the set-up code, the control plane's operations, an enrolment
// token, the local rules file. Nothing is specially open for it.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"postern/internal/daemon"
	"postern/internal/fault"
	"postern/internal/service"
	"postern/internal/web"
)

// Config holds a demo's settings.
type Config struct {
	Data      string    // directory to keep; a temporary one, removed at the end, if empty
	Port      int       // of the service; any free one if zero
	Connector string    // path of the postern-connector program
	Out       io.Writer // where people read
	Verbose   bool      // show the logs of both programs
}

// The demo's host names. Browsers take everything under localhost to be this machine
// (RFC 6761, section 6.3).
const (
	portalHost = "portal.demo.localhost"
	adminHost  = "admin.demo.localhost"
	notesHost  = "notes.demo.localhost"
)

type demo struct {
	Config
	service *service.Service
	notes   net.Listener // the private application's
	log     *slog.Logger
}

// Run runs the demo until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	if _, err := os.Stat(cfg.Connector); err != nil {
		return fmt.Errorf("find the connector program (make build puts it beside postern): %w", err)
	}
	if cfg.Data == "" {
		dir, err := os.MkdirTemp("", "postern-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		cfg.Data = dir
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("make the demo's directory (--data): %w", err)
	}
	var err error
	if cfg.Data, err = filepath.Abs(cfg.Data); err != nil {
		return err
	}
	d := &demo{Config: cfg}
	if d.log, err = d.newLog(); err != nil {
		return err
	}
	return d.run(ctx)
}

func (d *demo) newLog() (*slog.Logger, error) {
	if d.Verbose {
		return daemon.NewLog(daemon.LogConfig{})
	}
	return daemon.NewLog(daemon.LogConfig{Level: "error"})
}

func (d *demo) run(ctx context.Context) error {
	var err error
	if d.notes, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	defer d.notes.Close()
	if err := d.openService(ctx); err != nil {
		return err
	}
	// The service outlives the connector, so that the connector can say good-bye.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	return daemon.Run(ctx,
		func(context.Context) error { return d.service.Run(background) },
		func(context.Context) error { return serveNotes(background, d.notes, d.log) },
		func(ctx context.Context) error {
			defer stop()
			return d.runConnector(ctx)
		})
}

// openService opens the service on the wanted port, or on a free one if that is taken.
func (d *demo) openService(ctx context.Context) error {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(d.Port)))
	if err != nil {
		if listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return err
		}
		fmt.Fprintf(d.Out, "Port %d is taken; another one is used.\n", d.Port)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	d.service, err = service.New(ctx, service.Config{
		Data:           filepath.Join(d.Data, "service"),
		URL:            fmt.Sprintf("https://%s:%d", portalHost, port),
		AdminURL:       fmt.Sprintf("https://%s:%d", adminHost, port),
		Listen:         listener.Addr().String(),
		ListenPlain:    service.Off,
		MetricsListen:  "127.0.0.1:0",
		GatewayAddress: listener.Addr().String(),
		Drain:          2 * time.Second,
		Log:            d.log,
		Listener: func(name, address string) (net.Listener, error) {
			if name == "listen" {
				return listener, nil
			}
			return net.Listen("tcp", address)
		},
	})
	return err
}

// runConnector prepares everything, runs the connector's process and tells people how to go on.
func (d *demo) runConnector(ctx context.Context) error {
	ready, err := d.prepare(ctx)
	if err != nil {
		return err
	}
	cmd := d.connectorCommand(ctx)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the connector: %w", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	if err := d.awaitConnector(ctx, exited); err != nil {
		cmd.Process.Kill()
		return err
	}
	d.tell(ready)
	select {
	case err := <-exited:
		if ctx.Err() == nil {
			return fmt.Errorf("the connector ended by itself: %w", errors.Join(err, errEnded))
		}
		return nil
	case <-ctx.Done():
		<-exited
		return nil
	}
}

var errEnded = errors.New("see its log with --verbose")

// awaitConnector waits until the connector's tunnel is proven.
func (d *demo) awaitConnector(ctx context.Context, exited chan error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			snap, err := d.service.Control().Snapshot(ctx, 0)
			if err != nil {
				return err
			}
			for _, c := range snap.Connectors {
				if d.service.Control().ConnectorStatus(c.ID).Label == "active" {
					return nil
				}
			}
		case err := <-exited:
			exited <- err
			return fmt.Errorf("the connector did not start: %w", errors.Join(err, errEnded))
		case <-ctx.Done():
			return fault.New(fault.KindTimeout, "the connector did not connect within 30 seconds; --verbose shows why")
		}
	}
}

func serveNotes(ctx context.Context, l net.Listener, log *slog.Logger) error {
	server := web.Server(notes(l.Addr()), log)
	server.WriteTimeout = 0 // the clock streams for as long as somebody looks
	return daemon.ServeHTTP(ctx, server, l)
}
