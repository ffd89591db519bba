package install

import (
	"fmt"
	"strings"
)

// unit is what the unit of a service is made of. Marks stand in comments: what the installation made it also removes.
type unit struct {
	Service
	By          string // the program
	State       string // directory
	Settings    string // file
	User        string
	MadeUser    bool
	MadeProgram bool
}

const (
	markUser    = "# The user was made by this installation."
	markProgram = "# The program was put here by this installation."
)

// text gives the unit. What it forbids is what a program that makes outbound connections and keeps one directory needs not.
func (u unit) text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Written by %s install: change the settings, or add a drop-in, rather than this file.", u.By)
	if u.MadeUser {
		line(markUser)
	}
	if u.MadeProgram {
		line(markProgram)
	}
	line(`[Unit]
Description=%s
Wants=network-online.target
After=network-online.target nss-lookup.target
StartLimitIntervalSec=0
`, strings.ReplaceAll(u.Title, "%", "%%"))
	words := append([]string{u.Program}, u.Arguments...)
	for i := range words {
		words[i] = unitWord(words[i])
	}
	line("[Service]\nType=notify\nNotifyAccess=main\nExecStart=%s", strings.Join(words, " "))
	if !u.Network {
		line("ExecReload=/bin/kill -USR1 $MAINPID\nUser=%s", u.User)
	}
	line(`EnvironmentFile=-%s
StateDirectory=%s
StateDirectoryMode=0700
WorkingDirectory=%s`, u.Settings, u.Name, u.State)
	if u.Network {
		line("RuntimeDirectory=%s\nRuntimeDirectoryMode=0755", u.Name)
		b.WriteString(networkConfinement + commonConfinement)
	} else {
		b.WriteString(confinement + commonConfinement)
	}
	return b.String()
}

// confinement is of a service that needs no rights. The stop takes longer than the longest drain.
const confinement = `UMask=0077
Restart=always
RestartSec=2
RestartPreventExitStatus=3
WatchdogSec=60
TimeoutStopSec=13min
LimitNOFILE=65536

CapabilityBoundingSet=
ProtectSystem=strict
PrivateDevices=yes
PrivateUsers=yes
ProtectProc=invisible
`

// networkConfinement is of a service that has an interface of its own, routes and name servers: it writes /etc/resolv.conf. The last two
// capabilities are for the names of the programs that connect, which are in /proc.
const networkConfinement = `UMask=0077
Restart=on-failure
RestartSec=2
TimeoutStopSec=30
LimitNOFILE=65536

CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_SYS_PTRACE CAP_DAC_READ_SEARCH
ProtectSystem=yes
DeviceAllow=/dev/net/tun rw
`

// commonConfinement is the same for every service.
const commonConfinement = `KillMode=mixed
NoNewPrivileges=yes
AmbientCapabilities=
ProtectHome=yes
PrivateTmp=yes
DevicePolicy=closed
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources

[Install]
WantedBy=multi-user.target
`

// unitWord writes one word of a command line for systemd (systemd.service(5), "command lines"; systemd.syntax(7)).
func unitWord(word string) string {
	word = strings.ReplaceAll(strings.ReplaceAll(word, "%", "%%"), "$", "$$")
	if word != "" && !strings.ContainsAny(word, " \t\"'\\;") {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}

// settingsText gives an environment file (systemd.exec(5)).
func settingsText(settings []Setting) string {
	var b strings.Builder
	b.WriteString("# Settings of this service, one a line; they count from its next start. They may hold secrets.\n")
	for _, s := range settings {
		fmt.Fprintf(&b, "%s=\"%s\"\n", s.Name, strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`).Replace(s.Value))
	}
	return b.String()
}

// parseSettings reads what settingsText wrote, and what people write in such files: with quotes or without.
func parseSettings(text string) (all []Setting) {
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || name == "" || strings.ContainsAny(name, "#; ") {
			continue
		}
		if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
			value = unquote(value[1 : len(value)-1])
		} else if len(value) >= 2 && value[0] == '\'' && value[len(value)-1] == '\'' {
			value = value[1 : len(value)-1]
		}
		all = append(all, Setting{name, value})
	}
	return all
}

func unquote(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("\\\"`$", s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
