package web_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/web"
)

func TestEveryKindHasItsStatus(t *testing.T) {
	for _, kind := range fault.Kinds() {
		if status := web.Status(kind); status < 400 || kind != fault.KindInternal && status == 500 {
			t.Errorf("kind %s has status %d", kind, status)
		}
	}
}

func TestProblemTellsFieldsAndNoCause(t *testing.T) {
	serve := func(err error) (*httptest.ResponseRecorder, web.Document) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/", nil)
		web.Problem(w, r.WithContext(web.WithRequestID(r.Context(), "ref1")), err)
		var doc web.Document
		if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		return w, doc
	}
	w, doc := serve(fault.Invalid("name", "must not be empty"))
	if w.Code != 422 || len(doc.Fields) != 1 || doc.Fields[0].Name != "name" || doc.Reference != "ref1" {
		t.Errorf("invalid: %d %+v", w.Code, doc)
	}
	w, doc = serve(errors.New("secret path /root"))
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("internal: %d %s", w.Code, w.Body)
	}
	w, _ = serve(fault.Unavailable("the store is away").After(1500 * time.Millisecond))
	if w.Code != 503 || w.Header().Get("Retry-After") != "2" {
		t.Errorf("unavailable: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
}

func TestReadBodyIsStrict(t *testing.T) {
	tests := []struct{ name, kind, text, want string }{
		{"good", "application/json; charset=utf-8", `{"name":"a"}`, ""},
		{"empty", "application/json", ``, ""},
		{"other good kind", "application/merge-patch+json", `{}`, ""},
		{"no type", "", `{}`, "Content-Type must be"},
		{"form", "text/plain", `{}`, "Content-Type must be"},
		{"large", "application/json", strings.Repeat("a", 1001), "larger than 1000 bytes"},
	}
	for _, test := range tests {
		for _, length := range []int64{int64(len(test.text)), -1} {
			r := httptest.NewRequest("POST", "/", strings.NewReader(test.text))
			r.ContentLength = length
			r.Header.Set("Content-Type", test.kind)
			body, err := web.ReadBody(httptest.NewRecorder(), r, 1000, "application/json", "application/merge-patch+json")
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v, want %q", test.name, err, test.want)
			}
			if err == nil && string(body) != test.text {
				t.Errorf("%s: read %q", test.name, body)
			}
		}
	}
}

func TestMethodNotAllowedNamesThoseThatAre(t *testing.T) {
	w := httptest.NewRecorder()
	web.MethodNotAllowed(w, httptest.NewRequest("PUT", "/", nil), "GET", "POST")
	if w.Code != 405 || w.Header().Get("Allow") != "GET, POST" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestErrorPageEscapesAndNamesTheHop(t *testing.T) {
	w := httptest.NewRecorder()
	web.ErrorPage{
		Status: 502, Title: "No <answer>", Message: "<script>alert(1)</script>", Hops: web.Way(web.HopBackend), Reference: "abc",
		Header: http.Header{"Retry-After": {"5"}},
	}.Write(w, httptest.NewRequest("GET", "/", nil))
	page := w.Body.String()
	for _, want := range []string{`class="failed"`, "Application<small>failed here", "abc", "No &lt;answer&gt;"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not contain %q", want)
		}
	}
	if strings.Contains(page, "<script>alert") || w.Code != 502 || w.Header().Get("Retry-After") != "5" {
		t.Errorf("page of status %d: %s", w.Code, page)
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "'sha256-") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
}
