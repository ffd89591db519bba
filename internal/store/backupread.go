package store

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"io/fs"
	"slices"

	"postern/internal/fault"
)

// maxBackupLine bounds a line of a backup: no row is as large.
const maxBackupLine = 64 << 20

// rowTaker is shown the rows of a backup, in order.
type rowTaker interface {
	table(ctx context.Context, t tableShape) error
	row(ctx context.Context, t tableShape, values []any) error
}

// backupReader reads a backup and checks it on the way. What it showed counts only once walk has
// returned nil: the sum comes last.
type backupReader struct {
	Summary
	raw   *bufio.Reader
	zip   *gzip.Reader
	lines *bufio.Scanner
	all   hash.Hash
	data  digest
	rows  int64
}

func damaged(format string, args ...any) error {
	return fault.Invalid("backup", format, args...)
}

var errNoBackup = fault.Invalid("backup", "is not a backup of Postern: postern db backup writes those")

// openBackup reads the header.
func openBackup(r io.Reader) (*backupReader, error) {
	b := &backupReader{Summary: Summary{Rows: map[string]int64{}}, raw: bufio.NewReaderSize(r, 64<<10), all: sha256.New()}
	var err error
	if b.zip, err = gzip.NewReader(b.raw); err != nil {
		if readFailed(err) {
			return nil, err
		}
		return nil, errNoBackup
	}
	b.zip.Multistream(false)
	b.lines = bufio.NewScanner(b.zip)
	b.lines.Buffer(make([]byte, 0, 64<<10), maxBackupLine)
	line, err := b.next()
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(line, &b.Header) != nil || b.Postern != "backup" {
		return nil, errNoBackup
	}
	b.count(line)
	_, newest, err := migrationList()
	switch {
	case err != nil:
		return nil, err
	case b.Format > backupFormat || b.Schema > newest:
		return nil, damaged("was taken by a newer program (schema %d; this one knows %d): restore it with that version", b.Schema, newest)
	case b.Format < 1 || b.Schema < 1:
		return nil, errNoBackup
	}
	return b, nil
}

// readFailed tells an error of the file from one of what is in it.
func readFailed(err error) bool {
	_, failed := errors.AsType[*fs.PathError](err)
	return failed
}

// next gives the next line with its newline, which counts for the sum.
func (b *backupReader) next() ([]byte, error) {
	if !b.lines.Scan() {
		err := b.lines.Err()
		switch {
		case err == nil, errors.Is(err, io.ErrUnexpectedEOF):
			return nil, damaged("ends too early: it was not copied whole")
		case readFailed(err):
			return nil, err
		}
		return nil, damaged("is damaged: what it holds is not what was written (%v)", err)
	}
	return b.lines.Bytes(), nil
}

func (b *backupReader) count(line []byte) {
	b.all.Write(line) // never fails
	b.all.Write([]byte{'\n'})
}

// walk shows every row and then checks the sum and, with the master key, who made it.
func (b *backupReader) walk(ctx context.Context, key *sealer, to rowTaker) error {
	list, err := catalogue(ctx, b.Schema)
	if err != nil {
		return err
	}
	var at tableShape
	seen := 0
	for {
		line, err := b.next()
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		switch {
		case len(line) > 0 && line[0] == '[':
			err = b.takeRow(ctx, at, line, to)
		case bytes.HasPrefix(line, []byte(`{"end"`)):
			if seen != len(list) {
				return damaged("is damaged: tables are missing")
			}
			return b.end(line, key)
		default:
			if seen == len(list) {
				return damaged("is damaged: it has a table too many")
			}
			at = list[seen]
			seen++
			err = b.takeTable(ctx, at, line, to)
		}
		if err != nil {
			return err
		}
	}
}

func (b *backupReader) takeTable(ctx context.Context, t tableShape, line []byte, to rowTaker) error {
	var head backupTable
	if json.Unmarshal(line, &head) != nil || head.Table != t.name || !slices.Equal(head.Columns, t.names()) {
		return damaged("is damaged: it does not hold the table %s as schema %d has it", t.name, b.Schema)
	}
	b.count(line)
	return to.table(ctx, t)
}

func (b *backupReader) takeRow(ctx context.Context, t tableShape, line []byte, to rowTaker) error {
	var values []any
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	if decoder.Decode(&values) != nil || len(values) != len(t.columns) || len(values) == 0 {
		return damaged("is damaged: a row of the table %q cannot be read", t.name)
	}
	for i, value := range values {
		switch v := value.(type) {
		case nil:
		case string:
			if t.columns[i].number {
				return damaged("is damaged: a row of the table %s has text for a number", t.name)
			}
		case json.Number:
			n, err := v.Int64()
			if err != nil || !t.columns[i].number {
				return damaged("is damaged: a row of the table %s has a number for a text", t.name)
			}
			values[i] = n
		default:
			return damaged("is damaged: a row of the table %s cannot be read", t.name)
		}
	}
	b.count(line)
	b.data.add(t.name, string(line))
	b.Rows[t.name]++
	b.rows++
	return to.row(ctx, t, values)
}

// end checks the last line, and that nothing follows.
func (b *backupReader) end(line []byte, key *sealer) error {
	var last backupEnd
	if json.Unmarshal(line, &last) != nil || last.End == nil {
		return damaged("is damaged: its end cannot be read")
	}
	sum := b.all.Sum(nil)
	if last.End.SHA256 != hex.EncodeToString(sum) || last.End.Rows != b.rows {
		return damaged("is damaged: its checksum is another")
	}
	if b.lines.Scan() || b.lines.Err() != nil { // gzip's own sum comes at its end
		return damaged("is damaged: something follows its end")
	}
	if _, err := b.raw.ReadByte(); err != io.EOF {
		return damaged("is damaged: something follows its end")
	}
	b.Digest = b.data.String()
	if key == nil {
		return nil
	}
	if key.id != b.Key {
		return fault.Invalid("key-file", "is not the master key of this backup (its id is %s, this one's %s): use the key file of the time when it was taken; "+
			"postern key rotate master can change it afterwards", b.Key, key.id)
	}
	mac, err := hex.DecodeString(last.End.MAC)
	if err != nil || !hmac.Equal(mac, key.proof(sum)) {
		return damaged("was changed by somebody who does not have the master key")
	}
	return nil
}

// nobody takes rows and does nothing with them.
type nobody struct{}

func (nobody) table(context.Context, tableShape) error      { return nil }
func (nobody) row(context.Context, tableShape, []any) error { return nil }

// VerifyBackup reads a backup to its end and checks it. Without a key file it cannot tell who made it.
func VerifyBackup(ctx context.Context, r io.Reader, keyFile string) (Summary, error) {
	b, err := openBackup(r)
	if err != nil {
		return Summary{}, err
	}
	var key *sealer
	if keyFile != "" {
		if key, err = sealerOf(keyFile); err != nil {
			return Summary{}, err
		}
	}
	if err := b.walk(ctx, key, nobody{}); err != nil {
		return Summary{}, err
	}
	return b.Summary, nil
}
