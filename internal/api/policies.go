package api

// PolicyInput is what an administrator writes of a policy.
type PolicyInput struct {
	Name            string   `json:"name" doc:"The name for people, unique." example:"Second factor for staff"`
	Description     string   `json:"description" required:"false" doc:"What the policy is for."`
	Mode            string   `json:"mode,omitempty" required:"false" enum:"enforce,report-only,off" doc:"What becomes of a request that does not meet it: denied, or allowed and told of in its record; off is as if it were not there. enforce if left out."`
	AllApplications bool     `json:"allApplications" required:"false" doc:"It is for every application; otherwise for those named."`
	Applications    []string `json:"applications" required:"false" doc:"The applications that it is for."`
	Everyone        bool     `json:"everyone" required:"false" doc:"It is for everybody; otherwise for the users and groups named."`
	Users           []string `json:"users" required:"false" doc:"Users whom it is for."`
	Groups          []string `json:"groups" required:"false" doc:"Groups whom it is for, with those within them."`
	ExceptUsers     []string `json:"exceptUsers" required:"false" doc:"Users whom it is not for, whatever else names them."`
	ExceptGroups    []string `json:"exceptGroups" required:"false" doc:"Groups whom it is not for, with those within them."`
	Strength        string   `json:"strength,omitempty" required:"false" enum:",single-factor,multi-factor,phishing-resistant" doc:"How well people must have proven who they are, at least; empty for any way."`
	MaxAge          string   `json:"maxAge" required:"false" doc:"How long ago the last proof may be, such as 30m or 12h; empty for any time." example:"12h"`
	AllowedNetworks []string `json:"allowedNetworks" required:"false" doc:"Networks, such as 192.0.2.0/24, of which the client must be in one; empty for anywhere."`
	BlockedNetworks []string `json:"blockedNetworks" required:"false" doc:"Networks of which the client must be in none."`
	DeviceEnrolled  bool     `json:"deviceEnrolled" required:"false" doc:"They must come by postern-client from an enrolled device. A browser is none, so web applications are out of reach."`
	DeviceSystems   []string `json:"deviceSystems" required:"false" doc:"Operating systems, linux, windows or darwin, of which the enrolled device must have one; empty for any, and for no device." example:"[\"linux\",\"darwin\"]"`
	ClientVersions  []string `json:"clientVersions" required:"false" doc:"Least versions of the client on the enrolled device, such as 1.4.0, or windows=1.4.0 for one operating system; empty for any, and for no device." example:"[\"1.4.0\"]"`
	Windows         []string `json:"windows" required:"false" doc:"Times of the week, one of which must be open: days, times and a time zone; empty for always." example:"[\"mon-fri 08:00-18:00 Europe/Berlin\"]"`
}

// Policy is what requests to some applications must meet, beside being assigned.
type Policy struct {
	Meta
	PolicyInput
	Unknown bool `json:"unknown,omitempty" doc:"A later version of Postern wrote a condition that this one does not know: nobody meets it."`
}

// Policies are what requests must meet.
type Policies struct {
	reads[Policy]
	shows[Policy]
	creates[PolicyInput, Policy]
	patches[Policy]
	pasts[Policy]
	deletes
}

func (c *Client) policies() {
	n := noun{c, "policies"}
	c.Policies = Policies{reads[Policy]{n}, shows[Policy]{n}, creates[PolicyInput, Policy]{n}, patches[Policy]{n}, pasts[Policy]{n}, deletes{n}}
	r := noun{c, "requests"}
	c.Requests = Requests{reads[AccessRequest]{r}, shows[AccessRequest]{r}}
}
