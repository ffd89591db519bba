package client_test

import (
	"path/filepath"
	"testing"

	"postern/internal/client"
	"postern/internal/local"
)

// TestUsersKeepNobodyOut: whoever holds the control socket of a service with many programs keeps neither root nor other users from it.
func TestUsersKeepNobodyOut(t *testing.T) {
	enter, leave := client.Shared(must(client.OpenState(filepath.Join(t.TempDir(), "client")))(t))
	mallory, ada, root := local.Peer{User: "1001"}, local.Peer{User: "1000"}, local.Peer{User: "0", Admin: true}
	for range client.MaxOfUser {
		if !enter(mallory) {
			t.Fatal("a user was kept out before there were too many")
		}
	}
	if enter(mallory) {
		t.Error("a user has more programs than there may be")
	}
	if !enter(ada) || !enter(root) {
		t.Error("one user keeps others out")
	}
	leave(mallory)
	if !enter(mallory) {
		t.Error("a place that became free was not given again")
	}
}
