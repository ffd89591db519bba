package agentapi

import (
	"context"
	"encoding/json"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/wire"
)

// Ask answers a question that peer asked over its tunnel. What it may see and say depends on who it
// has proven to be and on nothing in the question.
func (a *API) Ask(ctx context.Context, peer wire.Identity, question string, body []byte) ([]byte, error) {
	if peer.Role != wire.RoleConnector || peer.ID == "" {
		return nil, fault.Forbidden("a %s has nothing to ask here", peer.Role)
	}
	if len(body) > wire.MaxAsk {
		return nil, fault.New(fault.KindTooLarge, "the question is larger than %d bytes", wire.MaxAsk)
	}
	connector := access.ID(peer.ID)
	switch question {
	case wire.QuestionConfiguration:
		return ask(body, func(q wire.AskConfiguration) (wire.SignedConfiguration, error) {
			c, err := a.cfg.Configurations.AgentConfiguration(ctx, connector, q)
			if err != nil {
				return wire.SignedConfiguration{}, err
			}
			return a.cfg.Configurations.SignConfiguration(c)
		})
	case wire.QuestionReport:
		return ask(body, func(q wire.Report) (struct{}, error) {
			return struct{}{}, a.cfg.Configurations.ReportConnector(ctx, connector, q)
		})
	}
	if question == wire.QuestionMeasure {
		return ask(body, a.measure)
	}
	if question == wire.QuestionBench && a.cfg.Bench != nil {
		return ask(body, func(q wire.AskBench) (wire.BenchResult, error) { return a.cfg.Bench(ctx, connector, q) })
	}
	return nil, fault.NotFound("this service does not know the question %.40q", question)
}

// ask decodes a question, has it answered and encodes the answer.
func ask[Q, A any](body []byte, answer func(Q) (A, error)) ([]byte, error) {
	var question Q
	if err := unmarshal(body, &question); err != nil {
		return nil, err
	}
	reply, err := answer(question)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(reply)
	if err != nil {
		return nil, fault.Internal(err, "the answer cannot be encoded")
	}
	if len(data) > wire.MaxAnswer {
		return nil, fault.New(fault.KindTooLarge, "the answer would be larger than %d bytes", wire.MaxAnswer)
	}
	return data, nil
}
