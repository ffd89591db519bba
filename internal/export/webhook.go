package export

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"postern/internal/fault"
	"postern/internal/fetch"
)

// webhook posts JSON. A status of 2xx says that the other side has the batch.
type webhook struct{ cfg Config }

// SignatureHeader carries the time and the HMAC-SHA-256 of time, "." and body under the secret.
const SignatureHeader = "Postern-Signature"

func (w *webhook) Close() { w.cfg.Fetch.Close() }

// posted is an event as a webhook gets it.
type posted struct {
	Stream string          `json:"stream"`
	ID     string          `json:"id"`
	Seq    uint64          `json:"seq"`
	Data   json.RawMessage `json:"data"`
}

func (w *webhook) Send(ctx context.Context, batch []Event) error {
	var body bytes.Buffer
	lines := json.NewEncoder(&body)
	lines.SetEscapeHTML(false)
	kind := "application/x-ndjson"
	var err error
	if w.cfg.Array {
		kind = "application/json"
		list := make([]posted, len(batch))
		for i, e := range batch {
			list[i] = posted{e.Stream, e.ID, e.Seq, e.Data}
		}
		err = lines.Encode(list)
	} else {
		for _, e := range batch {
			if err == nil {
				err = lines.Encode(posted{e.Stream, e.ID, e.Seq, e.Data})
			}
		}
	}
	if err != nil {
		return fault.Internal(err, "encode events for a webhook")
	}
	head := http.Header{"Content-Type": {kind}}
	if len(w.cfg.Secret) > 0 {
		head.Set(SignatureHeader, sign(w.cfg.Secret, w.cfg.Now().Unix(), body.Bytes()))
	}
	answer, err := w.cfg.Fetch.Do(ctx, fetch.Request{Method: http.MethodPost, URL: w.cfg.URL, Header: head, Body: body.Bytes()})
	if err != nil {
		return err
	}
	return answer.OK()
}

// sign gives "t=seconds,v1=hexadecimal".
func sign(secret []byte, seconds int64, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(strconv.FormatInt(seconds, 10) + "."))
	mac.Write(body)
	return fmt.Sprintf("t=%d,v1=%s", seconds, hex.EncodeToString(mac.Sum(nil)))
}
