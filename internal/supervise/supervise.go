// Package supervise keeps the worker of a program running: a process of the same program that does the work.
//
// The supervisor is as small as it can be, so that nothing in it fails. It starts a worker, hears it beat, ends one that is
// stuck and starts another, puts a new worker in the place of an old one without a gap (hand-over), and keeps the old one
// where the new one does not come up. The two sides talk in words, one a line, over the worker's standard input and
// output: that is there on every operating system. Words that a side does not know it ignores, since the supervisor
// may be of another version than its worker.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"time"
)

// The words. Those of a worker may carry a text after a space.
const (
	wordStarted = "started" // its settings are right; it begins to work
	wordReady   = "ready"   // it works: the one before it can go
	wordBeat    = "beat"    // it moves
	wordState   = "state"   // how it is, for people

	wordDrain  = "drain"  // take nothing new, finish, end
	wordReload = "reload" // read again what can be read again
)

// Config holds what a Supervisor needs. Worker is required.
type Config struct {
	// Worker makes the command of a new worker, not started. Its standard input and output are the supervisor's.
	Worker func() *exec.Cmd
	Log    *slog.Logger
	// Final tells whether a worker that ended with this code shall not be started again.
	Final func(code int) bool

	Silence  time.Duration // how long a worker may not beat before it counts as stuck; 45 s if zero
	Handover time.Duration // how long a new worker may take until it is ready; 2 min if zero
	Drain    time.Duration // how long an old worker may take to finish; 12 min if zero
	Pause    time.Duration // before a worker that crashed is started again, doubling to 64 times that; 1 s if zero
	Settled  time.Duration // after which a worker that crashes was no part of a series; 5 min if zero

	Started func()            // optional; called once, when the first worker has started
	State   func(text string) // optional; called when there is something to say
	Healthy func()            // optional; called often, as long as the supervisor itself moves
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		field   *time.Duration
		ifUnset time.Duration
	}{
		{&c.Silence, 45 * time.Second}, {&c.Handover, 2 * time.Minute}, {&c.Drain, 12 * time.Minute},
		{&c.Pause, time.Second}, {&c.Settled, 5 * time.Minute},
	} {
		if *d.field <= 0 {
			*d.field = d.ifUnset
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Final == nil {
		c.Final = func(int) bool { return false }
	}
	if c.Started == nil {
		c.Started = func() {}
	}
	if c.State == nil {
		c.State = func(string) {}
	}
	if c.Healthy == nil {
		c.Healthy = func() {}
	}
	return c
}

// ExitError says that the worker ended in a way that starting it again does not cure.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("the worker ended with code %d", e.Code) }

// Supervisor keeps one worker running.
type Supervisor struct {
	cfg     Config
	replace chan struct{}
	reload  chan struct{}
	events  chan event

	// What follows belongs to Run's goroutine.
	all      map[*worker]struct{}
	current  *worker // the one that works, or is to; nil between two
	next     *worker // the one that is to take its place
	number   int
	crashes  int
	restart  *time.Timer
	begun    bool // a worker has started once
	stopping bool
	result   error
}

// New checks the configuration; it starts nothing.
func New(cfg Config) (*Supervisor, error) {
	if cfg.Worker == nil {
		return nil, errors.New("supervise: no worker is configured")
	}
	return &Supervisor{
		cfg: cfg.withDefaults(), replace: make(chan struct{}, 1), reload: make(chan struct{}, 1), events: make(chan event),
		all: map[*worker]struct{}{},
	}, nil
}

// Replace has a new worker take the place of the one that works, as soon as it is ready. It does not wait.
func (s *Supervisor) Replace() { ask(s.replace) }

// Reload has the worker read again what can be read again.
func (s *Supervisor) Reload() { ask(s.reload) }

func ask(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is asked already
	}
}

// ticks is how often within the time of silence beats are counted. Counting, not comparing clocks, is fair to a worker
// when the whole machine slept: the supervisor's ticks stood still as well.
const ticks = 9

// Run keeps a worker running until ctx ends; then it has it drain, and returns when none is left. It returns an *ExitError
// when the very first worker does not start, or one ended for good.
func (s *Supervisor) Run(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.Silence / ticks)
	defer tick.Stop()
	s.restart = time.NewTimer(0)
	defer s.restart.Stop()
	stop := ctx.Done()
	for {
		select {
		case <-stop:
			stop = nil
			s.end(nil)
		case <-s.restart.C:
			if s.current == nil && !s.stopping {
				s.current = s.spawn()
			}
		case <-s.replace:
			s.handOver()
		case <-s.reload:
			s.tell(wordReload)
		case e := <-s.events:
			s.happened(e)
		case <-tick.C:
			s.look()
		}
		s.cfg.Healthy()
		if s.stopping && len(s.all) == 0 {
			return s.result
		}
	}
}

// end has every worker finish; result is what Run returns then.
func (s *Supervisor) end(result error) {
	if s.stopping {
		return
	}
	s.stopping, s.result = true, result
	s.restart.Stop()
	s.cfg.State("draining")
	for w := range s.all {
		w.drain()
	}
}

func (s *Supervisor) tell(word string) {
	for w := range s.all {
		w.say(word)
	}
}

// handOver starts the worker that is to take the place of the one that works.
func (s *Supervisor) handOver() {
	switch {
	case s.stopping:
	case s.next != nil:
		s.cfg.Log.Info("a hand-over is under way already", "worker", s.next.number)
	case s.current == nil: // it crashed: do not wait any longer
		s.crashes = 0
		s.restart.Reset(0)
	default:
		s.next = s.spawn()
	}
}

// spawn starts a worker. One that cannot be started ends at once.
func (s *Supervisor) spawn() *worker {
	s.number++
	w := &worker{number: s.number, began: time.Now()}
	s.all[w] = struct{}{}
	if err := w.start(s.cfg.Worker(), s.events); err != nil {
		s.cfg.Log.Error("the worker cannot be started", "worker", w.number, "error", err)
		go func() { s.events <- event{worker: w, ended: true, code: -1} }() // Run takes it: w is among all
		return w
	}
	s.cfg.Log.Info("worker started", "worker", w.number, "pid", w.cmd.Process.Pid)
	return w
}

func (s *Supervisor) happened(e event) {
	w := e.worker
	if e.ended {
		delete(s.all, w)
		s.gone(w, e.code)
		return
	}
	w.silent = 0
	switch e.word {
	case wordStarted:
		w.started = true
		if !s.begun {
			s.begun = true
			s.cfg.Started()
		}
	case wordReady:
		if w == s.next {
			s.promote()
		}
	case wordState:
		if w == s.current {
			s.cfg.State(e.text)
		}
	}
}

// promote gives the new worker the place of the old one, which drains.
func (s *Supervisor) promote() {
	old := s.current
	s.current, s.next = s.next, nil
	if old != nil {
		s.cfg.Log.Info("hand-over: the new worker works, the old one finishes", "new", s.current.number, "old", old.number)
		old.drain()
	}
}

// gone decides what follows when a worker has ended.
func (s *Supervisor) gone(w *worker, code int) {
	log := s.cfg.Log.With("worker", w.number, "code", code)
	switch {
	case s.stopping || w.draining:
		log.Info("worker ended")
	case s.cfg.Final(code):
		log.Error("the worker ended for good")
		s.end(&ExitError{code})
	case w == s.next:
		log.Error("the new worker ended before it was ready: the old one goes on")
		s.next = nil
	case !s.begun:
		s.end(&ExitError{max(code, 1)}) // its settings are wrong: whoever started it must see that
	default:
		s.again(w, log)
	}
	if w == s.current {
		s.current = nil
		if s.next != nil {
			s.promote()
		}
	}
}

// again has another worker started in the place of one that ended by itself, later from time to time.
func (s *Supervisor) again(w *worker, log *slog.Logger) {
	if time.Since(w.began) > s.cfg.Settled {
		s.crashes = 0
	}
	wait := s.cfg.Pause << min(s.crashes, 6)
	s.crashes++
	log.Error("the worker ended by itself; another one is started", "in", wait, "in_a_row", s.crashes)
	s.cfg.State(fmt.Sprintf("the worker ended with code %d; another one is started in %s", code(w), wait))
	s.restart.Reset(wait)
}

func code(w *worker) int {
	if w.cmd == nil || w.cmd.ProcessState == nil {
		return -1
	}
	return w.cmd.ProcessState.ExitCode()
}

// look ends workers that are stuck, that do not become ready, or that do not finish.
func (s *Supervisor) look() {
	for w := range s.all {
		w.silent++
		age, draining := time.Since(w.began), time.Since(w.drained)
		switch {
		case w.silent > ticks:
			s.cfg.Log.Error("the worker is stuck: it is ended", "worker", w.number, "silent_for", s.cfg.Silence)
			w.silent = 0 // the end takes a moment
			w.kill()
		case w == s.next && !w.draining && age > s.cfg.Handover:
			s.cfg.Log.Error("the new worker does not become ready: the old one goes on", "worker", w.number, "after", s.cfg.Handover)
			s.next = nil
			w.drain()
		case w.draining && draining > s.cfg.Drain:
			s.cfg.Log.Warn("the worker does not finish: it is ended", "worker", w.number, "after", s.cfg.Drain)
			w.kill()
		}
	}
}

// worker is one process. Its fields belong to Run's goroutine.
type worker struct {
	number   int
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	began    time.Time
	drained  time.Time // when it was told to finish
	started  bool
	draining bool
	silent   int // ticks since its last word
}

// event is a word of a worker, or its end.
type event struct {
	worker     *worker
	word, text string
	ended      bool
	code       int
}
