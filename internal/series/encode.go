package series

import (
	"encoding/base64"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"postern/internal/fault"
)

// Points are stored as text, one behind the other, so that one is added without reading the others: each is the base64 of numbers of
// variable length, with a period at its end. The first says how it is written; of a way that is unknown the point is left out, as is a
// metric that is.
const (
	written = 1
	end     = '.'
	maxText = 4 << 10 // bytes of one point
)

var base = base64.RawURLEncoding

// Append adds a point to a text. Start is kept as seconds since the text's own start.
func Append(text []byte, since time.Time, p Point) []byte {
	b := binary.AppendUvarint(nil, written)
	b = binary.LittleEndian.AppendUint32(b, p.Source)
	b = binary.AppendUvarint(b, p.Seq)
	b = binary.AppendVarint(b, int64(p.Start.Sub(since)/time.Second))
	b = binary.AppendUvarint(b, uint64(max(0, p.Length)/time.Second))
	before := Metric(-1)
	for m, value := range p.Values {
		if value > 0 {
			b = binary.AppendUvarint(b, uint64(Metric(m)-before)) // never 0
			b = binary.AppendUvarint(b, value)
			before = Metric(m)
		}
	}
	b = append(b, 0)
	for _, cause := range slices.Sorted(maps.Keys(p.Causes)) {
		short := cause[:min(len(cause), MaxCause)]
		b = binary.AppendUvarint(b, uint64(len(short)))
		b = append(b, short...)
		b = binary.AppendUvarint(b, p.Causes[cause])
	}
	return append(base.AppendEncode(text, b), end)
}

// Parse reads a text. Points that are damaged are left out, and the error says that there are some.
func Parse(text string, since time.Time) (points []Point, err error) {
	for one := range strings.SplitSeq(text, string(end)) {
		if one == "" {
			continue
		}
		p, ok := parse(one, since)
		if !ok {
			err = fault.Internal(nil, "a series holds a damaged point")
			continue
		}
		points = append(points, p)
	}
	return points, err
}

func parse(text string, since time.Time) (p Point, ok bool) {
	if len(text) > maxText {
		return p, false
	}
	data, err := base.DecodeString(text)
	r := reader{data: data, bad: err != nil}
	if r.number() != written {
		return p, false
	}
	p.Source = r.four()
	p.Seq = r.number()
	p.Start = since.Add(time.Duration(r.signed()) * time.Second)
	p.Length = time.Duration(min(r.number(), math.MaxInt32)) * time.Second
	for m := Metric(-1); !r.bad; {
		step := r.number()
		if step == 0 {
			break
		}
		m += Metric(min(step, 1<<20))
		if value := r.number(); m < count {
			p.Values[m] = value
		}
	}
	for !r.bad && len(r.data) > 0 && len(p.Causes) < MaxCauses+2 {
		cause := r.text()
		if p.Causes == nil {
			p.Causes = map[string]uint64{}
		}
		p.Causes[cause] = r.number()
	}
	return p, !r.bad
}

// reader takes numbers off data until one is damaged.
type reader struct {
	data []byte
	bad  bool
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.data)
	return took(r, n, size)
}

func (r *reader) signed() int64 {
	n, size := binary.Varint(r.data)
	return took(r, n, size)
}

func took[N int64 | uint64](r *reader, n N, size int) N {
	if size <= 0 {
		r.bad = true
		return 0
	}
	r.data = r.data[size:]
	return n
}

func (r *reader) four() uint32 {
	if len(r.data) < 4 {
		r.bad = true
		return 0
	}
	n := binary.LittleEndian.Uint32(r.data)
	r.data = r.data[4:]
	return n
}

func (r *reader) text() string {
	n := r.number()
	if n > MaxCause || int(n) > len(r.data) {
		r.bad = true
		return ""
	}
	text := string(r.data[:n])
	r.data = r.data[n:]
	return text
}
