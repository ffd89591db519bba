// Package bench measures the whole path of a request beside a reference, in interleaved rounds.
//
// A rate or a CPU time says little on a machine that does other things at the same time; the ratio of two sides
// that take turns does. So every figure comes with the ratio to the first side, computed round by round.
// CPU is user and system time of the processes that carry the request, children included, as /proc tells it.
// Load comes from h2load (Debian's nghttp2-client), which resolves nothing: names are dialled at Side.Address.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// A Side is one way for requests to travel.
type Side struct {
	Name    string
	URL     string   // what is asked for; https
	Address string   // host:port that is dialled instead of the URL's, "" for the URL's
	Headers []string // optional; "name: value", such as a session's cookie
	PIDs    []int    // the processes whose CPU counts, each with its children
}

// A Load is what each side has to carry in each round.
type Load struct {
	HTTP2       bool
	Connections int
	Streams     int           // at a time on each connection; 1 for HTTP/1.1
	Duration    time.Duration // of one round of one side, whole seconds
	Rounds      int
	Body        int64 // size of each response's body, checked on the average
}

// A Round is what one side did in one round.
type Round struct {
	Requests int64
	Rate     float64       // requests per second
	CPU      time.Duration // per request
}

// Compare runs the load on all sides in turn, round by round, first forwards and then backwards,
// and returns each side's rounds. Any request that fails, or whose answer is not what it should be, fails it:
// a side that answers with a redirect is fast and measures nothing.
func Compare(ctx context.Context, load Load, sides ...Side) ([][]Round, error) {
	return inTurn(load.Rounds, sides, func(side Side) (Round, error) { return measure(ctx, load, side) })
}

// inTurn gives what each side did in each round.
func inTurn[T any](count int, sides []Side, do func(Side) (T, error)) ([][]T, error) {
	rounds := make([][]T, len(sides))
	for n := range count + 1 { // the first warms up: connections to backends, caches, branch predictors
		order := make([]int, len(sides))
		for i := range order {
			order[i] = i
		}
		if n%2 == 1 {
			slices.Reverse(order)
		}
		for _, i := range order {
			round, err := do(sides[i])
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", sides[i].Name, n, err)
			}
			if n > 0 {
				rounds[i] = append(rounds[i], round)
			}
		}
	}
	return rounds, nil
}

func measure(ctx context.Context, load Load, side Side) (Round, error) {
	args, err := load.args(side)
	if err != nil {
		return Round{}, err
	}
	before, err := cpuOf(side.PIDs)
	if err != nil {
		return Round{}, err
	}
	began := time.Now()
	out, err := exec.CommandContext(ctx, "h2load", args...).CombinedOutput()
	if err != nil {
		return Round{}, fmt.Errorf("h2load: %w: %s", err, out)
	}
	took := time.Since(began)
	after, err := cpuOf(side.PIDs)
	if err != nil {
		return Round{}, err
	}
	done, err := load.judge(string(out))
	if err != nil {
		return Round{}, err
	}
	return Round{Requests: done, Rate: float64(done) / took.Seconds(), CPU: (after - before) / time.Duration(done)}, nil
}

// args are h2load's. Headers stand among them, visible to other users of the machine: use throwaway sessions.
func (load Load) args(side Side) ([]string, error) {
	u, err := url.Parse(side.URL)
	if err != nil {
		return nil, fmt.Errorf("URL of %s: %w", side.Name, err)
	}
	args := []string{"-c", strconv.Itoa(load.Connections), "-m", strconv.Itoa(max(load.Streams, 1)),
		"-D", strconv.Itoa(max(int(load.Duration.Seconds()), 1))}
	if !load.HTTP2 {
		args = append(args, "--h1")
	}
	address := side.Address
	if address == "" {
		address = u.Host
	}
	args = append(args, "--connect-to="+address)
	for _, header := range side.Headers {
		args = append(args, "-H", header)
	}
	return append(args, side.URL), nil
}

var (
	requestsLine = regexp.MustCompile(`requests: .* (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout`)
	statusLine   = regexp.MustCompile(`status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx`)
	trafficLine  = regexp.MustCompile(`\((\d+)\) data`)
)

// judge reads h2load's report and returns how many requests were answered as they should be, or why not all were.
func (load Load) judge(report string) (done int64, err error) {
	requests, statuses, traffic := requestsLine.FindStringSubmatch(report), statusLine.FindStringSubmatch(report), trafficLine.FindStringSubmatch(report)
	if requests == nil || traffic == nil {
		return 0, fmt.Errorf("h2load's report is not understood: %s", report)
	}
	if statuses == nil {
		return 0, fmt.Errorf("not every request was answered well: %s", report)
	}
	number := func(s string) int64 { n, _ := strconv.ParseInt(s, 10, 64); return n } // digits, by the expression
	done = number(requests[1])
	bad := number(requests[3]) + number(requests[4]) + number(requests[5])
	// The end of the round may cut answers short of which the status has arrived.
	if done == 0 || bad > 0 || number(statuses[1]) < done {
		return 0, fmt.Errorf("not every request was answered well: %s; %s", requests[0], statuses[0])
	}
	// Exchanges that the end of the round cut short may have delivered a part of their data.
	slack := int64(load.Connections*max(load.Streams, 1)) * load.Body
	if data := number(traffic[1]); data < done*load.Body || data > done*load.Body+slack {
		return 0, fmt.Errorf("%d answers had %d bytes of body in all, not %d each", done, data, load.Body)
	}
	return done, nil
}

// clockTick is the unit of CPU times in /proc: USER_HZ, 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// cpuOf returns the CPU time that processes and their children have used so far.
func cpuOf(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		used, err := cpuOfOne(pid)
		if err != nil {
			return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
		}
		sum += used
		kids, err := childrenOf(pid)
		if err != nil {
			return 0, err
		}
		used, err = cpuOf(kids)
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// childrenOf gives the processes that a process has started.
func childrenOf(pid int) (kids []int, err error) {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil, fmt.Errorf("children of process %d: %w", pid, err)
	}
	for _, field := range strings.Fields(string(children)) {
		kid, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("children of process %d: %w", pid, err)
		}
		kids = append(kids, kid)
	}
	return kids, nil
}

func cpuOfOne(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(stat), ") ") // the name before it may hold anything
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, errors.New("its stat file is not understood")
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * clockTick, errors.Join(err1, err2)
}

// Print writes a table of medians, their spread, and the ratios to the first side.
func Print(out io.Writer, sides []Side, rounds [][]Round) error {
	cpu := func(r Round) float64 { return float64(r.CPU) / float64(time.Microsecond) }
	rate := func(r Round) float64 { return r.Rate }
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "side\tCPU µs/request\tspread\tratio\trequests/s\tratio\t")
	for i, side := range sides {
		low, middle, high := spread(rounds[i], cpu)
		_, perSecond, _ := spread(rounds[i], rate)
		fmt.Fprintf(table, "%s\t%.1f\t%.1f–%.1f\t%.2f\t%.0f\t%.2f\t\n", side.Name, middle, low, high,
			ratio(rounds[i], rounds[0], cpu), perSecond, ratio(rounds[i], rounds[0], rate))
	}
	return table.Flush()
}

func spread[T any](rounds []T, of func(T) float64) (low, middle, high float64) {
	values := make([]float64, len(rounds))
	for i, r := range rounds {
		values[i] = of(r)
	}
	return slices.Min(values), median(values), slices.Max(values)
}

// ratio is the median of the rounds' ratios: what disturbs one round disturbs both of its sides.
func ratio[T any](a, b []T, of func(T) float64) float64 {
	values := make([]float64, len(a))
	for i := range a {
		values[i] = of(a[i]) / of(b[i])
	}
	return median(values)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
