package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/audit"
)

func key(n byte) audit.Key { return audit.NewKey(bytes.Repeat([]byte{n}, audit.SeedSize)) }

// chain makes so many entries, the ones that follow each other by one actor about several users.
func chain(count int) []audit.Record {
	var list []audit.Record
	before := ""
	for i := range count {
		r := audit.Record{
			Seq: uint64(i + 1), ID: fmt.Sprint("aud_", i+1), Version: uint64(i), Time: time.UnixMicro(int64(1e15 + i)).UTC(), Kind: "user",
			Actor: "usr_ada", Roles: []string{"owner"}, Request: "req", Action: "user.update", Object: fmt.Sprint("usr_", i%3), Outcome: "done",
			Who: audit.Part{Values: []string{"ada", "192.0.2.1"}}, What: audit.Part{Values: []string{fmt.Sprint("user ", i), `{"email":["a","b"]}`}},
		}
		before = linked(&r, before)
		list = append(list, r)
	}
	return list
}

func linked(r *audit.Record, before string) string {
	key(1).Link(r, before)
	return r.Hash
}

func verified(t *testing.T, list []audit.Record, trimmed, head audit.Head, kept ...audit.Head) audit.Report {
	t.Helper()
	v, err := audit.NewVerifier(key(1).Public(), trimmed)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range kept {
		v.Keep(h)
	}
	for i := range list {
		v.Add(&list[i])
	}
	return v.End(head)
}

func headOf(list []audit.Record) audit.Head {
	last := list[len(list)-1]
	return audit.Head{Seq: last.Seq, Hash: last.Hash, Signature: last.Signature}
}

func TestAWholeChainIsWhole(t *testing.T) {
	list := chain(20)
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	var read []audit.Record // as an export brings it
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	report := verified(t, read, audit.Head{}, headOf(list), headOf(list[:7]))
	if report.Problem != nil || report.Entries != 20 || report.First != 1 || report.Last != 20 || report.Head.Hash != list[19].Hash {
		t.Errorf("%+v", report)
	}
}

// TestEveryChangeShows changes what somebody with the database could change, knowing how the chain is made but not the key.
func TestEveryChangeShows(t *testing.T) {
	forged := func(r *audit.Record, before string) { // everything but the signature is right
		signature := r.Signature
		key(2).Link(r, before)
		r.Signature = signature
	}
	rows := []struct {
		name   string
		change func(list []audit.Record) []audit.Record
		seq    uint64
	}{
		{"action", func(l []audit.Record) []audit.Record { l[4].Action = "user.delete"; return l }, 5},
		{"time", func(l []audit.Record) []audit.Record { l[4].Time = l[4].Time.Add(time.Microsecond); return l }, 5},
		{"version", func(l []audit.Record) []audit.Record { l[4].Version++; return l }, 5},
		{"id", func(l []audit.Record) []audit.Record { l[4].ID += "x"; return l }, 5},
		{"actor", func(l []audit.Record) []audit.Record { l[4].Actor = "usr_eve"; return l }, 5},
		{"kind", func(l []audit.Record) []audit.Record { l[4].Kind = "system"; return l }, 5},
		{"roles", func(l []audit.Record) []audit.Record { l[4].Roles = nil; return l }, 5},
		{"request", func(l []audit.Record) []audit.Record { l[4].Request = ""; return l }, 5},
		{"object", func(l []audit.Record) []audit.Record { l[4].Object = "usr_9"; return l }, 5},
		{"outcome", func(l []audit.Record) []audit.Record { l[4].Outcome = "refused"; return l }, 5},
		{"adopted", func(l []audit.Record) []audit.Record { l[4].Adopted = true; return l }, 5},
		{"name of the actor", func(l []audit.Record) []audit.Record { l[4].Who.Values[0] = "eve"; return l }, 5},
		{"a character moved from the name to the address", func(l []audit.Record) []audit.Record { l[4].Who.Values = []string{"ad", "a192.0.2.1"}; return l }, 5},
		{"detail", func(l []audit.Record) []audit.Record { l[4].What.Values[1] = "{}"; return l }, 5},
		{"sum and salt of the detail", func(l []audit.Record) []audit.Record { l[4].What = l[5].What; return l }, 5},
		{"hash", func(l []audit.Record) []audit.Record { l[4].Hash = l[5].Hash; return l }, 5},
		{"signature", func(l []audit.Record) []audit.Record { l[4].Signature = l[5].Signature; return l }, 5},
		{"no signature", func(l []audit.Record) []audit.Record { l[4].Signature = ""; return l }, 5},
		{"all hashes from there on made anew", func(l []audit.Record) []audit.Record {
			l[4].Action = "user.create"
			for i := 4; i < len(l); i++ {
				forged(&l[i], l[i-1].Hash)
			}
			return l
		}, 5},
		{"signed with another key", func(l []audit.Record) []audit.Record {
			for i := 4; i < len(l); i++ {
				key(2).Link(&l[i], l[i-1].Hash)
			}
			return l
		}, 5},
		{"gap", func(l []audit.Record) []audit.Record { return slices.Delete(l, 4, 6) }, 5},
		{"gap with the numbers closed", func(l []audit.Record) []audit.Record {
			l = slices.Delete(l, 4, 5)
			for i := 4; i < len(l); i++ {
				l[i].Seq--
			}
			return l
		}, 5},
		{"order", func(l []audit.Record) []audit.Record { l[4], l[5] = l[5], l[4]; return l }, 5},
		{"numbers changed places", func(l []audit.Record) []audit.Record {
			l[4], l[5] = l[5], l[4]
			l[4].Seq, l[5].Seq = 5, 6
			return l
		}, 5},
		{"twice", func(l []audit.Record) []audit.Record { return slices.Insert(l, 5, l[4]) }, 5},
		{"one added at the end", func(l []audit.Record) []audit.Record {
			r := l[9]
			r.Seq = 11
			forged(&r, l[9].Hash)
			return append(l, r)
		}, 11},
		{"beginning cut off", func(l []audit.Record) []audit.Record { return l[3:] }, 1},
		{"end cut off", func(l []audit.Record) []audit.Record { return l[:7] }, 8},
		{"all gone", func(l []audit.Record) []audit.Record { return nil }, 1},
		{"actor erased without a word", func(l []audit.Record) []audit.Record { erase(&l[4].Who); return l }, 5},
		{"detail erased without a word", func(l []audit.Record) []audit.Record { erase(&l[4].What); return l }, 5},
		{"salt taken, values left", func(l []audit.Record) []audit.Record { l[4].Who.Salt = ""; return l }, 5},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			list := chain(10)
			head := headOf(list)
			report := verified(t, row.change(list), audit.Head{}, head)
			if report.Problem == nil || report.Problem.Seq != row.seq {
				t.Errorf("problem %v, want one at entry %d", report.Problem, row.seq)
			}
		})
	}
}

func erase(p *audit.Part) { p.Salt, p.Values = "", make([]string, len(p.Values)) }

func TestWhatWasKeptElsewhere(t *testing.T) {
	list := chain(10)
	kept := headOf(list)
	cut := list[:7]
	// Whoever cuts the end off and the mark of it too leaves nothing wrong behind.
	if report := verified(t, cut, audit.Head{}, headOf(cut)); report.Problem != nil {
		t.Fatal(report.Problem)
	}
	if p := verified(t, cut, audit.Head{}, headOf(cut), kept).Problem; p == nil || p.Seq != 8 {
		t.Errorf("end cut off: %v", p)
	}
	// Nor does a log from a backup, with other entries since.
	other := slices.Clone(cut)
	for i := range 5 {
		r := list[i]
		r.Seq = uint64(8 + i)
		key(1).Link(&r, other[len(other)-1].Hash)
		other = append(other, r)
	}
	if p := verified(t, other, audit.Head{}, headOf(other), kept).Problem; p == nil || p.Seq != 10 {
		t.Errorf("other entries: %v", p)
	}
	wrong := headOf(list)
	wrong.Hash = list[3].Hash
	if p := verified(t, list, audit.Head{}, wrong).Problem; p == nil || p.Seq != 10 {
		t.Errorf("mark of the end: %v", p)
	}
}

func TestTrimmedChain(t *testing.T) {
	list := chain(10)
	trimmed := audit.Head{Seq: 4, Hash: list[3].Hash, Signature: key(1).Trimmed(4, list[3].Hash)}
	if report := verified(t, list[4:], trimmed, headOf(list)); report.Problem != nil || report.Trimmed != 4 || report.First != 5 {
		t.Errorf("%+v", report)
	}
	if report := verified(t, nil, audit.Head{Seq: 10, Hash: list[9].Hash, Signature: key(1).Trimmed(10, list[9].Hash)}, headOf(list)); report.Problem != nil {
		t.Errorf("all are old: %+v", report)
	}
	for name, bad := range map[string]audit.Head{
		"signature of the entry": {Seq: 4, Hash: list[3].Hash, Signature: list[3].Signature},
		"another key":            {Seq: 4, Hash: list[3].Hash, Signature: key(2).Trimmed(4, list[3].Hash)},
		"another number":         {Seq: 5, Hash: list[4].Hash, Signature: trimmed.Signature},
	} {
		if p := verified(t, list[bad.Seq:], bad, headOf(list)).Problem; p == nil {
			t.Errorf("%s: nothing shows", name)
		}
	}
	// Entries may become too old while somebody verifies.
	v, err := audit.NewVerifier(key(1).Public(), audit.Head{})
	if err != nil {
		t.Fatal(err)
	}
	v.Add(&list[0])
	v.MoveTo(trimmed)
	for i := 4; i < len(list); i++ {
		v.Add(&list[i])
	}
	if report := v.End(headOf(list)); report.Problem != nil || report.Entries != 7 {
		t.Errorf("%+v", report)
	}
}

func TestErased(t *testing.T) {
	told := func(list []audit.Record, object string, entries ...uint64) []audit.Record {
		detail, _ := json.Marshal(audit.ErasedDetail{Entries: entries})
		last := list[len(list)-1]
		r := audit.Record{Seq: last.Seq + 1, ID: "aud_erase", Kind: "user", Actor: "usr_root", Action: audit.EraseAction, Object: object, Outcome: "done",
			Who: audit.Part{Values: []string{"root", ""}}, What: audit.Part{Values: []string{"", string(detail)}}}
		linked(&r, last.Hash)
		return append(list, r)
	}
	list := chain(9)
	list[0].Object = "app_1"
	before := ""
	for i := range list {
		before = linked(&list[i], before)
	}
	for i := range list { // ada did all; usr_1 is the object of entries 2, 5, 8, and is named in entry 1
		erase(&list[i].Who)
		if list[i].Object == "usr_1" || i == 0 {
			erase(&list[i].What)
		}
	}
	list = told(told(list, "usr_ada"), "usr_1", 1)
	report := verified(t, list, audit.Head{}, headOf(list))
	if report.Problem != nil || report.Erased != 9 {
		t.Errorf("%+v", report)
	}
	for name, short := range map[string][]audit.Record{
		"nobody told of ada":    told(list[:9:9], "usr_1", 1),
		"nobody told of usr_1":  told(list[:9:9], "usr_ada"),
		"nobody named entry 1":  told(told(list[:9:9], "usr_ada"), "usr_1"),
		"the telling is erased": func() []audit.Record { l := slices.Clone(list); erase(&l[10].What); return l }(),
	} {
		if p := verified(t, short, audit.Head{}, headOf(short)).Problem; p == nil || !strings.Contains(p.Error(), "lacks") {
			t.Errorf("%s: %v", name, p)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	list := chain(1000)
	for b.Loop() {
		v, _ := audit.NewVerifier(key(1).Public(), audit.Head{})
		for i := range list {
			v.Add(&list[i])
		}
		if v.End(headOf(list)).Problem != nil {
			b.Fatal("broken")
		}
	}
}
