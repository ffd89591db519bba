// Package pac asks a proxy auto-configuration script (PAC) which proxies to take.
//
// Such a script is a program that somebody else wrote, with WPAD even whoever answers to a name. So it runs in a process of
// its own, which has the time of a dial and 128 MiB and is killed when it takes more: see Process and Serve. It sees the
// functions that every browser gives it, no file and no connection, and it is shown the host alone, never a path.
package pac

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/dop251/goja"
)

// MaxScript bounds a script, in bytes.
const MaxScript = 1 << 20

const (
	maxResult = 4096 // bytes of what a script answers
	maxCalls  = 256  // of functions within each other
	maxWays   = 16   // in a script's answer
)

// Question is what a script is asked.
type Question struct {
	Script string `json:"script"`
	Host   string `json:"host"` // host:port that is to be reached
}

// find runs the script and gives what it answers. Nothing bounds it: see Serve.
func find(q Question, now time.Time) (answer string, err error) {
	host, port, err := net.SplitHostPort(q.Host)
	if err != nil {
		return "", fmt.Errorf("the host %q is not host:port", q.Host)
	}
	vm := goja.New()
	vm.SetMaxCallStackSize(maxCalls)
	if err := offer(vm, now); err != nil {
		return "", err
	}
	if _, err := vm.RunScript("proxy.pac", q.Script); err != nil {
		return "", fmt.Errorf("the script does not run: %s", bounded(err.Error()))
	}
	// FindProxyForURLEx is what those scripts have that know IPv6; it wins where both are.
	function, ok := goja.AssertFunction(vm.Get("FindProxyForURLEx"))
	if !ok {
		function, ok = goja.AssertFunction(vm.Get("FindProxyForURL"))
	}
	if !ok {
		return "", errors.New("the script has no function FindProxyForURL")
	}
	url := "https://" + net.JoinHostPort(host, port) + "/"
	if port == "443" {
		url = "https://" + strings.TrimSuffix(net.JoinHostPort(host, ""), ":") + "/"
	}
	value, err := function(goja.Undefined(), vm.ToValue(url), vm.ToValue(host))
	if err != nil {
		return "", fmt.Errorf("FindProxyForURL fails: %s", bounded(err.Error()))
	}
	if goja.IsUndefined(value) || goja.IsNull(value) {
		return "", nil // as every browser has it: no proxy
	}
	answer, ok = value.Export().(string)
	if !ok || len(answer) > maxResult {
		return "", errors.New("FindProxyForURL answers something else than a list of proxies")
	}
	return answer, nil
}

func bounded(text string) string {
	text = strings.ToValidUTF8(text, "?")
	return text[:min(len(text), 300)]
}

// Way is one of the ways that a script names.
type Way struct {
	Scheme  string // http, https or socks5; empty: directly
	Address string // host:port of the proxy
}

// Parse reads a script's answer, such as "PROXY a:3128; SOCKS5 b:1080; DIRECT": ways in the order in which to try them.
// What is not known is left out; that nothing is left is an error.
func Parse(answer string) ([]Way, error) {
	if strings.TrimSpace(answer) == "" {
		return []Way{{}}, nil
	}
	var ways []Way
	for part := range strings.SplitSeq(answer, ";") {
		kind, address, _ := strings.Cut(strings.TrimSpace(part), " ")
		scheme, known := schemes[strings.ToUpper(kind)]
		if !known || len(ways) == maxWays {
			continue
		}
		if scheme == "" {
			ways = append(ways, Way{})
			continue
		}
		if address, ok := proxyAddress(strings.TrimSpace(address), scheme); ok {
			ways = append(ways, Way{scheme, address})
		}
	}
	if len(ways) == 0 {
		return nil, fmt.Errorf("the script answers %q, in which there is no way that is known (PROXY, HTTP, HTTPS, SOCKS5 with host:port, DIRECT)", bounded(answer))
	}
	return ways, nil
}

// schemes gives what a script's words mean. SOCKS alone once meant version 4, which no proxy of today needs.
var schemes = map[string]string{"DIRECT": "", "PROXY": "http", "HTTP": "http", "HTTPS": "https", "SOCKS": "socks5", "SOCKS5": "socks5"}

var ports = map[string]string{"http": "80", "https": "443", "socks5": "1080"}

func proxyAddress(text, scheme string) (string, bool) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.Trim(text, "[]"), ports[scheme]
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || host == "" || strings.ContainsAny(host, " \t\r\n/@?#%") {
		return "", false
	}
	return net.JoinHostPort(host, port), true
}
