package http1

import (
	"bytes"

	"postern/internal/field"
)

// parseFields reads lines up to the empty one that ends them; lines has them all, each with its CRLF.
func parseFields(lines []byte, into field.Fields, most int) (field.Fields, error) {
	for {
		end := bytes.IndexByte(lines, '\r')
		if end < 0 || end+1 >= len(lines) || lines[end+1] != '\n' {
			return into, errBareCR
		}
		if end == 0 {
			return into, nil
		}
		if len(into) == most {
			return into, errFields
		}
		f, err := parseField(lines[:end])
		if err != nil {
			return into, err
		}
		into, lines = append(into, f), lines[end+2:]
	}
}

func parseField(line []byte) (field.Field, error) {
	if field.Blank(line[0]) {
		return field.Field{}, errFold
	}
	n := 0
	for n < len(line) && field.TokenOctet(line[n]) {
		n++
	}
	switch {
	case n == len(line):
		return field.Field{}, errColon
	case line[n] != ':' && field.Blank(line[n]) && bytes.IndexByte(line, ':') >= 0:
		return field.Field{}, errSpaceColon
	case line[n] != ':' || n == 0:
		return field.Field{}, errName
	}
	value := field.Trim(line[n+1:])
	if !field.Value(value) {
		return field.Field{}, errControl
	}
	return field.Field{Name: line[:n:n], Value: value[:len(value):len(value)]}, nil
}
