package journal

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/wire"
)

// outlet writes entries to the outputs of one log, in its own time.
type outlet struct {
	outputs []Output
	queue   chan wire.LogEntry
	done    chan struct{} // closed when the writer has ended
	dropped atomic.Uint64
	problem atomic.Pointer[string]

	mu     sync.RWMutex // guards closed: nobody puts into a queue that is closed
	closed bool
}

func newOutlet(outputs []Output) *outlet {
	o := &outlet{outputs: outputs, queue: make(chan wire.LogEntry, queued), done: make(chan struct{})}
	if len(outputs) == 0 {
		close(o.done)
		return o
	}
	go o.run() // ends with close, which waits for it
	return o
}

// put never waits.
func (o *outlet) put(e wire.LogEntry) {
	if len(o.outputs) == 0 {
		return
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	if o.closed {
		return
	}
	select {
	case o.queue <- e:
	default:
		o.dropped.Add(1)
	}
}

func (o *outlet) run() {
	defer close(o.done)
	for e := range o.queue {
		var failed error
		for _, out := range o.outputs {
			failed = errors.Join(failed, out.Write(e))
		}
		text := ""
		if failed != nil {
			o.dropped.Add(1)
			text = failed.Error()
		}
		o.problem.Store(&text)
	}
}

// close writes what waits, for as long as flushTime, and closes the outputs.
func (o *outlet) close() error {
	o.mu.Lock()
	already := o.closed
	o.closed = true
	o.mu.Unlock()
	if already || len(o.outputs) == 0 {
		return nil
	}
	close(o.queue)
	patience := time.NewTimer(flushTime)
	defer patience.Stop()
	select {
	case <-o.done:
	case <-patience.C: // an output that hangs shall not hold up the end of the process
		return errors.New("the last entries of a log were not written in time")
	}
	var err error
	for _, out := range o.outputs {
		err = errors.Join(err, out.Close())
	}
	return err
}
