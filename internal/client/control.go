package client

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"postern/internal/agent"
	"postern/internal/client/flow"
	"postern/internal/fault"
	"postern/internal/local"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// Programs of this machine talk to a running client over its control socket, which only its user and root can open (of a service: see
// service.go), in the protocol of tunnels: so the streams of a program are carried with their half-closes, resets and datagrams, also where the system's own sockets have no
// such things. The questions are these.
const (
	questionStatus  = "status"  // {} → Status
	questionRules   = "rules"   // {} → wire.Rules
	questionFlows   = "flows"   // {} → []FlowStatus
	questionExplain = "explain" // askExplain → Decision
	questionPause   = "pause"   // askPause → pausedUntil
	questionLogs    = "logs"    // askLogs → []Record
	questionLogout  = "logout"  // askLogout → loggedOut
	questionStop    = "stop"    // {} → {}
	questionLogin   = "login"   // LoginAsk → loginNews, one after the other
	questionCheck   = "check"   // {} → wire.Diagnosis
	questionNames   = "names"   // {} → []NameStatus
)

// phaseClient is of refusals of the client itself; the code is the kind of fault.
const phaseClient wire.Phase = "client"

const (
	maxPrograms = 256  // that talk to a client at once
	maxOfUser   = 32   // of one user, who is neither its owner nor root: they shall keep nobody out
	maxStreams  = 1024 // of one of them
	maxLogWait  = 2 * time.Minute
	stopIdle    = 100 * time.Millisecond // for the answer to leave
)

type askExplain struct {
	Network     string `json:"network"`
	Host        string `json:"host"`
	Port        uint16 `json:"port"`
	Application string `json:"application,omitempty"`
}

type askPause struct {
	For time.Duration `json:"for"` // nanoseconds; 0 ends the pause
}

type askLogout struct {
	Forget bool `json:"forget"` // the device's key, too
}

type loggedOut struct {
	Service string `json:"service"`
	Untold  string `json:"untold,omitempty"` // why the service does not know
}

type pausedUntil struct {
	Until time.Time `json:"until,omitzero"`
}

type askLogs struct {
	After uint64        `json:"after"`
	Most  int           `json:"most"`
	Wait  time.Duration `json:"wait"` // nanoseconds, for the first of them
}

// Control is the control socket of a client.
type Control struct {
	Names func() []NameStatus // optional; the names that programs asked the interface for; set before Run

	c         *Client
	listener  net.Listener
	socket    string // its file
	listeners func() []Listener
	owned     *ownership // of a service; nil: whoever can open the socket may ask everything
}

// Listen makes the control socket. listeners tells where programs of this machine connect, for the status.
func (c *Client) Listen(listeners func() []Listener) (*Control, error) {
	l, err := local.Listen(c.state.path, socketName)
	if err != nil {
		return nil, err
	}
	return &Control{c: c, listener: l, listeners: listeners, socket: c.state.file(socketName)}, nil
}

// Run serves programs until ctx ends and waits for all of them.
func (s *Control) Run(ctx context.Context) error {
	defer os.Remove(s.socket) // left over, it misleads nobody for long
	defer context.AfterFunc(ctx, func() { _ = s.listener.Close() })()
	var running sync.WaitGroup
	defer running.Wait()
	places := make(chan struct{}, maxPrograms)
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return nil // only Close ends a listener on a socket of our own
		}
		select {
		case places <- struct{}{}:
		default:
			s.c.log.Warn("too many programs talk to the client at once: one was sent away", "limit", maxPrograms)
			_ = conn.Close() // it may try again
			continue
		}
		running.Go(func() {
			defer func() { <-places }()
			s.serve(ctx, conn)
		})
	}
}

// serve talks to one program until it goes.
func (s *Control) serve(ctx context.Context, conn net.Conn) {
	p, err := s.program(conn)
	if err != nil {
		s.c.log.Warn("a program was sent away", "error", err)
		_ = conn.Close() // it is of no use
		return
	}
	if !s.enter(p) {
		s.c.log.Warn("a user has too many programs that talk to the client: one was sent away", "user", p.Name, "limit", maxOfUser)
		_ = conn.Close() // as above
		return
	}
	defer s.leave(p)
	session, err := tunnel.New(tunnel.Config{
		Conn: conn, Hello: tunnel.Hello{Instance: s.c.instance}, Budget: s.c.budget, Limits: tunnel.Limits{Streams: maxStreams},
		Accept: func(st *tunnel.Stream) { s.accept(ctx, p, st) }, Log: s.c.log,
	})
	if err != nil {
		_ = conn.Close() // it is of no use
		return
	}
	_ = session.Run(ctx) // how a program goes is its own affair
}

func (s *Control) accept(ctx context.Context, p program, st *tunnel.Stream) {
	open, err := wire.Decode[wire.Open](st.Payload())
	if err != nil {
		refuse(st, fault.Invalid("the question", "cannot be read"))
		return
	}
	if err := s.may(p, open); err != nil {
		refuse(st, err)
		return
	}
	switch {
	case open.Kind == wire.KindAsk && open.Question == questionLogin:
		s.login(ctx, p, st)
	case open.Kind == wire.KindAsk:
		s.question(ctx, st, open.Question)
	case open.Kind == wire.KindFlow:
		s.flow(st, open)
	default:
		refuse(st, fault.Invalid("the question", "is of a kind that this client does not know: is it of an older version?"))
	}
}

// refuse tells a program why not, as a fault of its kind or in the words of whoever refused.
func refuse(st *tunnel.Stream, err error) {
	refusal, ok := errors.AsType[*wire.Refusal](err)
	if !ok {
		refusal = &wire.Refusal{Phase: phaseClient, Code: fault.KindOf(err).String(), Message: err.Error()}
	}
	_ = st.Refuse(wire.Encode(refusal)) // whoever asked may be gone
}

// refused is the other side of refuse.
func refused(err error) error {
	err = agent.Refusal(err)
	refusal, ok := errors.AsType[*wire.Refusal](err)
	if !ok || refusal.Phase != phaseClient {
		return err
	}
	kind, _ := fault.KindNamed(refusal.Code)
	return fault.New(kind, "%s", refusal.Message)
}

// flow opens a flow for a program and carries it.
func (s *Control) flow(st *tunnel.Stream, open wire.Open) {
	to, err := flow.Parse(open.Network, open.Host, open.Port)
	if err != nil {
		refuse(st, fault.New(fault.KindInvalid, "%s", err))
		return
	}
	to.Application, to.Process = open.Application, wire.CleanProcess(open.Process)
	f, err := s.c.Open(st.Context(), to)
	if err != nil {
		refuse(st, err)
		return
	}
	if st.Accept(wire.Encode(wire.FlowOpened{Request: f.Request, Application: f.Application, Address: f.Address})) != nil {
		f.Close() // the program is gone
		return
	}
	if to.Network == flow.UDP {
		err = flow.JoinDatagrams(st, f, flow.Idle)
	} else {
		err = flow.Join(flow.StreamEnd(st), f.End())
	}
	s.c.log.Debug("flow of a program ended", "to", to.String(), "request", f.Request, "how", err)
}

// question answers a question.
func (s *Control) question(ctx context.Context, st *tunnel.Stream, question string) {
	body, ok := questionBody(st)
	if !ok {
		return
	}
	answer, err := s.answer(ctx, st, question, body)
	if err != nil {
		refuse(st, err)
		return
	}
	if st.Accept(nil) != nil {
		return // whoever asked is gone
	}
	if _, err := st.Write(wire.Encode(answer)); err == nil {
		_ = st.CloseWrite() // as above
	}
	_ = st.Close() // never fails
	if question == questionStop {
		pause(ctx, stopIdle)
		s.c.log.Info("told to stop by a program of this user")
		s.c.Stop()
	}
}

// questionBody reads a question, or ends its stream.
func questionBody(st *tunnel.Stream) (body []byte, ok bool) {
	_ = st.SetReadDeadline(time.Now().Add(questionTime)) // fails on a stream that is over, which reading then says
	body, err := io.ReadAll(io.LimitReader(st, wire.MaxAsk+1))
	if err != nil || len(body) > wire.MaxAsk {
		st.Reset(tunnel.CodeCancelled)
		return nil, false
	}
	_ = st.SetReadDeadline(time.Time{}) // as above
	return body, true
}

func (s *Control) answer(ctx context.Context, st *tunnel.Stream, question string, body []byte) (any, error) {
	switch question {
	case questionStatus:
		status := s.c.Status()
		status.Listeners = append(status.Listeners, s.listeners()...)
		return status, nil
	case questionRules:
		r, err := s.c.known(st.Context())
		if err != nil {
			return nil, err
		}
		return r.Rules, nil
	case questionFlows:
		return s.c.Flows(), nil
	case questionExplain:
		q, err := wire.Decode[askExplain](body)
		if err != nil {
			return nil, fault.Invalid("the question", "cannot be read")
		}
		to, err := flow.Parse(q.Network, q.Host, q.Port)
		if err != nil {
			return nil, fault.New(fault.KindInvalid, "%s", err)
		}
		to.Application = q.Application
		return s.c.Explain(st.Context(), to), nil
	case questionPause:
		q, err := wire.Decode[askPause](body)
		if err != nil || q.For < 0 || q.For > 24*time.Hour {
			return nil, fault.Invalid("--for", "must be at most 24h")
		}
		until, err := s.c.Pause(q.For)
		return pausedUntil{until}, err
	case questionLogs:
		q, err := wire.Decode[askLogs](body)
		if err != nil {
			return nil, fault.Invalid("the question", "cannot be read")
		}
		return s.logs(ctx, st, q), nil
	case questionLogout:
		q, err := wire.Decode[askLogout](body)
		if err != nil {
			return nil, fault.Invalid("the question", "cannot be read")
		}
		return s.c.logout(st.Context(), q)
	case questionStop:
		return struct{}{}, s.c.may(wire.SwitchDown)
	case questionNames:
		names := []NameStatus{}
		if s.Names != nil {
			names = append(names, s.Names()...)
		}
		return names, nil
	case questionCheck:
		return Diagnose(st.Context(), s.c.state, s.c.cfg.Dialer, s.c.cfg.Host.Program, s.c), nil
	}
	return nil, fault.Invalid("the question", "%q is not known to the client that runs: is it of an older version?", fault.Readable(question))
}

// logs waits for a record, if there is none yet.
func (s *Control) logs(ctx context.Context, st *tunnel.Stream, q askLogs) []Record {
	timer := time.NewTimer(min(q.Wait, maxLogWait))
	defer timer.Stop()
	for {
		list, more := s.c.cfg.Journal.After(q.After, q.Most)
		if len(list) > 0 || q.Wait <= 0 {
			return list
		}
		select {
		case <-more:
		case <-timer.C:
			return nil
		case <-st.Context().Done():
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}
