package control

import (
	"slices"

	"postern/internal/access"
	"postern/internal/fault"
)

// permission is what somebody needs to do something: the action's name in the audit log.
type permission string

// The permissions. What has no row in allowed is for nobody.
const (
	readApplication   permission = "application.read"
	createApplication permission = "application.create"
	updateApplication permission = "application.update"
	deleteApplication permission = "application.delete"
	testApplication   permission = "application.test"

	readConnectorGroup   permission = "connector-group.read"
	createConnectorGroup permission = "connector-group.create"
	updateConnectorGroup permission = "connector-group.update"
	deleteConnectorGroup permission = "connector-group.delete"

	readConnector       permission = "connector.read"
	updateConnector     permission = "connector.update"
	deleteConnector     permission = "connector.delete"
	diagnoseConnector   permission = "connector.diagnose"
	readConnectorLog    permission = "connector.read-log"
	enrolConnector      permission = "connector.enrol"
	renewConnector      permission = "connector.renew"
	deregisterConnector permission = "connector.deregister"
	archiveConnector    permission = "connector.archive"
	readAlert           permission = "alert.read"
	returnConnector     permission = "connector.return"
	approveConnector    permission = "connector.approve"
	rejectConnector     permission = "connector.reject"

	readGateway permission = "gateway.read"
	readSummary permission = "summary.read"

	readBranding   permission = "branding.read"
	updateBranding permission = "branding.update"

	readRetention   permission = "retention.read"
	updateRetention permission = "retention.update"

	readDiscovery permission = "discovery.read"

	readClients   permission = "clients.read"
	updateClients permission = "clients.update"

	takeBackup permission = "backup.take"

	readSettings permission = "settings.read"

	readAssignment   permission = "assignment.read"
	createAssignment permission = "assignment.create"
	updateAssignment permission = "assignment.update"
	deleteAssignment permission = "assignment.delete"

	readPolicy   permission = "policy.read"
	createPolicy permission = "policy.create"
	updatePolicy permission = "policy.update"
	deletePolicy permission = "policy.delete"

	readRequest     permission = "request.read"
	createRequest   permission = "request.create"
	withdrawRequest permission = "request.withdraw"
	decideRequest   permission = "request.decide"
	answerRequest   permission = "request.answer"
	explainAccess   permission = "access.explain"

	readToken   permission = "token.read"
	createToken permission = "token.create"
	deleteToken permission = "token.delete"

	readUser    permission = "user.read"
	createUser  permission = "user.create"
	updateUser  permission = "user.update"
	deleteUser  permission = "user.delete"
	setPassword permission = "user.set-password"
	resetFactor permission = "user.reset-factors"
	linkUser    permission = "user.link"
	followLink  permission = "user.follow-link"

	readSession   permission = "session.read"
	revokeSession permission = "session.revoke"

	addFactor      permission = "account.add-factor"
	removeFactor   permission = "account.remove-factor"
	renewRecovery  permission = "account.renew-recovery-codes"
	changePassword permission = "account.change-password"

	readGroup   permission = "group.read"
	createGroup permission = "group.create"
	updateGroup permission = "group.update"
	deleteGroup permission = "group.delete"

	readUpstream   permission = "upstream.read"
	createUpstream permission = "upstream.create"
	updateUpstream permission = "upstream.update"
	deleteUpstream permission = "upstream.delete"
	secretUpstream permission = "upstream.set-secret"
	testUpstream   permission = "upstream.test"
	federate       permission = "user.federate"
	endFederated   permission = "user.upstream-refused"

	readKey   permission = "key.read"
	createKey permission = "key.create"
	deleteKey permission = "key.delete"

	readCertificate   permission = "certificate.read"
	putCertificate    permission = "certificate.put"
	deleteCertificate permission = "certificate.delete"

	readAudit   permission = "audit.read"
	readSignIns permission = "sign-in.read"
	readTraffic permission = "traffic.read"
	eraseUser   permission = "user.erase" // audit.EraseAction

	readExport   permission = "export.read"
	createExport permission = "export.create"
	updateExport permission = "export.update"
	deleteExport permission = "export.delete"
	secretExport permission = "export.set-secret"
	testExport   permission = "export.test"

	readConfiguration  permission = "configuration.read"
	applyConfiguration permission = "configuration.apply"

	readAccessKey   permission = "access-key.read"
	deleteAccessKey permission = "access-key.delete"
	createAccessKey permission = "account.create-access-key"
	dropAccessKey   permission = "account.delete-access-key"

	readDevice   permission = "device.read"
	updateDevice permission = "device.update"
	revokeDevice permission = "device.revoke"
	deleteDevice permission = "device.delete"
	enrolDevice  permission = "device.enrol"
	dropDevice   permission = "account.revoke-device"
	allowProgram permission = "session.program"

	setUp   permission = "instance.set-up"
	signIn  permission = "session.sign-in"
	handOff permission = "session.hand-off"

	useBreakGlass permission = "session.break-glass"

	start permission = "instance.start"

	renewAuthority  permission = "authority.renew"
	readAuthority   permission = "authority.read"
	rotateAuthority permission = "authority.rotate"
	finishAuthority permission = "authority.finish"
	rotateKey       permission = "signing-key.rotate"
	retireKey       permission = "signing-key.retire"
)

// who says which roles, and which kinds of actor that have none, have a permission.
type who struct {
	roles []access.Role
	kinds []access.ActorKind
}

func table() map[permission]who {
	const (
		apps   = access.RoleApplicationAdmin
		people = access.RolePolicyAdmin
		reader = access.RoleReader
		logs   = access.RoleLogReader
	)
	roles := func(r ...access.Role) who { return who{roles: r} }
	kinds := func(k ...access.ActorKind) who { return who{kinds: k} }
	return map[permission]who{
		readApplication: roles(apps, people, reader), createApplication: roles(apps),
		updateApplication: roles(apps), deleteApplication: roles(apps), testApplication: roles(apps),

		readConnectorGroup: roles(apps, people, reader), createConnectorGroup: roles(apps),
		updateConnectorGroup: roles(apps), deleteConnectorGroup: roles(apps),

		readGateway: roles(apps, people, reader), readSummary: roles(apps, people, reader), readBranding: roles(apps, people, reader), updateBranding: roles(), readSettings: roles(apps, people, reader), readRetention: roles(apps, people, reader), updateRetention: roles(), takeBackup: roles(),
		readConnector: roles(apps, people, reader), updateConnector: roles(apps), deleteConnector: roles(apps), approveConnector: roles(apps), rejectConnector: roles(apps), diagnoseConnector: roles(apps, reader), readConnectorLog: roles(apps, reader, logs),
		enrolConnector: kinds(access.ActorAnyone), renewConnector: kinds(access.ActorConnector), deregisterConnector: kinds(access.ActorConnector),
		readAlert:        roles(apps, people, reader),
		archiveConnector: kinds(access.ActorSystem), returnConnector: kinds(access.ActorSystem),

		readAssignment: roles(apps, people, reader), createAssignment: roles(apps, people), updateAssignment: roles(apps, people), deleteAssignment: roles(apps, people),

		readPolicy: roles(apps, people, reader), createPolicy: roles(people), updatePolicy: roles(people), deletePolicy: roles(people),
		// An owner of an application answers as a user, at the portal.
		readRequest: roles(apps, people, reader), createRequest: kinds(access.ActorUser), withdrawRequest: kinds(access.ActorUser),
		decideRequest: roles(people), answerRequest: kinds(access.ActorUser), explainAccess: roles(apps, people, reader),

		readToken: roles(apps, reader), createToken: roles(apps), deleteToken: roles(apps),

		readUser: roles(apps, people, reader), createUser: roles(people), updateUser: roles(people),
		deleteUser: roles(people), setPassword: roles(people), resetFactor: roles(people), linkUser: roles(people),
		followLink: kinds(access.ActorAnyone), readSession: roles(people, reader), revokeSession: roles(people),

		addFactor: kinds(access.ActorUser), removeFactor: kinds(access.ActorUser),
		renewRecovery: kinds(access.ActorUser), changePassword: kinds(access.ActorUser),

		readGroup: roles(apps, people, reader), createGroup: roles(people), updateGroup: roles(people), deleteGroup: roles(people),

		readUpstream: roles(apps, people, reader), createUpstream: roles(people), updateUpstream: roles(people), deleteUpstream: roles(people),
		secretUpstream: roles(people), testUpstream: roles(people), federate: kinds(), endFederated: kinds(), // the last two by an upstream's word

		readKey: roles(reader), createKey: roles(), deleteKey: roles(),

		readCertificate: roles(apps, reader), putCertificate: roles(apps), deleteCertificate: roles(apps),

		readAudit: roles(reader, logs), readSignIns: roles(reader, logs), readTraffic: roles(logs), readDiscovery: roles(logs), eraseUser: roles(),
		readExport: roles(reader, logs), createExport: roles(), updateExport: roles(), deleteExport: roles(), secretExport: roles(), testExport: roles(),

		// What a document changes needs the permission of each change, too.
		readConfiguration: roles(apps, people, reader), applyConfiguration: roles(apps, people),

		readAccessKey: roles(people, reader), deleteAccessKey: roles(people), createAccessKey: kinds(access.ActorUser), dropAccessKey: kinds(access.ActorUser),
		readDevice: roles(people, reader), updateDevice: roles(people), revokeDevice: roles(people), deleteDevice: roles(people), enrolDevice: kinds(access.ActorUser, access.ActorAnyone), dropDevice: kinds(access.ActorUser), readClients: roles(apps, people, reader), updateClients: roles(people),
		allowProgram: kinds(access.ActorUser, access.ActorAnyone), setUp: kinds(access.ActorAnyone), signIn: kinds(access.ActorAnyone), handOff: kinds(access.ActorUser, access.ActorAnyone),
		start: kinds(), renewAuthority: kinds(), retireKey: kinds(), useBreakGlass: kinds(),
		readAuthority: roles(apps, reader), rotateAuthority: roles(), finishAuthority: roles(), rotateKey: roles(),
	}
}

// allow says whether the actor, whose roles are its own, has the permission. An Owner has every
// permission that roles give; the service itself has all.
func allow(by access.Actor, p permission) error {
	w, known := table()[p]
	switch {
	case !known:
		return fault.Forbidden("nobody may do this")
	case by.Kind == access.ActorSystem, slices.Contains(w.kinds, by.Kind):
		return nil
	case by.Kind != access.ActorUser && by.Kind != access.ActorKey:
		return fault.Unauthenticated("sign in, or use an API key, to do this")
	case len(w.kinds) > 0:
		return fault.Forbidden("this is not for administrators to do")
	case !slices.ContainsFunc(by.Roles, func(r access.Role) bool { return r == access.RoleOwner || slices.Contains(w.roles, r) }):
		return fault.Forbidden("your roles do not allow %s", p)
	case scoped(by) && !inScope(by.Scopes, p):
		return fault.Forbidden("the scopes of your API key do not allow %s", p)
	}
	return nil
}

// holds reports whether the actor may give away the role: it has it, or is an Owner.
func holds(by access.Actor, r access.Role) bool {
	return by.Kind == access.ActorSystem || slices.Contains(by.Roles, access.RoleOwner) || slices.Contains(by.Roles, r)
}

// outranks says whether the actor may touch somebody who has the roles: it must hold all of them,
// or it could take over who is stronger than itself.
func outranks(by access.Actor, roles []access.Role, what string) error {
	if scoped(by) && len(roles) > 0 {
		return fault.Forbidden("%s has roles, and an API key with scopes may not change who has", what)
	}
	for _, r := range roles {
		if !holds(by, r) {
			return fault.Forbidden("%s has the role %s, which you do not have", what, r)
		}
	}
	return nil
}

// mayGive says whether the actor may give the roles away.
func mayGive(by access.Actor, roles []access.Role) error {
	if scoped(by) && len(roles) > 0 {
		return fault.Forbidden("an API key with scopes gives no roles: who has them could do more than the key")
	}
	for _, r := range roles {
		if !holds(by, r) {
			return fault.Forbidden("you cannot give the role %s, which you do not have yourself", r)
		}
	}
	return nil
}
