package http1

// Held gives how many bytes of buffers a reader holds.
func (r *Reader) Held() int { return cap(r.buf) + cap(r.head) }
