package service_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"image"
	"image/png"
	"regexp"
	"strings"
	"testing"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/fault"
	"postern/internal/posterntest"
)

// TestBrandingIsOnEveryPageOfPeople: name, logo and colours are on the portal's pages and on those of application hosts, and the
// policy of each page lets in exactly the styles that it has.
func TestBrandingIsOnEveryPageOfPeople(t *testing.T) {
	s := posterntest.New(t)
	s.Publish("wiki", "http://127.0.0.1:9/")
	var logo bytes.Buffer
	if err := png.Encode(&logo, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	now, err := s.API.Branding(t.Context())
	if err != nil || now.Version != 1 || now.Light.Colour != "" {
		t.Fatalf("%+v, %v", now, err)
	}
	encoded := base64.StdEncoding.EncodeToString(logo.Bytes())
	b, err := s.API.UpdateBranding(t.Context(), now.Version, api.Patch{"name": `Example & <b>Sons</b>`, "colour": "#7A1F3D", "logo": encoded})
	if err != nil || b.LogoType != "image/png" || b.Light.Colour != "#7a1f3d" || b.Dark.Colour == "" || b.Version != 2 {
		t.Fatalf("%+v, %v", b, err)
	}
	s.AwaitSnapshot(func(snap *access.Snapshot) bool { return snap.Branding.Version == 2 })
	browser := s.Browser().WithoutRedirects()
	look := func(address string) (page, policy string) {
		found := browser.Go(address)
		return found.Text, found.Header.Get("Content-Security-Policy")
	}
	styles := regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	for _, address := range []string{s.PortalURL + "/sign-in", s.PortalURL + "/sign-out", s.PortalURL + "/nothing", s.PortalURL + "/authorize?request=x", s.URL("wiki", "/.postern/sign-out"), s.URL("wiki", "/.postern/nothing")} {
		page, policy := look(address)
		for _, want := range []string{"Example &amp; &lt;b&gt;Sons&lt;/b&gt;", "data:image/png;base64,", "--brand:#7a1f3d", "--brand:" + b.Dark.Colour} {
			if !strings.Contains(page, want) {
				t.Errorf("%s lacks %s", address, want)
			}
		}
		found := styles.FindAllStringSubmatch(page, -1)
		if len(found) != 2 {
			t.Errorf("%s has %d styles", address, len(found))
		}
		for _, style := range found {
			sum := sha256.Sum256([]byte(style[1]))
			if !strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
				t.Errorf("%s: its policy %s does not let its own style in", address, policy)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %s", address, policy)
		}
	}
	b, err = s.API.UpdateBranding(t.Context(), b.Version, api.Patch{"name": nil, "colour": nil, "logo": nil})
	if err != nil || b.Light.Colour != "" || b.Dark.Colour != "" {
		t.Fatalf("%+v, %v", b, err)
	}
	s.AwaitSnapshot(func(snap *access.Snapshot) bool { return snap.Branding.Version == 3 })
	page, policy := look(s.PortalURL + "/sign-in")
	if strings.Contains(page, "7a1f3d") || strings.Contains(page, "data:image/png") || !strings.Contains(page, "<span>Postern</span>") || strings.Count(policy, "sha256-") != 1 {
		t.Errorf("after it was taken away: %s\n%s", policy, page)
	}
}

// TestBrandingIsRefusedWithWords: at the field, and nothing is stored.
func TestBrandingIsRefusedWithWords(t *testing.T) {
	s := posterntest.New(t)
	for field, value := range map[string]string{"colour": "#ffcc00", "darkColour": "#0f3c6e", "logo": base64.StdEncoding.EncodeToString([]byte(`<svg onload="x"/>`)), "name": strings.Repeat("x", 61)} {
		_, err := s.API.UpdateBranding(t.Context(), 1, api.Patch{field: value})
		if !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := s.API.UpdateBranding(t.Context(), 7, api.Patch{"name": "x"}); !fault.Is(err, fault.KindChanged) {
		t.Errorf("a version that there is not: %v", err)
	}
	if b, err := s.API.Branding(t.Context()); err != nil || b.Version != 1 || b.Name != "" {
		t.Errorf("%+v, %v", b, err)
	}
}
