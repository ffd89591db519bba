package install

import (
	"fmt"
	"strings"
)

// unit is what the unit of a service is made of. Marks stand in comments: what the installation made it also removes.
type unit struct {
	Service
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
	line("# Written by %s install: change the settings, or add a drop-in, rather than this file.", programName)
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
	line(`ExecReload=/bin/kill -USR1 $MAINPID
EnvironmentFile=-%s
User=%s
StateDirectory=%s
StateDirectoryMode=0700
WorkingDirectory=%s`, u.Settings, u.User, u.Name, u.State)
	b.WriteString(confinement)
	return b.String()
}

// programName is what the program is called, whatever the file was called that it was downloaded to.
const programName = "postern-connector"

// confinement is the same for every service. The stop takes longer than the longest drain.
const confinement = `UMask=0077
Restart=always
RestartSec=2
RestartPreventExitStatus=3
WatchdogSec=60
TimeoutStopSec=13min
KillMode=mixed
LimitNOFILE=65536

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
PrivateUsers=yes
ProtectProc=invisible
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
