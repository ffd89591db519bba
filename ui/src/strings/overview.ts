export const overview = {
  title: 'Overview',
  lead: 'How the service is at this moment, and what there is to do.',
  well: 'Nothing is wrong that the service knows of.',
  unwell: (n: number) => n === 1 ? 'One thing is to be looked at' : `${n} things are to be looked at`,
  cure: 'What to do', due: 'It becomes worse', since: 'since', alerts: 'Alerts that are open',
  tiles: {
    connectors: 'Connectors', active: (active: number, all: number) => `${active} of ${all} active`, groups: 'Connector groups', carry: (n: number, all: number) => `${n} of ${all} can carry`,
    applications: 'Applications', published: (n: number) => n === 1 ? '1 is published' : `${n} are published`, off: (n: number) => `${n} switched off`,
    gateways: 'Gateways', answer: (n: number, all: number) => `${n} of ${all} answer`,
  },
  traffic: 'Traffic', period: 'Period', periods: { '1h': 'The last hour', '24h': '24 hours', '7d': '7 days' } as Record<string, string>,
  requests: 'Requests', errors: 'Errors', requestsOver: 'Requests and errors a step', latency: 'Time until the application answers', p50: 'Half within', p95: '95 of 100 within', users: 'Users', usersOver: 'Active users',
  sum: (requests: string, errors: string) => `${requests} requests ended in this time, ${errors} of them failed.`,
  nothing: 'Nothing was counted in this time.', step: (text: string) => `A step is ${text}.`, minutes: (n: number) => n === 1 ? 'one minute' : `${n} minutes`,
  headRoom: 'Head-room', headRoomOf: (n: string, what: string) => `${n} of its ${what} was left at the worst moment of the last hour.`, headRoomUnknown: 'It has not measured itself yet.',
  resources: { cpu: 'processor time', memory: 'memory', streams: 'streams', ports: 'ports', handles: 'files and sockets' } as Record<string, string>,
  load: 'The last hour', streams: 'Streams', cpu: 'Processors used',
}
