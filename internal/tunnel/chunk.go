package tunnel

import "sync"

// chunk is a piece of received data that waits for its consumer. Its class is its capacity: the budget counts that.
type chunk struct {
	buf  []byte
	r, w int // unread bytes are buf[r:w], room is buf[w:]
	next *chunk
}

// chunkPools holds chunks of 2, 4, 8 and 16 KiB. A frame takes the smallest that holds it, so memory stays within
// twice the bytes received.
var chunkPools = [4]sync.Pool{
	{New: func() any { return &chunk{buf: make([]byte, 2<<10)} }},
	{New: func() any { return &chunk{buf: make([]byte, 4<<10)} }},
	{New: func() any { return &chunk{buf: make([]byte, 8<<10)} }},
	{New: func() any { return &chunk{buf: make([]byte, 16<<10)} }},
}

func chunkClass(n int) int {
	class := 0
	for n > 2<<10<<class {
		class++
	}
	return class
}

// newChunk returns a chunk that holds n bytes, n at most 16 KiB.
func newChunk(n int) *chunk { return chunkPools[chunkClass(n)].Get().(*chunk) }

func (c *chunk) free() {
	c.r, c.w, c.next = 0, 0, nil
	chunkPools[chunkClass(len(c.buf))].Put(c)
}

// queue is a stream's received and unread data.
type queue struct {
	head, tail *chunk
	bytes      int // unread
	held       int // capacity of all chunks, which the budget was charged for
}

func (q *queue) push(c *chunk) {
	if q.tail == nil {
		q.head = c
	} else {
		q.tail.next = c
	}
	q.tail = c
	q.bytes += c.w - c.r
	q.held += len(c.buf)
}

// fill copies as much of p as the last chunk has room for and returns how much.
func (q *queue) fill(p []byte) int {
	if q.tail == nil {
		return 0
	}
	n := copy(q.tail.buf[q.tail.w:], p)
	q.tail.w += n
	q.bytes += n
	return n
}

// read copies unread bytes to p. It returns how many, and the capacity it gave back.
func (q *queue) read(p []byte) (n, freed int) {
	for q.head != nil && n < len(p) {
		c := q.head
		m := copy(p[n:], c.buf[c.r:c.w])
		n += m
		c.r += m
		if c.r == c.w {
			freed += len(c.buf)
			q.head = c.next
			c.free()
		}
	}
	if q.head == nil {
		q.tail = nil
	}
	q.bytes -= n
	q.held -= freed
	return n, freed
}

// take hands out up to max chunks, which the caller frees, and tells their capacity.
func (q *queue) take(max int) (first *chunk, held int) {
	first = q.head
	bytes := 0
	var last *chunk
	for c := q.head; c != nil && max > 0; c = c.next {
		last = c
		bytes += c.w - c.r
		held += len(c.buf)
		max--
	}
	if last == nil {
		return nil, 0
	}
	q.head = last.next
	last.next = nil
	if q.head == nil {
		q.tail = nil
	}
	q.bytes -= bytes
	q.held -= held
	return first, held
}

// clear drops everything and returns the capacity it gave back.
func (q *queue) clear() (freed int) {
	for c := q.head; c != nil; {
		next := c.next
		c.free()
		c = next
	}
	freed = q.held
	*q = queue{}
	return freed
}
