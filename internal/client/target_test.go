package client_test

import (
	"strings"
	"testing"

	"postern/internal/client"
	"postern/internal/client/flow"
	"postern/internal/wire"
)

func toldRules() wire.Rules {
	return wire.Rules{Version: 1, ServiceURL: "https://access.example", Applications: []wire.Rule{
		{Application: "app_db", Name: "Payroll: database", Segments: []wire.Segment{{Destination: "db.corp.example", Ports: "5432", Protocol: "tcp"}}},
		{Application: "app_lab", Name: "lab", Segments: []wire.Segment{
			{Destination: "10.0.0.0/8", Ports: "22,80", Protocol: "tcp"}, {Destination: "ns.lab.example", Ports: "53", Protocol: "both"}, {Destination: "*.lab.example", Ports: "1-1000", Protocol: "tcp"}}},
		{Application: "app_two", Name: "two", Segments: []wire.Segment{{Destination: "a.two.example", Ports: "80", Protocol: "tcp"}, {Destination: "b.two.example", Ports: "81", Protocol: "tcp"}}},
		{Application: "app_same1", Name: "same", Segments: []wire.Segment{{Destination: "x.same.example", Ports: "1", Protocol: "tcp"}}},
		{Application: "app_same2", Name: "same", Segments: []wire.Segment{{Destination: "y.same.example", Ports: "1", Protocol: "tcp"}}},
		{Application: "app_quick", Name: "Quick Access", QuickAccess: true, Segments: []wire.Segment{{Destination: ".corp.example", Ports: "1-65535", Protocol: "both"}, {Destination: "192.168.4.0/22", Ports: "22", Protocol: "tcp"}}},
	}}
}

// TestTargets: how people say what is to be forwarded.
func TestTargets(t *testing.T) {
	for _, test := range []struct{ text, want, problem string }{
		{"app_db", "db.corp.example:5432/tcp app_db", ""},
		{"Payroll: database", "db.corp.example:5432/tcp app_db", ""},
		{"Payroll: database:5432", "db.corp.example:5432/tcp app_db", ""},
		{"Payroll: database:db.corp.example:5432", "db.corp.example:5432/tcp app_db", ""},
		{"Payroll: database:5433", "", "many"},
		{"lab", "", "which of several"},
		{"lab:53", "ns.lab.example:53/tcp app_lab", ""},
		{"lab/udp", "ns.lab.example:53/udp app_lab", ""},
		{"lab:10.1.2.3:22", "10.1.2.3:22/tcp app_lab", ""},
		{"lab:22", "", "many"},
		{"same:1", "", "several applications"},
		{"two", "", "which of several"},
		{"two:81", "b.two.example:81/tcp app_two", ""},
		{"same", "", "several applications"},
		{"app_same2:1", "y.same.example:1/tcp app_same2", ""},
		{"[fd00::1]:22", "[fd00::1]:22/tcp", ""},
		{"app_quick:[fd00::1]:22/udp", "[fd00::1]:22/udp app_quick", ""},
		{"git.corp.example:22", "git.corp.example:22/tcp", ""},
		{"nothing", "", "no application"},
		{"nothing:0", "", "port"},
		{"nothing:x", "", "port"},
		{"a b:80", "", "host"},
		{"", "", "no application"},
	} {
		got, err := client.ParseTarget(toldRules(), test.text)
		text := strings.TrimSpace(got.String() + " " + got.Application)
		switch {
		case test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)):
			t.Errorf("%q: %s, %v; want an error with %q", test.text, text, err, test.problem)
		case test.problem == "" && (err != nil || text != test.want):
			t.Errorf("%q: %s, %v", test.text, text, err)
		}
		if err != nil {
			continue
		}
		said := got.String() // in full it is the same
		if got.Application != "" {
			said = got.Application + ":" + said
		}
		if again, err := client.ParseTarget(toldRules(), said); err != nil || again != got {
			t.Errorf("%q is %+v, and %q is %+v, %v", test.text, got, said, again, err)
		}
	}
}

// TestSSHConfig: hosts that may be reached on port 22, in ssh's words.
func TestSSHConfig(t *testing.T) {
	told := toldRules()
	told.Applications[1].Name = "lab\nHost evil\n  ProxyCommand evil"
	text, err := client.SSHConfig(told, `"/opt/with space/postern-client"`)
	if err != nil {
		t.Fatal(err)
	}
	want := `# Written by postern-client ssh-config, for https://access.example: include it from ~/.ssh/config

# lab?Host evil?  ProxyCommand evil
Host *.lab.example
    ProxyCommand "/opt/with space/postern-client" connect %h %p

# lab?Host evil?  ProxyCommand evil
Host 10.*
    ProxyCommand "/opt/with space/postern-client" connect %h %p

# Quick Access
Host corp.example *.corp.example
    ProxyCommand "/opt/with space/postern-client" connect %h %p

# 192.168.4.0/22 of "Quick Access" has no form in ssh_config: name its hosts one by one
`
	want = strings.Replace(want, `of "Quick Access"`, `of Quick Access`, 1)
	if strings.ReplaceAll(text, `"Quick Access"`, "Quick Access") != want {
		t.Errorf("%s", text)
	}
}

// TestLocalAddresses: programs of other machines come in only where that was said.
func TestLocalAddresses(t *testing.T) {
	for _, test := range []struct {
		text     string
		anywhere bool
		want     string
	}{
		{"1080", false, "127.0.0.1:1080"},
		{"0", false, "127.0.0.1:0"},
		{"localhost:1080", false, "127.0.0.1:1080"},
		{"127.0.0.2:1080", false, "127.0.0.2:1080"},
		{"[::1]:1080", false, "[::1]:1080"},
		{":1080", false, ""},
		{"0.0.0.0:1080", false, ""},
		{"192.0.2.1:1080", false, ""},
		{"name.example:1080", false, ""},
		{"name.example:1080", true, ""},
		{"192.0.2.1:1080", true, "192.0.2.1:1080"},
		{":1080", true, ":1080"},
		{"65536", false, ""},
		{"127.0.0.1:x", false, ""},
		{"127.0.0.1", false, ""},
	} {
		if got, err := client.ParseLocal(test.text, test.anywhere); got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%q (%t): %q, %v", test.text, test.anywhere, got, err)
		}
	}
}

// TestParse: what two programs could read differently is no destination.
func TestParse(t *testing.T) {
	for _, host := range []string{"", "127.1", "2130706433", "0x7f.1", "a b", "fe80::1%eth0", "-a.example", strings.Repeat("a", 64)} {
		if got, err := flow.Parse(flow.TCP, host, 1); err == nil {
			t.Errorf("%q is %+v", host, got)
		}
	}
}
