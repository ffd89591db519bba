//go:build ignore

// Command resources writes the object files with which the connector's program for Windows carries the texts of its performance counters.
package main

import (
	"log"
	"os"

	"postern/internal/connector"
)

func main() {
	for _, arch := range []string{"amd64", "arm64"} {
		object, err := connector.Performance().Object(arch)
		if err == nil {
			err = os.WriteFile("resources_windows_"+arch+".syso", object, 0o644)
		}
		if err != nil {
			log.Fatal(err)
		}
	}
}
