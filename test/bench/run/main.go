// Command run prints CPU per request and rate of the whole path, through processes that run already, beside nginx in two hops:
//
//	run -url URL -pids 1,2 [flags]
//
// Publish http://127.0.0.1:9001 (bench.Backend, which the command starts) as the application at URL.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"postern/test/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	side := bench.Side{Name: "ours"}
	load := bench.Load{Body: 1024}
	flags.StringVar(&side.URL, "url", "", "what to ask for; its path is asked of nginx, too")
	flags.StringVar(&side.Address, "address", "", "host:port to dial instead of the URL's")
	headers := flags.String("headers", "", "file with a header on each line, such as a session's cookie")
	pids := flags.String("pids", "", "processes of gateway and connector, with commas")
	flags.BoolVar(&load.HTTP2, "http2", false, "HTTP/2, 8 connections of 8 streams, instead of 64 connections of HTTP/1.1")
	flags.Int64Var(&load.Body, "body", load.Body, "bytes in each response")
	flags.IntVar(&load.Rounds, "rounds", 5, "how often each side takes its turn")
	flags.DurationVar(&load.Duration, "duration", 2*time.Second, "of one turn")
	if err := flags.Parse(args); err != nil {
		return err
	}
	load.Connections, load.Streams = 64, 1
	if load.HTTP2 {
		load.Connections, load.Streams = 8, 8
	}
	if side.Headers, err = lines(*headers); err != nil {
		return err
	}
	for pid := range strings.SplitSeq(*pids, ",") {
		number, err := strconv.Atoi(pid)
		if err != nil {
			return fmt.Errorf("-pids: %w", err)
		}
		side.PIDs = append(side.PIDs, number)
	}
	return beside(ctx, load, side)
}

// beside measures a side beside nginx and prints the table.
func beside(ctx context.Context, load bench.Load, side bench.Side) (err error) {
	nginx, err := bench.StartNginx(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, nginx.Stop()) }()
	_, path, _ := strings.Cut(strings.TrimPrefix(side.URL, "https://"), "/")
	reference, err := nginx.Side("/" + path)
	if err != nil {
		return err
	}
	sides := []bench.Side{reference, side}
	rounds, err := bench.Compare(ctx, load, sides...)
	if err != nil {
		return err
	}
	return bench.Print(os.Stdout, sides, rounds)
}

func lines(file string) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' || r == '\r' }), nil
}
