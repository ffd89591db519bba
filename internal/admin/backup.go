package admin

import (
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"postern/internal/api"
	"postern/internal/fault"
	"postern/internal/web"
)

// backup sends what control wrote to a temporary file: a reader who is slow does not hold the database's moment, and the length that is
// told first shows whoever is cut off that he was.
func (h *Handler) backup() operation {
	return operation{status: 200, file: api.BackupType, run: func(c *call) (reply, error) {
		file, err := os.CreateTemp("", "postern-backup-*") // its mode is 0600
		if err != nil {
			return reply{}, fault.Internal(err, "a temporary file for the backup cannot be made")
		}
		spool := &spooled{file}
		summary, err := h.cfg.Control.Backup(c, c.by, file)
		if err == nil {
			_, err = file.Seek(0, io.SeekStart)
		}
		if err != nil {
			spool.Close()
			return reply{}, err
		}
		return reply{file: spool, name: "postern-" + summary.Taken.Format("20060102-150405") + ".backup"}, nil
	}}
}

// spooled is a temporary file that is removed when it is closed.
type spooled struct{ *os.File }

func (s *spooled) Close() error {
	defer os.Remove(s.Name()) // a temporary file in a temporary directory
	return s.File.Close()
}

// sendSlice is how much of a file must be taken within sendWithin.
const (
	sendSlice  = 256 << 10
	sendWithin = time.Minute
)

// send sends a file. Whoever takes nothing for a while is cut off.
func (h *Handler) send(rt *route, w http.ResponseWriter, r *http.Request, a reply) {
	defer a.file.Close() // it was only read
	info, err := a.file.Stat()
	if err != nil {
		h.cfg.Log.Error("file cannot be sent", "operation", rt.name, "error", err)
		web.Problem(w, r, fault.Internal(err, "the file could not be read"))
		return
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Type", rt.file)
	header.Set("Content-Disposition", `attachment; filename="`+a.name+`"`)
	header.Set("Content-Length", strconv.FormatInt(info.Size(), 10))
	w.WriteHeader(rt.status)
	control := http.NewResponseController(w)
	for {
		_ = control.SetWriteDeadline(time.Now().Add(sendWithin)) // where it cannot be set the server's own holds
		_, err := io.CopyN(w, a.file, sendSlice)
		if err == io.EOF {
			return
		}
		if err != nil {
			h.cfg.Log.Warn("a file was not taken to its end", "operation", rt.name, "error", err)
			return // the length that was told shows that this is not all
		}
	}
}
