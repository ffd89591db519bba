package api

// Alert is something that was wrong for a while, or that happened once.
type Alert struct {
	ID         string `json:"id" doc:"Names the alert for ever."`
	State      string `json:"state" enum:"open,resolved,event" doc:"It is so still, it was, or it happened once."`
	Code       string `json:"code" doc:"What kind of alert, a stable word; docs/troubleshooting.md has them."`
	Severity   string `json:"severity" enum:"error,warning,notice" doc:"Whether something does not work, will stop working, or should only be known."`
	Object     string `json:"object,omitempty" doc:"The id of what it is about."`
	ObjectName string `json:"objectName,omitempty" doc:"Its name."`
	Sentence   string `json:"sentence" doc:"What is wrong."`
	Cure       string `json:"cure" doc:"What to do about it."`
	Opened     Time   `json:"opened" doc:"Since when."`
	Resolved   Time   `json:"resolved,omitzero" doc:"Until when; absent while it is so."`
}

// Alerts are what somebody is to be told of, newest first.
type Alerts struct{ reads[Alert] }
