package http2_test

import (
	"runtime"
	"testing"

	"postern/internal/http2"
	"postern/test/size"
)

// TestIdleConnections asks once on each of many connections and leaves them be: what each costs, TLS and both goroutines'
// stacks of the test's own included, is bounded. No buffer is held.
func TestIdleConnections(t *testing.T) {
	s := serve(t, http2.Config{Handle: tell})
	measure := func() uint64 {
		runtime.GC()
		runtime.GC() // pools keep what they have for one collection
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	open := func(n int) {
		for range n {
			p := s.dial(t)
			p.ask(1, browserHead()...)
			p.next()
			p.next()
		}
	}
	open(10)
	before := measure()
	connections := size.Of(200, 4000)
	open(connections)
	each := int(measure()-before) / connections
	t.Logf("%d bytes for an idle connection, both ends", each)
	if each > 100<<10 {
		t.Errorf("an idle connection costs %d bytes", each)
	}
}

func browserHead() (head []string) {
	for _, f := range browser {
		head = append(head, f[0]+": "+f[1])
	}
	return head
}
