package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"postern/internal/api"
	"postern/internal/client"
	"postern/internal/client/flow"
	"postern/internal/client/proxy"
	"postern/internal/connector"
	"postern/internal/posterntest"
)

// zone is a private network's names, all of them at loopback.
type zone []string

func (z zone) LookupNetIP(_ context.Context, _, name string) ([]netip.Addr, error) {
	for _, known := range z {
		if strings.TrimSuffix(name, ".") == known {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// TestNamesOfOneLabel: what people call "fileserver" is found below the DNS suffixes of their applications, in an order that is told.
func TestNamesOfOneLabel(t *testing.T) {
	w := &world{System: posterntest.New(t), tcp: newTCPBackend(t)}
	w.tcp.echo()
	w.Connector("site", func(c *connector.Config) {
		c.Resolver = zone{"fileserver.corp.test", "printer.corp.test", "printer.eu.corp.test"}
	})
	port := fmt.Sprint(w.tcp.port)
	w.app = w.Private("files", api.Segment{Destination: ".corp.test", Ports: port}, api.Segment{Destination: ".eu.corp.test", Ports: port})
	w.Assign(w.app, w.User("ada"))
	d := w.Device("ada")
	w.ready(d, 1)
	for label, want := range map[string]string{"fileserver": "fileserver.corp.test", "FileServer": "fileserver.corp.test", "printer": "printer.eu.corp.test"} {
		f, err := d.Open(t.Context(), to(t, flow.TCP, label, w.tcp.port))
		if err != nil {
			t.Fatalf("%s: %v", label, err)
		}
		if f.To.Host.Name != want || f.Application != w.app.ID {
			t.Errorf("%s is %s of %s", label, f.To, f.Application)
		}
		f.Close()
		e := d.Explain(t.Context(), to(t, flow.TCP, label, w.tcp.port))
		if e.Way != client.WayTunnel || e.Found != want || !strings.Contains(e.FoundHow, "eu.corp.test, corp.test") {
			t.Errorf("%s: explained as %+v", label, e)
		}
	}
	for _, name := range []string{"nothing", "fileserver."} { // with a final dot it is complete
		if _, err := d.Open(t.Context(), to(t, flow.TCP, name, w.tcp.port)); code(err) != "forbidden" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if e := d.Explain(t.Context(), to(t, flow.TCP, "nothing", w.tcp.port)); e.Way != client.WayBlocked || !strings.Contains(e.FoundHow, "there is none below eu.corp.test") {
		t.Errorf("explained as %+v", e)
	}
	conn := bySOCKS(t, serve(t, proxy.ServeSOCKS, proxy.Config{Opener: d, Log: w.Log, Limit: proxy.NewLimit(10)}), net.JoinHostPort("fileserver", port))
	_, err := conn.Write([]byte("hello"))
	heard := make([]byte, 5)
	if _, readErr := io.ReadFull(conn, heard); err != nil || readErr != nil || string(heard) != "hello" {
		t.Errorf("by the proxy: %q, %v", heard, errors.Join(err, readErr))
	}
}
