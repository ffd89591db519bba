package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"postern/internal/agent"
	"postern/internal/client/flow"
	"postern/internal/disk"
	"postern/internal/fault"
	"postern/internal/local"
	"postern/internal/oauth"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// ErrNotRunning says that no client runs for this user.
var ErrNotRunning = fault.Unavailable("postern-client is not running: start it with postern-client up")

// Remote is a client that runs as another process of this user.
type Remote struct {
	session *tunnel.Session
	ended   chan struct{}
	state   string // the directory of the client; empty: it is a service of the machine
}

// Connect connects to the client that runs on a state directory. ErrNotRunning: none does.
func Connect(ctx context.Context, state string) (*Remote, error) {
	r, err := connect(ctx, state, local.Dial)
	if err == nil {
		r.state = state
	}
	return r, err
}

// ConnectService connects to the client that is a service of the machine, whose socket is in a directory. ErrNotRunning: none is.
func ConnectService(ctx context.Context, dir string) (*Remote, error) {
	return connect(ctx, dir, local.DialService)
}

func connect(ctx context.Context, dir string, dial func(ctx context.Context, dir, name string) (net.Conn, error)) (*Remote, error) {
	conn, err := dial(ctx, dir, socketName)
	if errors.Is(err, local.ErrNobody) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, fmt.Errorf("ask the client that runs: %w", err)
	}
	session, err := tunnel.New(tunnel.Config{Conn: conn, Dialler: true})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	r := &Remote{session: session, ended: make(chan struct{})}
	go func() { // ends by Close
		defer close(r.ended)
		_ = session.Run(context.Background()) // its streams say how it ended
	}()
	ctx, cancel := context.WithTimeout(ctx, questionTime)
	defer cancel()
	if _, err := session.Ready(ctx); err != nil {
		r.Close()
		return nil, fmt.Errorf("ask the client that runs: %w", err)
	}
	return r, nil
}

// Close ends what goes over it.
func (r *Remote) Close() {
	_ = r.session.Close() // how it ends is of no interest
	<-r.ended
}

// Open opens a flow by the client that runs.
func (r *Remote) Open(ctx context.Context, to flow.To) (*flow.Flow, error) {
	st, err := r.session.Open(ctx, wire.Encode(to.Open()))
	if err != nil {
		return nil, r.gone(err)
	}
	payload, err := st.Opened(ctx)
	if err != nil {
		st.Reset(tunnel.CodeCancelled) // does nothing if it was refused
		return nil, r.gone(refused(err))
	}
	opened, err := wire.Decode[wire.FlowOpened](payload)
	if err != nil {
		st.Reset(tunnel.CodeCancelled)
		return nil, fault.Internal(err, "the client's answer is not understood: is it of another version than this program?")
	}
	return &flow.Flow{To: to, Stream: st, Application: opened.Application, Address: opened.Address, Request: opened.Request}, nil
}

// gone says in words that the client ended.
func (r *Remote) gone(err error) error {
	select {
	case <-r.session.Done():
		return fault.Unavailable("the client that ran has ended; start it with postern-client up").Because(err)
	default:
		return err
	}
}

// Gone is closed when the client that runs has ended.
func (r *Remote) Gone() <-chan struct{} { return r.session.Done() }

func remotely[A any](ctx context.Context, r *Remote, question string, body any) (A, error) {
	answer, err := agent.Ask[A](ctx, r.session, question, body)
	if err != nil {
		var none A
		return none, r.gone(refused(err))
	}
	return answer, nil
}

// Status asks how the client is.
func (r *Remote) Status(ctx context.Context) (Status, error) {
	return remotely[Status](ctx, r, questionStatus, struct{}{})
}

// Rules asks what the user may reach.
func (r *Remote) Rules(ctx context.Context) (wire.Rules, error) {
	return remotely[wire.Rules](ctx, r, questionRules, struct{}{})
}

// Flows asks which flows are open.
func (r *Remote) Flows(ctx context.Context) ([]FlowStatus, error) {
	return remotely[[]FlowStatus](ctx, r, questionFlows, struct{}{})
}

// Names asks which names programs asked the interface for.
func (r *Remote) Names(ctx context.Context) ([]NameStatus, error) {
	return remotely[[]NameStatus](ctx, r, questionNames, struct{}{})
}

// Explain asks where a flow would go.
func (r *Remote) Explain(ctx context.Context, to flow.To) (Decision, error) {
	return remotely[Decision](ctx, r, questionExplain, askExplain{to.Network, to.Host.String(), to.Port, to.Application})
}

// Pause has nothing go through gateways for a while; zero ends that.
func (r *Remote) Pause(ctx context.Context, d time.Duration) (until time.Time, err error) {
	answer, err := remotely[pausedUntil](ctx, r, questionPause, askPause{d})
	return answer.Until, err
}

// Logout ends the sign-in by the client that runs, which says whether that is allowed.
func (r *Remote) Logout(ctx context.Context, forget bool) (service string, err error) {
	answer, err := remotely[loggedOut](ctx, r, questionLogout, askLogout{forget})
	if err == nil && answer.Untold != "" {
		err = fault.Unavailable("%s", answer.Untold)
	}
	return answer.Service, err
}

// Logs asks for the newest records after a number, and waits up to wait for the first.
func (r *Remote) Logs(ctx context.Context, after uint64, most int, wait time.Duration) ([]Record, error) {
	return remotely[[]Record](ctx, r, questionLogs, askLogs{after, most, wait})
}

// Diagnose has a service look what keeps it from working.
func (r *Remote) Diagnose(ctx context.Context) (wire.Diagnosis, error) {
	return remotely[wire.Diagnosis](ctx, r, questionCheck, struct{}{})
}

// Login signs in on a service. open is given the address for the user's browser, or show the code to be typed.
func (r *Remote) Login(ctx context.Context, q LoginAsk, open func(address string), show func(oauth.Code)) (done SignedIn, err error) {
	st, err := r.session.Open(ctx, wire.Encode(wire.Open{Kind: wire.KindAsk, Question: questionLogin}))
	if err != nil {
		return done, r.gone(err)
	}
	defer context.AfterFunc(ctx, func() { st.Reset(tunnel.CodeCancelled) })()
	defer st.Close()
	if _, err := st.Write(wire.Encode(q)); err == nil {
		_ = st.CloseWrite() // why it cannot be asked is read next
	}
	for news := json.NewDecoder(st); ; {
		var n loginNews
		switch err := news.Decode(&n); {
		case ctx.Err() != nil:
			return done, context.Cause(ctx)
		case err != nil:
			return done, r.gone(refused(err))
		case n.Address != "":
			open(n.Address)
		case n.Code != nil:
			show(*n.Code)
		case n.Refusal != nil:
			return done, refused(n.Refusal)
		case n.Done != nil:
			return *n.Done, nil
		}
	}
}

// Stop has the client end and waits until it has, so that another one may begin on its state directory.
func (r *Remote) Stop(ctx context.Context) error {
	if _, err := remotely[struct{}](ctx, r, questionStop, struct{}{}); err != nil {
		return err
	}
	select {
	case <-r.session.Done():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if r.state == "" {
		return nil // whoever runs services may have begun it again
	}
	lock, err := disk.Lock(ctx, filepath.Join(r.state, lockRun)) // it ends its session before all that it has open
	if errors.Is(err, disk.ErrLocked) {
		return fault.Conflict("it was told to end, but a client still runs on %s: it is slow to end, or another one has begun", r.state).Because(err)
	}
	if err != nil {
		return err
	}
	return lock.Unlock()
}

// Rules gives what the user may reach, and waits a moment for it after a start.
func (c *Client) Rules(ctx context.Context) (wire.Rules, error) {
	r, err := c.known(ctx)
	if err != nil {
		return wire.Rules{}, err
	}
	return r.Rules, nil
}
