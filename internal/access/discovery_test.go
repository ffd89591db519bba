package access_test

import (
	"testing"

	"postern/internal/access"
)

func TestDestinationOf(t *testing.T) {
	for text, want := range map[string]access.Segment{
		"db.corp.example:5432/tcp": {Destination: "db.corp.example", Ports: "5432", Protocol: "tcp"},
		"10.1.2.3:53/udp":          {Destination: "10.1.2.3", Ports: "53", Protocol: "udp"},
		"[fd00::1]:443/tcp":        {Destination: "fd00::1", Ports: "443", Protocol: "tcp"},
	} {
		s, host, err := access.DestinationOf(text)
		if err != nil || s != want || host.String() != want.Destination || s.String() != text {
			t.Errorf("%s: %+v, %s, %v", text, s, host, err)
		}
	}
	for _, bad := range []string{"", "db.corp.example", "a b:1/tcp", "10.0.0.0/8:1/tcp", "*.corp.example:1/tcp"} {
		if s, _, err := access.DestinationOf(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, s)
		}
	}
}
