package admin

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"
)

func TestWrongKeysAreLimitedPerAddress(t *testing.T) {
	now := time.Now()
	f := newFailures(func() time.Time { return now })
	key := func(name string) [sha256.Size]byte { return sha256.Sum256([]byte(name)) }
	f.good(key("neighbour"))
	for i := range failureBurst {
		if wait := f.wait("192.0.2.1", key("wrong")); wait != 0 {
			t.Fatalf("attempt %d has to wait %v", i, wait)
		}
		f.bad("192.0.2.1", key("wrong"))
	}
	wait := f.wait("192.0.2.1", key("wrong"))
	if wait <= 0 || wait > failurePeriod {
		t.Errorf("the next attempt has to wait %v", wait)
	}
	if f.wait("192.0.2.2", key("wrong")) != 0 {
		t.Error("another address has to wait")
	}
	if f.wait("192.0.2.1", key("neighbour")) != 0 {
		t.Error("a key that was good a moment ago is locked out by a neighbour")
	}
	now = now.Add(wait)
	if f.wait("192.0.2.1", key("wrong")) != 0 {
		t.Error("the wait does not end")
	}
}

func TestAddressesOfOneClientCountTogether(t *testing.T) {
	tests := []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8::1", "2001:db8::ffff:1", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
		{"@", "", true},
	}
	for _, test := range tests {
		if (prefix(test.a) == prefix(test.b)) != test.same {
			t.Errorf("%s and %s: %v and %v", test.a, test.b, prefix(test.a), prefix(test.b))
		}
	}
}

func TestFailuresAreBounded(t *testing.T) {
	now := time.Now()
	f := newFailures(func() time.Time { return now })
	for i := range maxAddresses + 500 {
		sum := sha256.Sum256(fmt.Append(nil, i))
		f.bad(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), sum)
		f.good(sum)
	}
	if len(f.until) > maxAddresses || len(f.known) > maxGood {
		t.Errorf("%d addresses and %d keys are remembered", len(f.until), len(f.known))
	}
}
