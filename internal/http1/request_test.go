package http1_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"postern/internal/field"
	"postern/internal/http1"
)

// requests is what a client sends, and what is understood of it: a word for each request, "METHOD path length content", and at
// the end the reason and status of what is refused, or nothing for a good end.
var requests = []struct{ name, raw, want string }{
	// requests as they should be
	{"plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 0"},
	{"two", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /1 0; GET /2 0"},
	{"body and next", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / 5 hello; GET / 0"},
	{"empty body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "POST / 0"},
	{"chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "POST / -1 hello!"},
	{"chunks and next", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", "POST / -1; GET /2 0"},
	{"trailers", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nSum: 1\r\n\r\n", "POST / -1 x [Sum=1]"},
	{"coding in capitals", "POST / HTTP/1.1\r\nHost: a\r\nTRANSFER-ENCODING: CHUNKED\r\n\r\n0\r\n\r\n", "POST / -1"},
	{"coding between blanks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \t chunked \r\n\r\n0\r\n\r\n", "POST / -1"},
	{"one empty line before", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 0"},
	{"empty line after a body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / 1 x; GET / 0"},
	{"only an empty line", "\r\n", ""},
	{"nothing", "", ""},
	{"1.0", "GET / HTTP/1.0\r\n\r\n", "GET / 0 close"},
	{"1.0 kept", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n", "GET / 0; GET /2 0 close"},
	{"close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET / 0 close"},
	{"close among others", "GET / HTTP/1.1\r\nHost: a\r\nConnection: te, CLOSE\r\nConnection: x\r\n\r\n", "GET / 0 close"},
	{"options", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * 0"},
	{"absolute", "GET http://a.example:8080/x?y HTTP/1.1\r\nHost: A.example:8080\r\n\r\n", "GET /x?y 0"},
	{"own method", "PURGE-all /x HTTP/1.1\r\nHost: a\r\n\r\n", "PURGE-all /x 0"},
	{"empty value", "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", "GET / 0"},
	{"value with more", "GET / HTTP/1.1\r\nHost: a\r\nX: a\tb \xc3\xa9\xff\r\n\r\n", "GET / 0"},
	{"IPv6", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n", "GET / 0"},
	{"unusual target", "GET /a|b^c{}`\"<>\\%zz HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a|b^c{}`\"<>\\%zz 0"},
	{"continue", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\nx", "POST / 1 continue x"},
	{"continue for nothing", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n", "POST / 0"},
	{"continue in 1.0", "POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx", "POST / 1 close x"},
	{"upgrade", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "GET / 0 upgrade"},
	{"upgrade in 1.0", "GET / HTTP/1.0\r\nConnection: upgrade, keep-alive\r\nUpgrade: websocket\r\n\r\n", "GET / 0"},
	{"GET with content", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", "GET / 1 x"},
	{"leading zeros", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0003\r\n\r\nabc", "POST / 3 abc"},

	// lines
	{"bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", "bare-lf 400"},
	{"bare LF after a field", "GET / HTTP/1.1\r\nHost: a\n\r\n", "bare-lf 400"},
	{"bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n", "bare-lf 400"},
	{"all LF", "GET / HTTP/1.1\nHost: a\n\n", "bare-lf 400"},
	{"bare CR in the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n", "bare-cr 400"},
	{"bare CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", "bare-cr 400"},
	{"bare CR for a line end", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "bare-cr 400"},
	{"two CR", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", "bare-cr 400"},
	{"CR before", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bare-cr 400"},
	{"LF before", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bare-lf 400"},
	{"two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "request-line 400"},
	{"folded", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", "folded-line 400"},
	{"folded by a tab", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n", "folded-line 400"},
	{"folded first", "GET / HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n", "folded-line 400"},
	{"folded nothing", "GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n", "folded-line 400"},
	{"folded coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "folded-line 400"},

	// fields
	{"blank before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "space-before-colon 400"},
	{"tab before the colon", "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", "space-before-colon 400"},
	{"blank before a length's colon", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello", "space-before-colon 400"},
	{"no colon", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", "no-colon 400"},
	{"no name", "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", "field-name 400"},
	{"blank in a name", "GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n", "space-before-colon 400"},
	{"NUL in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\x00: z\r\n\r\n", "field-name 400"},
	{"bracket in a name", "GET / HTTP/1.1\r\nHost: a\r\nX[]: z\r\n\r\n", "field-name 400"},
	{"letter beyond ASCII in a name", "GET / HTTP/1.1\r\nHost: a\r\nCont\xc3\xa9nt: z\r\n\r\n", "field-name 400"},
	{"Kelvin sign in a name", "GET / HTTP/1.1\r\nHost: a\r\nExpec\xe2\x84\xaa: z\r\n\r\n", "field-name 400"},
	{"NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", "control-character 400"},
	{"DEL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n", "control-character 400"},
	{"vertical tab in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\x0bb\r\n\r\n", "control-character 400"},
	{"form feed before a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \x0cb\r\n\r\n", "control-character 400"},
	{"escape in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[31m\r\n\r\n", "control-character 400"},
	{"too many fields", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 128) + "\r\n", "too-many-fields 431"},
	{"as many as may be", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 127) + "\r\n", "GET / 0"},
	{"too large", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 33<<10) + "\r\n\r\n", "head-too-large 431"},
	{"too large without end", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 70<<10), "head-too-large 431"},
	{"large", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 31<<10) + "\r\n\r\n", "GET / 0"},

	// the request line
	{"no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", "request-line 400"},
	{"two blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "request-line 400"},
	{"two blanks before the version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "version 400"},
	{"a blank at the end", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "version 400"},
	{"a blank before", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", "request-line 400"},
	{"tabs", "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", "request-line 400"},
	{"a tab in the target", "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"},
	{"a blank in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "version 400"},
	{"NUL in the target", "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"},
	{"beyond ASCII in the target", "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"},
	{"a fragment", "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"},
	{"no slash", "GET x HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"},
	{"a star for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"},
	{"another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"},
	{"absolute without path", "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "target 400"},
	{"absolute without host", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", "host 400"},
	{"absolute with a user", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "host 400"},
	{"absolute and another host", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "host-differs 400"},
	{"connect", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "connect 501"},
	{"method that is none", "G@T / HTTP/1.1\r\nHost: a\r\n\r\n", "method 400"},
	{"empty method", " / HTTP/1.1\r\nHost: a\r\n\r\n", "request-line 400"},
	{"long method", strings.Repeat("M", 33) + " / HTTP/1.1\r\nHost: a\r\n\r\n", "method-too-long 501"},
	{"endless method", strings.Repeat("M", 20<<10), "method-too-long 501"},
	{"long target", "GET /" + strings.Repeat("x", 8<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", "target-too-long 414"},
	{"endless target", "GET /" + strings.Repeat("x", 20<<10), "target-too-long 414"},
	{"target as long as may be", "GET /" + strings.Repeat("x", 8<<10-1) + " HTTP/1.1\r\nHost: a\r\n\r\n", "GET /" + strings.Repeat("x", 8<<10-1) + " 0"},
	{"0.9", "GET /\r\n", "request-line 400"},
	{"HTTP/0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", "version-not-supported 505"},
	{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", "version-not-supported 505"},
	{"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "version-not-supported 505"},
	{"HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "version-not-supported 505"},
	{"HTTP/11", "GET / HTTP/11\r\nHost: a\r\n\r\n", "version 400"},
	{"HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", "version 400"},
	{"http/1.1", "GET / http/1.1\r\nHost: a\r\n\r\n", "version 400"},
	{"HTTP/1,1", "GET / HTTP/1,1\r\nHost: a\r\n\r\n", "version 400"},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", "bare-lf 400"},

	// Host
	{"no Host", "GET / HTTP/1.1\r\n\r\n", "no-host 400"},
	{"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "host-twice 400"},
	{"the same Host twice", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", "host-twice 400"},
	{"two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "host-twice 400"},
	{"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "host 400"},
	{"Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "host 400"},
	{"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "host 400"},
	{"two in one Host", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "host 400"},
	{"Host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "host 400"},
	{"Host with a bad port", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", "host 400"},
	{"Host with an empty port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", "host 400"},
	{"Host with two ports", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", "host 400"},
	{"Host with a large port", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", "host 400"},
	{"Host of a port only", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", "host 400"},
	{"IPv6 without an end", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "host 400"},
	{"IPv6 and more", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "host 400"},
	{"Host beyond ASCII", "GET / HTTP/1.1\r\nHost: b\xc3\xbccher\r\n\r\n", "host 400"},

	// lengths and codings
	{"both", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "length-and-coding 400"},
	{"both, the other way round", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "length-and-coding 400"},
	{"both, one unknown", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\nhello", "length-and-coding 400"},
	{"two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "length-twice 400"},
	{"the same length twice", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "length-twice 400"},
	{"a list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello", "length 400"},
	{"a negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "length 400"},
	{"a length with a sign", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", "length 400"},
	{"a hexadecimal length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello", "length 400"},
	{"an empty length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", "length 400"},
	{"a broken length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5.0\r\n\r\nhello", "length 400"},
	{"a length with a blank", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 0\r\n\r\nhello", "length 400"},
	{"a length too large", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n", "length 400"},
	{"a length far too large", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\nhello", "length 400"},
	{"digits of another alphabet", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \xd9\xa5\r\n\r\nhello", "length 400"},
	{"two codings", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "coding-twice 400"},
	{"a list of codings", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "coding 400"},
	{"chunked twice", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "coding 400"},
	{"identity", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", "coding 400"},
	{"gzip", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "coding-unknown 501"},
	{"xchunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "coding-unknown 501"},
	{"empty coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n", "coding 400"},
	{"coding with a parameter", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;x=y\r\n\r\n0\r\n\r\n", "coding 400"},
	{"coding with a comma", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", "coding 400"},
	{"quoted coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "coding 400"},
	{"vertical tab before the coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", "control-character 400"},
	{"no-break space before the coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \xa0chunked\r\n\r\n0\r\n\r\n", "coding 400"},
	{"Kelvin sign in the coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chun\xe2\x84\xaaed\r\n\r\n0\r\n\r\n", "coding 400"},
	{"coding in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "coding-in-1.0 400"},
	{"coding with an underscore is another field", "POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nContent-Length: 1\r\n\r\nx", "POST / 1 x"},
	{"expects something", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: more\r\n\r\nx", "expectation 417"},
	{"expects twice", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n\r\nx", "expectation 417"},
	{"connection is no list", "GET / HTTP/1.1\r\nHost: a\r\nConnection: a b\r\n\r\n", "connection 400"},

	// chunks
	{"capital size", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n00\r\n\r\n", "POST / -1 0123456789"},
	{"size with zeros", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n000000000000001\r\nx\r\n0\r\n\r\n", "POST / -1 x"},
	{"extension", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b;c=\"d;e\"\r\nx\r\n0;f\r\n\r\n", "POST / -1 x"},
	{"no size", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\nx\r\n0\r\n\r\n", "POST / -1; chunk-size 400"},
	{"extension without size", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n;a\r\n\r\n", "POST / -1; chunk-size 400"},
	{"negative size", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", "POST / -1; chunk-size 400"},
	{"size with a sign", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n0\r\n\r\n", "POST / -1; chunk-size 400"},
	{"size with 0x", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n", "POST / -1; chunk-size 400"},
	{"size with an underscore", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1_0\r\n", "POST / -1; chunk-size 400"},
	{"blank before the size", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n 1\r\nx\r\n0\r\n\r\n", "POST / -1; chunk-size 400"},
	{"blank after the size", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\nx\r\n0\r\n\r\n", "POST / -1; chunk-size 400"},
	{"blank before an extension", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1 ;a\r\nx\r\n0\r\n\r\n", "POST / -1; chunk-size 400"},
	{"size of many zeros", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000001\r\nx\r\n0\r\n\r\n", "POST / -1; chunk-size 400"},
	{"size of 17 digits", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000001\r\nx\r\n0\r\n\r\n", "POST / -1; chunk-size 400"},
	{"all ones", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx\r\n", "POST / -1; chunk-size 400"},
	{"bare LF after the size", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", "POST / -1; bare-lf 400"},
	{"bare LF after the content", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\n0\r\n\r\n", "POST / -1 x; chunk-end 400"},
	{"content too long", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n", "POST / -1 x; chunk-end 400"},
	{"bare CR in an extension", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a\rb\r\nx\r\n0\r\n\r\n", "POST / -1; chunk-line 400"},
	{"LF in a quoted extension", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"\n\"\r\nx\r\n0\r\n\r\n", "POST / -1; bare-lf 400"},
	{"long extension", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("a", 300) + "\r\nx\r\n0\r\n\r\n", "POST / -1; chunk-line 400"},
	{"endless extension", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("a", 9000), "POST / -1; chunk-line 400"},
	{"more framing than content", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("a", 200)+"\r\nx\r\n", 100), "POST / -1 " + strings.Repeat("x", 87) + "; chunk-excess 400"},
	{"small chunks are no excess", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\nx\r\n", 30000) + "0\r\n\r\n", "POST / -1 " + strings.Repeat("x", 30000)},
	{"bare LF at the end", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n", "POST / -1; bare-lf 400"},
	{"folded trailer", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n\r\n", "POST / -1; folded-line 400"},
	{"trailer with a blank before its colon", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA : b\r\n\r\n", "POST / -1; space-before-colon 400"},
	{"trailers too large", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + strings.Repeat("b", 9000) + "\r\n\r\n", "POST / -1; trailers-too-large 431"},

	// ends in the middle
	{"ends in the method", "GE", "truncated head"},
	{"ends after CR", "\r", "truncated head"},
	{"ends in the head", "GET / HTTP/1.1\r\nHost: a\r\n", "truncated head"},
	{"ends in the body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel", "POST / 5 hel; truncated body"},
	{"ends in a chunk", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "POST / -1 hel; truncated body"},
	{"ends after a chunk", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", "POST / -1 hel; truncated body"},
	{"ends before the last empty line", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "POST / -1; truncated trailers"},
}

func TestRequests(t *testing.T) {
	for _, test := range requests {
		t.Run(test.name, func(t *testing.T) {
			for name, how := range ways {
				if got := understood(how(strings.NewReader(test.raw))); got != test.want {
					t.Errorf("%s: got %.300q\nwant %.300q", name, got, test.want)
				}
			}
		})
	}
}

// ways is how bytes may come.
var ways = map[string]func(io.Reader) io.Reader{
	"at once":              func(r io.Reader) io.Reader { return r },
	"one by one":           iotest.OneByteReader,
	"by halves":            iotest.HalfReader,
	"with the end at once": iotest.DataErrReader,
}

// understood tells what is read from a connection, as in requests.
func understood(src io.Reader) string {
	r := http1.NewReader(src, http1.Limits{})
	defer r.Close()
	var said []string
	for {
		var q http1.Request
		err := r.Request(&q)
		if err == io.EOF {
			return strings.Join(said, "; ")
		}
		if err != nil {
			return strings.Join(append(said, refusal(err)), "; ")
		}
		word := fmt.Sprintf("%s %s %d", q.Method, q.Path, q.Length)
		for _, f := range []struct {
			name string
			set  bool
		}{{"close", q.Close}, {"continue", q.Continue}, {"upgrade", q.Upgrade}} {
			if f.set {
				word += " " + f.name
			}
		}
		body := r.RequestBody(&q)
		content, err := io.ReadAll(&body)
		said = append(said, strings.TrimSpace(word+" "+string(content)+trailers(body.Trailer())))
		if err != nil {
			return strings.Join(append(said, refusal(err)), "; ")
		}
	}
}

func trailers(l field.Fields) (text string) {
	for _, f := range l {
		text += fmt.Sprintf(" [%s=%s]", f.Name, f.Value)
	}
	return text
}

func refusal(err error) string {
	if e, ok := errors.AsType[*http1.Error](err); ok {
		return fmt.Sprintf("%s %d", e.Reason, e.Status)
	}
	if e, ok := errors.AsType[*http1.TruncatedError](err); ok {
		return "truncated " + e.In
	}
	return err.Error()
}
