package tunnel

import "testing"

// TestBudgetOf: with little memory the budget leaves half of it to all else.
func TestBudgetOf(t *testing.T) {
	const mib = 1 << 20
	for memory, want := range map[int64]int64{0: 256 * mib, 200 * mib: 100 * mib, 512 * mib: 256 * mib, 1024 * mib: 256 * mib, 8192 * mib: 2048 * mib} {
		if got := budgetOf(memory); got != want {
			t.Errorf("%d MiB: %d MiB, want %d", memory/mib, got/mib, want/mib)
		}
	}
}
