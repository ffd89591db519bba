package admin

import (
	"net/http"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
)

// settings gives the routes of what there is one of: how pages look, how long logs are kept, the flags of the service.
func (h *Handler) settings() []route {
	c := h.cfg.Control
	get, post, patch := http.MethodGet, http.MethodPost, http.MethodPatch
	return []route{
		{get, "/branding", "showBranding", "service", "Show how the pages look that people see", viewers, false, h.showBranding()},
		{patch, "/branding", "updateBranding", "service", "Change how the pages look that people see", owner, false, h.updateBranding()},
		{get, "/branding/history", "listBrandingHistory", "service", "Show who changed what of the branding", viewers, false, history("", c.BrandingHistory)},
		{post, "/branding/undo", "undoBranding", "service", "Give the pages the look of an earlier version", owner, false, undo("", c.UndoBranding, showBranding)},
		{get, "/retention", "showRetention", "service", "Show how long logs are kept", viewers, false, h.showRetention()},
		{patch, "/retention", "updateRetention", "service", "Change how long logs are kept", owner, false, h.updateRetention()},
		{get, "/retention/history", "listRetentionHistory", "service", "Show who changed how long logs are kept", viewers, false, history("", c.RetentionHistory)},
		{post, "/retention/undo", "undoRetention", "service", "Keep logs as long as an earlier version said", owner, false, undo("", c.UndoRetention, showRetention)},
		{get, "/settings", "showSettings", "service", "Show the flags of the service that answers", viewers, false, h.showSettings()},
		{post, "/backup", "takeBackup", "service", "Give everything that the database holds, for postern db restore; the master key is not in it", owner, false, h.backup()},
	}
}

func showRetention(k control.Keeping) api.Retention {
	return api.Retention{Meta: meta(k.Meta), RetentionInput: inputRetention(k.Retention),
		InForce: api.RetentionInForce{Audit: showKept(k.Audit), SignIns: showKept(k.SignIns), Traffic: showKept(k.Traffic), TrafficSize: showKept(k.TrafficSize)}}
}

func showKept(k control.Kept) api.Kept {
	shown := api.Kept{Seconds: int64(k.For.Seconds()), Bytes: max(0, k.Bytes), Off: k.Bytes < 0, By: "usual", Flag: k.Flag}
	switch {
	case k.Flag != "":
		shown.By = "flag"
	case k.Set:
		shown.By = "setting"
	}
	return shown
}

func inputRetention(r access.Retention) api.RetentionInput {
	return api.RetentionInput{AuditDays: r.AuditDays, SignInDays: r.SignInDays, TrafficDays: r.TrafficDays, TrafficBytes: r.TrafficBytes}
}

func retentionOf(in api.RetentionInput) access.Retention {
	return access.Retention{AuditDays: in.AuditDays, SignInDays: in.SignInDays, TrafficDays: in.TrafficDays, TrafficBytes: in.TrafficBytes}
}

func (h *Handler) showRetention() operation {
	return operation{out: typeOf[api.Retention](), status: 200, tagged: true, run: func(c *call) (reply, error) {
		k, err := h.cfg.Control.Retention(c, c.by)
		if err != nil {
			return reply{}, err
		}
		return tagged(showRetention(k)), nil
	}}
}

func (h *Handler) updateRetention() operation {
	return operation{in: typeOf[api.RetentionInput](), out: typeOf[api.Retention](), status: 200, patch: true, tagged: true, match: "one", run: func(c *call) (reply, error) {
		k, err := h.cfg.Control.Retention(c, c.by)
		if err != nil {
			return reply{}, err
		}
		if c.condition.match(k.Version) != nil {
			return reply{}, changed()
		}
		in, err := patched(c, inputRetention(k.Retention))
		if err != nil {
			return reply{}, err
		}
		wanted := retentionOf(in)
		wanted.Meta = k.Meta
		if k, err = h.cfg.Control.UpdateRetention(c, c.by, wanted); err != nil {
			return reply{}, err
		}
		return tagged(showRetention(k)), nil
	}}
}

func (h *Handler) showSettings() operation {
	return operation{out: typeOf[api.Settings](), status: 200, run: func(c *call) (reply, error) {
		flags, err := h.cfg.Control.Flags(c, c.by)
		if err != nil {
			return reply{}, err
		}
		shown := api.Settings{Items: make([]api.Setting, len(flags))}
		for i, f := range flags {
			shown.Items[i] = api.Setting{Name: f.Name, Value: f.Value, Set: f.Set}
		}
		return reply{body: shown}, nil
	}}
}
