package main

import (
	"errors"
	"fmt"
	"testing"
)

// TestEndedForGood: where the manager of services goes by codes alone, only what no new start can cure ends without one.
func TestEndedForGood(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"deleted at the service": {&exit{code: exitEnded}, true},
		"with more words":        {fmt.Errorf("serve: %w", &exit{exitEnded, errors.New("gone")}), true},
		"a crash":                {&exit{code: exitError}, false},
		"no room":                {errors.New("no space left on device"), false},
		"in order":               {nil, false},
	} {
		if got := endedForGood(test.err); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
