package install

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows/registry"
)

// The sources under which Windows shows the logs of our services.
const (
	SourceAdmin   = "PosternConnector"
	SourceSession = "PosternConnectorSession"
)

const (
	sourcesKey = `SYSTEM\CurrentControlSet\Services\EventLog\Application`
	// messages is a file of Windows whose messages are the text alone, for numbers from 1 to 1000.
	messages = `%SystemRoot%\System32\EventCreate.exe`
	allTypes = 7 // errors, warnings and information
)

// registerLogs makes the sources of the event log known.
func registerLogs() error {
	for _, source := range []string{SourceAdmin, SourceSession} {
		key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, sourcesKey+`\`+source, registry.SET_VALUE)
		if err == nil {
			err = errors.Join(key.SetDWordValue("CustomSource", 1), key.SetExpandStringValue("EventMessageFile", messages),
				key.SetDWordValue("TypesSupported", allTypes), key.Close())
		}
		if err != nil {
			return fmt.Errorf("make %s a source of the event log: %w", source, err)
		}
	}
	return nil
}

func removeLogs() error {
	var errs []error
	for _, source := range []string{SourceAdmin, SourceSession} {
		err := registry.DeleteKey(registry.LOCAL_MACHINE, sourcesKey+`\`+source)
		if err != nil && !errors.Is(err, registry.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove the event log's source %s: %w", source, err))
		}
	}
	return errors.Join(errs...)
}
