//go:build !linux && !windows

package connector

import runtimemetrics "runtime/metrics"

// machineMemory is not known here.
func machineMemory() uint64 { return 0 }

// availableMemory is not known here.
func availableMemory() uint64 { return 0 }

// residentMemory is near to what Go itself has from the system and has not given back.
func residentMemory() uint64 {
	samples := []runtimemetrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	runtimemetrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}

// openHandles is not known here.
func openHandles() int { return 0 }
