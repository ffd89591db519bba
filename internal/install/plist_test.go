package install

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPlist reads the launchd job as a property list (plist(5)) and holds what launchd makes of it (launchd.plist(5)).
func TestPlist(t *testing.T) {
	s := Service{
		Name: "postern-connector", Title: "Postern connector", Program: "/usr/local/bin/postern-connector", Arguments: []string{"service", "--x=<&>"},
		Settings: []Setting{{"POSTERN_CONNECTOR_PROXY", `http://u:p&"<'@proxy:3128`}, {"EMPTY", ""}},
	}
	got, err := readPlist(plistText(s, "/var/lib/postern-connector"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"Label":            "postern-connector",
		"ProgramArguments": []any{"/usr/local/bin/postern-connector", "service", "--x=<&>"},
		"EnvironmentVariables": map[string]any{
			"STATE_DIRECTORY": "/var/lib/postern-connector", "POSTERN_CONNECTOR_PROXY": `http://u:p&"<'@proxy:3128`, "EMPTY": "",
		},
		"UserName":           "daemon",
		"WorkingDirectory":   "/var/lib/postern-connector",
		"StandardErrorPath":  "/var/log/postern-connector.log",
		"Umask":              0o077, // launchd reads a decimal number
		"RunAtLoad":          true,
		"KeepAlive":          map[string]any{"SuccessfulExit": false},
		"ThrottleInterval":   10,
		"ExitTimeOut":        780, // the longest drain and a minute
		"SoftResourceLimits": map[string]any{"NumberOfFiles": 65536},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s.Network = true // what changes routes is root's
	want["UserName"] = "root"
	got, err = readPlist(plistText(s, "/var/lib/postern-connector"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestPlistReader holds that the reader of this test refuses what is no property list.
func TestPlistReader(t *testing.T) {
	for _, text := range []string{
		"", "<plist></plist>", "<plist><dict><key>a</key></dict></plist>", "<plist><dict><string>a</string></dict></plist>",
		"<plist><dict><key>a</key><integer>x</integer></dict></plist>", "<plist><dict><key>a</key><true/><key>a</key><true/></dict></plist>",
		"<plist><dict><key>a</key><list/></dict></plist>", "<plist><dict>",
	} {
		if got, err := readPlist(text); err == nil {
			t.Errorf("%q is taken: %v", text, got)
		}
	}
}

func readPlist(text string) (any, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	root, err := nextElement(d)
	if err != nil || root == nil || root.Name.Local != "plist" {
		return nil, fmt.Errorf("no property list: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	value, err := nextElement(d)
	if err != nil || value == nil {
		return nil, fmt.Errorf("an empty property list: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	return plistValue(d, value)
}

// nextElement gives the next element that begins, or nil where the one around it ends.
func nextElement(d *xml.Decoder) (*xml.StartElement, error) {
	for {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			return &token, nil
		case xml.EndElement:
			return nil, nil
		case xml.CharData:
			if strings.TrimSpace(string(token)) != "" {
				return nil, fmt.Errorf("text %q between values", token)
			}
		}
	}
}

func plistValue(d *xml.Decoder, e *xml.StartElement) (any, error) {
	switch e.Name.Local {
	case "string", "integer":
		var text string
		if err := d.DecodeElement(&text, e); err != nil {
			return nil, err
		}
		if e.Name.Local == "integer" {
			return strconv.Atoi(text)
		}
		return text, nil
	case "true", "false":
		return e.Name.Local == "true", d.Skip()
	case "array":
		return plistArray(d)
	case "dict":
		return plistDict(d)
	}
	return nil, fmt.Errorf("a value of kind %q", e.Name.Local)
}

func plistArray(d *xml.Decoder) (all []any, err error) {
	for {
		e, err := nextElement(d)
		if err != nil || e == nil {
			return all, err
		}
		value, err := plistValue(d, e)
		if err != nil {
			return nil, err
		}
		all = append(all, value)
	}
}

func plistDict(d *xml.Decoder) (map[string]any, error) {
	all := map[string]any{}
	for {
		e, err := nextElement(d)
		if err != nil || e == nil {
			return all, err
		}
		if e.Name.Local != "key" {
			return nil, fmt.Errorf("%s where a key is due", e.Name.Local)
		}
		var key string
		if err := d.DecodeElement(&key, e); err != nil {
			return nil, err
		}
		if _, twice := all[key]; twice {
			return nil, fmt.Errorf("%s twice", key)
		}
		value, err := nextElement(d)
		if err != nil || value == nil {
			return nil, fmt.Errorf("%s without a value: %w", key, errors.Join(err, io.ErrUnexpectedEOF))
		}
		if all[key], err = plistValue(d, value); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
}
