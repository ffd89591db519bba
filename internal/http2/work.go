package http2

import "time"

// Prices of what a client may make us do for nothing: see Limits.Work. One budget for all of it bounds what one client
// costs, whatever it mixes, and needs no knowledge of the next trick.
const (
	priceFrame   = 1  // a frame that achieves nothing: PING, PRIORITY, empty DATA or CONTINUATION, an unknown one, WINDOW_UPDATE
	priceSetting = 1  // a frame SETTINGS, and each of its settings
	priceRefused = 5  // a request that is refused, or a frame on a stream that is over
	priceReset   = 10 // a stream that ends before it is answered: by the client, or by us for what it did

	worthRequest = 20 // a request that was answered
	worthFrame   = 2  // a frame of content that we sent: both windows are updated for it
	worthContent = 1  // so many bytes of content that came: worthBytes
	worthBytes   = 512
)

// A budget is what is left of a connection's Work. It is the reader's; earned is what others add, under the lock.
type budget struct {
	most, left int
	at         time.Time // when time gave something back last
	earned     int       // by others; guarded by conn.mu
}

// back is how long it takes until all is given back.
const back = 10 * time.Second

func newBudget(most int) budget { return budget{most: most, left: most, at: time.Now()} }

func (b *budget) earn(n int) { b.left = min(b.most, b.left+n) }

// spend takes n, or ends the connection with the reason.
func (c *conn) spend(n int, reason string) error {
	b := &c.work
	if b.left -= n; b.left >= 0 {
		return nil
	}
	c.mu.Lock()
	earned := b.earned
	b.earned = 0
	c.mu.Unlock()
	now := time.Now()
	since := min(now.Sub(b.at), back)
	b.at = now
	b.earn(earned + int(int64(b.most)*int64(since)/int64(back)))
	if b.left >= 0 {
		return nil
	}
	return wrong(EnhanceYourCalm, reason, "the client makes work and no use of it")
}
