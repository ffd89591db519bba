package install

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// launchdUser is the user as whom launchd runs a service: one that macOS brings along.
func (s Service) launchdUser() string {
	if s.Network {
		return "root"
	}
	return "daemon"
}

// plistText gives the launchd job (launchd.plist(5)). A stop takes longer than the longest drain.
func plistText(s Service, state string) string {
	var b strings.Builder
	escape := func(text string) string {
		var e strings.Builder
		_ = xml.EscapeText(&e, []byte(text)) // a builder takes everything
		return e.String()
	}
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
`)
	fmt.Fprintf(&b, "<key>Label</key><string>%s</string>\n<key>ProgramArguments</key><array>\n", escape(s.Name))
	for _, word := range append([]string{s.Program}, s.Arguments...) {
		fmt.Fprintf(&b, "\t<string>%s</string>\n", escape(word))
	}
	b.WriteString("</array>\n<key>EnvironmentVariables</key><dict>\n")
	for _, e := range append([]Setting{{"STATE_DIRECTORY", state}}, s.Settings...) {
		fmt.Fprintf(&b, "\t<key>%s</key><string>%s</string>\n", escape(e.Name), escape(e.Value))
	}
	fmt.Fprintf(&b, `</dict>
<key>UserName</key><string>%s</string>
<key>WorkingDirectory</key><string>%s</string>
<key>StandardErrorPath</key><string>/var/log/%s.log</string>
<key>Umask</key><integer>63</integer>
<key>RunAtLoad</key><true/>
<key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
<key>ThrottleInterval</key><integer>10</integer>
<key>ExitTimeOut</key><integer>780</integer>
<key>SoftResourceLimits</key><dict><key>NumberOfFiles</key><integer>65536</integer></dict>
</dict></plist>
`, s.launchdUser(), escape(state), escape(s.Name))
	return b.String()
}
