package bench

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// patience is how long one exchange may take.
const patience = 30 * time.Second

// A client asks for what h2load cannot: over a new connection each time, or at a given rate whatever the answers take.
// It spends the same on every side.
type client struct {
	address string
	config  *tls.Config
	request []byte
	body    int64
}

func newClient(side Side, body int64, lines ...string) (*client, error) {
	u, err := url.Parse(side.URL)
	if err != nil {
		return nil, fmt.Errorf("URL of %s: %w", side.Name, err)
	}
	text := "GET " + u.RequestURI() + " HTTP/1.1\r\nhost: " + u.Host + "\r\n"
	for _, line := range slices.Concat(side.Headers, lines) {
		text += line + "\r\n"
	}
	return &client{
		address: cmp.Or(side.Address, u.Host),
		// What is measured is the server, on this very machine; who it is does not matter.
		config:  &tls.Config{ServerName: u.Hostname(), InsecureSkipVerify: true, MinVersion: tls.VersionTLS13},
		request: []byte(text + "\r\n"),
		body:    body,
	}, nil
}

// A wire is a connection of a client.
type wire struct {
	*tls.Conn
	in *bufio.Reader
}

func (c *client) dial(ctx context.Context) (*wire, error) {
	conn, err := (&tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}, Config: c.config}).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return nil, err
	}
	return &wire{conn.(*tls.Conn), bufio.NewReader(conn)}, nil
}

// ask does one exchange, and fails unless the answer is what it should be.
func (c *client) ask(w *wire) error {
	if err := w.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := w.Write(c.request); err != nil {
		return err
	}
	res, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, res.Body)
	if err == nil && (res.StatusCode != http.StatusOK || n != c.body) {
		err = fmt.Errorf("not answered well: %s with %d bytes", res.Status, n)
	}
	return err
}

// connections lets so many clients at a time each make a connection for every request, until the round's time is over.
func connections(ctx context.Context, load Load, side Side) (Round, error) {
	c, err := newClient(side, load.Body, "connection: close")
	if err != nil {
		return Round{}, err
	}
	before, err := cpuOf(side.PIDs)
	if err != nil {
		return Round{}, err
	}
	began := time.Now()
	var done atomic.Int64
	err = together(load.Connections, func(int) error {
		for time.Since(began) < load.Duration {
			w, err := c.dial(ctx)
			if err != nil {
				return err
			}
			if err := errors.Join(c.ask(w), w.Close()); err != nil {
				return err
			}
			done.Add(1)
		}
		return nil
	})
	took := time.Since(began)
	after, err2 := cpuOf(side.PIDs)
	if err := errors.Join(err, err2); err != nil {
		return Round{}, err
	}
	n := done.Load()
	return Round{Requests: n, Rate: float64(n) / took.Seconds(), CPU: (after - before) / time.Duration(n)}, nil
}

// Latencies are the times that a round's answers took.
type Latencies struct{ P50, P99 time.Duration }

// openLoop asks at a fixed rate: an answer that takes long delays no other request, as long as a connection is free, and
// what waits for one counts from when it was due.
func openLoop(ctx context.Context, load Load, side Side, rate int) (Latencies, error) {
	c, err := newClient(side, load.Body)
	if err != nil {
		return Latencies{}, err
	}
	wires := make([]*wire, load.Connections)
	defer func() {
		for _, w := range wires {
			if w != nil {
				_ = w.Close()
			}
		}
	}()
	for i := range wires {
		if wires[i], err = c.dial(ctx); err != nil {
			return Latencies{}, err
		}
		if err := c.ask(wires[i]); err != nil {
			return Latencies{}, err
		}
	}
	interval, count := time.Second/time.Duration(rate), int64(load.Duration.Seconds()*float64(rate))
	took := make([]time.Duration, count)
	var next atomic.Int64
	began := time.Now()
	err = together(load.Connections, func(worker int) error {
		for {
			i := next.Add(1) - 1
			if i >= count {
				return nil
			}
			due := began.Add(time.Duration(i) * interval)
			if wait := time.Until(due); wait > 0 {
				time.Sleep(wait)
				due = time.Now() // that this process was woken late is not the side's doing
			}
			if err := c.ask(wires[worker]); err != nil {
				return err
			}
			took[i] = time.Since(due)
		}
	})
	slices.Sort(took)
	return Latencies{P50: took[count/2], P99: took[count*99/100]}, err
}

// idle gives how much memory of the side's first process, children included, each of so many connections takes that
// has had one request answered and then says nothing.
func idle(ctx context.Context, side Side, body int64, count int) (float64, error) {
	c, err := newClient(side, body)
	if err != nil {
		return 0, err
	}
	before, err := settled(side.PIDs[0])
	if err != nil {
		return 0, err
	}
	wires := make([]*wire, count)
	err = together(16, func(worker int) error {
		for i := worker; i < count; i += 16 {
			w, err := c.dial(ctx)
			if err != nil {
				return err
			}
			wires[i] = w
			if err := c.ask(w); err != nil {
				return err
			}
		}
		return nil
	})
	after, err2 := settled(side.PIDs[0])
	for _, w := range wires {
		if w != nil {
			err = errors.Join(err, w.Close())
		}
	}
	return float64(after-before) / float64(count), errors.Join(err, err2)
}

// settled gives the memory of a process with its children once it has not grown for two seconds.
func settled(pid int) (int64, error) {
	last := int64(0)
	for same := 0; same < 4; {
		now, err := memoryOf(pid)
		if err != nil {
			return 0, err
		}
		same++
		if now > last+last/200 {
			same = 0
		}
		last = now
		time.Sleep(500 * time.Millisecond)
	}
	return last, nil
}

// memoryOf gives the bytes of anonymous memory that a process and its children hold.
func memoryOf(pid int) (int64, error) {
	kids, err := childrenOf(pid)
	if err != nil {
		return 0, err
	}
	sum := int64(0)
	for _, pid := range append(kids, pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, err
		}
		_, rest, _ := strings.Cut(string(text), "RssAnon:")
		line, _, _ := strings.Cut(rest, "kB")
		kib, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("memory of process %d: %w", pid, err)
		}
		sum += kib << 10
	}
	return sum, nil
}

// together runs so many at once and gives the first error of each.
func together(count int, do func(worker int) error) error {
	errs := make([]error, count)
	var each sync.WaitGroup
	for worker := range count {
		each.Go(func() { errs[worker] = do(worker) })
	}
	each.Wait()
	return errors.Join(errs...)
}
