package pac

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	scriptTime   = 10 * time.Second // that a script has at most; whoever dials gives it less
	scriptMemory = 128 << 20        // bytes that its process may use
	memoryEvery  = 2 * time.Millisecond
	maxAnswer    = 16 << 10 // bytes
)

// Find asks a script for its answer, which Parse reads.
type Find func(ctx context.Context, q Question) (string, error)

// reply is what the process of a script says.
type reply struct {
	Answer string `json:"answer"`
	Error  string `json:"error,omitempty"`
}

// What ends a script's process before its time.
var (
	errMemory = errors.New("the script wants more memory than a script may have (128 MiB)")
	errSlow   = errors.New("the script took too long")
)

// Process gives a Find that has a program run the script. With these arguments the program must do nothing but call Serve with
// its standard input and output, and end.
func Process(program string, args ...string) Find {
	return func(ctx context.Context, q Question) (string, error) {
		question, err := json.Marshal(q)
		if err != nil {
			return "", err
		}
		ctx, cancel := context.WithTimeout(ctx, scriptTime)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Stdin = bytes.NewReader(question)
		died := &limitedBuffer{left: maxAnswer}
		cmd.Stderr = died
		// What our environment holds, such as a proxy's password, is no business of a script's process. Windows finds no
		// network without its own directory.
		cmd.Env = []string{"TZ=" + os.Getenv("TZ"), "SystemRoot=" + os.Getenv("SystemRoot")}
		cmd.WaitDelay = time.Second
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			return "", fmt.Errorf("the process that runs the script failed: %w", err)
		}
		var r reply
		said := json.NewDecoder(io.LimitReader(out, maxAnswer)).Decode(&r)
		slow := ctx.Err() != nil
		cancel() // whoever has answered has nothing left to do
		err = cmd.Wait()
		switch {
		case said == nil && r.Error != "":
			return "", errors.New(r.Error)
		case said == nil:
			return r.Answer, nil
		case slow:
			return "", errSlow
		case bytes.Contains(died.Bytes(), []byte("out of memory")):
			return "", errMemory
		}
		return "", fmt.Errorf("the process that runs the script gave no answer: %w", errors.Join(err, said))
	}
}

// limitedBuffer keeps so many bytes and forgets the rest.
type limitedBuffer struct {
	bytes.Buffer
	left int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	_, _ = b.Buffer.Write(p[:n]) // never fails
	return len(p), nil
}

// Serve answers the one question that in holds. It is the whole of the process that Process starts, and calls exit where the
// script goes beyond its memory, in the middle of whatever it does.
func Serve(in io.Reader, out io.Writer, exit func(code int)) error {
	limitMemory(scriptMemory)
	debug.SetMemoryLimit(scriptMemory / 2)
	var q Question
	if err := json.NewDecoder(io.LimitReader(in, 8*MaxScript)).Decode(&q); err != nil {
		return fmt.Errorf("read the question: %w", err)
	}
	over, done := make(chan struct{}), make(chan struct{})
	go func() { // ends with the script or with the process
		defer close(done)
		if outgrows(over) {
			_ = json.NewEncoder(out).Encode(reply{Error: errMemory.Error()}) // nothing can be done if nobody reads it
			exit(1)
		}
	}()
	answer, err := find(q, time.Now())
	close(over)
	<-done
	r := reply{Answer: answer}
	if err != nil {
		r = reply{Error: err.Error()}
	}
	return json.NewEncoder(out).Encode(r)
}

// outgrows watches the memory of the process until over is closed, or tells that it is too much.
func outgrows(over <-chan struct{}) bool {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return false
		case <-tick.C:
			if metrics.Read(sample); sample[0].Value.Uint64() > scriptMemory {
				return true
			}
		}
	}
}
