package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"postern/internal/dial"
	"postern/internal/fault"
	"postern/internal/uplink/pac"
)

// The kinds of Config.Proxy that name a script.
const (
	kindPAC  = "pac"
	kindWPAD = "wpad"
)

const (
	scriptFresh = 5 * time.Minute // that a script from the network is used before it is fetched anew
	scriptAgain = time.Minute     // after which one that could not be fetched is tried again
	resolvConf  = "/etc/resolv.conf"
)

// script chooses proxies by a proxy auto-configuration script: of a file, a URL, or found by the names under which networks
// offer theirs (WPAD).
type script struct {
	find    pac.Find
	kind    string
	file    string
	urls    []string // where it may be; with WPAD none of them needs to be there
	user    *url.Userinfo
	client  *http.Client
	fetched chan fetchedScript // holds the one that there is; whoever has it may fetch
}

// fetchedScript is what was fetched last. Its zero value was never.
type fetchedScript struct {
	text   string
	source string // empty: there is none
	next   time.Time
}

func newScript(cfg Config, kind, where string) (*script, error) {
	if cfg.Script == nil {
		return nil, fault.Invalid("proxy", "cannot be a script here: name the proxy itself")
	}
	s := &script{find: cfg.Script, kind: kind, user: cfg.User, fetched: make(chan fetchedScript, 1)}
	s.fetched <- fetchedScript{}
	s.client = &http.Client{
		Transport: &http.Transport{DialContext: dial.Context, DisableKeepAlives: true, MaxResponseHeaderBytes: maxHead},
		CheckRedirect: func(to *http.Request, before []*http.Request) error {
			if len(before) > 3 || before[0].URL.Scheme == "https" && to.URL.Scheme != "https" {
				return errors.New("it leads elsewhere too often, or from https to http")
			}
			return nil
		},
	}
	if kind == kindPAC {
		return s, errors.Join(cfg.entrust(where), s.at(where))
	}
	return s, errors.Join(cfg.entrust(kindWPAD), s.search(where))
}

// entrust refuses to prove who we are to proxies that anybody on the way to the script may have named.
func (cfg Config) entrust(where string) error {
	from := "come from http://"
	switch u, err := url.Parse(where); {
	case where == kindWPAD:
		from = "be wpad"
	case err != nil || u.Scheme != "http":
		return nil
	}
	what := ""
	switch {
	case cfg.User != nil:
		what = "a user and password"
	case cfg.Kerberos.given():
		what = "Kerberos"
	default:
		return nil
	}
	return fault.Invalid("proxy", "must not %s together with %s: whoever answers in the script's place would name the proxy that gets them. "+
		"Name a script that nobody can exchange on the way: pac:https://… or pac:FILE", from, what)
}

// at takes the script of a URL or a file.
func (s *script) at(where string) error {
	if where == "" {
		return fault.Invalid("proxy", "must name the script: pac:https://config.example.com/proxy.pac or pac:/etc/proxy.pac")
	}
	if u, err := url.Parse(where); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		if u.Hostname() == "" {
			return fault.Invalid("proxy", "must name the host that has the script: pac:https://config.example.com/proxy.pac")
		}
		s.urls = []string{where}
		return nil
	}
	if strings.Contains(where, "://") {
		return fault.Invalid("proxy", "must name a script by http://, https:// or the path of a file")
	}
	s.file = where
	return nil
}

// search finds the names under which networks offer their scripts: those in the named domain or in the domains of
// this machine's resolver, never in one above them. A name in a domain that anybody may register under would give everything
// to a stranger.
func (s *script) search(domain string) error {
	domains := []string{domain}
	if domain == "" {
		text, err := os.ReadFile(resolvConf)
		if err != nil {
			return fault.Invalid("proxy", "must name the domain to search, such as wpad:corp.example.com: this machine's own are not known")
		}
		domains = searchDomains(string(text))
	}
	s.urls = wpadURLs(domains)
	if len(s.urls) == 0 {
		return fault.Invalid("proxy", "must name a domain of your own to search, such as wpad:corp.example.com: %q has none", strings.Join(domains, " "))
	}
	return nil
}

func wpadURLs(domains []string) (urls []string) {
	for _, each := range domains {
		each = strings.ToLower(strings.Trim(each, "."))
		public, _ := publicsuffix.PublicSuffix(each)
		if each == "" || each == public || strings.ContainsAny(each, "/:@?# ") {
			continue
		}
		urls = append(urls, "http://wpad."+each+"/wpad.dat")
	}
	return urls
}

// searchDomains reads the domains of a resolver's configuration; the last line of its kind counts.
func searchDomains(text string) (domains []string) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) > 1 && (words[0] == "search" || words[0] == "domain") {
			domains = words[1:]
		}
	}
	return domains[:min(len(domains), 6)]
}

func (s *script) choose(ctx context.Context, address string) ([]*url.URL, error) {
	if ownMachine(address) {
		return []*url.URL{nil}, nil
	}
	text, source, err := s.text(ctx)
	if err != nil {
		return nil, err
	}
	if source == "" {
		return []*url.URL{nil}, nil // the network offers none
	}
	answer, err := s.find(ctx, pac.Question{Script: text, Host: address})
	var ways []pac.Way
	if err == nil {
		ways, err = pac.Parse(answer)
	}
	if err != nil {
		return nil, fmt.Errorf("the proxy script %s: %w", source, err)
	}
	var list []*url.URL
	for _, way := range ways {
		if way.Scheme == "" {
			list = append(list, nil)
			continue
		}
		list = append(list, &url.URL{Scheme: way.Scheme, Host: way.Address, User: s.user})
	}
	return list, nil
}

// text gives the script and where it is from, nothing if the network offers none.
func (s *script) text(ctx context.Context) (text, source string, err error) {
	if s.file != "" {
		text, err = s.read()
		return text, s.file, err
	}
	var last fetchedScript
	select {
	case last = <-s.fetched:
	case <-ctx.Done():
		return "", "", context.Cause(ctx)
	}
	defer func() { s.fetched <- last }()
	if time.Now().Before(last.next) {
		return last.text, last.source, nil
	}
	text, source, err = s.fetch(ctx)
	switch {
	case err == nil && source != "":
		last = fetchedScript{text, source, time.Now().Add(scriptFresh)}
	case err == nil:
		last = fetchedScript{next: time.Now().Add(scriptAgain)}
	case last.source != "":
		last.next = time.Now().Add(scriptAgain) // the one before is better than none
	default:
		return "", "", err
	}
	return last.text, last.source, nil
}

func (s *script) read() (string, error) {
	file, err := os.Open(s.file)
	if err != nil {
		return "", fmt.Errorf("the proxy script cannot be read: %w", err)
	}
	defer file.Close() // only read from
	return readScript(file, s.file)
}

func readScript(from io.Reader, source string) (string, error) {
	data, err := io.ReadAll(io.LimitReader(from, pac.MaxScript+1))
	if err != nil {
		return "", fmt.Errorf("the proxy script %s cannot be read: %w", source, err)
	}
	if len(data) > pac.MaxScript {
		return "", fmt.Errorf("the proxy script %s is larger than 1 MiB", source)
	}
	return string(data), nil
}

// fetch gets the script from the first place that has one. With WPAD a name that does not exist is none.
func (s *script) fetch(ctx context.Context) (text, source string, err error) {
	for _, at := range s.urls {
		text, err = s.get(ctx, at)
		if err == nil {
			return text, at, nil
		}
		dns, unknown := errors.AsType[*net.DNSError](err)
		if s.kind != kindWPAD || !unknown || !dns.IsNotFound {
			return "", "", err
		}
	}
	return "", "", nil
}

func (s *script) get(ctx context.Context, at string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Accept", "application/x-ns-proxy-autoconfig, */*;q=0.5")
	response, err := s.client.Do(request)
	if err != nil {
		return "", fmt.Errorf("the proxy script %s cannot be fetched (%s): is it right, and does its server answer without a proxy? %w", at, rootCause(err), err)
	}
	defer response.Body.Close() // only read from
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the proxy script %s cannot be fetched: its server answers %d", at, response.StatusCode)
	}
	return readScript(response.Body, at)
}

// Ways gives the proxies that are due for host:port, in the order in which they are tried, without passwords; empty among
// them: directly.
func (d *Dialer) Ways(ctx context.Context, address string) ([]string, error) {
	ways, err := d.chooser.choose(ctx, address)
	if err != nil {
		return nil, err
	}
	list := make([]string, 0, len(ways))
	for _, via := range ways {
		list = append(list, wayOf(via).Proxy)
	}
	return slices.Clip(list), nil
}
