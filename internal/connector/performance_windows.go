package connector

import "postern/internal/counters"

func startCounters(instance string) (publisher, error) {
	return counters.Start(Performance(), instance)
}
