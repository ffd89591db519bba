package service_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/test/size"
)

// maze is a service with users who are signed in everywhere, and a configuration that changes at
// random around them.
type maze struct {
	*posterntest.System
	dice    *rand.Rand
	users   []api.User
	apps    []api.Application
	cookies map[string]string       // by user and application
	clients map[string]*http.Client // by the address that they come from
}

const (
	mazeUsers  = 6
	mazeGroups = 5
)

var mazeAddresses = []string{"127.0.0.1", "127.0.0.2", "127.0.0.9", "127.0.1.1", "127.9.9.9"}

func newMaze(t *testing.T) *maze {
	m := &maze{System: posterntest.New(t), dice: rand.New(rand.NewPCG(7, 11)), cookies: map[string]string{}, clients: map[string]*http.Client{}}
	m.Connector("site")
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "private") }))
	empty, err := m.API.ConnectorGroups.Create(t.Context(), api.ConnectorGroupInput{Name: "Empty"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range mazeUsers {
		m.users = append(m.users, m.User(fmt.Sprintf("user%d", i)))
	}
	for _, name := range []string{"wiki", "payroll", "open", "lonely"} {
		m.apps = append(m.apps, m.Publish(name, backend.URL, func(in *api.ApplicationInput) {
			if name == "open" {
				in.PreAuthentication = "passthrough"
			}
			if name == "lonely" {
				in.ConnectorGroup = empty.ID
			}
		}))
	}
	for _, app := range m.apps {
		for _, user := range m.users {
			m.Assign(app, user)
		}
	}
	m.signIn()
	for _, address := range mazeAddresses {
		from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
		transport := &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: m.Roots}, MaxIdleConnsPerHost: 16,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return from.DialContext(ctx, "tcp", m.Address())
			},
		}
		t.Cleanup(transport.CloseIdleConnections)
		m.clients[address] = &http.Client{Transport: transport, Timeout: posterntest.Patience}
	}
	return m
}

// signIn makes sessions of all users at all applications, while nothing is in the way.
func (m *maze) signIn() {
	m.T.Helper()
	for _, user := range m.users {
		browser := m.Browser()
		browser.SignIn(m.URL("wiki", "/"), user.Name)
		for _, app := range m.apps {
			target, err := url.Parse(app.ExternalURL)
			if err != nil {
				m.T.Fatal(err)
			}
			browser.Go(app.ExternalURL)
			var list []string
			for _, c := range browser.Jar.Cookies(target) {
				list = append(list, c.Name+"="+c.Value)
			}
			m.cookies[user.Name+" "+app.Name] = strings.Join(list, "; ")
		}
	}
}

func (m *maze) some(of int, name func(int) string) []string {
	list := []string{}
	for i := range of {
		if m.dice.IntN(3) == 0 {
			list = append(list, name(i))
		}
	}
	return list
}

func (m *maze) user(i int) string { return m.users[i].Name }
func (m *maze) app(i int) string  { return m.apps[i].Name }
func group(i int) string          { return fmt.Sprintf("Group %d", i) }

func pick[T any](dice *rand.Rand, list ...T) T { return list[dice.IntN(len(list))] }

// document makes groups, assignments and policies at random.
func (m *maze) document() api.Document {
	doc := api.Document{Groups: []api.GroupInput{}, Assignments: []api.AssignmentInput{}, Policies: []api.PolicyInput{}}
	for i := range mazeGroups {
		doc.Groups = append(doc.Groups, api.GroupInput{Name: group(i), Members: m.some(mazeUsers, m.user), Groups: m.some(i, group)})
	}
	for _, app := range m.apps {
		for i := range mazeUsers {
			if m.dice.IntN(4) == 0 {
				doc.Assignments = append(doc.Assignments, api.AssignmentInput{Application: app.Name, User: m.user(i), Expires: m.expires()})
			}
		}
		for i := range mazeGroups {
			if m.dice.IntN(3) == 0 {
				doc.Assignments = append(doc.Assignments, api.AssignmentInput{Application: app.Name, Group: group(i), Expires: m.expires()})
			}
		}
	}
	for i := range m.dice.IntN(5) {
		doc.Policies = append(doc.Policies, m.policy(fmt.Sprintf("Policy %d", i)))
	}
	return doc
}

// expires is never, later, or so soon that it ends while the test runs.
func (m *maze) expires() time.Time {
	return pick(m.dice, time.Time{}, time.Now().Add(time.Hour), time.Now().Add(time.Duration(1+m.dice.IntN(3000))*time.Millisecond)).UTC().Truncate(time.Microsecond)
}

func (m *maze) policy(name string) api.PolicyInput {
	p := api.PolicyInput{Name: name, Mode: pick(m.dice, "enforce", "enforce", "enforce", "report-only", "off"), AllApplications: m.dice.IntN(2) == 0, Everyone: m.dice.IntN(2) == 0,
		ExceptUsers: m.some(mazeUsers/2, m.user), ExceptGroups: m.some(mazeGroups/2, group)}
	if !p.AllApplications {
		p.Applications = m.some(len(m.apps), m.app)
	}
	if !p.Everyone {
		p.Users, p.Groups = m.some(mazeUsers, m.user), m.some(mazeGroups, group)
	}
	for range 1 + m.dice.IntN(2) {
		switch m.dice.IntN(5) {
		case 0:
			p.Strength = pick(m.dice, "single-factor", "multi-factor", "phishing-resistant")
		case 1:
			p.MaxAge = pick(m.dice, "1m", "24h")
		case 2:
			p.AllowedNetworks = []string{pick(m.dice, "127.0.0.0/24", "127.0.0.0/30", "127.9.9.9/32", "192.0.2.0/24", "127.0.0.0/8")}
		case 3:
			p.BlockedNetworks = []string{pick(m.dice, "127.0.1.0/24", "127.0.0.9/32", "::1/128")}
		case 4:
			far := time.Now().UTC().Add(3 * 24 * time.Hour).Weekday().String()[:3]
			p.Windows = []string{pick(m.dice, "daily 00:00-24:00 UTC", strings.ToLower(far)+" 00:00-24:00 UTC")}
		}
	}
	return p
}

// answer asks the gateway and gives the word of its denial, or nothing.
func (m *maze) answer(user api.User, app api.Application, address string) string {
	m.T.Helper()
	req, err := http.NewRequestWithContext(m.T.Context(), http.MethodGet, app.ExternalURL, nil)
	if err != nil {
		m.T.Fatal(err)
	}
	req.Header.Set("Cookie", m.cookies[user.Name+" "+app.Name])
	req.Header.Set("Sec-Fetch-Mode", "cors") // a program: it is told why in words
	res, err := m.clients[address].Do(req)
	if err != nil {
		m.T.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		m.T.Fatal(err)
	}
	if res.StatusCode == http.StatusOK {
		return ""
	}
	var problem struct{ Type string }
	if err := json.Unmarshal(body, &problem); err != nil {
		m.T.Fatalf("%s: %s", res.Status, body)
	}
	return strings.TrimPrefix(problem.Type, "postern:")
}

// TestExplainAgreesWithTheGateway asks for random users, applications and addresses, under random
// configurations, what would happen, and then sends the request. Both are asked again for a while
// where they differ, since the gateway learns of a change a moment later, and time goes on between them.
func TestExplainAgreesWithTheGateway(t *testing.T) {
	m := newMaze(t)
	triples, each := size.Of(400, 10_000), 40
	seen := map[string]int{}
	for done := 0; done < triples; done += each {
		if _, err := m.API.Apply(t.Context(), api.DocumentRequest{Document: m.document(), Prune: true}); err != nil {
			t.Fatal(err)
		}
		for range each {
			user, app, address := pick(m.dice, m.users...), pick(m.dice, m.apps...), pick(m.dice, mazeAddresses...)
			var said api.Explanation
			var is string
			late := time.Now().Add(posterntest.Patience)
			for {
				var err error
				if said, err = m.API.Explain(t.Context(), api.ExplainQuestion{User: user.ID, Application: app.ID, From: address, Unasked: true}); err != nil {
					t.Fatal(err)
				}
				if is = m.answer(user, app, address); is == said.Reason && said.Allow == (is == "") {
					break
				}
				if time.Now().After(late) {
					text, _ := json.MarshalIndent(said, "", " ")
					t.Fatalf("%s, %s from %s: the gateway says %q, explain says %q: %s", user.Name, app.Name, address, is, said.Reason, text)
				}
			}
			seen[is]++
		}
	}
	t.Logf("%d triples: %v", triples, seen)
	for _, want := range []string{"", "not-assigned", "policy-strength", "policy-network", "policy-time", "no-connector"} {
		if seen[want] == 0 {
			t.Errorf("none of the triples met %q, so nothing shows that both agree on it: %v", want, seen)
		}
	}
}
