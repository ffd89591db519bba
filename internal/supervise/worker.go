package supervise

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// start starts the process and has its words and its end told.
func (w *worker) start(cmd *exec.Cmd, events chan<- event) error {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	w.cmd, w.stdin = cmd, stdin
	go func() { // ends with the process; Run waits for its last event
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			word, text, _ := strings.Cut(lines.Text(), " ")
			events <- event{worker: w, word: word, text: text}
		}
		_, _ = io.Copy(io.Discard, stdout) // a line too long is no word; the process must not hang on it
		_ = cmd.Wait()                     // the code says how it ended
		events <- event{worker: w, ended: true, code: code(w)}
	}()
	return nil
}

// say tells the worker a word. One that does not read is stuck, which its silence shows: nobody waits for it, and a
// pipe holds more than all the words it ever gets.
func (w *worker) say(word string) {
	if w.stdin != nil {
		_, _ = io.WriteString(w.stdin, word+"\n") // an error means that it has ended
	}
}

func (w *worker) drain() {
	if !w.draining {
		w.draining, w.drained = true, time.Now()
		w.say(wordDrain)
	}
}

func (w *worker) kill() {
	if w.cmd != nil && w.cmd.Process != nil {
		_ = w.cmd.Process.Kill() // an error means that it has ended
	}
}

// Tie is the worker's side.
type Tie struct {
	Drain  <-chan struct{} // closed when the worker shall finish: it was told so, or its supervisor is gone
	Reload <-chan struct{} // has an element when the worker shall read again what can be read again

	mu  sync.Mutex // held while a word is written
	out io.Writer
}

// Attach takes the words of the supervisor from in and writes those of the worker to out. It reads until in ends.
func Attach(in io.Reader, out io.Writer) *Tie {
	drain, reload := make(chan struct{}), make(chan struct{}, 1)
	t := &Tie{Drain: drain, Reload: reload, out: out}
	go func() { // lives as long as the process: reading a pipe cannot be cancelled
		defer close(drain)
		lines := bufio.NewScanner(in)
		for lines.Scan() {
			switch word, _, _ := strings.Cut(lines.Text(), " "); word {
			case wordDrain:
				return
			case wordReload:
				ask(reload)
			}
		}
	}()
	return t
}

func (t *Tie) say(word, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// Whatever a text holds, it is one line and not a long one.
	text = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxText {
		text = text[:maxText]
	}
	_, _ = fmt.Fprintln(t.out, strings.TrimSpace(word+" "+text)) // without a supervisor nobody listens
}

const maxText = 1000 // bytes

// Started says that the settings are right and the work begins.
func (t *Tie) Started() { t.say(wordStarted, "") }

// Ready says that the worker works.
func (t *Tie) Ready() { t.say(wordReady, "") }

// State says how the worker is, for people.
func (t *Tie) State(text string) { t.say(wordState, text) }

const beatEvery = 5 * time.Second

// Beat beats as long as alive returns nil, until ctx ends. alive is to try what the worker is there for: where it hangs, or
// fails, there is no beat, and the supervisor ends the worker.
func (t *Tie) Beat(ctx context.Context, alive func(ctx context.Context) error) error {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		if alive(ctx) == nil {
			t.say(wordBeat, "")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
