// Package audit chains the entries of the audit log, so that a change, a gap or another order shows.
//
// Each entry holds the hash of itself and the entry before, signed with a key that is not in the
// database in the clear: who can write the database can neither change an entry nor add one. What
// tells of a person is in the hash by a salted commitment only, so that it can be erased and the
// chain still verifies. docs/logs.md specifies the encoding for those who verify by other means.
package audit

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Record is one entry as it is chained, and as it is exported for offline verification.
type Record struct {
	Seq     uint64    `json:"seq"`
	ID      string    `json:"id"`
	Version uint64    `json:"version"`
	Time    time.Time `json:"time"` // UTC, microseconds
	Kind    string    `json:"actorKind"`
	Actor   string    `json:"actor"` // id
	Roles   []string  `json:"roles"`
	Request string    `json:"request"`
	Action  string    `json:"action"`
	Object  string    `json:"object"` // id
	Outcome string    `json:"outcome"`
	// Adopted entries were written by a program that did not know the chain, and joined it later.
	Adopted   bool   `json:"adopted"`
	Who       Part   `json:"who"`  // the actor's name and address
	What      Part   `json:"what"` // the object's name and the detail
	Hash      string `json:"hash"`
	Signature string `json:"signature"`
}

// Part is what can be erased of an entry. The sum stays.
type Part struct {
	Salt   string   `json:"salt"` // hexadecimal; empty: erased
	Values []string `json:"values"`
	Sum    string   `json:"sum"`
}

// Head is the end of a chain: the number and the hash of its last entry, and the signature of both.
type Head struct {
	Seq       uint64    `json:"seq"`
	Hash      string    `json:"hash"`
	Signature string    `json:"signature"`
	Time      time.Time `json:"time"`
}

// Key signs entries.
type Key struct{ private ed25519.PrivateKey }

// SeedSize is the size of a key's seed in bytes.
const SeedSize = ed25519.SeedSize

// NewKey makes a key of its seed.
func NewKey(seed []byte) Key { return Key{ed25519.NewKeyFromSeed(seed)} }

// Public gives the public key in hexadecimal.
func (k Key) Public() string { return hex.EncodeToString(k.private.Public().(ed25519.PublicKey)) }

// What a signature is for: one cannot be taken for the other.
const (
	forEntry   = "postern audit entry 1"
	forTrimmed = "postern audit trimmed 1"
	forPart    = "postern audit part 1"
)

// Link chains a record to the one before, whose hash is before (empty for the first), and signs it.
func (k Key) Link(r *Record, before string) {
	for _, p := range []*Part{&r.Who, &r.What} {
		salt := make([]byte, 16)
		rand.Read(salt)
		p.Salt = hex.EncodeToString(salt)
		p.Sum = sum(salt, p.Values)
	}
	r.Hash = r.hash(before)
	r.Signature = k.sign(forEntry, r.Seq, r.Hash)
}

// Trimmed signs that the entries up to one were removed because they were old.
func (k Key) Trimmed(seq uint64, hash string) string { return k.sign(forTrimmed, seq, hash) }

func (k Key) sign(purpose string, seq uint64, hash string) string {
	return hex.EncodeToString(ed25519.Sign(k.private, signed(purpose, seq, hash)))
}

func signed(purpose string, seq uint64, hash string) []byte {
	return []byte(encode(purpose, strconv.FormatUint(seq, 10), hash))
}

// encode gives the netstrings of the values, one after the other: "3:abc,". It is unambiguous.
func encode(values ...string) string {
	var b strings.Builder
	for _, v := range values {
		b.WriteString(strconv.Itoa(len(v)))
		b.WriteByte(':')
		b.WriteString(v)
		b.WriteByte(',')
	}
	return b.String()
}

// sum gives the commitment to a part's values.
func sum(salt []byte, values []string) string {
	mac := hmac.New(sha256.New, salt)
	mac.Write([]byte(encode(append([]string{forPart}, values...)...)))
	return hex.EncodeToString(mac.Sum(nil))
}

// hash gives what Hash must be after an entry with that hash.
func (r *Record) hash(before string) string {
	adopted := "0"
	if r.Adopted {
		adopted = "1"
	}
	digest := sha256.Sum256([]byte(encode(forEntry, before, strconv.FormatUint(r.Seq, 10), r.ID, strconv.FormatUint(r.Version, 10),
		strconv.FormatInt(micros(r.Time), 10), r.Kind, r.Actor, encode(r.Roles...), r.Request, r.Action, r.Object, r.Outcome, adopted,
		r.Who.Sum, r.What.Sum)))
	return hex.EncodeToString(digest[:])
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// good reports whether the part is what was committed to, or erased.
func (p *Part) good() bool {
	if p.Salt == "" {
		return p.blank()
	}
	salt, err := hex.DecodeString(p.Salt)
	return err == nil && sum(salt, p.Values) == p.Sum
}

// blank reports whether nothing of the part is left.
func (p *Part) blank() bool {
	for _, v := range p.Values {
		if v != "" {
			return false
		}
	}
	return true
}

// String gives a head as it is kept elsewhere: the place and the hash.
func (h Head) String() string { return strconv.FormatUint(h.Seq, 10) + ":" + h.Hash }

// ParseHead reads what String gives.
func ParseHead(text string) (Head, error) {
	number, hash, ok := strings.Cut(strings.TrimSpace(text), ":")
	seq, err := strconv.ParseUint(number, 10, 63)
	digest, bad := hex.DecodeString(hash)
	if !ok || err != nil || seq == 0 || bad != nil || len(digest) != sha256.Size {
		return Head{}, errors.New("must be the place of an entry and its hash, such as 42:9f86d081…")
	}
	return Head{Seq: seq, Hash: strings.ToLower(hash)}, nil
}
