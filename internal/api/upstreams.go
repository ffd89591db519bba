package api

import (
	"context"
	"net/http"
	"time"
)

// UpstreamInput is what an administrator writes of an upstream, except its secret. Exactly one of
// OIDC, LDAP and SAML is set.
type UpstreamInput struct {
	Name      string           `json:"name" doc:"The name for people, unique; who signs in reads it." example:"Example Corp"`
	Kind      string           `json:"kind" enum:"oidc,ldap,saml" doc:"The protocol that it speaks; stays what it is."`
	Disabled  bool             `json:"disabled" required:"false" doc:"Nobody may sign in by it; sessions that came from it end."`
	OnlyKnown bool             `json:"onlyKnown" required:"false" doc:"Nobody new: only users that were linked to it before."`
	Default   bool             `json:"default" required:"false" doc:"The sign-in page leads there at once. One upstream may be it; not of kind ldap."`
	Domains   []string         `json:"domains,omitempty" doc:"Of kind ldap: it serves the sign-in names that end so; if left out, every name that is nobody else's." example:"[\"example.com\"]"`
	Mapping   *UpstreamMapping `json:"mapping,omitempty" doc:"What becomes here of what it says about somebody."`
	OIDC      *UpstreamOIDC    `json:"oidc,omitempty" doc:"Of kind oidc: how to reach the provider."`
	LDAP      *UpstreamLDAP    `json:"ldap,omitempty" doc:"Of kind ldap: how to reach the directory, and where in it the users are."`
	SAML      *UpstreamSAML    `json:"saml,omitempty" doc:"Of kind saml: how to reach the provider."`
}

// UpstreamMapping says what becomes of what an upstream says.
type UpstreamMapping struct {
	Name         string                `json:"name,omitempty" doc:"The claim or attribute that gives the sign-in name; the usual ones if left out." example:"preferred_username"`
	DisplayName  string                `json:"displayName,omitempty" doc:"The one that gives the display name." example:"name"`
	Email        string                `json:"email,omitempty" doc:"The one that gives the e-mail address." example:"email"`
	EmailDomains []string              `json:"emailDomains,omitempty" doc:"Lets in only who has a verified e-mail address in one of these domains." example:"[\"example.com\"]"`
	Required     []UpstreamRequirement `json:"required,omitempty" doc:"Lets in only who fulfils all of these."`
	Groups       []UpstreamGroup       `json:"groups,omitempty" doc:"Which of its groups make members of which of ours."`
	GroupsByName bool                  `json:"groupsByName" required:"false" doc:"Its groups also make members of ours that have the same name."`
	GroupPrefix  string                `json:"groupPrefix,omitempty" doc:"With groupsByName: only those whose name begins so." example:"postern-"`
}

// UpstreamRequirement asks that a claim holds one of the values.
type UpstreamRequirement struct {
	Claim  string   `json:"claim" doc:"The claim or attribute." example:"tid"`
	Values []string `json:"values" doc:"One of these must be in it."`
}

// UpstreamGroup makes members of an upstream's group members of one of ours.
type UpstreamGroup struct {
	From string `json:"from" doc:"The upstream's group as it names it; of a directory the distinguished name." example:"cn=staff,ou=groups,dc=example,dc=com"`
	To   string `json:"to" doc:"Our group."`
}

// UpstreamOIDC says how to reach an OpenID Connect provider.
type UpstreamOIDC struct {
	Issuer        string   `json:"issuer" doc:"The issuer, exactly as the provider states it; cannot be changed while it has users." example:"https://login.example.com/realms/main"`
	ClientID      string   `json:"clientId" doc:"What the provider calls this service." example:"postern"`
	Scopes        []string `json:"scopes,omitempty" doc:"What to ask for beside openid; profile, email and, where the provider has it, offline_access if left out."`
	GroupsClaim   string   `json:"groupsClaim,omitempty" doc:"Where the groups are; groups if left out." example:"groups"`
	AllowPrivate  bool     `json:"allowPrivate" required:"false" doc:"The provider may be at a private address."`
	AllowLoopback bool     `json:"allowLoopback" required:"false" doc:"The provider is this very machine."`
	CA            string   `json:"ca,omitempty" doc:"PEM certificates that its chain may end in, beside the system's."`
	StrongACR     []string `json:"strongAcr,omitempty" doc:"Which of its authentication contexts (acr) are more than one factor. It is asked for them where a policy wants that." example:"[\"https://refeds.org/profile/mfa\"]"`
	StrongAMR     []string `json:"strongAmr,omitempty" doc:"Which of its methods (amr) are more than one factor, beside those that RFC 8176 names." example:"[\"duo\"]"`
	ProofLife     string   `json:"proofLife,omitempty" doc:"Of a provider that gives no refresh token: how long a session is good without its word, from 15m to 24h; 1h if left out. After 15 minutes the next page goes by the provider, without a question if it has none." example:"1h"`
	SecretExpires Time     `json:"secretExpires,omitzero" required:"false" doc:"When the provider will not take the client secret any more, as it says where the secret is made. Health tells 30 days ahead."`
}

// UpstreamLDAP says how to reach a directory and where in it the users are.
type UpstreamLDAP struct {
	URLs             []string `json:"urls" doc:"The servers, tried in turn." example:"[\"ldaps://dc1.example.com\"]"`
	StartTLS         bool     `json:"startTls" required:"false" doc:"Encrypt ldap:// connections before anything is said."`
	AllowPlain       bool     `json:"allowPlain" required:"false" doc:"Send passwords unencrypted. A weakness that the audit log records."`
	CA               string   `json:"ca,omitempty" doc:"PEM certificates that the servers' chains may end in, beside the system's."`
	BaseDN           string   `json:"baseDn" doc:"Users are below this entry." example:"dc=example,dc=com"`
	BindDN           string   `json:"bindDn,omitempty" doc:"Who looks users up; anonymous if left out. Its password is the upstream's secret." example:"cn=postern,ou=services,dc=example,dc=com"`
	UserFilter       string   `json:"userFilter,omitempty" doc:"Finds a user by {name}, as it was typed, or {account}, without its domain." example:"(uid={name})"`
	SubjectAttribute string   `json:"subjectAttribute,omitempty" doc:"What of a user never changes; objectGUID or entryUUID if left out."`
	Attributes       []string `json:"attributes,omitempty" doc:"What to read beside the usual attributes and those that the mapping names."`
	GroupBase        string   `json:"groupBase,omitempty" doc:"Groups are below this entry; baseDn if left out."`
	GroupFilter      string   `json:"groupFilter,omitempty" doc:"Finds the groups of a user by {dn} or {name}." example:"(member={dn})"`
	NestedGroups     bool     `json:"nestedGroups" required:"false" doc:"Groups of groups count too."`
	ActiveDirectory  bool     `json:"activeDirectory" required:"false" doc:"It is Active Directory."`
	Workgroup        string   `json:"workgroup,omitempty" doc:"What comes before the backslash where people write WORKGROUP\\name." example:"CORP"`
	AllowLoopback    bool     `json:"allowLoopback" required:"false" doc:"The directory may be this very machine."`
}

// UpstreamSAML says how to reach a SAML identity provider.
type UpstreamSAML struct {
	Metadata         string `json:"metadata,omitempty" doc:"The provider's metadata, XML; either this or metadataUrl."`
	MetadataURL      string `json:"metadataUrl,omitempty" doc:"Where to fetch it." example:"https://login.example.com/metadata"`
	EntityID         string `json:"entityId,omitempty" doc:"What the provider calls this service; the address of our own metadata if left out."`
	SubjectAttribute string `json:"subjectAttribute,omitempty" doc:"What of a user never changes; the NameID, which must then be persistent, if left out."`
	GroupsAttribute  string `json:"groupsAttribute,omitempty" doc:"Where the groups are; groups if left out."`
	IdPInitiated     bool   `json:"idpInitiated" required:"false" doc:"Take answers that nobody asked for here, as from a page of the provider."`
	SignRequests     bool   `json:"signRequests" required:"false" doc:"Sign requests with the private key that is the upstream's secret."`
	AllowPrivate     bool   `json:"allowPrivate" required:"false" doc:"The metadata may be at a private address."`
	AllowLoopback    bool   `json:"allowLoopback" required:"false" doc:"The metadata is at this very machine."`
	CA               string `json:"ca,omitempty" doc:"PEM certificates that the chain of metadataUrl may end in, beside the system's."`
	MetadataSigner   string `json:"metadataSigner,omitempty" doc:"PEM certificates of which one must have signed the metadata; if left out, it may be unsigned."`

	StrongContexts []string `json:"strongContexts,omitempty" doc:"Which authentication contexts are more than one factor. It is asked for them where a policy wants that." example:"[\"https://refeds.org/profile/mfa\"]"`
	ProofLife      string   `json:"proofLife,omitempty" doc:"How long a session is good without the provider's word, from 15m to 24h; 1h if left out. After 15 minutes the next page goes by the provider, without a question if it has none." example:"1h"`
}

// UpstreamCreate is a new upstream.
type UpstreamCreate struct {
	UpstreamInput
	Secret string `json:"secret,omitempty" doc:"The client secret, the password of ldap.bindDn, or the PEM private key. It is sealed and never given back."`
}

// Upstream is somebody else who knows our users: they prove there who they are.
type Upstream struct {
	Meta
	UpstreamInput
	HasSecret bool              `json:"hasSecret" doc:"A secret is stored."`
	Addresses UpstreamAddresses `json:"addresses" doc:"What the provider must be told about this service."`
}

// UpstreamAddresses are the addresses that a provider must be told.
type UpstreamAddresses struct {
	Callback    string `json:"callback,omitempty" doc:"The redirect URI, or the assertion consumer service." example:"https://apps.example.com/upstreams/ups_…/callback"`
	BackLogout  string `json:"backChannelLogout,omitempty" doc:"Where the provider tells of ended sessions."`
	FrontLogout string `json:"frontChannelLogout,omitempty" doc:"The same, through the browser."`
	Metadata    string `json:"metadata,omitempty" doc:"Of kind saml: our own metadata."`
}

// SecretInput is a new secret.
type SecretInput struct {
	Secret string `json:"secret" doc:"The new secret; empty removes it."`
}

// UpstreamTest asks what would become of somebody. Nothing is changed by it.
type UpstreamTest struct {
	Claims map[string]any `json:"claims,omitempty" doc:"What the upstream would say: texts, numbers, true or false, or lists of texts."`
	Groups []string       `json:"groups,omitempty" doc:"The upstream's groups; those of its groups claim if left out."`
	User   string         `json:"user,omitempty" doc:"Of kind ldap, instead: the name of somebody whom the directory is asked about."`
}

// UpstreamTry is an upstream that is not stored as it is here, to see whether it works.
type UpstreamTry struct {
	Upstream UpstreamCreate `json:"upstream" doc:"The upstream as it would be."`
	Of       string         `json:"of,omitempty" doc:"The stored upstream that it would change. Its secret is taken if none is given, unless it would be shown to another server."`
	Test     *UpstreamTest  `json:"test,omitempty" doc:"Somebody of whom to say what would become of them."`
}

// UpstreamTried is what came of it.
type UpstreamTried struct {
	Check  UpstreamCheck   `json:"check" doc:"Whether it can be used."`
	Tested *UpstreamTested `json:"tested,omitempty" doc:"What would become of somebody; absent if nobody was asked about, or it cannot be asked."`
}

// UpstreamTested is what would become of somebody.
type UpstreamTested struct {
	Allowed     bool           `json:"allowed" doc:"Whether they would be let in."`
	Reason      string         `json:"reason,omitempty" doc:"Why not."`
	Subject     string         `json:"subject,omitempty" doc:"What the directory calls them for ever."`
	Name        string         `json:"name,omitempty" doc:"The sign-in name."`
	DisplayName string         `json:"displayName,omitempty" doc:"The display name."`
	Email       string         `json:"email,omitempty" doc:"The e-mail address."`
	Groups      []string       `json:"groups" doc:"The names of our groups that they would be a member of."`
	User        string         `json:"user,omitempty" doc:"The user here that they are; absent if one would be made."`
	Steps       []UpstreamStep `json:"steps" doc:"How it came about."`
	Claims      map[string]any `json:"claims,omitempty" doc:"Of somebody whom a directory was asked about: what it said."`
	Upstream    []string       `json:"upstreamGroups" doc:"The upstream's groups."`
}

// UpstreamStep says where one thing came from, or why it was left out.
type UpstreamStep struct {
	What string `json:"what" doc:"What it is about."`
	Why  string `json:"why" doc:"What was found."`
}

// UpstreamCheck says whether an upstream can be used.
type UpstreamCheck struct {
	Works  bool   `json:"works" doc:"It answers, and what it says fits the settings."`
	Reason string `json:"reason,omitempty" doc:"What is wrong."`
}

// Upstreams are who else knows our users.
type Upstreams struct {
	reads[Upstream]
	shows[Upstream]
	creates[UpstreamCreate, Upstream]
	patches[Upstream]
	pasts[Upstream]
	deletes
}

// SetSecret gives an upstream another secret.
func (n Upstreams) SetSecret(ctx context.Context, id, secret string) error {
	c, path := n.reads.c, n.reads.path
	return c.do(ctx, call{method: http.MethodPost, path: []string{path, id, "secret"}, in: SecretInput{secret}})
}

// Try checks an upstream that is not stored as it is here, and says what would become of somebody.
func (n Upstreams) Try(ctx context.Context, in UpstreamTry) (UpstreamTried, error) {
	var out UpstreamTried
	err := n.reads.c.do(ctx, call{method: http.MethodPost, path: []string{n.reads.path, "try"}, in: in, out: &out, within: 30 * time.Second})
	return out, err
}

// Test says what would become of somebody.
func (n Upstreams) Test(ctx context.Context, id string, in UpstreamTest) (UpstreamTested, error) {
	c, path := n.reads.c, n.reads.path
	var out UpstreamTested
	err := c.do(ctx, call{method: http.MethodPost, path: []string{path, id, "test"}, in: in, out: &out})
	return out, err
}

// Check says whether an upstream can be used.
func (n Upstreams) Check(ctx context.Context, id string) (UpstreamCheck, error) {
	c, path := n.reads.c, n.reads.path
	var out UpstreamCheck
	err := c.do(ctx, call{method: http.MethodPost, path: []string{path, id, "check"}, out: &out})
	return out, err
}
