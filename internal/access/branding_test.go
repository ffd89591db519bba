package access

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"strings"
	"testing"
)

func pngOf(t *testing.T, width, height int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestBrandingIsChecked: colours that people cannot read and logos that are more than images are refused with words.
func TestBrandingIsChecked(t *testing.T) {
	svg := func(inner string) []byte {
		return []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">` + inner + `</svg>`)
	}
	tests := []struct {
		name  string
		b     Branding
		field string // that is wrong; empty: none
		says  string
	}{
		{"nothing", Branding{}, "", ""},
		{"all", Branding{Name: " Example ", Colour: "#0F6CBD", DarkColour: "#479ef5", Logo: pngOf(t, 64, 32)}, "", ""},
		{"black", Branding{Colour: "#000000"}, "", ""},
		{"yellow on white", Branding{Colour: "#ffcc00"}, "colour", "such as #"},
		{"grey just too light", Branding{Colour: "#777777"}, "colour", "4.1:1"},
		{"dark blue on black", Branding{DarkColour: "#0f3c6e"}, "darkColour", "lighter"},
		{"no colour", Branding{Colour: "red"}, "colour", "such as #0f6cbd"},
		{"style instead of a colour", Branding{Colour: "#000;}a{"}, "colour", "such as"},
		{"signs in a colour", Branding{Colour: "#+12345"}, "colour", "such as"},
		{"long", Branding{Name: strings.Repeat("x", 61)}, "name", "60"},
		{"two lines", Branding{Name: "a\nb"}, "name", "one line"},
		{"a drawing", Branding{Logo: svg(`<path d="M0 0h9v9z" fill="#123456"/><g fill="url(#a)"/>`)}, "", ""},
		{"a script", Branding{Logo: svg(`<script>alert(1)</script>`)}, "logo", "<script>"},
		{"a handler", Branding{Logo: svg(`<path onload="alert(1)"/>`)}, "logo", "onload"},
		{"a handler at the top", Branding{Logo: []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="x"/>`)}, "logo", "onload"},
		{"a link", Branding{Logo: svg(`<a href="https://x.example"><path/></a>`)}, "logo", "href"},
		{"an old link", Branding{Logo: svg(`<a xmlns:x="http://www.w3.org/1999/xlink" x:href="javascript:alert(1)"/>`)}, "logo", "href"},
		{"a page in it", Branding{Logo: svg(`<foreignObject><body/></foreignObject>`)}, "logo", "foreignObject"},
		{"something loaded", Branding{Logo: svg(`<path fill="url(https://x.example/a)"/>`)}, "logo", "fill"},
		{"a style", Branding{Logo: svg(`<style>@import "https://x.example"</style>`)}, "logo", "<style>"},
		{"entities", Branding{Logo: []byte(`<!DOCTYPE svg [<!ENTITY a "b">]><svg/>`)}, "logo", "document type"},
		{"a page", Branding{Logo: []byte("<html></html>")}, "logo", "PNG"},
		{"text", Branding{Logo: []byte("hello")}, "logo", "PNG"},
		{"half a drawing", Branding{Logo: []byte("<svg><path")}, "logo", "PNG"},
		{"half an image", Branding{Logo: pngOf(t, 9, 9)[:20]}, "logo", "PNG"},
		{"wide", Branding{Logo: pngOf(t, 1025, 1)}, "logo", "1025"},
		{"large", Branding{Logo: append(pngOf(t, 9, 9), make([]byte, 48<<10)...)}, "logo", "32 KiB"},
	}
	for _, test := range tests {
		err := test.b.Validate()
		if test.field == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.field) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// TestEveryColourHasAReadableOne: what is suggested instead is taken, and each light colour has a dark one.
func TestEveryColourHasAReadableOne(t *testing.T) {
	for _, text := range []string{"#000000", "#ffffff", "#ffcc00", "#777777", "#0f6cbd", "#ff0000", "#00ff00", "#0000ff"} {
		for _, dark := range []bool{false, true} {
			if err := checkColour(readable(text, dark), dark); err != nil {
				t.Errorf("%s, dark=%v: %s: %v", text, dark, readable(text, dark), err)
			}
		}
		b := Branding{Colour: readable(text, false)}
		if err := checkColour(b.Dark(), true); err != nil || b.Dark() == "" {
			t.Errorf("%s on dark: %q, %v", text, b.Dark(), err)
		}
	}
}

// TestBackgroundsAreThoseOfThePages keeps what contrast is measured against what pages have.
func TestBackgroundsAreThoseOfThePages(t *testing.T) {
	style, err := os.ReadFile("../web/style.css")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--back:#f5f5f5;--card:#fff;", "--back:#141414;--card:#242424;"} {
		if !strings.Contains(string(style), want) {
			t.Errorf("style.css has no %s", want)
		}
	}
}
