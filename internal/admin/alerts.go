package admin

import (
	"net/http"

	"postern/internal/access"
	"postern/internal/api"
)

var ofAlertState = filter{"state", "Only those that are so still (open), or all others (resolved).", "", []string{"open", "resolved"}}

// alerts lists the routes of alerts.
func (h *Handler) alerts() []route {
	return []route{
		{http.MethodGet, "/alerts", "listAlerts", "service", "List what is or was wrong, newest first; exports carry the same to whoever is to know", viewers, false, listing(paging, h.cfg.Control.Alerts, h.showAlert, []filter{ofAlertState})},
	}
}

func (h *Handler) showAlert(a access.Alert) api.Alert {
	return api.Alert{ID: string(a.ID), State: h.cfg.Control.AlertState(&a), Code: a.Code, Severity: a.Severity, Object: string(a.Object),
		ObjectName: h.cfg.Control.AlertName(&a), Sentence: a.Sentence, Cure: a.Cure, Opened: a.Opened, Resolved: a.Resolved}
}
