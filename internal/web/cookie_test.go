package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestCookie(t *testing.T) {
	tests := []struct {
		headers []string
		want    string
		ok      bool
	}{
		{nil, "", false},
		{[]string{"a=1"}, "1", true},
		{[]string{"b=2; a=1; c=3"}, "1", true},
		{[]string{"b=2", "a=1"}, "1", true},
		{[]string{"a=1; a=1"}, "1", true},
		{[]string{"a=1; a=2"}, "", false},
		{[]string{"a=1", "a=2"}, "", false},
		{[]string{"a=; a=2"}, "", false},
		{[]string{"A=1"}, "", false},
		{[]string{"a =1"}, "", false},
		{[]string{"=a=1"}, "", false},
		{[]string{"xa=1"}, "", false},
		{[]string{`a="1"`}, `"1"`, true},
		{[]string{"a"}, "", false},
	}
	for _, test := range tests {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Cookie"] = test.headers
		if got, ok := Cookie(r, "a"); got != test.want || ok != test.ok {
			t.Errorf("%q: %q %v", test.headers, got, ok)
		}
	}
}

// TestPlainPages: a page that somebody put into an unencrypted connection to our own name changes nothing.
func TestPlainPages(t *testing.T) {
	h := Secure(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, test := range []struct {
		method, origin string
		want           int
	}{
		{"POST", "http://example.com", 403}, {"DELETE", "http://example.com", 403}, {"POST", "https://example.com", 200}, {"POST", "", 200}, {"GET", "http://example.com", 200},
	} {
		r := httptest.NewRequest(test.method, "https://example.com/", nil)
		r.Header.Set("Origin", test.origin)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("%s from %s: %d", test.method, test.origin, w.Code)
		}
	}
}
