package http2

import "time"

// Limits bounds what a client may do. A zero value of a field is its default.
type Limits struct {
	Target  int // bytes of a request's path with its query; 8 KiB. Beyond: 414
	Head    int // bytes of a head, each field counting 32 more (RFC 9113 section 6.5.2); 32 KiB. Beyond: 431
	Fields  int // field lines of a head, or of trailers; 128. Beyond: 431
	Trailer int // bytes of trailers, counted like Head; 8 KiB

	// Streams is how many requests may be open at once, and how many may be handled: one whose stream was reset is
	// handled until Handle returns, so that resetting buys a client nothing (rapid reset, CVE-2023-44487; MadeYouReset,
	// CVE-2025-8671). 100.
	Streams int
	// Work is how much a client may make us do for nothing before its connection ends: pings, settings, empty frames,
	// streams opened and reset, and so on (CVE-2019-9512, -9515, -9518, CVE-2023-44487, CVE-2024-27316). Requests that
	// were answered and content give it back, and so does time: all of it in 10 s. See work.go for the prices. 2000.
	Work int
	// Block is how many bytes of a header block, compressed and over all its frames, there may be (CONTINUATION flood,
	// CVE-2024-27316). Twice Head.
	Block int

	Window     int // to how many bytes a stream's receive window may grow; 1 MiB. It starts with 64 KiB
	ConnWindow int // how many bytes all streams of a connection may have unread; 8 MiB, at least 64 KiB for each stream
	Pending    int // bytes that may wait to be written; 64 KiB. Beyond, streams wait in line
	Control    int // of them, bytes of answers that the client provoked (CVE-2019-9512, -9514, -9515); 64 KiB

	Preface time.Duration // for the client's preface and its first settings; 10 s
	Frame   time.Duration // for a frame, and for a header block, from its first byte to its last; 10 s
	Idle    time.Duration // how long a connection without a stream is kept; 75 s
	Silence time.Duration // after how long without a frame a client that has streams is sent a ping; 60 s
	Pong    time.Duration // how long it may take to answer that; 20 s
	// Stall is how long a client may not take what a stream has for it (CVE-2019-9517). What is taken at less than 512
	// bytes a second counts as not taken (CVE-2019-9511); while it stands in line, what the others send counts. 60 s.
	Stall  time.Duration
	Linger time.Duration // how long a connection that ends waits for the client to take the last frames; 1 s
}

const (
	// firstWindow is what every window starts with (RFC 9113 section 6.9.2).
	firstWindow = 64<<10 - 1
	// windowSlack is how many bytes that were read the connection's window may lag behind.
	windowSlack = 256 << 10
	// maxWindow is the largest that a window can be.
	maxWindow = 1<<31 - 1
	// maxFrame is the largest payload that is read or written. Both sides start with it and we never say another.
	maxFrame = 16 << 10
)

func (l Limits) orDefaults() Limits {
	for _, f := range []struct {
		at    *int
		value int
	}{
		{&l.Target, 8 << 10}, {&l.Head, 32 << 10}, {&l.Fields, 128}, {&l.Trailer, 8 << 10}, {&l.Streams, 100}, {&l.Work, 2000},
		{&l.Window, 1 << 20}, {&l.ConnWindow, 8 << 20}, {&l.Pending, 64 << 10}, {&l.Control, 64 << 10},
	} {
		if *f.at <= 0 {
			*f.at = f.value
		}
	}
	for _, f := range []struct {
		at    *time.Duration
		value time.Duration
	}{
		{&l.Preface, 10 * time.Second}, {&l.Frame, 10 * time.Second}, {&l.Idle, 75 * time.Second}, {&l.Silence, time.Minute},
		{&l.Pong, 20 * time.Second}, {&l.Stall, time.Minute}, {&l.Linger, time.Second},
	} {
		if *f.at <= 0 {
			*f.at = f.value
		}
	}
	if l.Block <= 0 {
		l.Block = 2 * l.Head
	}
	// Every stream has its first window, whatever the others do: one that is not read stops nobody.
	l.ConnWindow = max(l.ConnWindow, l.Streams*(firstWindow+1))
	l.Window = max(l.Window, firstWindow)
	return l
}
