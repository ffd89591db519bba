package tunnel

import (
	"bytes"
	"io"
	"testing"
)

// echo accepts and sends back what it reads until the peer finishes.
func echo(st *Stream) {
	defer st.Close()
	if err := st.Accept([]byte("welcome " + string(st.Payload()))); err != nil {
		return
	}
	if _, err := io.Copy(st, st); err != nil {
		st.Reset(CodeInternal)
		return
	}
	st.CloseWrite()
}

func TestEcho(t *testing.T) {
	ctx := testContext(t)
	client, _ := pair(t, echo, nil)
	st, err := client.Open(ctx, []byte("ada"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() {
		st.Write(sent)
		st.CloseWrite()
	}()
	got, err := io.ReadAll(st)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("read %d bytes, %v; want %d", len(got), err, len(sent))
	}
	if answer, err := st.Opened(ctx); err != nil || string(answer) != "welcome ada" {
		t.Fatalf("Opened: %q, %v", answer, err)
	}
	if err := client.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	if err := client.result(t); err != nil {
		t.Fatal(err)
	}
}
