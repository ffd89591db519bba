package gateway

import (
	"testing"
	"time"

	"postern/internal/field"
)

// TestPace: what comes slower than it must adds up, what comes faster is no credit, and what the backend takes its time for is nobody's
// delay here.
func TestPace(t *testing.T) {
	type read struct {
		after time.Duration // the end of the read before, which is the backend's time
		takes time.Duration
		bytes int
	}
	tests := []struct {
		name  string
		reads []read
		want  time.Duration
	}{
		{"at once", []read{{0, 0, 32 << 10}}, 0},
		{"as fast as it must", []read{{0, time.Second, leastRate}, {0, 2 * time.Second, 2 * leastRate}}, 0},
		{"half as fast", []read{{0, 2 * time.Second, leastRate}, {0, 2 * time.Second, leastRate}}, 2 * time.Second},
		{"byte by byte", []read{{0, 59 * time.Second, 1}, {0, 59 * time.Second, 1}}, 118*time.Second - 2*time.Second/leastRate},
		{"no credit for much", []read{{0, time.Second, 1 << 30}, {0, 10 * time.Second, leastRate}}, 9 * time.Second},
		{"it makes up for it", []read{{0, 10 * time.Second, 1}, {0, time.Second, 64 << 10}}, 0},
		{"a backend that takes its time", []read{{0, time.Second, leastRate}, {time.Hour, time.Second, leastRate}}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var p pace
			var now time.Duration
			for _, r := range test.reads {
				if _, awaited := p.late(0); awaited {
					t.Error("awaited while the backend is")
				}
				now += r.after
				p.await(now)
				now += r.takes
				if late, awaited := p.late(r.takes); !awaited || late != p.behind+r.takes {
					t.Errorf("late %v, awaited %v", late, awaited)
				}
				p.came(r.bytes, now)
			}
			if p.behind != test.want {
				t.Errorf("behind %v, want %v", p.behind, test.want)
			}
		})
	}
}

// TestPaceOfCalls: what gRPC has to say comes now and then, for days.
func TestPaceOfCalls(t *testing.T) {
	for kind, late := range map[string]bool{"application/grpc+proto": false, "text/plain": true} {
		x := &exchange{started: time.Now().Add(-time.Hour)}
		x.fields = field.Fields{{Name: []byte("Content-Type"), Value: []byte(kind)}}
		x.awaitBody()
		if x.bodyCame(1); x.pace.behind > time.Minute != late {
			t.Errorf("%s: behind %v after an hour", kind, x.pace.behind)
		}
	}
}
