package api

// ApplicationInput is what an administrator writes of an application.
type ApplicationInput struct {
	Name              string    `json:"name" doc:"The name for people, unique." example:"Wiki"`
	Kind              string    `json:"kind,omitempty" enum:"web,private,quick-access" default:"web" doc:"web: a web application, published at an external URL for browsers. private: destinations (segments) that devices with a client reach, whatever is spoken there. quick-access: the one private application that comes after all others."`
	ConnectorGroup    string    `json:"connectorGroup,omitempty" doc:"The connector group that serves it; the default group if left out."`
	ExternalURL       string    `json:"externalUrl,omitempty" doc:"The https URL that people use; of a web application." example:"https://wiki.example.com/"`
	InternalURL       string    `json:"internalUrl,omitempty" doc:"The http or https URL that the connectors reach; of a web application." example:"http://wiki.internal:8080/"`
	Segments          []Segment `json:"segments,omitempty" maxItems:"10000" doc:"The destinations of a private application. Of several applications that have a destination one is its owner: any other before Quick Access, a name before a domain, a longer domain before a shorter one, fewer addresses before more, fewer ports before more."`
	Direct            bool      `json:"direct,omitempty" doc:"Of a private application: a device that reaches no gateway dials its destinations itself, as if there were no client. Otherwise they are blocked then."`
	ProxyProtocol     string    `json:"proxyProtocol,omitempty" enum:",v2" doc:"Of a private application: connectors tell its servers the device's address by a header of the PROXY protocol of this version, ahead of all bytes of a TCP flow. Servers must expect it. Left out, they see the connector's address."`
	PreAuthentication string    `json:"preAuthentication,omitempty" enum:"sign-in,passthrough" default:"sign-in" doc:"What happens before a byte reaches the private network."`
	HostHeader        string    `json:"hostHeader,omitempty" enum:"internal,external" default:"internal" doc:"Which Host the application is shown."`
	BackendProtocol   string    `json:"backendProtocol,omitempty" enum:"http1,http2,auto" default:"http1" doc:"Which version of HTTP the application is spoken to: http1; http2, which gRPC needs (agreed on in TLS by ALPN, or h2c where the internal URL has http://); auto, whichever it chooses in TLS."`
	Balancing         string    `json:"balancing,omitempty" enum:"least-loaded,sticky-user,sticky-address,priority" default:"least-loaded" doc:"Which connector of the group carries a request: the one with the least to do and the shortest way to the application; always the same for a user or for a client's address; or the first by the connectors' priority. A connector that cannot reach the application is passed over in any case."`
	Disabled          bool      `json:"disabled" required:"false" doc:"Nobody may use it, for maintenance."`
	SkipVerify        bool      `json:"skipVerify" required:"false" doc:"Do not verify the TLS certificate of the internal URL. A weakness that the audit log records."`
	BackendCA         string    `json:"backendCa,omitempty" doc:"PEM certificates that the chain of the internal URL may end in, beside the connector's own."`
	BackendTimeout    string    `json:"backendTimeout,omitempty" doc:"How long to wait for the application's answer to begin, as a number with h, m or s; 1m25s if left out." example:"1m25s"`
	IdleTimeout       string    `json:"idleTimeout,omitempty" doc:"How long a body or a WebSocket may stand still, as a number with h, m or s; 5m if left out." example:"5m"`
	AccessKeys        bool      `json:"accessKeys" required:"false" doc:"Users may make access keys for it, for programs that can neither sign in nor renew a token. A key counts as one factor."`
	Requestable       bool      `json:"requestable" required:"false" doc:"Users may ask for it on the page of their applications."`
	OwnerUsers        []string  `json:"ownerUsers" required:"false" doc:"Users who answer such requests, beside administrators of policies."`
	OwnerGroups       []string  `json:"ownerGroups" required:"false" doc:"Groups whose members answer such requests."`
	AllowRawPaths     bool      `json:"allowRawPaths" required:"false" doc:"Forward request targets that could be read in two ways. A weakness that the audit log records."`
}

// Segment is a set of destinations of a private application.
type Segment struct {
	Destination string `json:"destination" doc:"A name (db.corp.example), all names below a domain (*.corp.example), a domain and all names below it (.corp.example), an address, a CIDR prefix, or two addresses with - between." example:"db.corp.example"`
	Ports       string `json:"ports" doc:"Ports and ranges of ports, with commas between." example:"22,80-90"`
	Protocol    string `json:"protocol,omitempty" enum:"tcp,udp,both" default:"tcp" doc:"The transport protocols."`
}

// Application is a web application that is published, or a private one.
type Application struct {
	Meta
	ApplicationInput
}

// AssignmentInput is what an administrator writes of an assignment. Exactly one of User and Group
// is set.
type AssignmentInput struct {
	Application string `json:"application" doc:"The application that may be used."`
	User        string `json:"user,omitempty" doc:"The user who may use it; either this or group."`
	Group       string `json:"group,omitempty" doc:"The group whose members may use it; either this or user."`
	Expires     Time   `json:"expires,omitzero" doc:"When it ends; absent for never. The only thing of an assignment that can be changed."`
}

// Assignment lets a user or a group use an application.
type Assignment struct {
	Meta
	AssignmentInput
	ApplicationName string `json:"applicationName,omitempty" doc:"The application's name; in what is read, if you may read it."`
	UserName        string `json:"userName,omitempty" doc:"The user's sign-in name; in what is read, if you may read it."`
	GroupName       string `json:"groupName,omitempty" doc:"The group's name; in what is read, if you may read it."`

	Request string `json:"request,omitempty" doc:"The access request that it was made for."`
}

// CertificateInput is a certificate for the public side of a domain.
type CertificateInput struct {
	Chain string `json:"chain" doc:"PEM certificates, the domain's own first." minLength:"1"`
	Key   string `json:"key" doc:"The PEM private key. It is sealed and never given back." minLength:"1"`
}

// Certificate is a certificate that was uploaded for a domain.
type Certificate struct {
	Meta
	Domain   string `json:"domain" doc:"An exact name, or *. and a parent." example:"*.example.com"`
	Chain    string `json:"chain" doc:"PEM certificates, the domain's own first."`
	NotAfter Time   `json:"notAfter" doc:"When it expires."`
	Issuer   string `json:"issuer" doc:"Who issued it."`
	SHA256   string `json:"sha256" doc:"SHA-256 of the certificate, hexadecimal."`
}
