package trafficlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"
)

// A segment is a file: a head, blocks, and, once nothing more comes, an index of the blocks. A file without index is read
// block by block.
const (
	segmentMagic = "PTRAFFIC"
	segmentHead  = 32
	indexEntry   = 68
	indexEnd     = 16
	indexMagic   = "PTRINDEX"
)

// A segment is what is known of a file. It is not changed once others can see it.
type segment struct {
	path   string
	closed bool
	size   int64
	first  uint64 // place that its first record has
	last   uint64 // place; first-1 as long as there is none
	count  int
	span
	blocks []meta // of one that is not closed; a closed one has them in its file
}

func segmentName(first uint64) string { return fmt.Sprintf("%020d.seg", first) }

// with gives the segment with one more block.
func (s *segment) with(m meta) *segment {
	next := *s
	if next.count == 0 {
		next.min, next.max, next.end = math.MaxInt64, math.MinInt64, math.MinInt64
	}
	next.see(m.span)
	next.count += m.count
	next.last = m.last()
	next.blocks = append(s.blocks, m)
	next.size = m.offset + m.size()
	return &next
}

func headOfSegment(first uint64, now time.Time) []byte {
	le := binary.LittleEndian
	b := le.AppendUint64([]byte(segmentMagic), first)
	b = le.AppendUint64(b, uint64(now.UnixMicro()))
	b = le.AppendUint32(b, 0)
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// indexOf writes the index of blocks.
func indexOf(blocks []meta) []byte {
	le := binary.LittleEndian
	var b []byte
	for i := range blocks {
		b = le.AppendUint64(b, uint64(blocks[i].offset))
		b = blocks[i].head(b)
	}
	n := len(b)
	sum := crc32.Checksum(b, castagnoli)
	b = le.AppendUint32(b, uint32(n))
	b = le.AppendUint32(b, sum)
	return append(b, indexMagic...)
}

// readIndex reads the index at the end of a file.
func readIndex(file io.ReaderAt, size int64) ([]meta, bool) {
	var end [indexEnd]byte
	if size < segmentHead+indexEnd {
		return nil, false
	}
	if _, err := file.ReadAt(end[:], size-indexEnd); err != nil || string(end[8:]) != indexMagic {
		return nil, false
	}
	le := binary.LittleEndian
	n := int64(le.Uint32(end[:]))
	if n%indexEntry != 0 || n > size-segmentHead-indexEnd {
		return nil, false
	}
	b := make([]byte, n)
	if _, err := file.ReadAt(b, size-indexEnd-n); err != nil || le.Uint32(end[4:]) != crc32.Checksum(b, castagnoli) {
		return nil, false
	}
	var blocks []meta
	for ; len(b) > 0; b = b[indexEntry:] {
		head := append(bytes.Clone(b[8:indexEntry]), make([]byte, 8)...) // without the sums
		m, ok := readHead(head)
		if !ok {
			return nil, false
		}
		m.offset = int64(le.Uint64(b))
		blocks = append(blocks, m)
	}
	return blocks, true
}

// errNoSegment says that a file is none of ours, or was never begun.
var errNoSegment = errors.New("not a segment of a traffic log")

// openSegment finds out what a file holds. One without index is read whole, and what is behind its last good block is
// reported as torn.
func openSegment(path string) (s *segment, torn bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, false, err
	}
	head := make([]byte, segmentHead)
	if n, err := file.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	} else if n < segmentHead || string(head[:8]) != segmentMagic || binary.LittleEndian.Uint32(head[28:]) != crc32.Checksum(head[:28], castagnoli) {
		return nil, false, errNoSegment
	}
	first := binary.LittleEndian.Uint64(head[8:])
	s = &segment{path: path, first: first, last: first - 1, size: segmentHead}
	if blocks, ok := readIndex(file, info.Size()); ok {
		for _, m := range blocks {
			s = s.with(m)
		}
		s.blocks, s.closed, s.size = nil, true, info.Size()
		return s, false, nil
	}
	data, err := io.ReadAll(io.LimitReader(file, 2*maxData))
	if err != nil {
		return nil, false, err
	}
	s, torn = s.scan(data)
	return s, torn, nil
}

// scan finds the good blocks of a file. What is damaged between them is passed over.
func (s *segment) scan(data []byte) (*segment, bool) {
	var magic [4]byte
	binary.LittleEndian.PutUint32(magic[:], blockMagic)
	at := segmentHead
	for at < len(data) {
		m, ok := parseBlock(data[at:])
		m.offset = int64(at)
		if ok && m.first > s.last {
			s = s.with(m)
			at += int(m.size())
			continue
		}
		next := bytes.Index(data[at+1:], magic[:])
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return s, s.size < int64(len(data))
}

// index gives the blocks of a segment.
func (s *segment) index(file io.ReaderAt) ([]meta, error) {
	if !s.closed {
		return s.blocks, nil
	}
	blocks, ok := readIndex(file, s.size)
	if !ok {
		return nil, fmt.Errorf("%s: %w", filepath.Base(s.path), errBlock)
	}
	return blocks, nil
}
