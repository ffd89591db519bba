const n = (count: number, one: string, many: string) => `${count} ${count === 1 ? one : many}`

export const policies = {
  title: 'Policies',
  lead: 'What requests must meet beside an assignment: how well people have signed in, from where, when and on which device. A policy allows nothing by itself.',
  add: 'New policy', empty: 'There is no policy: whoever is assigned gets through.', missing: 'There is no such policy, or it was deleted.',
  column: { name: 'Name', mode: 'Mode', applications: 'For which applications', people: 'For whom', asks: 'What it asks for', changed: 'Last changed' },
  filter: { mode: 'Mode', every: 'Every mode' },
  modes: { enforce: 'Enforced', 'report-only': 'Only reports', off: 'Off' } as Record<string, string>,
  about: {
    enforce: 'Enforce: whoever does not meet it is denied', 'report-only': 'Report only: everybody gets through as without it, and the log tells who would not', off: 'Off: as if it were not there',
  } as Record<string, string>,
  tabs: { overview: 'Overview', settings: 'Settings', effect: 'What it does', test: 'Test as a user' },
  all: 'All applications', everyone: 'Everybody', noApplication: 'No application', nobody: 'Nobody', nothing: 'Nothing yet',
  applications: (count: number) => n(count, 'application', 'applications'), users: (count: number) => n(count, 'user', 'users'), groups: (count: number) => n(count, 'group', 'groups'),
  but: (who: string) => `but ${who}`, and: ' and ', more: (count: number) => `and ${count} more`,
  idle: {
    title: 'It does nothing:', off: 'it is switched off.', applications: 'it is for no application.', people: 'it is for nobody.', asks: 'it asks for nothing.',
  },
  unknown: 'A later version of Postern wrote a condition that this one does not know. Nobody meets it, and it can only be changed by that version.',
  asks: {
    strength: { 'single-factor': 'a sign-in', 'multi-factor': 'more than one factor', 'phishing-resistant': 'a sign-in that resists phishing' } as Record<string, string>,
    age: (age: string) => `proof within ${age}`, allowed: (networks: string) => `from ${networks}`, blocked: (networks: string) => `not from ${networks}`,
    windows: (windows: string) => windows, enrolled: 'an enrolled device', systems: (names: string) => `a device with ${names}`, clients: (versions: string) => `a client of at least ${versions}`, or: ' or ',
  },
  systems: { linux: 'Linux', windows: 'Windows', darwin: 'macOS' } as Record<string, string>,
  action: { enforce: 'Enforce', 'report-only': 'Only report', off: 'Switch off', duplicate: 'Duplicate', history: 'History', remove: 'Delete' } as Record<string, string>,
  ask: {
    remove: (name: string) => `Delete ${name}?`, removeText: 'What it asked for is not asked for any more, within a second.',
    mode: { enforce: (name: string) => `Enforce ${name}?`, 'report-only': (name: string) => `Only report on ${name}?`, off: (name: string) => `Switch ${name} off?` } as Record<string, (name: string) => string>,
    modeText: {
      enforce: 'Whoever does not meet it is denied from now on, and what they have open is cut. Look first at what it does: there stands whom it would have denied.',
      'report-only': 'Nobody is denied by it any more; the log tells who would be.', off: 'It is as if it were not there. The log does not tell of it.',
    } as Record<string, string>,
  },
  moded: (name: string, mode: string) => `${name}: ${mode}.`, removed: (name: string) => `${name} is deleted.`, made: (name: string) => `${name} is made.`, saved: (name: string) => `${name} is saved.`, copyOf: (name: string) => `${name} (copy)`,
  facts: { changed: 'Last changed', version: 'Version', id: 'Id' },
  effect: {
    lead: 'Requests of the last seven days that did not meet it, newest first. It is asked of a user’s every request to its applications, so one who goes on trying is there more than once.',
    none: 'Every request of the last seven days met it.', log: 'All of it in the log', denied: (condition: string) => (condition ? `Denied: ${condition}` : 'Denied'), reported: 'Would be denied', broken: 'Let through: break-glass',
    column: { when: 'When', who: 'Who', application: 'Application', what: 'What became of it', from: 'From' }, nobody: 'Nobody signed in', incomplete: 'Gateways that did not tell:',
    conditions: { strength: 'Strength of the sign-in', age: 'Age of the sign-in', network: 'Network', time: 'Time', device: 'Device', unknown: 'A condition that is not known' } as Record<string, string>,
  },
  of: {
    lead: 'What requests to this application must meet beside an assignment.', none: 'No policy is for this application: whoever is assigned gets through.', add: 'New policy for it', title: 'Policies for this application',
    passthrough: 'Nobody signs in here: only networks and times of policies for everybody are asked.',
  },
  form: {
    newTitle: 'New policy', create: 'Make the policy', entra: (term: string) => `In Microsoft Entra: ${term}.`,
    name: 'Name', nameHint: 'Denied people read it.', description: 'Description', descriptionHint: 'What it is for.', mode: 'Mode',
    applications: 'For which applications', all: 'All of them, also those that come', some: 'These', pickApplication: 'Add an application', noApplications: 'No application is found by that.',
    people: 'For whom', everyone: 'Everybody', these: 'These users and groups', pickPeople: 'Add a user or group', except: 'Not for', exceptHint: 'Whatever else names them.', pickExcept: 'Leave out a user or group',
    sections: { signIn: 'How they signed in', where: 'From where', when: 'When', device: 'On which device' },
    strength: 'The sign-in was at least', strengths: { '': 'Any sign-in', 'single-factor': 'One factor', 'multi-factor': 'More than one factor: a password and a code, or a passkey', 'phishing-resistant': 'Resistant to phishing: a passkey' } as Record<string, string>,
    maxAge: 'The last proof is not older than', maxAgeHint: 'Such as 30m or 12h; empty for any age. Who is past it proves who they are again and goes on.',
    allowedNetworks: 'Only from these networks', blockedNetworks: 'Not from these networks', networksHint: 'One on a line, such as 192.0.2.0/24 or 2001:db8::/32. The client’s address as the gateway sees it.',
    windows: 'Only at these times', windowsHint: 'Times as clocks there show them. One that ends before it begins ends on the next day. None: at any time.',
    days: 'Days', day: { mon: 'Mon', tue: 'Tue', wed: 'Wed', thu: 'Thu', fri: 'Fri', sat: 'Sat', sun: 'Sun' } as Record<string, string>, begin: 'From', end: 'Until', zone: 'Time zone', zoneNone: 'No time zone has such a name.', addWindow: 'Add this time', removeWindow: (window: string) => `Take ${window} away`, badWindow: 'Choose days, times and a time zone from the list.',
    enrolled: 'Only from an enrolled device', enrolledHint: 'By postern-client. A browser is no device, so web applications open for nobody then.', systems: 'With one of these operating systems', systemsHint: 'None: any, and no device is asked for.',
    clients: 'With a client of at least', clientsHint: 'Such as 1.4.0, or windows=1.4.0 for one operating system; one on a line. Empty: any.',
    wide: 'Enforced for everybody and everything. A mistake here locks everybody out but break-glass users: begin with “Report only”, and look at what it does.', web: 'A browser is no enrolled device: web applications under this policy open for nobody.',
    terms: {
      name: 'Conditional Access policy', mode: 'Enable policy', applications: 'Target resources', people: 'Users', strength: 'Require authentication strength', maxAge: 'Sign-in frequency', allowedNetworks: 'Network (locations)', enrolled: 'Device state, as far as a device says so itself',
    } as Record<string, string>,
  },
}
