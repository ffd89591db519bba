package trafficlog

import (
	"sync"
	"sync/atomic"

	"postern/internal/wire"
)

// wakeAt is how many waiting records wake the writer before its time.
const wakeAt = 512

// A queue holds records until they are written. Two buffers take turns, so that nothing is allocated once they have grown.
type queue struct {
	limit, bytes int
	wake         chan struct{} // takes one: many wait
	lost         atomic.Int64  // that had no room, ever

	mu      sync.Mutex // guards the fields below
	waiting []wire.Record
	spare   []wire.Record
	size    int // bytes of text that wait
	dropped int // since they were taken the last time
}

func (q *queue) init(l Limits) {
	q.limit, q.bytes = l.Queue, l.QueueBytes
	q.wake = make(chan struct{}, 1)
}

// weigh gives about how much text a record holds.
func weigh(r *wire.Record) int {
	return len(r.Path) + len(r.UserAgent) + len(r.Host) + len(r.User) + len(r.Client) + 256
}

// put adds a record, or counts that there was no room.
func (q *queue) put(r *wire.Record) {
	size := weigh(r)
	q.mu.Lock()
	if len(q.waiting) >= q.limit || q.size+size > q.bytes {
		q.dropped += r.Requests()
		q.mu.Unlock()
		q.lost.Add(int64(r.Requests()))
		return
	}
	q.waiting = append(q.waiting, *r)
	q.size += size
	many := len(q.waiting) == wakeAt
	q.mu.Unlock()
	if many {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// take gives what waits, until give returns it, and how many had no room before.
func (q *queue) take() (list []wire.Record, dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	list, dropped = q.waiting, q.dropped
	q.waiting, q.spare, q.size, q.dropped = q.spare[:0], nil, 0, 0
	return list, dropped
}

// give returns the buffer of what was written.
func (q *queue) give(list []wire.Record) {
	clear(list) // the texts are not to be kept
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare = list[:0]
}

// waits gives how many wait.
func (q *queue) waits() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}
