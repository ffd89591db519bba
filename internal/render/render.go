// Package render writes what programs tell programs: JSON and YAML, with the names and the order of the JSON.
package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
)

// JSON prints a value as indented JSON.
func JSON(w io.Writer, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s\n", data)
	return err
}

// YAML prints a value as the YAML of its JSON.
func YAML(w io.Writer, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	var tree yaml.Node // JSON is YAML: read as a tree, which keeps the order, it only needs another style
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	block(&tree)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&tree); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, err = w.Write(out.Bytes())
	return err
}

func block(n *yaml.Node) {
	n.Style = 0
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "\n") {
		n.Style = yaml.LiteralStyle
	}
	if len(n.Content) == 0 && (n.Kind == yaml.SequenceNode || n.Kind == yaml.MappingNode) {
		n.Style = yaml.FlowStyle // [] and {}
	}
	for _, child := range n.Content {
		block(child)
	}
}
