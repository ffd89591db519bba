package trafficlog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"

	"postern/internal/wire"
)

// A block is some records compressed together, behind a head that says what is in it. All numbers are little-endian:
//
//	0 magic · 4 bytes of the bloom · 8 bytes of the data · 12 bytes of the records · 16 count · 20 place of the first
//	28 base · 36 earliest beginning · 44 latest beginning · 52 latest end (microseconds since 1970)
//	60 CRC-32C of head and bloom · 64 CRC-32C of the data · 68 bloom · data (zstd)
const (
	blockMagic = 0x31425450 // "PTB1"
	blockHead  = 68
	maxData    = 64 << 20 // of a block, packed or not
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errBlock = errors.New("a block is damaged")

// meta is what a block's head says, and where the block is.
type meta struct {
	offset      int64
	bloom, data int // bytes
	raw         int
	count       int
	first       uint64
	base        int64
	span
}

// A span says when records began, at the earliest and the latest, and when the last one ended.
type span struct{ min, max, end int64 }

func (s *span) see(n span) {
	s.min, s.max, s.end = min(s.min, n.min), max(s.max, n.max), max(s.end, n.end)
}

func (m *meta) size() int64   { return blockHead + int64(m.bloom) + int64(m.data) }
func (m *meta) last() uint64  { return m.first + uint64(m.count) - 1 }
func (m *meta) dataAt() int64 { return m.offset + blockHead + int64(m.bloom) }

// head writes the head of a block; the sums follow it.
func (m *meta) head(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, blockMagic)
	for _, n := range []int{m.bloom, m.data, m.raw, m.count} {
		b = le.AppendUint32(b, uint32(n))
	}
	b = le.AppendUint64(b, m.first)
	for _, n := range []int64{m.base, m.min, m.max, m.end} {
		b = le.AppendUint64(b, uint64(n))
	}
	return b
}

// readHead reads a head; its sums are not checked.
func readHead(b []byte) (m meta, ok bool) {
	le := binary.LittleEndian
	if len(b) < blockHead || le.Uint32(b) != blockMagic {
		return m, false
	}
	m = meta{
		bloom: int(le.Uint32(b[4:])), data: int(le.Uint32(b[8:])), raw: int(le.Uint32(b[12:])), count: int(le.Uint32(b[16:])), first: le.Uint64(b[20:]),
		base: int64(le.Uint64(b[28:])), span: span{int64(le.Uint64(b[36:])), int64(le.Uint64(b[44:])), int64(le.Uint64(b[52:]))},
	}
	return m, m.bloom <= bloomWords*8 && m.bloom > 0 && m.bloom&(m.bloom-1) == 0 && m.bloom >= 8 && m.data <= maxData && m.raw <= maxData && m.count > 0 && m.count <= m.raw
}

// parseBlock checks the block at the beginning of b.
func parseBlock(b []byte) (meta, bool) {
	m, ok := readHead(b)
	if !ok || int64(len(b)) < m.size() {
		return m, false
	}
	sum := crc32.Update(crc32.Checksum(b[:60], castagnoli), castagnoli, b[blockHead:blockHead+m.bloom])
	data := b[blockHead+m.bloom : m.size()]
	le := binary.LittleEndian
	return m, le.Uint32(b[60:]) == sum && le.Uint32(b[64:]) == crc32.Checksum(data, castagnoli)
}

// A builder gathers the records of a block.
type builder struct {
	enc    *zstd.Encoder
	raw    []byte
	pen    pen
	filter bloom
	meta   meta
	status int // of the last record
}

func newBuilder() (*builder, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false),
		zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(256<<10))
	if err != nil {
		return nil, err
	}
	return &builder{enc: enc, filter: make(bloom, bloomWords)}, nil
}

func (b *builder) empty() bool { return b.meta.count == 0 }

// add adds a record, whose place is given if it is the first.
func (b *builder) add(r *wire.Record, place uint64) {
	at, end := r.Time.UnixMicro(), r.End().UnixMicro()
	m := &b.meta
	if m.count == 0 {
		*m = meta{first: place, base: at, span: span{at, at, end}}
	}
	m.see(span{at, at, end})
	m.count++
	list := textsOf(r)
	raw, same := b.pen.append(b.raw, r, &list, m.base)
	b.raw = raw
	b.filter.index(&list, same)
	if m.count == 1 || r.Status != b.status {
		b.filter.add(statusHash(r.Status))
		b.status = r.Status
	}
}

// full tells whether a block of that many bytes is to be sealed. The bloom has room for so many records.
func (b *builder) full(limit int) bool { return len(b.raw) >= limit || b.meta.count >= bloomRecords }

// seal gives the block and begins the next one.
func (b *builder) seal() ([]byte, meta) {
	m := b.meta
	m.raw = len(b.raw)
	folded := b.filter.fold()
	m.bloom = len(folded) * 8
	block := make([]byte, blockHead, blockHead+m.bloom+m.raw/4)
	le := binary.LittleEndian
	for _, word := range folded {
		block = le.AppendUint64(block, word)
	}
	block = b.enc.EncodeAll(b.raw, block)
	m.data = len(block) - blockHead - m.bloom
	m.head(block[:0])
	sum := crc32.Update(crc32.Checksum(block[:60], castagnoli), castagnoli, block[blockHead:blockHead+m.bloom])
	le.PutUint32(block[60:], sum)
	le.PutUint32(block[64:], crc32.Checksum(block[blockHead+m.bloom:], castagnoli))
	b.raw, b.meta, b.pen.last = b.raw[:0], meta{}, [textFields]string{}
	clear(b.filter)
	return block, m
}

// readBloom reads what a block certainly does not hold.
func readBloom(file io.ReaderAt, m *meta) (bloom, error) {
	b := make([]byte, blockHead+m.bloom)
	if _, err := file.ReadAt(b, m.offset); err != nil {
		return nil, err
	}
	sum := crc32.Update(crc32.Checksum(b[:60], castagnoli), castagnoli, b[blockHead:])
	if binary.LittleEndian.Uint32(b[60:]) != sum {
		return nil, errBlock
	}
	filter := make(bloom, m.bloom/8)
	for i := range filter {
		filter[i] = binary.LittleEndian.Uint64(b[blockHead+i*8:])
	}
	return filter, nil
}

// A decoder reads blocks. It is for one goroutine at a time.
type decoder struct {
	zstd *zstd.Decoder
	raw  []byte
}

func newDecoder() (*decoder, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(2*maxData))
	if err != nil {
		return nil, err
	}
	return &decoder{zstd: dec}, nil
}

func (d *decoder) close() { d.zstd.Close() }

// read gives the records of a block, good until the next read.
func (d *decoder) read(file io.ReaderAt, m *meta) (records, error) {
	packed := make([]byte, m.data)
	if _, err := file.ReadAt(packed, m.dataAt()); err != nil {
		return records{}, err
	}
	var sum [4]byte
	if _, err := file.ReadAt(sum[:], m.offset+64); err != nil {
		return records{}, err
	}
	if binary.LittleEndian.Uint32(sum[:]) != crc32.Checksum(packed, castagnoli) {
		return records{}, errBlock
	}
	raw, err := d.zstd.DecodeAll(packed, d.raw[:0])
	if err != nil {
		return records{}, errBlock
	}
	d.raw = raw
	return records{rest: raw, base: m.base}, nil
}
