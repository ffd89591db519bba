package portal_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"postern/internal/api"
	"postern/internal/posterntest"
)

var requestID = regexp.MustCompile(`name="id" value="(req_[0-9a-z]{26})"`)

// TestAskAndAnswer: a user asks, an owner who is nothing else says yes for less, and the application
// opens for that long. Nobody answers for themselves or for what is not theirs.
func TestAskAndAnswer(t *testing.T) {
	s := newGrounds(t)
	eve, bob := s.User("eve"), s.User("bob")
	owners, err := s.API.Groups.Create(t.Context(), api.GroupInput{Name: "Owners", Members: []string{bob.ID, eve.ID}})
	if err != nil {
		t.Fatal(err)
	}
	outer, err := s.API.Groups.Create(t.Context(), api.GroupInput{Name: "Outer", Groups: []string{owners.ID}})
	if err != nil {
		t.Fatal(err)
	}
	wiki := s.apps["wiki"]
	if wiki, err = s.API.Applications.Update(t.Context(), wiki.ID, wiki.Version, api.Patch{"requestable": true, "ownerGroups": []string{outer.ID}}); err != nil {
		t.Fatal(err)
	}
	page := func(name string) *posterntest.Browser {
		b := s.Browser()
		b.SignIn(s.URL("wiki", "/"), name)
		return b
	}
	ofEve, ofBob, ofAda := page("eve"), page("bob"), page("ada")
	ask := url.Values{"application": {wiki.ID}, "reason": {"the <b>audit</b>"}, "period": {"168h0m0s"}}
	s.Await("the portal knows that it may be asked for", func() bool {
		return strings.Contains(ofEve.Go(s.PortalURL+"/requests").Text, `value="`+wiki.ID+`"`)
	})
	for what, bad := range map[string]url.Values{
		"no reason":         {"application": {wiki.ID}, "reason": {" "}, "period": {"168h"}},
		"no period":         {"application": {wiki.ID}, "reason": {"x"}},
		"for ever":          {"application": {wiki.ID}, "reason": {"x"}, "period": {"1000000h"}},
		"not requestable":   {"application": {s.apps["payroll"].ID}, "reason": {"x"}, "period": {"168h"}},
		"no application":    {"application": {"app_x"}, "reason": {"x"}, "period": {"168h"}},
		"invisible letters": {"application": {wiki.ID}, "reason": {"a\u202eb"}, "period": {"168h"}},
	} {
		if got := ofEve.Post(s.PortalURL+"/requests/ask", bad); got.StatusCode != http.StatusUnprocessableEntity && got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", what, got.Status)
		}
	}
	got := ofEve.Post(s.PortalURL+"/requests/ask", ask)
	if got.StatusCode != 200 || !strings.Contains(got.Text, "pending") || strings.Contains(got.Text, "<b>audit") {
		t.Fatalf("asked: %s %s", got.Status, got.Text)
	}
	if again := ofEve.Post(s.PortalURL+"/requests/ask", ask); again.StatusCode != http.StatusConflict || !strings.Contains(again.Text, "asked for wiki already") {
		t.Errorf("asked twice: %s", again.Status)
	}
	id := requestID.FindStringSubmatch(got.Text)[1]
	answer := url.Values{"id": {id}, "verdict": {"approve"}, "period": {"8h0m0s"}, "answer": {"welcome"}}
	if self := ofEve.Post(s.PortalURL+"/requests/answer", answer); self.StatusCode != http.StatusForbidden {
		t.Errorf("answered for herself: %s", self.Status)
	}
	if other := ofAda.Post(s.PortalURL+"/requests/answer", answer); other.StatusCode != http.StatusForbidden {
		t.Errorf("answered by no owner: %s", other.Status)
	}
	if other := ofAda.Post(s.PortalURL+"/requests/withdraw", url.Values{"id": {id}}); other.StatusCode != http.StatusNotFound {
		t.Errorf("withdrawn by somebody else: %s", other.Status)
	}
	if home := ofBob.Go(s.PortalURL + "/"); !strings.Contains(home.Text, "1 waiting for you") {
		t.Errorf("the owner is not told: %s", home.Text)
	}
	todo := ofBob.Go(s.PortalURL + "/requests")
	if !strings.Contains(todo.Text, "&lt;b&gt;audit") || requestID.FindStringSubmatch(todo.Text)[1] != id {
		t.Errorf("the owner's page: %s", todo.Text)
	}
	if done := ofBob.Post(s.PortalURL+"/requests/answer", answer); done.StatusCode != 200 || !strings.Contains(done.Text, "is approved") {
		t.Fatalf("approved: %s %s", done.Status, done.Text)
	}
	if twice := ofBob.Post(s.PortalURL+"/requests/answer", answer); twice.StatusCode != http.StatusConflict {
		t.Errorf("answered twice: %s", twice.Status)
	}
	s.await(ofEve, s.URL("wiki", "/"), "the application opens", func(p posterntest.Page) bool { return p.Text == "private wiki" })
	mine := ofEve.Go(s.PortalURL + "/requests")
	if !strings.Contains(mine.Text, "approved") || !strings.Contains(mine.Text, "“welcome”") || strings.Contains(mine.Text, "Withdraw") {
		t.Errorf("the page of who asked: %s", mine.Text)
	}
	list, err := s.API.Assignments.List(t.Context(), api.ListOptions{Filter: url.Values{"user": {eve.ID}}})
	if err != nil || len(list.Items) != 1 || list.Items[0].Request != id || list.Items[0].Expires.IsZero() {
		t.Errorf("the assignment: %+v, %v", list.Items, err)
	}
}

// TestAnswerByAPI: administrators of policies answer without being owners; who asked may withdraw.
func TestAnswerByAPI(t *testing.T) {
	s := newGrounds(t)
	eve := s.User("eve")
	payroll := s.apps["payroll"]
	payroll, err := s.API.Applications.Update(t.Context(), payroll.ID, payroll.Version, api.Patch{"requestable": true})
	if err != nil {
		t.Fatal(err)
	}
	browser := s.Browser()
	browser.SignIn(s.URL("payroll", "/"), "eve")
	ask := func() string {
		t.Helper()
		var page posterntest.Page
		s.Await("asked", func() bool {
			page = browser.Post(s.PortalURL+"/requests/ask", url.Values{"application": {payroll.ID}, "reason": {"x"}, "period": {"24h"}})
			return page.StatusCode == 200
		})
		pending, err := s.API.Requests.List(t.Context(), api.ListOptions{Filter: url.Values{"state": {"pending"}, "user": {eve.ID}}})
		if err != nil || len(pending.Items) != 1 {
			t.Fatalf("%+v, %v", pending, err)
		}
		return pending.Items[0].ID
	}
	id := ask()
	if denied, err := s.API.Requests.Deny(t.Context(), id, api.DenyInput{Answer: "no"}); err != nil || denied.State != "denied" || denied.By == nil || denied.Answer != "no" {
		t.Errorf("denied: %+v, %v", denied, err)
	}
	if _, err := s.API.Requests.Approve(t.Context(), id, api.ApproveInput{}); err == nil {
		t.Error("a denied request was approved")
	}
	id = ask()
	if page := browser.Post(s.PortalURL+"/requests/withdraw", url.Values{"id": {id}}); page.StatusCode != 200 || !strings.Contains(page.Text, "withdrawn") {
		t.Errorf("withdrawn: %s", page.Status)
	}
	id = ask()
	if _, err := s.API.Requests.Approve(t.Context(), id, api.ApproveInput{Period: "9000h"}); err == nil {
		t.Error("approved for more than a year")
	}
	approved, err := s.API.Requests.Approve(t.Context(), id, api.ApproveInput{Period: "2h"})
	if err != nil || approved.State != "approved" || approved.Assignment == "" {
		t.Fatalf("approved: %+v, %v", approved, err)
	}
	s.await(browser, s.URL("payroll", "/"), "the application opens", func(p posterntest.Page) bool { return p.Text == "private payroll" })
	s.ahead.Store(int64(3 * 3600e9))
	s.await(browser, s.URL("payroll", "/"), "the assignment is over", func(p posterntest.Page) bool { return p.StatusCode == http.StatusForbidden })
}
