package client_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/internal/api"
	"postern/internal/client/flow"
	"postern/internal/client/process"
	"postern/internal/client/proxy"
)

// TestProgram: the program that wants a flow, and the device, are seen at the client and in the traffic log; what a device says is cleaned.
func TestProgram(t *testing.T) {
	w := newWorld(t)
	w.tcp.echo()
	d := w.Device("ada")
	w.ready(d, 1)
	self := must(os.Executable())(t)
	dest := to(t, flow.TCP, "127.0.0.1", w.tcp.port)
	socks := serve(t, proxy.ServeSOCKS, proxy.Config{Opener: d, Programs: process.New()})
	seen := func() string {
		conn := bySOCKS(t, socks, dest.Address())
		defer conn.Close()
		for _, f := range d.Flows() {
			return f.Process
		}
		return ""
	}
	w.Await("the program to be known", func() bool { return seen() == filepath.Base(self) }) // a first look may take too long

	hostile := dest
	hostile.Process = "rm\x1b[31m -rf\n"
	must(d.OpenAnyway(t.Context(), hostile))(t).Close()
	names := []string{filepath.Base(self), "rm[31m -rf"}
	logged := map[string]api.Traffic{}
	w.Await("the records", func() bool {
		page, err := w.API.Traffic.List(t.Context(), api.TrafficOptions{Device: d.ID})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Items {
			logged[r.Process] = r
		}
		return !slices.ContainsFunc(names, func(name string) bool { _, ok := logged[name]; return !ok }) // there is one of none from the first looks, too
	})
	for _, name := range names {
		if r, ok := logged[name]; !ok || r.Device != d.ID || r.DeviceName == "" || r.UserName != "ada" || !strings.HasPrefix(r.Segment, "127.0.0.1:") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	page, err := w.API.Traffic.List(t.Context(), api.TrafficOptions{Device: "dev_01h455vb4pex5vsknk084sn02q"})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("of another device: %+v, %v", page.Items, err)
	}
}
