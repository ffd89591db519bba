export const keys = {
  title: 'Tokens & keys', lead: 'Secrets with which connectors enrol and programs work. Each is shown once, when it is made, and kept by nobody here.',
  views: { tokens: 'Enrolment tokens', api: 'API keys', access: 'Access keys' } as Record<string, string>,
  filter: 'State', any: 'Every state', expiry: { '1h': 'In an hour', '8h': 'In 8 hours', '24h': 'In a day', '168h': 'In 7 days', '720h': 'In 30 days', '2160h': 'In 90 days', '8760h': 'In a year', '': 'Never' } as Record<string, string>,
  remove: 'Delete', copyNow: 'Copy it now: it is not shown again.', expires: 'Expires', ended: 'expired', forever: 'never',
  tokens: {
    lead: 'With an enrolment token one connector registers, once. What it is given then is its own; the token is worth nothing any more.', add: 'Make a token', empty: 'There is no token.', none: 'There is no such token.',
    column: { name: 'For', state: 'State', group: 'Connector group', expires: 'Expires', used: 'Used by' }, states: { unused: 'Not used yet', used: 'Used', expired: 'Expired' } as Record<string, string>, held: 'Waits for approval',
    form: { title: 'Make an enrolment token', name: 'What it is for', nameHint: 'For your own records, such as the machine’s name.', group: 'Connector group', expires: 'Expires', hold: 'Wait for approval', holdHint: 'Whoever enrols with it carries nothing until an administrator approves, at most 7 days.', create: 'Make it' },
    made: (name: string) => `Token for ${name}`, text: 'Token', once: 'The token is shown once, is good for one connector until it expires, and stays out of the process list.',
    facts: { made: 'Made', expires: 'Expires', used: 'Used', uses: 'Good for', one: 'one connector, once', id: 'Id', hold: 'Held for approval' },
    ask: (name: string) => `Delete the token for ${name}?`, askText: 'Nobody can enrol with it any more.', askUsed: 'It was used already: its connector stays, and only this record goes.', removed: (name: string) => `The token for ${name} is deleted.`,
  },
  api: {
    lead: 'With an API key programs use the admin API and the command line. Its roles say what it may do, its scopes narrow that.', add: 'Make an API key', empty: 'There is no API key.', none: 'There is no such key.',
    column: { name: 'For', state: 'State', roles: 'Roles', scopes: 'Scopes', expires: 'Expires', used: 'Last used' }, states: { false: 'Good', true: 'Expired' } as Record<string, string>, allScopes: 'all that its roles allow', mine: 'you',
    form: {
      title: 'Make an API key', name: 'What it is for', roles: 'Roles', rolesHint: 'What the key may do at most.', readOnly: 'Read only', readOnlyHint: 'It reads what its roles let it read, and changes nothing.', scopes: 'Only these', scopesHint: 'Optional. Nouns such as application or connector-group, or actions such as application.update, with commas between them. Empty: all that its roles allow.', expires: 'Expires', create: 'Make it',
    },
    made: (name: string) => `API key for ${name}`, secret: 'API key', how: 'Programs send it as Authorization: Bearer. The command line takes it from a file:', command: 'Command',
    facts: { made: 'Made', expires: 'Expires', used: 'Last used', id: 'Id', scopes: 'Scopes', roles: 'Roles' },
    ask: (name: string) => `Delete the API key for ${name}?`, askText: 'Programs that use it are refused from now on.', removed: (name: string) => `The API key for ${name} is deleted.`,
  },
  access: {
    lead: 'People make access keys at their account for programs of their own that can neither sign in nor renew a token. A key opens one application, as its user.', empty: 'Nobody has an access key.', none: 'There is no such key.',
    column: { name: 'Name', user: 'Whose', application: 'Opens', state: 'State', expires: 'Expires', used: 'Last used' },
  },
}
