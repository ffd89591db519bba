package system

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/internal/api"
	"postern/internal/posterntest"
)

// object is one that a writer made, and the state that it is in.
type object struct {
	id      string
	version int64
	state   int
}

// crashNoun is a kind of object that is written while something is killed. Its list fails where an object is not of one
// state in all of its fields, which may be in several tables.
type crashNoun interface {
	kind() string
	create(ctx context.Context, name string, state int) (object, error)
	change(ctx context.Context, o object, state int) (object, error)
	remove(ctx context.Context, o object) error
	list(ctx context.Context) (map[string]object, error)
}

// crashNouns makes what the nouns' objects lead to.
func (s *site) crashNouns() []crashNoun {
	var members []string
	for i := range 4 {
		members = append(members, s.User("member"+strconv.Itoa(i)).ID)
	}
	for i := range visitorNames {
		s.User(visitorName(i))
	}
	return []crashNoun{&groups{s, members}, &policies{s, members}, &exports{s}, &assignments{s: s, app: s.Publish("crash", "http://127.0.0.1:9")}}
}

// membersOf tells who is in an object of a state.
func membersOf(members []string, state int) []string {
	in := []string{}
	for i, m := range members {
		if state>>i&1 == 1 {
			in = append(in, m)
		}
	}
	return in
}

// half says that an object is in no state.
func half(name string, o any) error { return fmt.Errorf("%s is half made: %+v", name, o) }

// all gives the objects of a list that writers made, by name.
func all[T any](list func(context.Context, api.ListOptions) (api.List[T], error), ctx context.Context, read func(T) (string, object, error)) (map[string]object, error) {
	out := map[string]object{}
	for after := ""; ; {
		page, err := list(ctx, api.ListOptions{Limit: 200, After: after})
		if err != nil {
			return nil, err
		}
		for _, each := range page.Items {
			name, o, err := read(each)
			if err != nil {
				return nil, err
			}
			if name != "" {
				out[name] = o
			}
		}
		if after = page.Next; after == "" {
			return out, nil
		}
	}
}

type groups struct {
	s       *site
	members []string
}

func (n *groups) kind() string { return "groups" }

func (n *groups) create(ctx context.Context, name string, state int) (object, error) {
	g, err := n.s.API.Groups.Create(ctx, api.GroupInput{Name: name, Description: strconv.Itoa(state), Members: membersOf(n.members, state)})
	return object{g.ID, g.Version, state}, err
}

func (n *groups) change(ctx context.Context, o object, state int) (object, error) {
	g, err := n.s.API.Groups.Update(ctx, o.id, o.version, api.Patch{"description": strconv.Itoa(state), "members": membersOf(n.members, state)})
	return object{g.ID, g.Version, state}, err
}

func (n *groups) remove(ctx context.Context, o object) error {
	return n.s.API.Groups.Delete(ctx, o.id, o.version)
}

func (n *groups) list(ctx context.Context) (map[string]object, error) {
	return all(n.s.API.Groups.List, ctx, func(g api.Group) (string, object, error) {
		state, err := strconv.Atoi(g.Description)
		slices.Sort(g.Members)
		if err != nil || !strings.HasPrefix(g.Name, "writer") || !slices.Equal(g.Members, membersOf(n.members, state)) {
			return "", object{}, half(g.Name, g)
		}
		return g.Name, object{g.ID, g.Version, state}, nil
	})
}

// policies are off, so that nobody is kept out by them.
type policies struct {
	s       *site
	members []string
}

func (n *policies) kind() string { return "policies" }

func (n *policies) create(ctx context.Context, name string, state int) (object, error) {
	p, err := n.s.API.Policies.Create(ctx, api.PolicyInput{Name: name, Mode: "off", AllApplications: true, MaxAge: "1h",
		Description: strconv.Itoa(state), Users: membersOf(n.members, state|1)})
	return object{p.ID, p.Version, state}, err
}

func (n *policies) change(ctx context.Context, o object, state int) (object, error) {
	p, err := n.s.API.Policies.Update(ctx, o.id, o.version, api.Patch{"description": strconv.Itoa(state), "users": membersOf(n.members, state|1)})
	return object{p.ID, p.Version, state}, err
}

func (n *policies) remove(ctx context.Context, o object) error {
	return n.s.API.Policies.Delete(ctx, o.id, o.version)
}

func (n *policies) list(ctx context.Context) (map[string]object, error) {
	return all(n.s.API.Policies.List, ctx, func(p api.Policy) (string, object, error) {
		state, err := strconv.Atoi(p.Description)
		slices.Sort(p.Users)
		if err != nil || !slices.Equal(p.Users, membersOf(n.members, state|1)) {
			return "", object{}, half(p.Name, p)
		}
		return p.Name, object{p.ID, p.Version, state}, nil
	})
}

// exports are sent to nobody, as they are disabled.
type exports struct{ s *site }

func (n *exports) kind() string { return "exports" }

func (n *exports) url(state int) string { return fmt.Sprintf("tcp://192.0.2.1:%d", 1000+state) }

func (n *exports) create(ctx context.Context, name string, state int) (object, error) {
	e, err := n.s.API.Exports.Create(ctx, api.ExportCreate{ExportInput: api.ExportInput{Name: name, Kind: "syslog", Disabled: true,
		URL: n.url(state), Streams: n.streams(state)}})
	return object{e.ID, e.Version, state}, err
}

// streams have rows of their own, with how far each is sent.
func (n *exports) streams(state int) []string {
	if state%2 == 0 {
		return []string{"audit"}
	}
	return []string{"audit", "sign-ins"}
}

func (n *exports) change(ctx context.Context, o object, state int) (object, error) {
	e, err := n.s.API.Exports.Update(ctx, o.id, o.version, api.Patch{"url": n.url(state), "streams": n.streams(state)})
	return object{e.ID, e.Version, state}, err
}

func (n *exports) remove(ctx context.Context, o object) error {
	return n.s.API.Exports.Delete(ctx, o.id, o.version)
}

func (n *exports) list(ctx context.Context) (map[string]object, error) {
	return all(n.s.API.Exports.List, ctx, func(e api.Export) (string, object, error) {
		port, err := strconv.Atoi(e.URL[strings.LastIndex(e.URL, ":")+1:])
		slices.Sort(e.Streams)
		if err != nil || !slices.Equal(e.Streams, n.streams(port-1000)) || len(e.States) != len(e.Streams) {
			return "", object{}, half(e.Name, e)
		}
		return e.Name, object{e.ID, e.Version, port - 1000}, nil
	})
}

// assignments are of users of their own, whose names are those of the objects; what tells the state is when they end.
type assignments struct {
	s   *site
	app api.Application
}

func (n *assignments) kind() string { return "assignments" }

// expires is far away: nothing ends by itself.
func (n *assignments) expires(state int) api.Time {
	return time.Date(2090, 1, 1, state, 0, 0, 0, time.UTC)
}

func (n *assignments) create(ctx context.Context, name string, state int) (object, error) {
	u, err := n.s.API.Users.Create(ctx, api.UserCreate{UserInput: api.UserInput{Name: name}})
	if err != nil {
		return object{}, err
	}
	a, err := n.s.API.Assignments.Create(ctx, api.AssignmentInput{Application: n.app.ID, User: u.ID, Expires: n.expires(state)})
	return object{a.ID, a.Version, state}, err
}

func (n *assignments) change(ctx context.Context, o object, state int) (object, error) {
	a, err := n.s.API.Assignments.Update(ctx, o.id, o.version, api.Patch{"expires": n.expires(state)})
	return object{a.ID, a.Version, state}, err
}

func (n *assignments) remove(ctx context.Context, o object) error {
	return n.s.API.Assignments.Delete(ctx, o.id, o.version)
}

func (n *assignments) list(ctx context.Context) (map[string]object, error) {
	names := map[string]string{}
	for u, err := range n.s.API.Users.All(ctx, api.ListOptions{Limit: 200}) {
		if err != nil {
			return nil, err
		}
		names[u.ID] = u.Name
	}
	return all(n.s.API.Assignments.List, ctx, func(a api.Assignment) (string, object, error) {
		state := int(a.Expires.Sub(n.expires(0)) / time.Hour)
		if names[a.User] == "" || a.Application != n.app.ID {
			return "", object{}, half(a.ID, a)
		}
		return names[a.User], object{a.ID, a.Version, state}, nil
	})
}

const visitorNames = 6

func visitorName(turn int) string { return "visitor" + strconv.Itoa(turn%visitorNames) }

// visitors sign in and out.
type visitors struct {
	s       *site
	in, out []*http.Client // as acknowledged; the newest last

	turn, signedIn, signedOut int
}

// visit signs in, and every other time out again, until the first error or until ctx ends.
func (v *visitors) visit(ctx context.Context) {
	v.turn++
	for ctx.Err() == nil {
		browser := v.s.Browser().WithoutRedirects().Client
		if !v.post(browser, "/sign-in", url.Values{"name": {visitorName(v.turn)}, "password": {posterntest.Password}}) {
			return
		}
		v.signedIn++
		if v.signedIn%2 == 0 {
			v.in = append(v.in, browser)
			continue
		}
		if !v.post(browser, "/sign-out", nil) {
			return // nobody can say whether this one is signed in
		}
		v.signedOut++
		v.out = append(v.out, browser)
	}
}

// post reports whether a form was taken. Only a crash may keep it from that.
func (v *visitors) post(browser *http.Client, path string, form url.Values) bool {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, v.s.PortalURL+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.s.t.Error(err)
		return false
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := browser.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body) // for the error only
	// A try that was cut off in the middle counts as a wrong guess until it is forgotten: it may have been one.
	if resp.StatusCode >= 400 && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests {
		v.s.t.Errorf("%s: %s: %.300s", path, resp.Status, text)
	}
	return resp.StatusCode < 400
}

// check fails the test unless who signed in last is signed in, and who signed out last is not.
func (v *visitors) check(point int) {
	v.s.t.Helper()
	for what, list := range map[string][]*http.Client{"in": v.in, "out": v.out} {
		for _, browser := range list[max(0, len(list)-3):] {
			status := 0
			v.s.Await("the portal", func() bool {
				resp, err := browser.Get(v.s.PortalURL + "/")
				if err != nil {
					return false
				}
				resp.Body.Close()
				status = resp.StatusCode
				return status < 500
			})
			if signed := status == http.StatusOK; signed != (what == "in") {
				v.s.t.Errorf("point %d: somebody who signed %s gets %d", point, what, status)
			}
		}
	}
	v.in, v.out = v.in[max(0, len(v.in)-3):], v.out[max(0, len(v.out)-3):]
}
