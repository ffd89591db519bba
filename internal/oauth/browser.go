package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"postern/internal/fault"
)

// Browser signs in through the browser of this machine. show is given the address to open there; it
// waits until ctx ends.
func (c *Client) Browser(ctx context.Context, ask Ask, show func(address string)) (Tokens, error) {
	listener, err := listen()
	if err != nil {
		return Tokens{}, err
	}
	verifier, state := rand.Text()+rand.Text(), rand.Text()
	redirect := "http://" + listener.Addr().String() + "/callback"
	answers := make(chan url.Values, 1)
	server := &http.Server{Handler: callback(state, answers), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(listener) }() // it says only that it was closed
	defer func() {
		// The browser reads the page to its end first.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(last) != nil {
			_ = server.Close()
		}
		<-ended
	}()
	show(c.authorizeURL(ask, verifier, state, redirect))
	var answer url.Values
	select {
	case answer = <-answers:
	case <-ctx.Done():
		return Tokens{}, waited(ctx, "nobody answered in the browser")
	}
	if answer.Get("iss") != c.issuer { // RFC 9207
		return Tokens{}, fault.New(fault.KindUpstream, "the answer is not from %s", c.issuer)
	}
	if code := answer.Get("error"); code != "" {
		return Tokens{}, refused(code, answer.Get("error_description"))
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "redirect_uri": {redirect}, "code_verifier": {verifier}}
	return c.tokens(ctx, form)
}

func listen() (net.Listener, error) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		return first, nil
	}
	second, other := net.Listen("tcp", "[::1]:0")
	if other != nil {
		return nil, fmt.Errorf("listen on this machine for the browser's answer: %w", errors.Join(err, other))
	}
	return second, nil
}

func (c *Client) authorizeURL(ask Ask, verifier, state, redirect string) string {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{"response_type": {"code"}, "client_id": {c.id}, "redirect_uri": {redirect}, "state": {state},
		"code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}}
	for name, value := range map[string]string{"resource": ask.Resource, "device_name": ask.Name} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return c.at.Authorize + "?" + q.Encode()
}

func refused(code, detail string) error {
	switch {
	case code == "access_denied":
		return fault.Forbidden("the sign-in was refused in the browser")
	case detail != "":
		return fault.Invalid("sign-in", "was refused: %s", plain(detail))
	}
	return fault.Invalid("sign-in", "was refused: %s", plain(code))
}

// waited says why waiting ended.
func waited(ctx context.Context, what string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.New(fault.KindTimeout, "%s in time; begin again", what)
	}
	return context.Cause(ctx)
}

// callback takes the one answer with the right state. Whatever else asks here, another program of this
// machine or a page in a browser, is told nothing.
func callback(state string, answers chan<- url.Values) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'")
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		q := r.URL.Query()
		if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1 {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, "<!doctype html><title>Postern</title><p>This is not the answer to what the program asked.")
			return
		}
		select {
		case answers <- q:
		default: // the first one counts
		}
		text := "You are signed in. You may close this page and go back to the program."
		if q.Get("error") != "" {
			text = "You are not signed in; the program says why. You may close this page."
		}
		fmt.Fprintf(w, `<!doctype html><html lang="en"><meta charset="utf-8"><title>Postern</title><h1>Postern</h1><p>%s</p></html>`, text)
	})
	return mux
}
