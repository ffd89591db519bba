package journal

import (
	"path/filepath"
	"strings"

	"postern/internal/fault"
)

// FilePath gives where the file of a log lies in a state directory.
func FilePath(state, log string) string { return filepath.Join(state, "logs", log+".log") }

// Outputs reads where a log is to go: "off", or any of "file", "eventlog" and the URL of a syslog server, with commas between.
func Outputs(text, state, log string) ([]Output, error) {
	if text == "off" {
		return nil, nil
	}
	var all []Output
	for _, word := range strings.Split(text, ",") {
		switch word = strings.TrimSpace(word); {
		case word == "file":
			all = append(all, NewFile(FilePath(state, log)))
		case word == "eventlog":
			out, err := NewEventLog(log)
			if err != nil {
				return nil, err
			}
			all = append(all, out)
		case strings.Contains(word, "://"):
			out, err := NewSyslog(word, "postern-connector-"+log)
			if err != nil {
				return nil, err
			}
			all = append(all, out)
		default:
			return nil, fault.Invalid("--"+log+"-log", "must be off, file, eventlog (on Windows), or the URL of a syslog server such as udp://host:514; not %q", word)
		}
	}
	return all, nil
}
