const days = new Intl.NumberFormat(undefined, { style: 'unit', unit: 'day', unitDisplay: 'long' })
const hours = new Intl.NumberFormat(undefined, { style: 'unit', unit: 'hour', unitDisplay: 'long' })
const n = (count: number, one: string, many: string) => (count === 1 ? `1 ${one}` : `${count} ${many}`)

export const people = {
  title: 'People',
  lead: 'Who may use applications and who administers them, whoever knows them: this service or an identity provider of yours.',
  views: { users: 'Users', groups: 'Groups', roles: 'Roles', requests: 'Access requests', devices: 'Devices', providers: 'Identity providers' } as Record<string, string>,
  add: 'Add a user', empty: 'There is no user.',
  column: { name: 'Name', state: 'State', source: 'Known by', factors: 'Second factor', roles: 'Roles', seen: 'Last sign-in' },
  state: { on: 'Enabled', off: 'Disabled', refused: 'Refused by the provider', invited: 'No password yet' },
  local: 'This service', unknownProvider: 'A provider', breakGlass: 'Break-glass',
  factor: { totp: 'Authenticator app', passkey: 'Passkey' } as Record<string, string>, noFactor: 'None', missingFactor: 'None, and one is asked for', noSignIn: 'not in the log',
  filter: { state: 'State', anyState: 'Every state', source: 'Known by', anySource: 'Whoever knows them', factors: 'Second factor', anyFactors: 'With or without', with: 'With a second factor', without: 'Without one', roles: 'Role', anyRole: 'Every role', someGroup: 'Group' },
  action: { edit: 'Edit', link: 'Make a link for a password', password: 'Set a password', disable: 'Disable', enable: 'Enable', reset: 'Remove the second factors', signOut: 'Sign out everywhere', history: 'History', remove: 'Delete' },
  saved: (name: string) => `${name} is saved.`, disabled: (name: string) => `${name} is disabled and signed out.`, enabled: (name: string) => `${name} may sign in again.`, removed: (name: string) => `${name} is deleted.`,
  passwordSet: (name: string) => `${name} has another password and is signed out.`, wasReset: (name: string) => `${name} has no second factor any more.`, signedOut: (name: string) => `${name} is signed out everywhere.`, ended: 'The session is over.',
  missing: 'There is no such user, or the user was deleted.',
  ask: {
    disable: (name: string) => `Disable ${name}?`, disableText: 'The user is signed out everywhere and cannot sign in. What is open is cut, and access keys open nothing. Assignments and roles stay for the day on which you enable the user again.',
    reset: (name: string) => `Remove the second factors of ${name}?`, resetText: 'All of them and the recovery codes, for somebody who has lost them. Whoever knows the password signs in with it alone then, and adds a new factor where one is asked for: make sure who asks.',
    signOut: (name: string) => `Sign ${name} out everywhere?`, signOutText: 'Browsers and programs, and what is open is cut. Access keys stay.', end: 'End this session?', endText: 'What is open by it is cut.', endAction: 'End it',
    remove: (name: string) => `Delete ${name}?`, removeText: 'The user is signed out everywhere, and with the user goes:', counting: 'Looking up what goes with the user …', removeNothing: 'Nothing else.', notKnown: 'Not all of it could be read.',
    assignments: (count: number) => n(count, 'assignment of an application', 'assignments of applications'), groups: (count: number) => `membership in ${n(count, 'group', 'groups')}`, keys: (count: number) => n(count, 'access key', 'access keys'), devices: (count: number) => n(count, 'device', 'devices'),
    sessions: (count: number) => n(count, 'session', 'sessions'), policies: (names: string) => `being named by ${names}`, owned: (names: string) => `being an owner of ${names}`, roles: (names: string) => `the role ${names}`, restore: 'It can be brought back with postern users restore for some time, without sessions, factors and password.',
  },
  link: {
    title: (name: string) => `Link for ${name}`, invitation: 'With this link the user sets the first password.', reset: 'With this link the user sets another password.', label: 'Link', once: 'It is shown once and works once. Give it over a way that only they read: whoever has it sets the password.',
    until: 'It is good until', open: 'Open the user’s page', mayNot: 'The user is there, but the link could not be made:',
  },
  password: { title: (name: string) => `Set the password of ${name}`, label: 'New password', hint: 'At least 10 characters, and none that many know. The user is signed out. Better make a link: then only the user knows it.', save: 'Set it' },
  form: {
    newTitle: 'Add a user', editTitle: (name: string) => `Edit ${name}`, create: 'Add', name: 'Sign-in name', nameHint: 'Small letters, digits and . _ - @ +', displayName: 'Display name', email: 'E-mail address',
    signIn: 'How the user signs in', byLink: 'With a password of their own, by a link that I give them', byPassword: 'With a password that I set now', byUpstream: 'At an identity provider', upstream: 'Known by', upstreamHint: 'Somebody who is linked to a provider has no password here.',
    subject: 'What the provider calls the user', subjectHint: 'What never changes: sub, objectGUID, entryUUID, NameID. Who comes by the provider with it is this user.', password: 'Password', passwordHint: 'At least 10 characters, and none that many know.',
    requireSecondFactor: 'Ask for a second factor', requireSecondFactorHint: 'Who has none adds one at the next sign-in, before anything else.', breakGlass: 'Break-glass: policies do not hold', breakGlassHint: 'For the day on which a policy locks everybody out. Every use is told loudly. Only Owners set it.',
    roles: 'Roles', rolesHint: 'What the user may administer. Nothing, for most.', mayNotGive: 'You can give only roles that you have.', onlyOwner: 'Only an Owner sets this.', disabled: 'Disabled',
  },
  tabs: { overview: 'Overview', 'sign-in': 'Sign-in and sessions', devices: 'Devices', access: 'What they may open', requests: 'Access requests' } as Record<string, string>,
  facts: { name: 'Sign-in name', email: 'E-mail address', source: 'Known by', subject: 'Called there', seen: 'Last sign-in', password: 'Password', set: 'set', noPassword: 'none', factors: 'Second factor', refused: 'Refused by the provider', made: 'Added', changed: 'Last changed', id: 'Id', asked: 'Second factor asked for' },
  membership: {
    title: 'Groups', none: 'In no group.', add: 'Add to a group', pick: 'Group', pickHint: 'Type a part of its name', leave: (name: string) => `Take out of ${name}`, byProvider: 'by the identity provider', joined: (who: string, name: string) => `${who} is in ${name} now.`, left: (who: string, name: string) => `${who} is not in ${name} any more.`,
  },
  rolesTitle: 'Roles', noRoles: 'Administers nothing.',
  methods: {
    title: 'How the user signs in', password: 'Password', none: 'No second factor.', added: 'added', used: 'last used', neverUsed: 'never used', codes: (count: number) => n(count, 'recovery code is left', 'recovery codes are left'), provider: (name: string) => `At ${name}; no password is here.`,
    passwordSet: 'set', noPassword: 'None yet: make a link with which the user sets one.',
  },
  sessions: {
    title: 'Where the user is signed in', none: 'Nowhere.', since: 'since', used: 'used', from: 'from', ends: 'ends', end: (name: string) => `End the session of ${name}`, endShort: 'End', program: 'Program', browser: 'Browser', unknownAgent: 'An unknown browser', on: (browser: string, system: string) => `${browser} on ${system}`,
    methods: { pwd: 'password', otp: 'authenticator app', pop: 'passkey', user: 'verified by the passkey', recovery: 'recovery code', fed: 'identity provider', mfa: 'more than one factor' } as Record<string, string>,
  },
  keys: { title: 'Access keys', none: 'None.', remove: (name: string) => `Delete the access key ${name}`, removeText: 'What it has open is cut, and the program that uses it gets no further.', removed: (name: string) => `The access key ${name} is deleted.`, ends: 'ends', ended: 'has ended', used: 'last used', neverUsed: 'never used' },
  devices: {
    lead: 'Machines that people enrolled by signing in on them with postern-client. By them they reach private applications.', ofUser: 'Machines that the user enrolled by signing in on them with postern-client.', empty: 'Nobody has enrolled a device.', none: 'None.',
    column: { name: 'Name', user: 'Whose', system: 'System', client: 'Client', state: 'State', seen: 'Last seen' }, systems: { linux: 'Linux', windows: 'Windows', darwin: 'macOS' } as Record<string, string>, states: { false: 'Enrolled', true: 'Revoked' } as Record<string, string>,
    anyState: 'Every state', anySystem: 'Every system', facts: { machine: 'Calls itself', enrolled: 'Enrolled', ends: 'Certificate ends', revoked: 'Revoked', id: 'Id' }, from: (address: string) => `from ${address}`, client: (version: string) => `client ${version}`, enrolled: 'enrolled', seen: 'last seen', already: 'It is revoked already.',
    action: { rename: 'Rename', revoke: 'Revoke', remove: 'Delete' }, renamed: (before: string, name: string) => `${before} is called ${name} now.`, revoked: (name: string) => `${name} is revoked.`, removed: (name: string) => `${name} is deleted.`,
    ask: {
      rename: (name: string) => `Rename ${name}`, revoke: (name: string) => `Revoke ${name} for good?`, revokeText: 'For a machine that is lost or gone: it is signed out, what is open by it is cut, and it is refused from now on. It stays in the list.',
      remove: (name: string) => `Delete ${name}?`, removeText: 'It is signed out, what is open by it is cut, and it is forgotten: whoever signs in on that machine enrols it again.',
    },
  },
  addDevice: {
    add: 'Add a device', title: 'Add a device', anyURL: 'https://SERVICE', command: (n: number) => `Command ${n}`,
    what: 'postern-client is one file and lies beside the other programs of Postern. Whoever signs in with it makes the machine a device of theirs, which reaches the private applications that they may use.',
    systems: { linux: 'Linux', unprivileged: 'Linux, without root', windows: 'Windows', macos: 'macOS' } as Record<string, string>,
    notes: {
      linux: 'The first command installs it as a service of the machine, for all programs; every user may do the second, in their own name.',
      unprivileged: 'Programs use it as their SOCKS or HTTP proxy, on loopback. The second command goes on until it is ended.',
      windows: 'Programs use it as their SOCKS or HTTP proxy, on loopback. The second command goes on until it is ended.', macos: 'Programs use it as their SOCKS or HTTP proxy, on loopback. The second command goes on until it is ended.',
    } as Record<string, string>,
    authority: 'While the service has no public certificate, login wants --ca-file with its authority.',
    connected: (count: number) => count === 0 ? 'No device has been connected within the last two minutes.' : `${n(count, 'device is', 'devices are')} connected, as far as was seen within the last two minutes.`,
  },
  clients: {
    title: 'All clients', onNow: (count: number) => `Clients are on. ${n(count, 'device is', 'devices are')} connected, as far as was seen within the last two minutes.`, offNow: 'All clients are off: nothing goes through gateways, and devices go as if there were no client.', reasonIs: (text: string) => `Users are told: ${text}`,
    locked: (names: string) => `Users may not: ${names}.`, nothingLocked: 'Users may pause and end their client, and sign out.', turnOff: 'Turn all clients off', turnOn: 'Turn all clients on', lock: 'What users may not do', isOff: 'All clients are off.', isOn: 'All clients are on.', lockSaved: 'That holds for all clients now.',
    reason: 'Why', reasonHint: 'Users read it in the status of their client.', switches: { pause: 'pause the client', down: 'end the client', logout: 'sign out on the device' } as Record<string, string>, offOn: { true: 'off', false: 'on' } as Record<string, string>,
    ask: {
      off: 'Turn all clients off?', offText: (count: number) => `${n(count, 'device is', 'devices are')} connected. What is open through them is cut, and private applications are reached by nobody through a gateway until you turn clients on again. Web applications stay.`,
      on: 'Turn all clients on?', onText: 'Private applications are reached through gateways again, at once.', lockText: 'The client that runs refuses it. Who administers a machine can still end the program there.',
    },
  },
  opens: {
    lead: 'What is assigned, and what would be decided at this moment: by the latest session, or by the best sign-in that the user can make.', none: 'Nothing is assigned.', yes: 'May open it', no: 'May not open it', stepUp: 'After a stronger sign-in', direct: 'assigned to the user', by: (group: string) => `by the group ${group}`, until: (day: string) => `until ${day}`,
    explain: 'Explain', explainTitle: (user: string, app: string) => `${user} and ${app}`,
  },
  groups: {
    add: 'New group', empty: 'There is no group.', lead: 'Applications are assigned to groups, and policies hold for them. A group may lie within another: its members are members of both.',
    column: { name: 'Name', description: 'Description', members: 'Members', within: 'Groups in it', changed: 'Last changed' }, users: (count: number) => n(count, 'user', 'users'), groupsIn: (count: number) => n(count, 'group', 'groups'),
    missing: 'There is no such group, or it was deleted.', edit: 'Edit', history: 'History', remove: 'Delete', saved: (name: string) => `The group ${name} is saved.`, made: (name: string) => `The group ${name} is there.`, removed: (name: string) => `The group ${name} is deleted.`,
    form: { newTitle: 'New group', editTitle: (name: string) => `Group ${name}`, name: 'Name', description: 'Description', descriptionHint: 'What it is for.', members: 'Members', membersHint: 'Users and groups.', create: 'Make' },
    members: 'Users in it', noMembers: 'No user is in it.', addMember: 'Add a user', nested: 'Groups in it', noNested: 'No group is in it.', addNested: 'Add a group', takeOut: (name: string) => `Take ${name} out`, put: (who: string, name: string) => `${who} is in ${name} now.`, took: (who: string, name: string) => `${who} is not in ${name} any more.`,
    inGroups: 'It lies in', inNone: 'It lies in no other group.', opens: 'Assigned to it', opensNone: 'No application is assigned to it.', policies: 'Policies that name it', policiesNone: 'No policy names it.',
    ask: (name: string) => `Delete the group ${name}?`, askText: 'Its users and groups stay. With the group goes:', assignments: (names: string) => `the assignment of ${names}`, memberships: (count: number) => `the membership of ${n(count, 'user or group', 'users and groups')}`, named: (names: string) => `being named by the policy ${names}`, inOthers: (names: string) => `lying in ${names}`,
  },
  roles: {
    lead: 'Who administers this service. Roles are given to users and, beside, to API keys; no group and no identity provider gives one.',
    about: {
      owner: 'Everything: gives every role, makes API keys, changes certificates and keys, exports of logs, and erases people from logs.', 'application-administrator': 'Applications, connectors and their groups, enrolment tokens, certificates, assignments.',
      'policy-administrator': 'People, groups, identity providers, policies, access requests, assignments.', reader: 'Reads everything but traffic, and may run a connector’s doctor. Changes nothing.', 'log-reader': 'Reads traffic, sign-ins, the audit log and where logs go. Nothing else.',
    } as Record<string, string>,
    none: 'Nobody has it.', keys: (names: string) => `API keys with it: ${names}`, give: 'Give it to', take: (role: string, name: string) => `Take the role ${role} from ${name}`, given: (name: string, role: string) => `${name} is ${role} now.`, taken: (name: string, role: string) => `${name} is not ${role} any more.`,
    askTake: (role: string, name: string) => `Take the role ${role} from ${name}?`, takeAction: 'Take it', askTakeText: 'What the user is doing with it at this moment is refused from now on.', mayNot: 'You can give and take only roles that you have.', disabled: 'disabled',
  },
  requests: {
    lead: 'What people ask for on the page of their applications. Owners of an application answer there, and you here.', empty: 'Nobody waits for an answer.', none: 'There is none.',
    column: { user: 'Who asks', application: 'For', state: 'State', since: 'Since', period: 'For how long', reason: 'What for' }, filter: 'State', states: { pending: 'Waiting', approved: 'Approved', denied: 'Denied', withdrawn: 'Withdrawn' } as Record<string, string>, all: 'All',
    approve: 'Approve', deny: 'Deny', approveTitle: (user: string, app: string) => `Let ${user} use ${app}`, denyTitle: (user: string, app: string) => `Deny ${user} the use of ${app}`, period: 'For how long', asAsked: (time: string) => `${time}, as asked for`, answer: 'What to say', answerHint: 'Optional. The user reads it.',
    approved: (user: string, app: string) => `${user} may use ${app} now.`, denied: (user: string) => `${user} is told that it is denied.`, answered: 'Answered', by: (name: string) => `by ${name}`, until: 'Good until', said: 'Answer', nothingSaid: 'nothing was said', asked: 'Asked', open: 'Open the user',
    policy: 'What would be decided once it is approved', policyNone: 'It could not be asked.',
  },
  hours: (text: string) => {
    const found = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text)
    const count = Number(found?.[1] ?? 0)
    if (!found || !count || Number(found[2] ?? 0) || Number(found[3] ?? 0)) return text
    return count % 24 === 0 ? days.format(count / 24) : hours.format(count)
  },
}
