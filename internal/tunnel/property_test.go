package tunnel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// script is what one end of a stream does.
type script struct {
	chunks []int // writes of these sizes
	end    string
	reads  int // size of its read buffer
}

func drawScript(t *rapid.T, who string) script {
	return script{
		chunks: rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(1000, 40000), rapid.Just(maxData), rapid.Just(200<<10)), 0, 8).Draw(t, who+" writes"),
		end:    rapid.SampledFrom([]string{"half-close", "reset", "close"}).Draw(t, who+" ends with"),
		reads:  rapid.SampledFrom([]int{1 << 10, 4000, 32 << 10, 300 << 10}).Draw(t, who+" reads"),
	}
}

// outcome is what one end saw of the other.
type outcome struct {
	got []byte
	err error // nil is io.EOF
}

// play writes the script's bytes, ends the direction and reads what comes until its end.
func (s script) play(st *Stream, seed uint64) (sent []byte, seen outcome) {
	sent = make([]byte, 0, 1<<16)
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	var writer sync.WaitGroup
	writer.Go(func() {
		for _, n := range s.chunks {
			b := make([]byte, n)
			random.Read(b)
			sent = append(sent, b...)
			if _, err := st.Write(b); err != nil {
				return
			}
		}
		switch s.end {
		case "half-close":
			st.CloseWrite()
		case "reset":
			st.Reset(CodeInternal)
		case "close":
			st.Close()
		}
	})
	buf := make([]byte, s.reads)
	for {
		n, err := st.Read(buf)
		seen.got = append(seen.got, buf[:n]...)
		if err == io.EOF {
			err = nil
			writer.Wait()
			return sent, seen
		}
		if err != nil {
			writer.Wait()
			seen.err = err
			return sent, seen
		}
	}
}

// TestBytesAreExact: whatever two ends do at the same time, a reader gets a prefix of what was written, all of it if it
// got io.EOF, and never io.EOF if the writer did not finish.
func TestBytesAreExact(t *testing.T) {
	ends := make(chan *Stream)
	client, server := pair(t, func(st *Stream) {
		if st.Accept(nil) == nil {
			ends <- st
		}
	}, nil)
	ctx := testContext(t)
	seed := uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		seed++
		a, b := drawScript(t, "opener"), drawScript(t, "acceptor")
		opener, err := client.Open(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		acceptor := <-ends
		var sentA, sentB []byte
		var seenA, seenB outcome
		var both sync.WaitGroup
		both.Go(func() { sentA, seenA = a.play(opener, 2*seed) })
		both.Go(func() { sentB, seenB = b.play(acceptor, 2*seed+1) })
		both.Wait()
		for _, err := range []error{compare(a, sentA, seenB), compare(b, sentB, seenA)} {
			if err != nil {
				t.Error(err)
			}
		}
		opener.Close()
		acceptor.Close()
	})
	eventually(t, "no stream is left", func() bool { return client.Streams()+server.Streams() == 0 })
	for _, s := range []*running{client, server} {
		if held := s.budget.Buffered(); held != 0 {
			t.Errorf("%d bytes stay charged", held)
		}
	}
}

func compare(writer script, sent []byte, seen outcome) error {
	if !bytes.HasPrefix(sent, seen.got) {
		return fmt.Errorf("%d bytes came that were not sent", len(seen.got))
	}
	if seen.err != nil {
		return nil
	}
	if writer.end == "reset" {
		return errors.New("a reset stream looked complete")
	}
	if len(seen.got) != len(sent) {
		return fmt.Errorf("io.EOF after %d of %d bytes", len(seen.got), len(sent))
	}
	return nil
}
