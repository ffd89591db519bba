package gateway

import (
	"net/netip"
	"strings"
	"testing"

	"postern/internal/field"
)

// FuzzFold: whatever a client calls a field, the backend gets none that it folds to a name of trust, to one that frames a message,
// or to one of a connection, but those that we write ourselves; and cookies of our own name never.
func FuzzFold(f *testing.F) {
	for _, name := range []string{"X-Forwarded-For", "x_forwarded_for", "X-FORWARDED_proto", "Remote_User", "Content_Length", "transfer_encoding",
		"Connection", "Cookie", "cookie_", "Set_Cookie", "Te", "X-Request-Id", "__Host-postern-session", "Accept", "Postern-User", "Expect"} {
		f.Add(name, "a=b; __host_Postern-session=x", name)
	}
	from := origin{client: netip.MustParseAddrPort("192.0.2.1:1"), authority: "wiki.test", reference: "ref"}
	f.Fuzz(func(t *testing.T, name, value, nominee string) {
		if name == "" || !field.Token(name) || !field.Value(value) || !field.Value(nominee) {
			return
		}
		h := newHead()
		defer h.release()
		h.request(field.Fields{{Name: []byte(name), Value: []byte(value)}, {Name: []byte("Connection"), Value: []byte(nominee)}}, from)
		ours := newHead()
		defer ours.release()
		ours.request(nil, from)
		own := len(ours.list)
		if own > len(h.list) {
			t.Fatalf("%q and %q nominated take away what we say", name, nominee)
		}
		for _, got := range h.list[:len(h.list)-own] {
			folded := fold(string(got.Name))
			switch k, _ := kindOf([]byte(folded)); {
			case k == trustField, k == frameField, k == hopField && !got.Is("te"):
				t.Errorf("%q reaches the backend", got.Name)
			case folded == "cookie" && strings.Contains(fold(string(got.Value)), "--host-postern-") && ourPair(string(got.Value)):
				t.Errorf("the backend gets %q", got.Value)
			}
		}
		for i, got := range h.list[len(h.list)-own:] {
			if want := ours.list[i]; string(got.Name) != string(want.Name) || string(got.Value) != string(want.Value) {
				t.Errorf("with %q: %s is %q, want %q", name, got.Name, got.Value, want.Value)
			}
		}
	})
}

// ourPair reports whether a value has a cookie of our name, as a reader takes it apart.
func ourPair(value string) bool {
	for pair := range strings.SplitSeq(value, ";") {
		name, _, _ := strings.Cut(strings.TrimLeft(pair, "= \t"), "=")
		if strings.HasPrefix(fold(strings.Trim(name, " \t")), "--host-postern-") {
			return true
		}
	}
	return false
}
