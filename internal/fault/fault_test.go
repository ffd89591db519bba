package fault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"postern/internal/fault"
)

func TestKindOfLooksThroughWrapping(t *testing.T) {
	base := fault.NotFound("no application is published at %s", "wiki.example.com")
	wrapped := fmt.Errorf("route request: %w", base)
	if got := fault.KindOf(wrapped); got != fault.KindNotFound {
		t.Errorf("KindOf(wrapped) = %v, want not-found", got)
	}
	if got := fault.KindOf(errors.New("disk on fire")); got != fault.KindInternal {
		t.Errorf("KindOf(plain) = %v, want internal", got)
	}
	if fault.Is(nil, fault.KindInternal) {
		t.Error("a nil error has a kind")
	}
}

func TestCauseIsNotShown(t *testing.T) {
	err := fault.Internal(errors.New("password=hunter2"), "the store did not answer")
	if got := err.Error(); got != "the store did not answer" {
		t.Errorf("Error() = %q: the cause is for the log only", got)
	}
	if !errors.Is(err, err.Err) {
		t.Error("the cause cannot be found by errors.Is")
	}
}

func TestProblemsTellAllAtOnce(t *testing.T) {
	var p fault.Problems
	if p.Err() != nil {
		t.Fatal("no problem is an error")
	}
	p.Add("name", "must not be empty")
	p.Check("internalUrl", fault.Invalid("internalUrl", "must start with http:// or https://"))
	p.Check("port", errors.New("out of range"))
	p.Check("fine", nil)
	want := "name must not be empty; internalUrl must start with http:// or https://; port out of range"
	if got := p.Err().Error(); got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func TestEveryKindHasAName(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range fault.Kinds() {
		if seen[k.String()] {
			t.Errorf("kind %d repeats the name %s", k, k)
		}
		seen[k.String()] = true
	}
}

func TestReadable(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"", ""}, {"login.example.com", "login.example.com"}, {"a\r\nb\x00\x7f", "a??b??"}, {"\xff\xfe", "??"}, {"naïve", "naïve"},
		{strings.Repeat("x", 100), strings.Repeat("x", 100)}, {strings.Repeat("x", 101), strings.Repeat("x", 100) + "…"},
		{strings.Repeat("x", 99) + "é!", strings.Repeat("x", 99) + "…"},
	} {
		if got := fault.Readable(row.text); got != row.want {
			t.Errorf("%q: got %q, want %q", row.text, got, row.want)
		}
	}
}
