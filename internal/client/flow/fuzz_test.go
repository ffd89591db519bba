package flow_test

import (
	"testing"

	"postern/internal/client/flow"
	"postern/internal/wire"
)

// FuzzOpen reads what programs send over the control socket to open a flow: what comes of it says itself again, exactly.
func FuzzOpen(f *testing.F) {
	for _, seed := range []string{
		`{"kind":"flow","network":"tcp","host":"db.corp.example.","port":5432}`, `{"kind":"flow","network":"udp","host":"[fd00::1]","port":53,"application":"app_1"}`,
		`{"kind":"flow","network":"tcp","host":"::ffff:10.0.0.1","port":1}`, `{"kind":"ask","question":"status"}`, `{"port":-1}`, `nonsense`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		open, err := wire.Decode[wire.Open](data)
		if err != nil {
			return
		}
		to, err := flow.Parse(open.Network, open.Host, open.Port)
		if err != nil {
			return
		}
		to.Application = open.Application
		said, err := wire.Decode[wire.Open](wire.Encode(to.Open()))
		if err != nil {
			t.Fatal(err)
		}
		again, err := flow.Parse(said.Network, said.Host, said.Port)
		again.Application = said.Application
		if err != nil || again.Host != to.Host || again.Port != to.Port || again.Network != to.Network {
			t.Errorf("%s is %+v, and that is %+v, %v", data, to, again, err)
		}
	})
}
