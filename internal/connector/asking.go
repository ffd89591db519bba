package connector

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"postern/internal/connector/doctor"
	"postern/internal/fault"
	"postern/internal/wire"
)

const (
	askSocket  = "ask.sock"
	maxLine    = 64 << 10 // bytes of a question
	localAsked = 2 * time.Minute
)

// The questions that the programs of this machine ask a running connector over its ask socket, which only its user and root
// can open. A question is a line of JSON; the answer is JSON to the end.
const (
	askDoctor       = "doctor"
	askRequirements = "requirements"
	askBench        = "bench"
)

// question is what a program of this machine asks.
type question struct {
	Question string     `json:"question"`
	Plan     *BenchPlan `json:"plan,omitempty"` // of askBench
}

// serveQuestions answers on the ask socket until ctx ends. Without the socket the connector serves all the same.
func (c *Connector) serveQuestions(ctx context.Context) {
	c.serveLocal(ctx, askSocket, func(conn net.Conn) { c.answerLocal(ctx, conn) })
}

func (c *Connector) answerLocal(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithTimeout(ctx, localAsked)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })() // what still reads or writes ends
	_ = conn.SetReadDeadline(time.Now().Add(statusTimeout))
	line, err := bufio.NewReader(io.LimitReader(conn, maxLine)).ReadBytes('\n')
	var q question
	if err != nil || json.Unmarshal(line, &q) != nil {
		return // whoever asks nothing gets nothing
	}
	var answer any
	switch q.Question {
	case askDoctor:
		answer = c.Diagnose(ctx)
	case askRequirements:
		answer = c.Requirements(ctx)
	case askBench:
		var measured benchAnswer
		if q.Plan == nil {
			return
		}
		if measured.Capacity, err = c.Bench(ctx, *q.Plan); err != nil {
			measured.Error = err.Error()
		}
		answer = measured
	default:
		return
	}
	_ = json.NewEncoder(conn).Encode(answer) // whoever asked went away: nobody to tell
}

// ReadDiagnosis has the connector that runs on a state directory examine itself. ErrNotRunning: none does.
func ReadDiagnosis(ctx context.Context, state string) (wire.Diagnosis, error) {
	return askLocal[wire.Diagnosis](ctx, state, question{Question: askDoctor})
}

// ReadRequirements asks the connector that runs on a state directory what it must be let through to.
func ReadRequirements(ctx context.Context, state string) ([]doctor.Requirement, error) {
	return askLocal[[]doctor.Requirement](ctx, state, question{Question: askRequirements})
}

// benchAnswer is a measurement, or why there is none.
type benchAnswer struct {
	Capacity
	Error string `json:"error,omitempty"`
}

// ReadCapacity has the connector that runs on a state directory measure what this machine can carry.
func ReadCapacity(ctx context.Context, state string, plan BenchPlan) (Capacity, error) {
	answer, err := askLocal[benchAnswer](ctx, state, question{Question: askBench, Plan: &plan})
	if err == nil && answer.Error != "" {
		err = errors.New(answer.Error)
	}
	return answer.Capacity, err
}

func askLocal[A any](ctx context.Context, state string, q question) (A, error) {
	var answer A
	conn, err := dialLocal(ctx, state, askSocket)
	if err != nil {
		return answer, err
	}
	defer conn.Close() // only read from
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	_ = conn.SetDeadline(time.Now().Add(localAsked + statusTimeout))
	if err := json.NewEncoder(conn).Encode(q); err != nil {
		return answer, fmt.Errorf("ask the connector: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(conn, maxStatus))
	if err != nil {
		return answer, fmt.Errorf("ask the connector: %w", err)
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return answer, fault.Internal(err, "the connector's answer is not understood: is it of another version than this program?")
	}
	return answer, nil
}

// leaveLocal removes a socket that would answer nobody any more. With a supervisor it may be the next worker's by now.
func (c *Connector) leaveLocal(name string) {
	if !c.cfg.Supervised {
		_ = os.Remove(filepath.Join(c.cfg.State, name)) // left over, it misleads nobody for long
	}
}
