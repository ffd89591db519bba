package http1_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"postern/internal/http1"
)

// responses is what a backend sends and what is understood of it: "status length content" for each response.
var responses = []struct {
	name  string
	asked http1.Asked
	raw   string
	want  string
}{
	{"plain", http1.Asked{}, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 2 ok"},
	{"no reason", http1.Asked{}, "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", "200 2 ok"},
	{"no reason and no blank", http1.Asked{}, "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", "200 2 ok"},
	{"a reason of several words", http1.Asked{}, "HTTP/1.1 404 Not \tFound \xc3\xa9\r\nContent-Length: 0\r\n\r\n", "404 0"},
	{"chunks", http1.Asked{}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSum: 1\r\n\r\n", "200 -1 ok [Sum=1]"},
	{"up to the end", http1.Asked{}, "HTTP/1.1 200 OK\r\n\r\nall of it", "200 -2 close all of it"},
	{"up to the end, nothing", http1.Asked{}, "HTTP/1.1 200 OK\r\n\r\n", "200 -2 close"},
	{"1.0", http1.Asked{}, "HTTP/1.0 200 OK\r\n\r\nall", "200 -2 close all"},
	{"1.0 with a length", http1.Asked{}, "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nall", "200 3 close all"},
	{"1.0 kept", http1.Asked{}, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nall", "200 3 all"},
	{"two", http1.Asked{}, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx", "200 0; 201 1 x"},
	{"interim", http1.Asked{}, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "103 0; 200 0"},
	{"as many interim as may be", http1.Asked{}, strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 16) + "HTTP/1.1 204 No Content\r\n\r\n", strings.Repeat("102 0; ", 16) + "204 0"},
	{"too many interim", http1.Asked{}, strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 17), strings.Repeat("102 0; ", 16) + "too-many-interim 502"},
	{"interim with a length", http1.Asked{}, "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "100 0; 200 0"},
	{"to HEAD", http1.Asked{Head: true}, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "200 0"},
	{"to HEAD in chunks", http1.Asked{Head: true}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 0"},
	{"to HEAD without length", http1.Asked{Head: true}, "HTTP/1.1 200 OK\r\n\r\n", "200 0"},
	{"to HEAD with content all the same", http1.Asked{Head: true}, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 0; truncated head"},
	{"204", http1.Asked{}, "HTTP/1.1 204 No Content\r\n\r\n", "204 0"},
	{"204 of no length", http1.Asked{}, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "204 0"},
	{"204 with a length", http1.Asked{}, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "204 0 close"},
	{"204 in chunks", http1.Asked{}, "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "204 0 close"},
	{"304 with a length", http1.Asked{}, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "304 0"},
	{"101 that was asked for", http1.Asked{Upgrade: true}, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "101 0"},
	{"101 unasked", http1.Asked{}, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "switched-unasked 502"},
	{"close", http1.Asked{}, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "200 0 close"},
	{"close and keep-alive", http1.Asked{}, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive, close\r\n\r\n", "200 0 close"},

	{"HTTP/0.9", http1.Asked{}, "hello\r\n", "truncated head"},
	{"HTTP/0.9 and more", http1.Asked{}, "hello\r\n\r\n", "status-line 502"},
	{"HTTP/2", http1.Asked{}, "HTTP/2 200\r\n\r\n", "status-line 502"},
	{"HTTP/1.2", http1.Asked{}, "HTTP/1.2 200 OK\r\n\r\n", "status-line 502"},
	{"ICY", http1.Asked{}, "ICY 200 OK\r\n\r\n", "status-line 502"},
	{"a blank before", http1.Asked{}, " HTTP/1.1 200 OK\r\n\r\n", "status-line 502"},
	{"an empty line before", http1.Asked{}, "\r\nHTTP/1.1 200 OK\r\n\r\n", "status-line 502"},
	{"two blanks", http1.Asked{}, "HTTP/1.1  200 OK\r\n\r\n", "status 502"},
	{"a tab", http1.Asked{}, "HTTP/1.1\t200 OK\r\n\r\n", "status-line 502"},
	{"status of two digits", http1.Asked{}, "HTTP/1.1 20 OK\r\n\r\n", "status 502"},
	{"status of four digits", http1.Asked{}, "HTTP/1.1 2000 OK\r\n\r\n", "status 502"},
	{"status with a sign", http1.Asked{}, "HTTP/1.1 +20 OK\r\n\r\n", "status 502"},
	{"status 099", http1.Asked{}, "HTTP/1.1 099 OK\r\n\r\n", "status 502"},
	{"status 600", http1.Asked{}, "HTTP/1.1 600 OK\r\n\r\n", "status 502"},
	{"status in letters", http1.Asked{}, "HTTP/1.1 abc OK\r\n\r\n", "status 502"},
	{"control in the reason", http1.Asked{}, "HTTP/1.1 200 O\x00K\r\n\r\n", "status-line 502"},
	{"bare CR in the reason", http1.Asked{}, "HTTP/1.1 200 O\rK\r\n\r\n", "bare-cr 502"},
	{"bare LF", http1.Asked{}, "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "bare-lf 502"},
	{"bare LF at the end", http1.Asked{}, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n", "bare-lf 502"},
	{"bare CR in a value", http1.Asked{}, "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n", "bare-cr 502"},
	{"folded", http1.Asked{}, "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n", "folded-line 502"},
	{"blank before the colon", http1.Asked{}, "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n", "space-before-colon 502"},
	{"no name", http1.Asked{}, "HTTP/1.1 200 OK\r\n: 0\r\n\r\n", "field-name 502"},
	{"NUL in a value", http1.Asked{}, "HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n", "control-character 502"},
	{"two lengths", http1.Asked{}, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "length-twice 502"},
	{"the same length twice", http1.Asked{}, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", "length-twice 502"},
	{"a list of lengths", http1.Asked{}, "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na", "length 502"},
	{"a negative length", http1.Asked{}, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "length 502"},
	{"a wrong length to HEAD", http1.Asked{Head: true}, "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "length 502"},
	{"both", http1.Asked{}, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "length-and-coding 502"},
	{"both to HEAD", http1.Asked{Head: true}, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "length-and-coding 502"},
	{"gzip, chunked", http1.Asked{}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "coding 502"},
	{"gzip", http1.Asked{}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxxx", "coding-unknown 502"},
	{"chunked twice", http1.Asked{}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "coding-twice 502"},
	{"chunked in 1.0", http1.Asked{}, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "coding-in-1.0 502"},
	{"too large", http1.Asked{}, "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 40<<10) + "\r\n\r\n", "head-too-large 502"},
	{"too many fields", http1.Asked{}, "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 129) + "\r\n", "too-many-fields 502"},
	{"bad chunk size", http1.Asked{}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "200 -1; chunk-size 502"},
	{"chunk too long", http1.Asked{}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", "200 -1 a; chunk-end 502"},
	{"connection is no list", http1.Asked{}, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: a b\r\n\r\n", "connection 502"},
	{"ends in the head", http1.Asked{}, "HTTP/1.1 200 OK\r\nContent", "truncated head"},
	{"ends in the body", http1.Asked{}, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "200 5 hel; truncated body"},
	{"ends in a chunk", http1.Asked{}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "200 -1 hel; truncated body"},
	{"ends before the last chunk", http1.Asked{}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", "200 -1 hel; truncated body"},
}

func TestResponses(t *testing.T) {
	for _, test := range responses {
		t.Run(test.name, func(t *testing.T) {
			for name, how := range ways {
				if got := answered(how(strings.NewReader(test.raw)), test.asked); got != test.want {
					t.Errorf("%s: got %.300q\nwant %.300q", name, got, test.want)
				}
			}
		})
	}
}

func answered(src io.Reader, asked http1.Asked) string {
	r := http1.NewReader(src, http1.Limits{})
	defer r.Close()
	var said []string
	for {
		var s http1.Response
		err := r.Response(&s, asked)
		if err == io.EOF {
			return strings.Join(said, "; ")
		}
		if err != nil {
			return strings.Join(append(said, refusal(err)), "; ")
		}
		word := fmt.Sprintf("%d %d", s.Status, s.Length)
		if s.Close {
			word += " close"
		}
		body := r.ResponseBody(&s)
		content, err := io.ReadAll(&body)
		said = append(said, strings.TrimSpace(word+" "+string(content)+trailers(body.Trailer())))
		if err != nil {
			return strings.Join(append(said, refusal(err)), "; ")
		}
		if s.Length == -2 {
			return strings.Join(said, "; ")
		}
	}
}
