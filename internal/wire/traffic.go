package wire

import (
	"strconv"
	"time"
)

// QuestionTraffic is asked by a gateway of another: AskTraffic → Traffic.
const QuestionTraffic = "traffic"

// TrafficFilter says which records of a traffic log are wanted. An empty field is no condition.
type TrafficFilter struct {
	From        time.Time     `json:"from,omitzero"` // began at or after
	To          time.Time     `json:"to,omitzero"`   // began at or before
	User        string        `json:"user,omitempty"`
	Application string        `json:"application,omitempty"`
	Device      string        `json:"device,omitempty"`
	Connector   string        `json:"connector,omitempty"`
	Gateway     string        `json:"gateway,omitempty"`
	Client      string        `json:"client,omitempty"` // an address or a network, as in 203.0.113.0/24
	Host        string        `json:"host,omitempty"`
	Path        string        `json:"path,omitempty"` // begins with it
	Method      string        `json:"method,omitempty"`
	Status      int           `json:"status,omitempty"` // 404, or 4 for all of 400 to 499
	Outcome     Outcome       `json:"outcome,omitempty"`
	Action      string        `json:"action,omitempty"`
	Reason      string        `json:"reason,omitempty"`
	Hop         string        `json:"hop,omitempty"`
	Request     string        `json:"request,omitempty"`
	MinDuration time.Duration `json:"minDuration,omitempty"`
	Policy      string        `json:"policy,omitempty"` // said no, would have if it were enforced, or was passed by breaking the glass
}

// AskTraffic asks a gateway for records of its log, the newest first.
type AskTraffic struct {
	Filter TrafficFilter `json:"filter"`
	// Before says where to go on, by the log's id: only records with a smaller place. A log that it does not name has
	// nothing to say. Empty: from the end.
	Before map[string]uint64 `json:"before,omitempty"`
	Limit  int               `json:"limit"`
}

// Traffic is a part of a traffic log.
type Traffic struct {
	Log     string          `json:"log"` // names the log, which outlives its gateway
	Records []TrafficRecord `json:"records"`
	// Before says where to go on, also when there are no records: a search is cut into parts that do not take long. 0: this
	// was all.
	Before uint64 `json:"before,omitempty"`
	// Reached is how far back a search that goes on has come; zero if there is nothing to go on with.
	Reached time.Time `json:"reached,omitzero"`
	// Problem says why the log keeps nothing at the moment.
	Problem string `json:"problem,omitempty"`
}

// TrafficRecord is a record with its place in its log, which goes up by one from record to record.
type TrafficRecord struct {
	Place uint64 `json:"place"`
	Log   string `json:"log"`
	Record
}

// ID names the record for ever.
func (r *TrafficRecord) ID() string { return r.Log + "-" + strconv.FormatUint(r.Place, 10) }

// End gives when what the record tells of was over.
func (r *Record) End() time.Time { return r.Time.Add(r.Duration) }
