package pac

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const asScript = "as-script" // the argument with which the test's own program runs a script

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asScript {
		if err := Serve(os.Stdin, os.Stdout, os.Exit); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// saturday is Saturday, 21 November 2026, 23:41:13 UTC.
var saturday = time.Date(2026, 11, 21, 23, 41, 13, 0, time.UTC)

func TestFunctions(t *testing.T) {
	tests := []struct {
		condition string
		want      bool
	}{
		{`isPlainHostName("www")`, true},
		{`isPlainHostName("www.example.com")`, false},
		{`isPlainHostName("::1")`, false},
		{`dnsDomainIs("www.Example.com", ".example.com")`, true},
		{`dnsDomainIs("www.example.com", "www.example.com.au")`, false},
		{`localHostOrDomainIs("www.example.com", "www.example.com")`, true},
		{`localHostOrDomainIs("www", "www.example.com")`, true},
		{`localHostOrDomainIs("www.other.com", "www.example.com")`, false},
		{`localHostOrDomainIs("www.example", "www.example.com")`, false},
		{`isResolvable("127.0.0.1")`, true},
		{`isResolvable("::1")`, false},
		{`isResolvableEx("::1")`, true},
		{`isResolvable("no-such-host.invalid")`, false},
		{`isInNet("198.95.249.79", "198.95.249.79", "255.255.255.255")`, true},
		{`isInNet("198.95.6.8", "198.95.0.0", "255.255.0.0")`, true},
		{`isInNet("198.96.6.8", "198.95.0.0", "255.255.0.0")`, false},
		{`isInNet("10.1.2.3", "10.0.0.3", "255.0.0.255")`, true},
		{`isInNet("10.1.2.3", "nonsense", "255.0.0.0")`, false},
		{`isInNetEx("10.1.2.3", "192.168.0.0/16; 10.0.0.0/8")`, true},
		{`isInNetEx("2001:db8::5", "2001:db8::/32")`, true},
		{`isInNetEx("2001:db9::5", "2001:db8::/32")`, false},
		{`dnsResolve("10.1.2.3") == "10.1.2.3"`, true},
		{`dnsResolve("no-such-host.invalid") === null`, true},
		{`dnsResolveEx("::1") == "::1"`, true},
		{`convert_addr("10.0.0.1") == 167772161`, true},
		{`/^[0-9]+\.[0-9.]+$|:/.test(myIpAddress())`, true},
		{`myIpAddressEx().length > 2`, true},
		{`dnsDomainLevels("www.example.com") == 2`, true},
		{`shExpMatch("http://home.example.com/people/x", "*/people/*")`, true},
		{`shExpMatch("www.example.com", "*.example.com")`, true},
		{`shExpMatch("wwwxexample.com", "www.example.com")`, false},
		{`shExpMatch("abc", "a?c")`, true},
		{`shExpMatch("ac", "a?c")`, false},
		{`shExpMatch("", "*")`, true},
		{`sortIpAddressList("10.2.3.9;2001:db8::1;10.2.3.8") == "2001:db8::1;10.2.3.8;10.2.3.9"`, true},
		{`sortIpAddressList("x") === false`, true},
		{`getClientVersion() == "1.0"`, true},
		{`alert("x") === undefined`, true},
		{`weekdayRange("SAT", "GMT")`, true},
		{`weekdayRange("mon", "fri", "GMT")`, false},
		{`weekdayRange("FRI", "MON", "GMT")`, true},
		{`weekdayRange("XYZ", "GMT")`, false},
		{`dateRange(21, "GMT")`, true},
		{`dateRange(1, 20, "GMT")`, false},
		{`dateRange("NOV", "GMT")`, true},
		{`dateRange("OCT", "FEB", "GMT")`, true},
		{`dateRange("DEC", "FEB", "GMT")`, false},
		{`dateRange(2026, "GMT")`, true},
		{`dateRange(1990, 2025, "GMT")`, false},
		{`dateRange(2030, 2020, "GMT")`, false},
		{`dateRange(20, "NOV", 24, "DEC", "GMT")`, true},
		{`dateRange(22, "NOV", 24, "DEC", "GMT")`, false},
		{`dateRange("JAN", 2026, "NOV", 2026, "GMT")`, true},
		{`dateRange(1, "JAN", 2026, 20, "NOV", 2026, "GMT")`, false},
		{`dateRange(1, "NOV", "GMT")`, false},
		{`dateRange(99999)`, false},
		{`timeRange(23, "GMT")`, true},
		{`timeRange(9, 17, "GMT")`, false},
		{`timeRange(22, 6, "GMT")`, true},
		{`timeRange(23, 41, 23, 41, "GMT")`, true},
		{`timeRange(23, 42, 23, 50, "GMT")`, false},
		{`timeRange(23, 41, 0, 23, 41, 12, "GMT")`, false},
		{`timeRange(99, "GMT")`, false},
		{`url == "https://service.example.com/" && host == "service.example.com"`, true},
	}
	for _, test := range tests {
		script := `function FindProxyForURL(url, host) { return ` + test.condition + ` ? "yes" : "no" }`
		got, err := find(Question{Script: script, Host: "service.example.com:443"}, saturday)
		if err != nil || got != map[bool]string{true: "yes", false: "no"}[test.want] {
			t.Errorf("%s: %q, %v", test.condition, got, err)
		}
	}
}

func TestScripts(t *testing.T) {
	tests := []struct {
		name, script, host string
		want, wantErr      string
	}{
		{"another port", `function FindProxyForURL(url, host) { return url }`, "service.example.com:8443", "https://service.example.com:8443/", ""},
		{"IPv6", `function FindProxyForURL(url, host) { return url + " " + host }`, "[2001:db8::1]:443", "https://[2001:db8::1]/ 2001:db8::1", ""},
		{"the Ex form wins", `function FindProxyForURL() { return "a" } function FindProxyForURLEx() { return "b" }`, "x:443", "b", ""},
		{"helpers and tables", `var nets = [["10.0.0.0","255.0.0.0"]]; function inside(h) { for (var i in nets) if (isInNet(h, nets[i][0], nets[i][1])) return true; return false }
			function FindProxyForURL(url, host) { switch (true) { case inside(host): return "DIRECT"; default: return "PROXY p:1" } }`, "10.1.1.1:443", "DIRECT", ""},
		{"nothing", `function FindProxyForURL() { }`, "x:443", "", ""},
		{"null", `function FindProxyForURL() { return null }`, "x:443", "", ""},
		{"number", `function FindProxyForURL() { return 7 }`, "x:443", "", "something else than a list"},
		{"long", `function FindProxyForURL() { return "x".repeat(5000) }`, "x:443", "", "something else than a list"},
		{"no function", `var x = 1`, "x:443", "", "no function FindProxyForURL"},
		{"syntax", `function FindProxyForURL( {`, "x:443", "", "does not run"},
		{"a page", `<html><body>Sign in`, "x:443", "", "does not run"},
		{"throws", `function FindProxyForURL() { throw "no" }`, "x:443", "", "fails: no"},
		{"endless recursion", `function FindProxyForURL() { return FindProxyForURL() }`, "x:443", "", "fails"},
		{"no file", `function FindProxyForURL() { return require("fs").readFileSync("/etc/passwd") }`, "x:443", "", "require is not defined"},
		{"no host", `function FindProxyForURL() { }`, "x", "", "not host:port"},
	}
	for _, test := range tests {
		got, err := find(Question{Script: test.script, Host: test.host}, saturday)
		if got != test.want || (err == nil) != (test.wantErr == "") || err != nil && !strings.Contains(err.Error(), test.wantErr) {
			t.Errorf("%s: %q, %v", test.name, got, err)
		}
	}
}

func TestParse(t *testing.T) {
	tests := []struct {
		answer string
		want   []Way // nil: an error
	}{
		{"", []Way{{}}},
		{"DIRECT", []Way{{}}},
		{"PROXY a:3128; SOCKS5 b:1081; direct", []Way{{"http", "a:3128"}, {"socks5", "b:1081"}, {}}},
		{"PROXY a;HTTPS b;SOCKS c;HTTP [2001:db8::1]:8080", []Way{{"http", "a:80"}, {"https", "b:443"}, {"socks5", "c:1080"}, {"http", "[2001:db8::1]:8080"}}},
		{"SOCKS4 old:1080; PROXY a:1", []Way{{"http", "a:1"}}},
		{"PROXY user@a:1; PROXY a:0; PROXY a:99999; PROXY ", nil},
		{"QUIC a:1", nil},
		{strings.Repeat("PROXY a:1;", 40), slicesRepeat(Way{"http", "a:1"}, maxWays)},
	}
	for _, test := range tests {
		got, err := Parse(test.answer)
		if diff := cmp.Diff(test.want, got); diff != "" || (err != nil) != (test.want == nil) {
			t.Errorf("Parse(%q): %v %s", test.answer, err, diff)
		}
	}
}

func slicesRepeat(w Way, n int) (list []Way) {
	for range n {
		list = append(list, w)
	}
	return list
}

// TestScriptsThatTakeTooMuch: no script, whatever it does, costs this program more than the time of a dial and none of its memory.
func TestScriptsThatTakeTooMuch(t *testing.T) {
	run := Process(os.Args[0], asScript)
	answer := func(limit time.Duration, body string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		return run(ctx, Question{Script: "function FindProxyForURL(url, host) {" + body + "}", Host: "x:443"})
	}
	t.Setenv("POSTERN_CONNECTOR_PROXY", "http://user:secret@proxy:3128")
	good := func() {
		t.Helper()
		if got, err := answer(time.Minute, `return "PROXY a:1"`); err != nil || got != "PROXY a:1" {
			t.Errorf("a good script: %q, %v", got, err)
		}
	}
	good()
	tests := []struct {
		name, body string
		limit      time.Duration
		want       string
	}{
		{"a loop", `for (;;) {}`, time.Second, "took too long"},
		{"a loop of natives", `new Array(4294967295).forEach(function() {})`, time.Second, "took too long"},
		{"a regular expression", `return /^(?=a)(a+)+$/.test(Array(60).join("a") + "b") ? "a" : "b"`, time.Second, "took too long"},
		{"text that doubles", `var s = "x"; for (;;) s += s + Math.random()`, time.Minute, "more memory"},
		{"an array of two gibibytes", `var a = new Uint8Array(2147483647); for (;;) a.length`, time.Minute, "more memory"},
		{"many arrays of one mebibyte", `var l = []; for (;;) l.push(new Uint8Array(1 << 20))`, time.Minute, "more memory"},
	}
	for _, test := range tests {
		if got, err := answer(test.limit, test.body); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %q, %v", test.name, got, err)
		}
	}
	good()
}

func TestScriptsWithoutAProgram(t *testing.T) {
	if _, err := Process("/nonexistent/program")(t.Context(), Question{}); err == nil || !strings.Contains(err.Error(), "the process that runs the script failed") {
		t.Error(err)
	}
}
