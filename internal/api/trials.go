package api

import (
	"context"
	"net/http"
	"time"
)

// ApplicationTest is an internal URL to be tried before an application with it is published, or changed.
type ApplicationTest struct {
	InternalURL     string `json:"internalUrl" doc:"The URL that the connectors are to reach." example:"http://wiki.internal/"`
	ExternalURL     string `json:"externalUrl,omitempty" doc:"The URL that people use; needed where hostHeader is external."`
	ConnectorGroup  string `json:"connectorGroup,omitempty" doc:"The connector group whose connectors try it; the default group if left out."`
	HostHeader      string `json:"hostHeader,omitempty" doc:"Which Host the application is shown: internal or external."`
	BackendProtocol string `json:"backendProtocol,omitempty" doc:"Which HTTP it is spoken to: http1, http2 or auto."`
	SkipVerify      bool   `json:"skipVerify,omitempty" doc:"Do not verify its TLS certificate; what is wrong with that is told all the same."`
	BackendCA       string `json:"backendCa,omitempty" doc:"PEM certificates that its chain may end in, beside the system's; at most 32 KiB."`
}

// ApplicationTested is what each connector of the group saw.
type ApplicationTested struct {
	Items []ApplicationTrial `json:"items" doc:"The connectors that would carry its traffic, those of its own group first. At most 8 are asked."`
}

// ApplicationTrial is what one connector saw.
type ApplicationTrial struct {
	Connector   string            `json:"connector" doc:"Its id."`
	Name        string            `json:"name" doc:"Its name."`
	Backup      bool              `json:"backup" doc:"It is of the backup group, which carries requests only while the application's own cannot."`
	Label       string            `json:"label" enum:"active,unreachable,unknown,degraded,draining,inactive,disabled" doc:"In a word: active reached it; unreachable did not; all others were not asked."`
	Why         string            `json:"why,omitempty" doc:"Why it was not reached or not asked, in a sentence."`
	Code        string            `json:"code,omitempty" doc:"Why it was not reached, in a stable word; docs/troubleshooting.md has them."`
	Phase       string            `json:"phase,omitempty" doc:"How far it got: local (rules), resolve, connect, tls."`
	Address     string            `json:"address,omitempty" doc:"The address that it connected to."`
	Resolve     float64           `json:"resolve,omitempty" doc:"How long the look-up of the name took, in milliseconds."`
	Connect     float64           `json:"connect,omitempty" doc:"How long connecting took, in milliseconds."`
	Handshake   float64           `json:"handshake,omitempty" doc:"How long TLS took, in milliseconds."`
	Certificate *TrialCertificate `json:"certificate,omitempty" doc:"What it showed in TLS, good or not."`
	Answer      *TrialAnswer      `json:"answer,omitempty" doc:"The answer to one GET of the URL's path."`
}

// TrialCertificate is the certificate that a backend showed to a connector.
type TrialCertificate struct {
	Subject   string   `json:"subject" doc:"Whose it says it is."`
	Issuer    string   `json:"issuer" doc:"Who made it."`
	Names     []string `json:"names,omitempty" doc:"The host names and addresses that it is for."`
	NotBefore Time     `json:"notBefore" doc:"From when it is good."`
	NotAfter  Time     `json:"notAfter" doc:"Until when it is good."`
	SHA256    string   `json:"sha256" doc:"Its fingerprint, in lower-case hex."`
	TLS       string   `json:"tls,omitempty" doc:"The version of TLS that was agreed on."`
	Trusted   bool     `json:"trusted" doc:"The connector trusts it for this name."`
	Problem   string   `json:"problem,omitempty" doc:"Why not, in a sentence."`
	Code      string   `json:"code,omitempty" doc:"Why not, in a stable word."`
}

// TrialAnswer is what an application answered when it was asked once.
type TrialAnswer struct {
	Protocol string  `json:"protocol,omitempty" doc:"Such as HTTP/1.1."`
	Status   int     `json:"status,omitempty" doc:"The status; absent without an answer."`
	Location string  `json:"location,omitempty" doc:"Where it leads on to. Nobody went there."`
	Server   string  `json:"server,omitempty" doc:"What it says it is."`
	Took     float64 `json:"took" doc:"How long the answer took to begin, in milliseconds."`
	Error    string  `json:"error,omitempty" doc:"Why there was no answer."`
}

// TestApplication has connectors try an internal URL before anything is stored.
func (c *Client) TestApplication(ctx context.Context, in ApplicationTest) (ApplicationTested, error) {
	var out ApplicationTested
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"applications", "test"}, in: in, out: &out, within: 30 * time.Second})
	return out, err
}
