package store_test

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// noun is what every stored object can do, said once and held for each of them.
type noun[T any] struct {
	meta   func(*T) *access.Meta
	sample func(i int) T    // distinct for every i, with no field left at zero
	change func(*T)         // changes every field that an update may; nil where there is no update
	name   func(*T, string) // sets what Search looks in; nil where there is none
	apart  []string         // fields that are stored apart from the object

	insert func(*store.Tx, context.Context, *T) error
	one    func(*store.Tx, context.Context, access.ID) (T, error)
	page   func(*store.Tx, context.Context, access.Page) ([]T, string, error)
	update func(*store.Tx, context.Context, *T) error
	remove func(*store.Tx, context.Context, access.ID, int64) error
}

// behaves holds everything that is true of every noun.
func (n noun[T]) behaves(t *testing.T, k *kit) {
	k.settle(t)
	n.comesBack(t, k)
	if n.update != nil {
		n.updates(t, k)
	}
	n.goes(t, k)
	n.pages(t, k)
	if n.name != nil {
		n.searches(t, k)
	}
}

func (n noun[T]) add(t *testing.T, k *kit, i int) T {
	t.Helper()
	v := n.sample(i)
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return n.insert(tx, ctx, &v) })
	return v
}

func (n noun[T]) stored(t *testing.T, k *kit, id access.ID) (v T) {
	t.Helper()
	k.read(t, func(ctx context.Context, tx *store.Tx) (err error) {
		v, err = n.one(tx, ctx, id)
		return err
	})
	return v
}

func (n noun[T]) comesBack(t *testing.T, k *kit) {
	t.Helper()
	full := n.sample(1)
	for _, field := range without(zeroFields(reflect.ValueOf(full), ""), n.apart) {
		t.Errorf("the sample leaves %s at zero, so nothing shows that it is stored", field)
	}
	got := n.stored(t, k, n.meta(ptr(n.add(t, k, 1))).ID)
	n.meta(&full).Version = 1
	if diff := cmp.Diff(full, got); diff != "" {
		t.Errorf("an object came back changed (-stored +read):\n%s", diff)
	}
	k.refused(t, fault.KindConflict, func(ctx context.Context, tx *store.Tx) error { return n.insert(tx, ctx, ptr(n.sample(1))) })
	k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error {
		_, err := n.one(tx, ctx, "xxx_missing")
		return err
	})
}

func (n noun[T]) updates(t *testing.T, k *kit) {
	t.Helper()
	v := n.add(t, k, 2)
	stale, before := v, v
	n.change(&v)
	for _, field := range without(sameFields(reflect.ValueOf(before), reflect.ValueOf(v), ""), n.apart) {
		t.Errorf("the change leaves %s as it is, so nothing shows that it is updated", field)
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return n.update(tx, ctx, &v) })
	if n.meta(&v).Version != 2 {
		t.Errorf("the version is %d after an update, want 2", n.meta(&v).Version)
	}
	if diff := cmp.Diff(v, n.stored(t, k, n.meta(&v).ID)); diff != "" {
		t.Errorf("an update came back changed (-stored +read):\n%s", diff)
	}
	missing := v
	n.meta(&missing).ID = "xxx_missing"
	for _, test := range []struct {
		value T
		kind  fault.Kind
	}{{stale, fault.KindChanged}, {missing, fault.KindNotFound}} {
		k.refused(t, test.kind, func(ctx context.Context, tx *store.Tx) error { return n.update(tx, ctx, &test.value) })
	}
	if diff := cmp.Diff(v, n.stored(t, k, n.meta(&v).ID)); diff != "" {
		t.Errorf("a refused update left something:\n%s", diff)
	}
}

func (n noun[T]) goes(t *testing.T, k *kit) {
	t.Helper()
	for i, version := range []int64{1, 0} {
		v := n.add(t, k, 3+i)
		id := n.meta(&v).ID
		for _, wrong := range []int64{2, math.MaxInt32 + 1, math.MaxInt64, -1} {
			k.refused(t, fault.KindChanged, func(ctx context.Context, tx *store.Tx) error { return n.remove(tx, ctx, id, wrong) })
		}
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return n.remove(tx, ctx, id, version) })
		k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error { return n.remove(tx, ctx, id, 0) })
		k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error {
			_, err := n.one(tx, ctx, id)
			return err
		})
	}
}

// pages walks a list whose objects were created at the same moments, while others are created.
func (n noun[T]) pages(t *testing.T, k *kit) {
	t.Helper()
	var want, got []access.ID
	for i := 10; i < 30; i++ {
		v := n.sample(i)
		n.meta(&v).Created = at(50 + i/5)
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return n.insert(tx, ctx, &v) })
		want = append(want, n.meta(&v).ID)
	}
	p := access.Page{Limit: 3}
	for i := 100; ; i++ {
		var list []T
		k.read(t, func(ctx context.Context, tx *store.Tx) (err error) {
			list, p.After, err = n.page(tx, ctx, p)
			return err
		})
		if len(list) > 3 {
			t.Fatalf("a page of %d objects, want at most 3", len(list))
		}
		for j := range list {
			got = append(got, n.meta(&list[j]).ID)
			if diff := cmp.Diff(list[j], n.stored(t, k, n.meta(&list[j]).ID)); diff != "" {
				t.Errorf("an object differs in a list (-list +alone):\n%s", diff)
			}
		}
		if p.After == "" {
			break
		}
		late := n.sample(i) // created before all others, as by a clock that is behind
		n.meta(&late).Created = at(1)
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return n.insert(tx, ctx, &late) })
	}
	got = slices.DeleteFunc(got, func(id access.ID) bool { return !slices.Contains(want, id) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the pages together (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"x", "!", "MSBh\x00", strings.Repeat("A", 10000), "MQ", "YSBi", "' OR 1=1 --"} {
		k.refused(t, fault.KindInvalid, func(ctx context.Context, tx *store.Tx) error {
			_, _, err := n.page(tx, ctx, access.Page{After: bad})
			return err
		})
	}
}

// searches looks for text that means something else to a database.
func (n noun[T]) searches(t *testing.T, k *kit) {
	t.Helper()
	names := []string{"fish%chips", "fish_chips", `fish\chips`, "fish'chips", `fish"chips; DROP TABLE users`, "fish chips", "fishÄchips", "fish日本🎣"}
	for i, name := range names {
		v := n.sample(200 + i)
		n.name(&v, name)
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return n.insert(tx, ctx, &v) })
	}
	for search, want := range map[string]int{
		"fish": len(names), "FISH": len(names), "%": 1, "_": 1, `\`: 1, "'": 1, `"`: 1, "h c": 1, "ä": 1, "Ä": 1, "本🎣": 1, "--": 0, "fish%": 1, "*": 0, "": -1,
	} {
		var list []T
		k.read(t, func(ctx context.Context, tx *store.Tx) (err error) {
			list, _, err = n.page(tx, ctx, access.Page{Search: search})
			return err
		})
		if want >= 0 && len(list) != want || want < 0 && len(list) <= len(names) {
			t.Errorf("search for %q finds %d, want %d", search, len(list), want)
		}
	}
	for _, bad := range []string{"a\x00b", "a\xff", strings.Repeat("x", 100_000)} {
		k.refused(t, fault.KindInvalid, func(ctx context.Context, tx *store.Tx) error {
			_, _, err := n.page(tx, ctx, access.Page{Search: bad})
			return err
		})
	}
}

func ptr[T any](v T) *T { return &v }

// zeroFields lists the fields that are zero. A Meta's version is given by the store.
func zeroFields(v reflect.Value, path string) []string {
	if v.Kind() != reflect.Struct || v.CanInterface() && hasIsZero(v) {
		if v.IsZero() && path != ".Meta.Version" {
			return []string{path}
		}
		return nil
	}
	var list []string
	for i := range v.NumField() {
		list = append(list, zeroFields(v.Field(i), path+"."+v.Type().Field(i).Name)...)
	}
	return list
}

// sameFields lists the fields that are the same in both. Of a Meta only Updated changes.
func sameFields(a, b reflect.Value, path string) []string {
	if a.Kind() != reflect.Struct || hasIsZero(a) {
		if reflect.DeepEqual(a.Interface(), b.Interface()) {
			return []string{path}
		}
		return nil
	}
	var list []string
	for i := range a.NumField() {
		list = append(list, sameFields(a.Field(i), b.Field(i), path+"."+a.Type().Field(i).Name)...)
	}
	return without(list, []string{".Meta.ID", ".Meta.Version", ".Meta.Created"})
}

func without(list, some []string) []string {
	return slices.DeleteFunc(list, func(text string) bool { return slices.Contains(some, text) })
}

func hasIsZero(v reflect.Value) bool {
	_, ok := v.Interface().(interface{ IsZero() bool })
	return ok
}

func num(prefix string, i int) access.ID { return access.ID(fmt.Sprintf("%s_%03d", prefix, i)) }
