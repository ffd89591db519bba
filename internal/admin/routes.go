package admin

import (
	"net/http"
	"slices"

	"postern/internal/access"
	"postern/internal/api"
)

// A route is one row of the table: what may be asked, where, and by whom. That the roles are so is
// enforced by control, once for every way in; the table documents it and a test compares.
type route struct {
	method, pattern string
	name            string // operationId of the OpenAPI document
	tag, summary    string
	roles           []access.Role // nil: whoever is known
	open            bool          // anyone, known or not
	operation
}

// The sets of roles that the routes distinguish.
var (
	owner         = []access.Role{access.RoleOwner}
	viewers       = []access.Role{access.RoleOwner, access.RoleApplicationAdmin, access.RolePolicyAdmin, access.RoleReader}
	apps          = []access.Role{access.RoleOwner, access.RoleApplicationAdmin}
	people        = []access.Role{access.RoleOwner, access.RolePolicyAdmin}
	assigns       = []access.Role{access.RoleOwner, access.RoleApplicationAdmin, access.RolePolicyAdmin}
	readers       = []access.Role{access.RoleOwner, access.RoleApplicationAdmin, access.RoleReader}
	keepers       = []access.Role{access.RoleOwner, access.RoleReader}
	overseer      = []access.Role{access.RoleOwner, access.RolePolicyAdmin, access.RoleReader}
	connectorLogs = []access.Role{access.RoleOwner, access.RoleApplicationAdmin, access.RoleReader, access.RoleLogReader}
	auditors      = []access.Role{access.RoleOwner, access.RoleReader, access.RoleLogReader}
)

// table lists every route of the admin API.
func (h *Handler) table() []route {
	c := h.cfg.Control
	get, post, put, patch, del := http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
	rows := []route{
		{get, "/applications", "listApplications", "applications", "List applications", viewers, false, list(c.Applications, showApplication, ofApplicationKind, ofConnectorGroup, ofDisabled, ofSignIn, ofRequestable)},
		{post, "/applications", "createApplication", "applications", "Publish an application", apps, false, create(h.createApplication)},
		{post, "/applications/changes", "previewSegments", "applications", "Tell whose destinations would become whose, and who would lose access, before a private application is made, changed or removed", viewers, false, h.previewSegments()},
		{post, "/applications/test", "testApplication", "applications", "Have connectors try an internal URL before an application with it is published", apps, false, h.testApplication()},
		{get, "/applications/{id}", "showApplication", "applications", "Show an application", viewers, false, one(access.PrefixApplication, c.Application, showApplication)},
		{patch, "/applications/{id}", "updateApplication", "applications", "Change an application", apps, false, update(h.changeApplication())},
		{del, "/applications/{id}", "deleteApplication", "applications", "Delete an application", apps, false, remove(access.PrefixApplication, c.DeleteApplication)},
		{get, "/applications/{id}/connectors", "listApplicationConnectors", "applications", "Ask the connectors of an application whether they reach it", viewers, false, h.applicationConnectors()},
		{get, "/connector-groups", "listConnectorGroups", "connector-groups", "List connector groups", viewers, false, list(c.ConnectorGroups, showConnectorGroup)},
		{post, "/connector-groups", "createConnectorGroup", "connector-groups", "Make a connector group", apps, false, create(h.createConnectorGroup)},
		{get, "/connector-groups/{id}", "showConnectorGroup", "connector-groups", "Show a connector group", viewers, false, one(access.PrefixConnectorGroup, c.ConnectorGroup, showConnectorGroup)},
		{patch, "/connector-groups/{id}", "updateConnectorGroup", "connector-groups", "Change a connector group", apps, false, update(h.changeConnectorGroup())},
		{del, "/connector-groups/{id}", "deleteConnectorGroup", "connector-groups", "Delete a connector group without connectors; its applications fall to the default group", apps, false, remove(access.PrefixConnectorGroup, c.DeleteConnectorGroup)},
		{get, "/connectors", "listConnectors", "connectors", "List connectors with their status", viewers, false, list(c.Connectors, h.showConnector, ofConnectorGroup, ofDisabled, ofStatus, ofArchived)},
		{get, "/connectors/{id}", "showConnector", "connectors", "Show a connector with its status", viewers, false, one(access.PrefixConnector, c.Connector, h.showConnector)},
		{patch, "/connectors/{id}", "updateConnector", "connectors", "Rename, move, order, drain, disable or enable a connector", apps, false, update(h.changeConnector())},
		{del, "/connectors/{id}", "deleteConnector", "connectors", "Delete a connector and revoke its certificate", apps, false, remove(access.PrefixConnector, c.DeleteConnector)},
		{post, "/connectors/{id}/approve", "approveConnector", "connectors", "Let a connector that waits for approval into its group", apps, false, h.approveConnector()},
		{post, "/connectors/{id}/reject", "rejectConnector", "connectors", "Delete a connector that waits for approval", apps, false, h.rejectConnector()},
		{post, "/connectors/{id}/diagnosis", "diagnoseConnector", "connectors", "Have a connector find out what is wrong with it, its machine and its network", readers, false, diagnosis(c.DiagnoseConnector)},
		{get, "/connectors/{id}/log", "showConnectorLog", "connectors", "Show a part of a connector's log; the session log needs a role that may read traffic", connectorLogs, false, h.connectorLog()},
		{get, "/connectors/{id}/diagnosis", "showConnectorDiagnosis", "connectors", "Show what a connector found when it last examined itself of its own accord", viewers, false, diagnosis(c.LastDiagnosis)},
		{get, "/summary", "showSummary", "service", "Count connectors, groups, applications, assignments and gateways", viewers, false, h.summary()},
		{get, "/gateways", "listGateways", "gateways", "List the gateways that run and whether they reach each other", viewers, false, listing(paging, c.Gateways, showGateway, nil)},
		{get, "/rollout", "showRollout", "gateways", "Say which gateways and connectors run a change of the configuration already", viewers, false, h.rollout()},
		{get, "/users", "listUsers", "users", "List users", viewers, false, list(c.Users, showUser, ofDisabled, ofRole, ofGroup, ofUpstream, ofLocal, ofBreakGlass, ofSecondFactor)},
		{post, "/users", "createUser", "users", "Make a local user", people, false, create(h.createUser)},
		{get, "/users/{id}", "showUser", "users", "Show a user", viewers, false, one(access.PrefixUser, c.User, showUser)},
		{patch, "/users/{id}", "updateUser", "users", "Change, disable or enable a user", people, false, update(h.changeUser())},
		{del, "/users/{id}", "deleteUser", "users", "Delete a user", people, false, remove(access.PrefixUser, c.DeleteUser)},
		{post, "/users/{id}/password", "setPassword", "users", "Give a user a new password", people, false, h.setPassword()},
		{get, "/tokens", "listTokens", "tokens", "List enrolment tokens", readers, false, list(c.Tokens, showToken, ofConnectorGroup, ofTokenState)},
		{post, "/tokens", "createToken", "tokens", "Make an enrolment token; its text is shown once", apps, false, create(h.createToken)},
		{get, "/tokens/{id}", "showToken", "tokens", "Show an enrolment token without its text", readers, false, one(access.PrefixToken, c.Token, showToken)},
		{del, "/tokens/{id}", "deleteToken", "tokens", "Delete an enrolment token", apps, false, remove(access.PrefixToken, c.DeleteToken)},
		{get, "/keys", "listKeys", "keys", "List API keys", keepers, false, list(c.Keys, showKey, ofRole, ofExpired)},
		{post, "/keys", "createKey", "keys", "Make an API key; its secret is shown once", owner, false, create(h.createKey)},
		{get, "/keys/{id}", "showKey", "keys", "Show an API key without its secret", keepers, false, one(access.PrefixKey, c.Key, showKey)},
		{del, "/keys/{id}", "deleteKey", "keys", "Delete an API key", owner, false, remove(access.PrefixKey, c.DeleteKey)},
		{get, "/certificates", "listCertificates", "certificates", "List certificates of public domains", readers, false, list(c.PublicCertificates, showCertificate, ofExpired)},
		{get, "/certificates/{domain}", "showCertificate", "certificates", "Show the certificate of a domain", readers, false, h.oneCertificate()},
		{put, "/certificates/{domain}", "putCertificate", "certificates", "Add or replace the certificate of a domain", apps, false, h.putCertificate()},
		{del, "/certificates/{domain}", "deleteCertificate", "certificates", "Delete the certificate of a domain", apps, false, h.deleteCertificate()},
		{get, "/audit", "listAudit", "audit", "List what was changed or refused, newest first", auditors, false, h.listAudit()},
		{get, "/me", "showMe", "service", "Say who is asking", nil, false, h.me()},
		{get, "/health", "showHealth", "service", "Say how the service is", nil, false, h.health()},
		{post, "/setup", "setUp", "service", "Claim a new service with the code of its set-up link", nil, true, h.setUp()},
	}
	rows = slices.Concat(rows, h.groups(), h.configuration(), h.past(), h.accounts(), h.accessKeys(), h.devices(), h.logs(), h.traffic(), h.upstreams(), h.policies(), h.requests(), h.authority(), h.deleted(), h.alerts(), h.series(), h.settings(), h.clients(), h.discovery())
	for i := range rows {
		rows[i].pattern = api.Prefix + rows[i].pattern
	}
	return rows
}
