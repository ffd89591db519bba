package identity

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"unicode/utf16"

	"golang.org/x/crypto/md4" //lint:ignore SA1019 the lists have this hash; nothing of ours is protected by it
	"golang.org/x/text/unicode/norm"

	"postern/internal/fault"
	"postern/internal/fetch"
)

// Breached knows passwords that became known in break-ins, from a list in the form of Have I Been
// Pwned: a file of sorted lines HASH:COUNT (SHA-1 or NTLM), or a server that is asked for the first
// five digits of a SHA-1 only. No password, and no whole hash of one, leaves this machine or is logged.
//
// A file that cannot be read refuses the password. A server that does not answer lets it through and
// says so in the log: people must be able to set a password while somebody else's service is away.
type Breached struct {
	file   *os.File
	size   int64
	digits int // of a hash in the file
	base   string
	ask    *fetch.Client
	log    *slog.Logger
}

const (
	sha1Digits   = 2 * sha1.Size
	ntlmDigits   = 2 * md4.Size
	prefixDigits = 5
	maxLine      = 128 // bytes of a line of the list
)

// OpenBreached opens the list that source names: an https URL or a file. The client asks the former.
func OpenBreached(source string, ask *fetch.Client, log *slog.Logger) (*Breached, error) {
	b := &Breached{ask: ask, log: log}
	if strings.Contains(source, "://") {
		if !strings.HasPrefix(source, "https://") || strings.ContainsAny(source, "?#") {
			return nil, fault.Invalid("breached-passwords", "must be a file, or an https URL such as https://api.pwnedpasswords.com/range/")
		}
		b.base = strings.TrimSuffix(source, "/") + "/"
		return b, nil
	}
	file, err := os.Open(source)
	if err != nil {
		return nil, fault.Invalid("breached-passwords", "cannot be opened: %v", err)
	}
	b.file = file
	if err := b.examine(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return b, nil
}

// Close closes the file.
func (b *Breached) Close() error {
	if b == nil || b.file == nil {
		return nil
	}
	return b.file.Close()
}

// examine finds out which hash the file has, by its first line.
func (b *Breached) examine() error {
	info, err := b.file.Stat()
	if err != nil {
		return fault.Invalid("breached-passwords", "cannot be read: %v", err)
	}
	b.size = info.Size()
	first, _, err := b.line(0)
	if err != nil {
		return fault.Invalid("breached-passwords", "cannot be read: %v", err)
	}
	hash, _, _ := strings.Cut(first, ":")
	b.digits = len(hash)
	if _, err := hex.DecodeString(hash); err != nil || b.digits != sha1Digits && b.digits != ntlmDigits {
		return fault.Invalid("breached-passwords", "must have lines HASH:COUNT sorted by the hash, which is SHA-1 or NTLM in hexadecimal; its first line is none")
	}
	return nil
}

// Check refuses a password that is in the list. A nil Breached knows none.
func (b *Breached) Check(ctx context.Context, password string) error {
	if b == nil {
		return nil
	}
	password = norm.NFC.String(password)
	found, err := b.knows(ctx, password)
	switch {
	case found:
		return fault.Invalid("password", "is in a list of passwords that became known in break-ins elsewhere; choose another one")
	case err == nil:
		return nil
	case b.file == nil && ctx.Err() == nil:
		b.log.Warn("a password was not held against the list of breached ones", "error", err)
		return nil
	}
	return fault.Unavailable("the list of breached passwords cannot be read, so no password can be set; the service's log says why").Because(err)
}

func (b *Breached) knows(ctx context.Context, password string) (bool, error) {
	sum := sha1.Sum([]byte(password))
	hash := strings.ToUpper(hex.EncodeToString(sum[:]))
	if b.file == nil {
		return b.asked(ctx, hash)
	}
	if b.digits == ntlmDigits {
		hash = ntlm(password)
	}
	return b.search(hash)
}

func ntlm(password string) string {
	var text bytes.Buffer
	for _, unit := range utf16.Encode([]rune(password)) {
		var two [2]byte
		binary.LittleEndian.PutUint16(two[:], unit)
		text.Write(two[:])
	}
	h := md4.New()
	h.Write(text.Bytes())
	return strings.ToUpper(hex.EncodeToString(h.Sum(nil)))
}

// asked asks the server for all hashes with the same first digits. Padding, which hides how many there
// are, has the count 0.
func (b *Breached) asked(ctx context.Context, hash string) (bool, error) {
	answer, err := b.ask.Do(ctx, fetch.Request{URL: b.base + hash[:prefixDigits], Header: http.Header{"Add-Padding": {"true"}}})
	if err != nil {
		return false, err
	}
	if answer.Status != http.StatusOK {
		return false, fmt.Errorf("the list answered %d", answer.Status)
	}
	for line := range strings.Lines(string(answer.Body)) {
		suffix, count, ok := strings.Cut(strings.TrimSpace(line), ":")
		if ok && count != "0" && strings.EqualFold(suffix, hash[prefixDigits:]) {
			return true, nil
		}
	}
	return false, nil
}

// search finds a hash in the file by halves: a file of a thousand million lines takes thirty-odd reads.
func (b *Breached) search(hash string) (bool, error) {
	low, high := int64(0), b.size // the line, if any, begins in [low, high)
	for low < high {
		middle := low + (high-low)/2
		text, next, err := b.line(middle)
		if err != nil {
			return false, err
		}
		got, _, _ := strings.Cut(text, ":")
		switch got = strings.ToUpper(got); {
		case text == "" || got > hash: // none begins after the middle, or a later one
			high = middle
		case got == hash:
			return true, nil
		default:
			low = next
		}
	}
	return false, nil
}

// line gives the first line that begins at the offset or after it, and where the next one begins. At
// offset 0 and after a line's end one begins.
func (b *Breached) line(offset int64) (text string, next int64, err error) {
	from := max(0, offset-1)
	block := make([]byte, 2*maxLine)
	n, err := b.file.ReadAt(block, from)
	if err != nil && err != io.EOF {
		return "", 0, err
	}
	block = block[:n]
	if offset > 0 {
		end := bytes.IndexByte(block, '\n')
		if end < 0 {
			return "", b.size, b.whole(from, n)
		}
		block, from = block[end+1:], from+int64(end)+1
	}
	end := bytes.IndexByte(block, '\n')
	if end < 0 {
		if err := b.whole(from, len(block)); err != nil {
			return "", 0, err
		}
		return strings.TrimSpace(string(block)), b.size, nil
	}
	return strings.TrimSpace(string(block[:end])), from + int64(end) + 1, nil
}

// whole reports an error unless a block without the end of a line is the end of the file.
func (b *Breached) whole(from int64, n int) error {
	if from+int64(n) < b.size {
		return fmt.Errorf("the list has a line of more than %d bytes", maxLine)
	}
	return nil
}
