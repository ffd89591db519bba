package daemon

import (
	"testing"
	"testing/fstest"
)

// TestGroupLimit: the limit is found wherever it is set, in either version.
func TestGroupLimit(t *testing.T) {
	const none = "9223372036854771712\n"
	tests := []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"no control groups", nil, 0},
		{"none is set", map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n"}, 0},
		{"of its own group", map[string]string{"proc/self/cgroup": "0::/system.slice/postern.service\n",
			"sys/fs/cgroup/system.slice/postern.service/memory.max": "268435456\n", "sys/fs/cgroup/system.slice/memory.max": "max\n"}, 268435456},
		{"of a group above", map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "500\n", "sys/fs/cgroup/a/memory.max": "400\n"}, 400},
		{"of a container that sees itself at the top", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "300\n"}, 300},
		{"of a container that does not", map[string]string{"proc/self/cgroup": "0::/docker/123\n", "sys/fs/cgroup/memory.max": "300\n"}, 300},
		{"version 1", map[string]string{"proc/self/cgroup": "5:cpu,memory:/a\n1:name=systemd:/x\n0::/\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "200\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": none}, 200},
		{"version 1 without", map[string]string{"proc/self/cgroup": "5:memory:/a\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": none}, 0},
		{"not the memory of another controller", map[string]string{"proc/self/cgroup": "5:memory_like:/a\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "200\n"}, 0},
		{"nonsense", map[string]string{"proc/self/cgroup": "0\n:::\n0::/../..\n", "sys/fs/cgroup/memory.max": "a lot\n"}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			system := fstest.MapFS{}
			for name, text := range test.files {
				system[name] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := groupLimit(system); got != test.want {
				t.Errorf("%d, want %d", got, test.want)
			}
		})
	}
}

// TestGroupProcessors: a part of a processor is one, and the least of all groups counts.
func TestGroupProcessors(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  float64
	}{
		{"no control groups", nil, 0},
		{"none is set", map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "max 100000\n"}, 0},
		{"half a processor", map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "50000 100000\n"}, 0.5},
		{"of a group above", map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "400000 100000\n",
			"sys/fs/cgroup/a/cpu.max": "150000 100000\n"}, 1.5},
		{"version 1", map[string]string{"proc/self/cgroup": "4:cpu,cpuacct:/a\n0::/\n", "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "200000\n",
			"sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n"}, 2},
		{"version 1 without", map[string]string{"proc/self/cgroup": "4:cpu:/a\n", "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "-1\n",
			"sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n"}, 0},
		{"nonsense", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "all of them\n"}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			system := fstest.MapFS{}
			for name, text := range test.files {
				system[name] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := groupProcessors(system); got != test.want {
				t.Errorf("%g, want %g", got, test.want)
			}
		})
	}
	if n := Processors(); n <= 0 {
		t.Errorf("this process may use %g processors", n)
	}
}
