package agentapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"postern/internal/access"
	"postern/internal/agentapi"
	"postern/internal/fault"
	"postern/internal/wire"
)

// TestHello holds that anybody is told the clock and nothing else, and gets back no more than came.
func TestHello(t *testing.T) {
	_, _, server := face(t, func(c *agentapi.Config) { c.Program = "1.2.3" })
	for _, test := range []struct {
		name   string
		q      wire.Hello
		status int
	}{
		{"nothing", wire.Hello{}, 200},
		{"large", wire.Hello{Padding: strings.Repeat("x", wire.MaxHello), Want: wire.MaxHello}, 200},
		{"more than came", wire.Hello{Padding: "x", Want: 2}, 422},
		{"less than nothing", wire.Hello{Want: -1}, 422},
		{"too large", wire.Hello{Padding: strings.Repeat("x", wire.MaxHello+1)}, 422},
	} {
		response, body := send(t, http.MethodPost, server.URL+wire.PathHello, "application/json", strings.NewReader(string(wire.Encode(test.q))))
		var answer wire.HelloAnswer
		if response.StatusCode != test.status || json.Unmarshal([]byte(body), &answer) != nil {
			t.Errorf("%s: %d %.200s", test.name, response.StatusCode, body)
			continue
		}
		if test.status == 200 && (answer.Time.IsZero() || answer.Address != "127.0.0.1" || len(answer.Padding) != test.q.Want || strings.Contains(body, "1.2.3")) {
			t.Errorf("%s: %.200s", test.name, body)
		}
	}
}

// TestMeasuring holds who may measure a tunnel and load a gateway, and how far.
func TestMeasuring(t *testing.T) {
	api, _, _ := face(t, func(c *agentapi.Config) {
		c.Program = "1.2.3"
		c.Bench = func(_ context.Context, connector access.ID, q wire.AskBench) (wire.BenchResult, error) {
			if q.Size != 7 {
				return wire.BenchResult{}, fault.Forbidden("nobody allowed %s to", connector)
			}
			return wire.BenchResult{Transactions: 3}, nil
		}
	})
	connector := wire.Identity{TrustDomain: "here", Role: wire.RoleConnector, ID: "con_1"}
	gateway := wire.Identity{TrustDomain: "here", Role: wire.RoleGateway, ID: "gtw_1"}
	for _, test := range []struct {
		name, question string
		peer           wire.Identity
		ask            any
		want, problem  string
	}{
		{"measure", wire.QuestionMeasure, connector, wire.Measure{Want: 5}, `"program":"1.2.3"`, ""},
		{"most", wire.QuestionMeasure, connector, wire.Measure{Want: wire.MaxMeasure}, "xxxxx", ""},
		{"more", wire.QuestionMeasure, connector, wire.Measure{Want: wire.MaxMeasure + 1}, "", "must be from 0"},
		{"a gateway", wire.QuestionMeasure, gateway, wire.Measure{}, "", "nothing to ask"},
		{"bench", wire.QuestionBench, connector, wire.AskBench{Size: 7}, `"transactions":3`, ""},
		{"bench, not allowed", wire.QuestionBench, connector, wire.AskBench{}, "", "nobody allowed con_1"},
		{"bench of a gateway", wire.QuestionBench, gateway, wire.AskBench{Size: 7}, "", "nothing to ask"},
	} {
		answer, err := api.Ask(t.Context(), test.peer, test.question, wire.Encode(test.ask))
		if (err == nil) != (test.problem == "") || err != nil && !strings.Contains(err.Error(), test.problem) || !strings.Contains(string(answer), test.want) {
			t.Errorf("%s: %.100s, %v", test.name, answer, err)
		}
	}
}
