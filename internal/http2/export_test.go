package http2

// Leave ends the connections of now gracefully, and none to come.
func (s *Server) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.drain()
	}
}

// A Decoder is what reads header blocks.
type Decoder struct{ decoder }

// NewDecoder makes one as a connection has it.
func NewDecoder() *Decoder {
	d := &Decoder{}
	d.table.most = tableSize
	return d
}

// Decode gives the fields of a block: "name: value". false: it cannot be decoded.
func (d *Decoder) Decode(block []byte) (list []string, ok bool) {
	a := &arena{}
	a.reset(1<<30, 1<<30)
	if d.decode(block, a) != nil {
		return nil, false
	}
	for _, s := range a.spans {
		list = append(list, string(a.buf[s.name:s.value])+": "+string(a.buf[s.value:s.end]))
	}
	return list, true
}

// ReadFields makes a request of fields and gives its own.
func ReadFields(fields [][2]string) (list [][2]string, ok bool) {
	a, q, limits := &arena{}, &Request{}, Limits{}.orDefaults()
	a.reset(limits.Head, limits.Fields)
	for _, f := range fields {
		a.addText(f[0], f[1])
	}
	if q.read(a, true, &limits) != nil {
		return nil, false
	}
	for _, f := range q.Fields {
		list = append(list, [2]string{string(f.Name), string(f.Value)})
	}
	return list, true
}
