package client_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/internal/api"
	"postern/internal/client"
	"postern/internal/wire"
)

// TestDiagnose: what is well is said, and what is wrong with its cure, without a secret.
func TestDiagnose(t *testing.T) {
	w := newWorld(t)
	state := must(client.OpenState(filepath.Join(t.TempDir(), "state")))(t)
	look := func(state *client.State) (codes []string, worst wire.Severity) {
		d := client.Diagnose(t.Context(), state, w.Dialer(), "test", nil)
		for _, f := range d.Findings {
			codes = append(codes, f.Code)
			if f.Severity != wire.SeverityOK && f.Cure == "" || f.Detail == "" || strings.Contains(f.Detail, "postern-refresh") {
				t.Errorf("%+v", f)
			}
		}
		return codes, d.Worst()
	}
	if codes, worst := look(state); !slices.Equal(codes, []string{"not-running", "signed-out"}) || worst != wire.SeverityError {
		t.Errorf("signed out: %q, %s", codes, worst)
	}
	d := w.Device("ada")
	w.ready(d, 1)
	state = must(client.OpenState(d.State))(t)
	if codes, worst := look(state); !slices.Equal(codes, []string{"not-running", "certificate", "service", "sign-in", "clock", "gateway"}) || worst != wire.SeverityNote {
		t.Errorf("signed in: %q, %s", codes, worst)
	}
	w.remote(t, d)
	t.Setenv("ALL_PROXY", "socks5h://127.0.0.1:1080")
	if codes, worst := look(state); !slices.Equal(codes[:2], []string{"connected", "own-proxy"}) || worst != wire.SeverityError {
		t.Errorf("with a proxy that is its own: %q, %s", codes, worst)
	}
	t.Setenv("ALL_PROXY", "")
	list, err := w.API.Devices.List(t.Context(), api.ListOptions{})
	if err != nil || len(list.Items) != 1 {
		t.Fatal(list, err)
	}
	if _, err := w.API.Devices.Revoke(t.Context(), list.Items[0].ID); err != nil {
		t.Fatal(err)
	}
	w.Await("the client to notice", func() bool { return d.Status().State == client.StateSignedOut })
	if codes, _ := look(state); !slices.Contains(codes, "sign-in-over") || !slices.Contains(codes, "device-refused") {
		t.Errorf("revoked: %q", codes)
	}
	w.Stop()
	if codes, _ := look(state); !slices.Contains(codes, "service-unreachable") || !slices.Contains(codes, "gateway-unreachable") || !slices.Contains(codes, "clock-unknown") {
		t.Errorf("without the service: %q", codes)
	}
	if err := os.WriteFile(filepath.Join(d.State, "credential.pem"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if codes, _ := look(state); !slices.Contains(codes, "state-unusable") {
		t.Errorf("damaged: %q", codes)
	}
}
