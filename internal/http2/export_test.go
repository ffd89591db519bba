package http2

// Leave ends the connections of now gracefully, and none to come.
func (s *Server) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.drain()
	}
}
