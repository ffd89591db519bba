package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"postern/internal/fault"
)

// BackupType is what a backup is called as content of HTTP: one gzip stream.
const BackupType = "application/gzip"

// backupWithin is how long the service may take to write a backup and the network to carry it.
const backupWithin = 2 * time.Hour

// Backup writes everything that the service's database holds to w, for `postern db restore`. The master key is not in it.
func (c *Client) Backup(ctx context.Context, w io.Writer) (size int64, err error) {
	within, cancel := context.WithTimeout(ctx, backupWithin)
	defer cancel()
	req, err := c.request(within, call{method: http.MethodPost, path: []string{"backup"}})
	if err != nil {
		return 0, err
	}
	req.Header.Set("Accept", BackupType+", application/problem+json")
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, c.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(resp.Body, MaxReply))
		if err != nil {
			return 0, c.unreachable(ctx, err)
		}
		return 0, problem(resp, body)
	}
	if resp.Header.Get("Content-Type") != BackupType {
		return 0, fault.New(fault.KindUpstream, "%s answered with something that is no backup: is this the URL of the admin host?", c.base)
	}
	if size, err = io.Copy(w, resp.Body); err != nil {
		return size, c.unreachable(ctx, err)
	}
	return size, nil
}
