package counters

import (
	"strings"
	"testing"
)

// TestProvider publishes values. What Windows shows of them is for its own tools to say.
func TestProvider(t *testing.T) {
	p, err := Start(sample(), "one")
	if err != nil {
		t.Fatal(err)
	}
	p.Tell([]uint64{1, 2, 3, 4, 5})
	p.Tell(nil)
	p.Tell(make([]uint64, 9)) // more than there are
	p.Close()
	again, err := Start(sample(), "two")
	if err != nil {
		t.Fatalf("after the first had ended: %v", err)
	}
	again.Close()
	wrong := sample()
	wrong.Provider = "none"
	if _, err := Start(wrong, "three"); err == nil || !strings.Contains(err.Error(), "the provider's GUID") {
		t.Errorf("a provider without GUID: %v", err)
	}
	if _, err := Start(sample(), "fo\x00ur"); err == nil {
		t.Error("a name with a zero was taken")
	}
}
