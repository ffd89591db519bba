package tunnel

import (
	"errors"
	"testing"
)

// TestGiveUp: streams that were not answered end as those of a lost session, so that they may be opened elsewhere; those that were answered,
// and the session, go on.
func TestGiveUp(t *testing.T) {
	answer := make(chan bool)
	client, _ := pair(t, func(st *Stream) {
		if string(st.Payload()) == "wait" {
			<-answer
		}
		echo(st)
	}, nil)
	ctx := testContext(t)
	running, err := client.Open(ctx, []byte("run"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := running.Opened(ctx); err != nil {
		t.Fatal(err)
	}
	waiting, err := client.Open(ctx, []byte("wait"))
	if err != nil {
		t.Fatal(err)
	}
	client.GiveUp()
	_, err = waiting.Opened(ctx)
	var reset *ResetError
	if !errors.As(err, &reset) || reset.Code != CodeConnectionLost {
		t.Errorf("the stream that waited ends with %v", err)
	}
	close(answer)
	if _, err := running.Write([]byte("echo")); err != nil {
		t.Fatal(err)
	}
	if err := running.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 8)
	n, err := running.Read(got)
	if err != nil || string(got[:n]) != "echo" {
		t.Errorf("the stream that runs: %q, %v", got[:n], err)
	}
	if n := client.Streams(); n > 1 {
		t.Errorf("%d streams are open", n)
	}
}
