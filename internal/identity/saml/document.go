package saml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/beevik/etree"
	xrv "github.com/mattermost/xml-roundtrip-validator"
)

// The bounds of a document.
const (
	maxDocument   = 1 << 20 // bytes
	maxElements   = 50_000
	maxDepth      = 32
	maxAttributes = 64 // of one element
)

// readDocument reads XML that means the same to whoever reads it: no declarations of types or entities, no
// comments, which some readers see as the end of a text, no CDATA and no instructions.
func readDocument(text []byte) (*etree.Element, error) {
	if len(text) > maxDocument {
		return nil, refused("its XML is longer than %d bytes", maxDocument)
	}
	body := bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	if bytes.HasPrefix(body, []byte("<?xml ")) {
		end := bytes.Index(body, []byte("?>"))
		declaration := ""
		if end > 0 {
			declaration = strings.ToLower(string(body[:end]))
			body = body[end+2:]
		}
		if at := strings.Index(declaration, "encoding"); end < 0 || at >= 0 && !strings.Contains(declaration[at:], "utf-8") {
			return nil, refused("its XML is not in UTF-8")
		}
	}
	if bytes.Contains(body, []byte("<!")) || bytes.Contains(body, []byte("<?")) || !utf8.Valid(body) {
		return nil, refused("its XML holds declarations, comments or instructions, which have no place in it")
	}
	if err := measure(body); err != nil {
		return nil, err
	}
	if xrv.Validate(bytes.NewReader(body)) != nil {
		return nil, refused("its XML could be read in different ways")
	}
	doc := etree.NewDocument()
	if doc.ReadFromBytes(body) != nil || doc.Root() == nil || len(doc.ChildElements()) != 1 {
		return nil, refused("its XML cannot be read")
	}
	return doc.Root(), nil
}

// measure reads the document once without keeping it.
func measure(body []byte) error {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	depth, elements := 0, 0
	for {
		token, err := decoder.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return refused("its XML cannot be read")
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			elements++
			if depth > maxDepth || elements > maxElements || len(t.Attr) > maxAttributes {
				return refused("its XML is too large or too deep")
			}
		case xml.EndElement:
			depth--
		}
	}
}

// children gives the direct children of a name; of no element there are none.
func children(el *etree.Element, ns, tag string) (all []*etree.Element) {
	if el == nil {
		return nil
	}
	for _, c := range el.ChildElements() {
		if c.Tag == tag && c.NamespaceURI() == ns {
			all = append(all, c)
		}
	}
	return all
}

// child gives the only direct child of a name, or nil if there is none or more than one.
func child(el *etree.Element, ns, tag string) *etree.Element {
	if all := children(el, ns, tag); len(all) == 1 {
		return all[0]
	}
	return nil
}

func is(el *etree.Element, ns, tag string) bool {
	return el != nil && el.Tag == tag && el.NamespaceURI() == ns
}

// walk visits an element and everything below it.
func walk(el *etree.Element, visit func(*etree.Element)) {
	visit(el)
	for _, c := range el.ChildElements() {
		walk(c, visit)
	}
}

// text gives all the text of an element, which must hold nothing else.
func text(el *etree.Element) string {
	if el == nil || len(el.ChildElements()) > 0 {
		return ""
	}
	var b strings.Builder
	for _, token := range el.Child {
		if data, ok := token.(*etree.CharData); ok {
			b.WriteString(data.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

// attr gives an attribute without a namespace; of no element there is none.
func attr(el *etree.Element, name string) string {
	if el == nil {
		return ""
	}
	for _, a := range el.Attr {
		if a.Space == "" && a.Key == name {
			return a.Value
		}
	}
	return ""
}

// instant reads an xs:dateTime, which SAML has in UTC. ok is false if there is none or it is none.
func instant(value string) (at time.Time, ok bool) {
	at, err := time.Parse(time.RFC3339Nano, value)
	return at.UTC(), err == nil
}
