package audit

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// EraseAction is the action whose entries say that somebody's personal fields were erased.
const EraseAction = "user.erase"

// ErasedDetail is the detail of such an entry: which entries lost their object's name and detail
// though the person is not their object.
type ErasedDetail struct {
	Entries []uint64 `json:"entries,omitempty"`
}

// Problem is the first thing that is wrong with a chain.
type Problem struct {
	Seq    uint64 `json:"seq"`          // of the first bad entry
	ID     string `json:"id,omitempty"` // its id, if there is such an entry
	Reason string `json:"reason"`
}

// Error says it in a sentence.
func (p *Problem) Error() string {
	if p.ID == "" {
		return fmt.Sprintf("entry %d: %s", p.Seq, p.Reason)
	}
	return fmt.Sprintf("entry %d (%s): %s", p.Seq, p.ID, p.Reason)
}

// Report says what a verification found.
type Report struct {
	Key     string   `json:"key"`     // with which the entries are signed
	Entries uint64   `json:"entries"` // that were checked
	First   uint64   `json:"first"`   // their numbers
	Last    uint64   `json:"last"`
	Trimmed uint64   `json:"trimmed"` // entries up to this number were removed because they were old
	Adopted uint64   `json:"adopted"` // entries that joined the chain after they were written
	Erased  uint64   `json:"erased"`  // entries without their personal fields
	Head    Head     `json:"head"`
	Problem *Problem `json:"problem,omitempty"` // nil: the chain is whole
}

// Verifier checks a chain entry by entry. A problem is final.
type Verifier struct {
	public  ed25519.PublicKey
	known   map[uint64]string // heads that somebody kept elsewhere
	report  Report
	before  string // the hash of the entry before
	next    uint64
	erased  map[string]*Problem // subjects whose erasure must still be told of
	cleared map[uint64]*Problem // entries that such a telling must still name
}

// NewVerifier makes a verifier for entries signed with the public key in hexadecimal. trimmed is
// where the chain begins; its zero value is the first entry.
func NewVerifier(public string, trimmed Head) (*Verifier, error) {
	key, err := hex.DecodeString(public)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("the key must be %d hexadecimal digits", 2*ed25519.PublicKeySize)
	}
	v := &Verifier{public: key, report: Report{Key: public, Trimmed: trimmed.Seq}, before: trimmed.Hash, next: trimmed.Seq + 1,
		known: map[uint64]string{}, erased: map[string]*Problem{}, cleared: map[uint64]*Problem{}}
	if trimmed.Seq > 0 && !v.isSigned(forTrimmed, trimmed.Seq, trimmed.Hash, trimmed.Signature) {
		v.report.Problem = &Problem{Seq: trimmed.Seq, Reason: "the mark up to where old entries were removed is not signed by this instance"}
	}
	return v, nil
}

// Keep adds a head that somebody kept outside the database: the chain must hold that very entry.
func (v *Verifier) Keep(h Head) { v.known[h.Seq] = strings.ToLower(h.Hash) }

// MoveTo begins again after old entries that were removed meanwhile.
func (v *Verifier) MoveTo(trimmed Head) {
	if v.report.Problem != nil || trimmed.Seq < v.next {
		return
	}
	if !v.isSigned(forTrimmed, trimmed.Seq, trimmed.Hash, trimmed.Signature) {
		v.fail(&Record{Seq: trimmed.Seq}, "the mark up to where old entries were removed is not signed by this instance")
		return
	}
	v.before, v.next, v.report.Trimmed = trimmed.Hash, trimmed.Seq+1, trimmed.Seq
}

// Next gives the number of the entry that must come next.
func (v *Verifier) Next() uint64 { return v.next }

// Good reports whether nothing was wrong so far.
func (v *Verifier) Good() bool { return v.report.Problem == nil }

// Add checks the next entry.
func (v *Verifier) Add(r *Record) {
	switch {
	case v.report.Problem != nil:
		return
	case r.Seq > v.next:
		v.fail(&Record{Seq: v.next}, fmt.Sprintf("is missing; the next one that is there is %d", r.Seq))
	case r.Seq < v.next:
		v.fail(r, "stands at the wrong place or twice")
	case !r.Who.good() || !r.What.good() || r.hash(v.before) != r.Hash:
		v.fail(r, "was changed")
	case !v.isSigned(forEntry, r.Seq, r.Hash, r.Signature):
		v.fail(r, "was not written by this instance: its signature is wrong")
	case v.known[r.Seq] != "" && v.known[r.Seq] != r.Hash:
		v.fail(r, "is not the entry that was here when its hash was kept")
	default:
		v.take(r)
	}
}

func (v *Verifier) fail(r *Record, reason string) {
	v.report.Problem = &Problem{Seq: r.Seq, ID: r.ID, Reason: reason}
}

// take counts an entry that is good by itself.
func (v *Verifier) take(r *Record) {
	v.before, v.next = r.Hash, r.Seq+1
	if v.report.Entries == 0 {
		v.report.First = r.Seq
	}
	v.report.Entries++
	v.report.Last = r.Seq
	v.report.Head = Head{Seq: r.Seq, Hash: r.Hash, Signature: r.Signature, Time: r.Time}
	if r.Adopted {
		v.report.Adopted++
	}
	v.note(r)
}

// note remembers what was erased until an entry says by whom: else anybody could blank what shows
// their tracks and call it erased.
func (v *Verifier) note(r *Record) {
	unsaid := &Problem{Seq: r.Seq, ID: r.ID, Reason: "lacks personal fields, and no later entry says that they were erased"}
	if r.Who.Salt == "" && v.erased[r.Actor] == nil {
		v.erased[r.Actor] = unsaid
	}
	if r.What.Salt == "" {
		v.cleared[r.Seq] = unsaid
		if strings.HasPrefix(r.Object, "usr_") {
			delete(v.cleared, r.Seq)
			if v.erased[r.Object] == nil {
				v.erased[r.Object] = unsaid
			}
		}
	}
	if r.Who.Salt == "" || r.What.Salt == "" {
		v.report.Erased++
	}
	v.told(r)
}

// told takes an entry that may tell of an erasure.
func (v *Verifier) told(r *Record) {
	if r.Action != EraseAction || r.Outcome != "done" || r.What.Salt == "" || len(r.What.Values) == 0 {
		return
	}
	delete(v.erased, r.Object)
	var detail ErasedDetail
	if json.Unmarshal([]byte(r.What.Values[len(r.What.Values)-1]), &detail) == nil {
		for _, seq := range detail.Entries {
			delete(v.cleared, seq)
		}
	}
}

// End checks what can be said only at the end, and gives the report. head is the end that the
// database claims; its zero value claims nothing.
func (v *Verifier) End(head Head) Report {
	switch {
	case v.report.Problem != nil:
	case head.Seq > v.report.Last && head.Seq > v.report.Trimmed:
		v.fail(&Record{Seq: v.next}, fmt.Sprintf("is missing at the end: the log once reached to %d", head.Seq))
	case head.Seq == v.report.Last && v.report.Last > 0 && head.Hash != v.before:
		v.fail(&Record{Seq: head.Seq}, "is not the one that the log's own mark of its end means")
	default:
		v.unsaid()
	}
	for _, seq := range sortedKeys(v.known) {
		if v.report.Problem == nil && seq >= v.next {
			v.fail(&Record{Seq: v.next}, fmt.Sprintf("is missing at the end: entry %d was there when its hash was kept", seq))
		}
	}
	return v.report
}

// unsaid finds the first erasure that nobody told of.
func (v *Verifier) unsaid() {
	var first *Problem
	for _, p := range v.erased {
		if first == nil || p.Seq < first.Seq {
			first = p
		}
	}
	for _, p := range v.cleared {
		if first == nil || p.Seq < first.Seq {
			first = p
		}
	}
	v.report.Problem = first
}

func sortedKeys(m map[uint64]string) []uint64 {
	keys := make([]uint64, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (v *Verifier) isSigned(purpose string, seq uint64, hash, signature string) bool {
	sig, err := hex.DecodeString(signature)
	return err == nil && ed25519.Verify(v.public, signed(purpose, seq, hash), sig)
}
