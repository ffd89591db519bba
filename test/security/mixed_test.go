package security

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/test/size"
)

// mix is a load of good and hostile clients over one tunnel.
type mix struct {
	*world
	t      *testing.T
	cookie string
	sent   func() int // a new number
}

// TestEachGetsItsOwnAnswer sends requests that are good and others that are hostile through one tunnel to a backend
// that answers some of them as a hostile one does: every good request gets exactly its own answer, whole, and nothing
// that was hidden in another reaches the backend as a request.
func TestEachGetsItsOwnAnswer(t *testing.T) {
	w := &world{System: posterntest.New(t)}
	w.connector = w.Connector("site")
	backend := newMirror(t)
	w.Assign(w.Publish("mixed", backend.url, func(a *api.ApplicationInput) { a.HostHeader = "external" }), w.User("ada"))
	session, _ := w.session(t, "mixed", "ada")
	var mu sync.Mutex
	number := 0
	m := &mix{world: w, t: t, cookie: sessionCookie + "=" + session, sent: func() int {
		mu.Lock()
		defer mu.Unlock()
		number++
		return number
	}}
	requests, clients := size.Of(1_500, 10_000), 24
	var each sync.WaitGroup
	for client := range clients {
		random := rand.New(rand.NewPCG(7, uint64(client)))
		each.Go(func() {
			for left := requests / clients; left > 0; {
				switch random.IntN(4) {
				case 0:
					left -= m.hostileRequest(random)
				case 1:
					left -= m.hostileAnswer(random)
				default:
					left -= m.good(random)
				}
			}
		})
	}
	each.Wait()
	m.judge(backend)
}

// judge looks at what the backend got.
func (m *mix) judge(backend *mirror) {
	backend.mu.Lock()
	defer backend.mu.Unlock()
	for _, odd := range backend.odd {
		m.t.Errorf("the backend got %s", odd)
	}
	for id, count := range backend.seen {
		if strings.HasPrefix(id, "smuggled") {
			m.t.Errorf("the backend got %s", id)
		}
		if strings.HasPrefix(id, "post") && count > 1 {
			m.t.Errorf("the backend got %s %d times", id, count)
		}
	}
	m.t.Logf("%d requests reached the backend", len(backend.seen))
}

// sending is a request that waits for its answer.
type sending struct {
	method, id, body string
	bytes            string
}

// request makes a good request of some kind.
func (m *mix) request(random *rand.Rand) sending {
	kind := []string{"echo", "chunked", "hints"}[random.IntN(3)]
	s := sending{method: []string{"GET", "POST", "PUT", "HEAD"}[random.IntN(4)]}
	s.id = fmt.Sprintf("%s%d", strings.ToLower(s.method), m.sent())
	head := fmt.Sprintf("%s /%s/%s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\n", s.method, kind, s.id, m.host("mixed"), m.cookie)
	if s.method == "GET" || s.method == "HEAD" {
		s.bytes = head + "\r\n"
		return s
	}
	s.body = strings.Repeat(s.id+poison, 1+random.IntN(40)) // which a mistaken reader takes for answers
	if random.IntN(2) == 0 {
		s.bytes = fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(s.body), s.body)
		return s
	}
	cut := random.IntN(len(s.body)-1) + 1
	s.bytes = fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", head, cut, s.body[:cut], len(s.body)-cut, s.body[cut:])
	return s
}

// good sends a few requests over one connection, one after the other or all at once, and reads their answers.
func (m *mix) good(random *rand.Rand) int {
	conn := m.dial(m.t, "mixed")
	defer conn.Close()
	in := bufio.NewReader(conn)
	list := make([]sending, 1+random.IntN(8))
	all := ""
	for i := range list {
		list[i] = m.request(random)
		all += list[i].bytes
	}
	pipelined := random.IntN(2) == 0
	if pipelined {
		go io.WriteString(conn, all) // what does not arrive has no answer
	}
	for _, s := range list {
		if err := conn.SetDeadline(time.Now().Add(posterntest.Patience)); err != nil {
			m.t.Error(err)
		}
		if !pipelined {
			if _, err := io.WriteString(conn, s.bytes); err != nil {
				m.t.Errorf("%s: %v", s.id, err)
				return len(list)
			}
		}
		if err := s.read(in); err != nil {
			m.t.Errorf("%s, pipelined %v: %v", s.id, pipelined, err)
			return len(list)
		}
	}
	return len(list)
}

// read reads the answer, which must be the request's own.
func (s *sending) read(in *bufio.Reader) error {
	res, err := http.ReadResponse(in, &http.Request{Method: s.method})
	if err != nil {
		return err
	}
	if res.StatusCode == http.StatusEarlyHints {
		return s.read(in)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	want := (&asked{id: s.id, body: s.body}).text()
	if s.method == "HEAD" {
		want = ""
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("X-Id") != s.id || string(body) != want {
		return fmt.Errorf("%s, of %q: %.300q", res.Status, res.Header.Get("X-Id"), body)
	}
	return nil
}

// hostileAnswer asks for what the backend answers badly: whatever comes of it, it is no answer of another's.
func (m *mix) hostileAnswer(random *rand.Rand) int {
	kinds := make([]string, 0, len(hostileAnswers))
	for kind := range hostileAnswers {
		kinds = append(kinds, kind)
	}
	kind := kinds[random.IntN(len(kinds))]
	id := fmt.Sprintf("bad%d", m.sent())
	conn := m.dial(m.t, "mixed")
	defer conn.Close()
	in := bufio.NewReader(conn)
	fmt.Fprintf(conn, "GET /%s/%s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nConnection: close\r\n\r\n", kind, id, m.host("mixed"), m.cookie)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return 1 // a connection that was cut claims nothing
	}
	if got := res.Header.Get("X-Id"); got != "" && got != id {
		m.t.Errorf("%s: the answer of %q", kind, got)
	}
	body, err := io.ReadAll(res.Body)
	if whole := (&asked{id: id}).text(); err == nil && res.StatusCode == http.StatusOK && string(body) != whole {
		m.t.Errorf("%s: an answer that seems whole: %.300q", kind, body)
	}
	if rest, _ := io.ReadAll(in); len(rest) > 0 {
		m.t.Errorf("%s: behind the answer came %.300q", kind, rest)
	}
	return 1
}

// hidden is a request in another's body or header, which must not become one.
func (m *mix) hidden() string {
	return fmt.Sprintf("GET /echo/smuggled%d HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\n\r\n", m.sent(), m.host("mixed"), m.cookie)
}

// hostileRequests are header lines and bodies whose end two readers may see at different places; %s is a hidden request.
var hostileRequests = []string{
	"Content-Length: 5\r\nContent-Length: 6\r\n\r\n0\r\n\r\n%s",
	"Content-Length: 5, 6\r\n\r\n0\r\n\r\n%s",
	"Content-Length: +5\r\n\r\n0\r\n\r\n%s",
	"Content-Length: 0x5\r\n\r\n0\r\n\r\n%s",
	"Content-Length: 5 6\r\n\r\n0\r\n\r\n%s",
	"Content-Length: -1\r\n\r\n%s",
	"Content-Length: 99999999999999999999\r\n\r\n%s",
	"Content-Length : 5\r\n\r\n0\r\n\r\n%s",
	"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n%s",
	"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s",
	"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n%s",
	"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n%s",
	"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s",
	"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n%s",
	"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n%s",
	"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n%s",
	"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n%s",
	"Transfer-Encoding: chunked\r\n\r\n-0\r\n\r\n%s",
	"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n%s",
	"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n%s",
	"Transfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n%s",
	"Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n%s",
	"Transfer-Encoding: chunked\r\n\r\n1;a=\"\n\"\r\na\r\n0\r\n\r\n%s",
	"X-A: b\x00c\r\nContent-Length: 0\r\n\r\n%s",
	"X-A: b\rContent-Length: 0\r\n\r\n%s",
	" Content-Length: 0\r\n\r\n%s",
	"no colon\r\n\r\n%s",
	": no name\r\n\r\n%s",
	"Host: other.test\r\n\r\n%s",
}

// hostileRequest sends one, and looks for an answer of another's behind what it gets.
func (m *mix) hostileRequest(random *rand.Rand) int {
	row := hostileRequests[random.IntN(len(hostileRequests))]
	id := fmt.Sprintf("post%d", m.sent())
	conn := m.dial(m.t, "mixed")
	defer conn.Close()
	in := bufio.NewReader(conn)
	fmt.Fprintf(conn, "POST /echo/%s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\n%s", id, m.host("mixed"), m.cookie, fmt.Sprintf(row, m.hidden()))
	if err := conn.CloseWrite(); err != nil {
		return 1 // cut already
	}
	var answers []string
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			break
		}
		answers = append(answers, res.Status)
		got := res.Header.Get("X-Id")
		body, _ := io.ReadAll(res.Body) // as much as comes
		if got != "" && got != id || strings.Contains(string(body), "smuggled") {
			m.t.Errorf("%.100q: an answer of %q: %.300q", row, got, body)
		}
		if res.StatusCode < 400 {
			m.t.Errorf("%.100q: %s", row, res.Status)
		}
	}
	if len(answers) > 1 {
		m.t.Errorf("%.100q: the answers %q", row, answers)
	}
	return 1
}
