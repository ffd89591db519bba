package web

import (
	"context"
	"net/http/httptest"
	"testing"
)

// BenchmarkBrandedPage makes a page with the largest logo that there may be, and one without: strangers can ask for either.
func BenchmarkBrandedPage(b *testing.B) {
	logo := make([]byte, 32<<10)
	for _, with := range []bool{false, true} {
		b.Run(map[bool]string{false: "plain", true: "logo"}[with], func(b *testing.B) {
			r := httptest.NewRequest("GET", "/", nil)
			if with {
				var brands Brands
				r = r.WithContext(WithBrand(context.Background(), func() Brand {
					return brands.Of(1, func() Brand { return NewBrand("x", Image("image/png", logo), blue) })
				}))
			}
			for b.Loop() {
				Page{Title: "x"}.Write(httptest.NewRecorder(), r)
			}
		})
	}
}

func blue(bool) (colour, deep, tint string) { return "#0f6cbd", "#0c5698", "#e7f0f8" }

// TestBrandsAreMadeOnce: what a stranger's request costs does not depend on the logo, but for its bytes on the way.
func TestBrandsAreMadeOnce(t *testing.T) {
	var brands Brands
	made := 0
	get := func(version uint64) Brand {
		return brands.Of(version, func() Brand { made++; return NewBrand("Corp", Image("image/png", []byte{1, 2, 3}), blue) })
	}
	for range 100 {
		if b := get(7); b.Name != "Corp" || b.Logo != `<img src="data:image/png;base64,AQID" alt="">` {
			t.Fatalf("%+v", b)
		}
	}
	get(8)
	if made != 2 {
		t.Errorf("made %d times for two versions", made)
	}
}
