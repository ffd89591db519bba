package gateway

import (
	"bytes"
	"net/http"
	"strconv"

	"postern/internal/field"
)

// A page lets what is written with net/http's words answer an exchange. It is sent as a whole by send.
type page struct {
	x      *exchange
	header http.Header
	status int
	body   bytes.Buffer
}

func (p *page) Header() http.Header { return p.header }

func (p *page) WriteHeader(status int) {
	if p.status == 0 {
		p.status = status
	}
}

func (p *page) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	return p.body.Write(b)
}

// page gives what our own pages are written with. The exchange sends it when it ends.
func (x *exchange) page() (http.ResponseWriter, *http.Request) {
	x.own = &page{x: x, header: http.Header{}}
	r := &http.Request{Method: x.method, Host: x.host}
	return x.own, r.WithContext(x.context())
}

// send sends the page. The client may be gone: then there is nobody to tell.
func (p *page) send() {
	x := p.x
	p.WriteHeader(http.StatusOK) // if nothing was said
	if kind := grpcType(x.fields); kind != "" && p.status >= 300 {
		p.header = grpcHeader(kind, p.status, p.header, p.body.Bytes())
		p.status = http.StatusOK
		p.body.Reset()
	}
	p.header.Set("Date", x.record.Time.Format(http.TimeFormat)) // RFC 9110 section 6.6.1
	length := int64(p.body.Len())
	if x.method == http.MethodHead && p.status != http.StatusNoContent && p.status != http.StatusNotModified {
		p.header.Set("Content-Length", itoa(length))
		length = 0
	}
	if x.begin(p.status, fieldsOf(p.header), length) != nil {
		return
	}
	if length > 0 {
		n, err := x.reply.Write(p.body.Bytes())
		x.sent.Add(int64(n))
		if err != nil {
			return
		}
	}
	_ = x.reply.End(field.Fields{})
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
