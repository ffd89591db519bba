// Package process tells which program of this machine holds a socket, for logs.
//
// What it tells is a claim, not proof: a program may have ended or handed its socket on. It never keeps a flow waiting for long; what is not
// known in time is not told.
package process

import (
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"postern/internal/wire"
)

const (
	within   = 5 * time.Millisecond // that whoever asks waits
	scanning = time.Second          // that a search may go on, for the next who asks
	searches = 4                    // at once
	remember = 32                   // processes that were found last

	// What searching may cost: a twentieth of a processor, and so much at once. Programs that open thousands of flows a second, or
	// hold thousands of sockets, would pay for it otherwise.
	share = 20
	most  = 50 * time.Millisecond
)

// Finder finds programs. Those that it found last it looks at first.
type Finder struct {
	turns chan struct{}

	mu     sync.Mutex    // guards what follows
	recent []int         // ids of processes, the last that was found at the end
	left   time.Duration // that searching may cost
	since  time.Time     // when that was reckoned
}

// New gives a Finder.
func New() *Finder {
	return &Finder{turns: make(chan struct{}, searches), left: most, since: time.Now()}
}

// Socket is a program's end of a connection, or of an exchange of datagrams.
type Socket struct {
	Network       string // "tcp" or "udp"
	Local, Remote netip.AddrPort
}

// Name gives the name of the program that holds a socket, empty if that is not known in time.
func (f *Finder) Name(s Socket) string {
	if f == nil || !s.Local.IsValid() || !f.afford(0) {
		return ""
	}
	select {
	case f.turns <- struct{}{}:
	default:
		return ""
	}
	s.Local, s.Remote = plain(s.Local), plain(s.Remote)
	found := make(chan string, 1)
	go func() { // ends after scanning at the latest
		began := time.Now()
		defer func() { f.afford(time.Since(began)); <-f.turns }()
		found <- f.find(s, began.Add(scanning))
	}()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case path := <-found:
		return base(path)
	case <-timer.C:
		return ""
	}
}

// afford notes what a search cost, and reports whether another one may begin.
func (f *Finder) afford(cost time.Duration) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.left = min(most, f.left+now.Sub(f.since)/share) - cost
	f.since = now
	return f.left > 0
}

// OfPID gives the name of a process, empty if it is not known.
func OfPID(pid int) string { return base(programOf(pid)) }

func base(path string) string {
	path = strings.TrimSuffix(path, " (deleted)")
	if path == "" {
		return ""
	}
	return wire.CleanProcess(filepath.Base(path))
}

func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// lately gives the processes that were found last, the last one first.
func (f *Finder) lately() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]int, 0, len(f.recent))
	for i := len(f.recent) - 1; i >= 0; i-- {
		list = append(list, f.recent[i])
	}
	return list
}

func (f *Finder) note(pid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, p := range f.recent {
		if p == pid {
			f.recent = append(f.recent[:i], f.recent[i+1:]...)
			break
		}
	}
	if f.recent = append(f.recent, pid); len(f.recent) > remember {
		f.recent = f.recent[1:]
	}
}
