package http1

import "postern/internal/field"

// inChunks is the length of a body that comes in chunks, untilEnd of one that the connection's end ends.
const (
	inChunks = -1
	untilEnd = -2
)

// requestLength tells how a request's body is framed (RFC 9112 section 6.3), where there is one reading only.
func requestLength(l field.Fields, minor int) (int64, error) {
	codings, lengths := l.Count("transfer-encoding"), l.Count("content-length")
	switch {
	case codings > 0 && minor == 0:
		return 0, errCodingOld
	case codings > 0:
		return inChunks, chunkedAlone(l, codings, lengths)
	case lengths > 0:
		return contentLength(l, lengths)
	}
	return 0, nil
}

// chunkedAlone accepts "chunked" once, and no length beside it.
func chunkedAlone(l field.Fields, codings, lengths int) error {
	switch {
	case lengths > 0:
		return errBothLengths
	case codings > 1:
		return errCodingTwice
	}
	value := l.Get("transfer-encoding")
	switch {
	case field.EqualFold(value, "chunked"):
		return nil
	case len(value) > 0 && field.Token(value) && !field.EqualFold(value, "identity"):
		return errCodingUnknown
	}
	return errCoding
}

func contentLength(l field.Fields, lengths int) (int64, error) {
	if lengths > 1 {
		return 0, errLengthTwice
	}
	n, ok := field.Number(l.Get("content-length"))
	if !ok {
		return 0, errLength
	}
	return n, nil
}

// responseLength tells how a response's body is framed (RFC 9112 section 6.3). toHead: it answers a HEAD request.
func responseLength(s *Response, toHead bool) (int64, error) {
	codings, lengths := s.Fields.Count("transfer-encoding"), s.Fields.Count("content-length")
	if codings > 0 {
		if s.Minor == 0 {
			return 0, errCodingOld
		}
		if err := chunkedAlone(s.Fields, codings, lengths); err != nil {
			return 0, err
		}
	}
	declared := int64(untilEnd)
	if lengths > 0 {
		n, err := contentLength(s.Fields, lengths)
		if err != nil {
			return 0, err
		}
		declared = n
	}
	switch {
	case toHead || s.Status < 200 || s.Status == 204 || s.Status == 304:
		return 0, nil
	case codings > 0:
		return inChunks, nil
	}
	return declared, nil
}
