// What each log is made of: how it is asked, by what it is filtered, in which order its columns are exported.
import type { Operation, Schema } from '../../api/client'
import { t } from '../../strings'

export type Name = 'traffic' | 'sign-ins' | 'audit' | 'alerts'
export const kindNames: Name[] = ['traffic', 'sign-ins', 'audit', 'alerts']

export interface Filter {
  name: string // in the address
  title: string
  choices?: Record<string, string>
  hint?: string
  minor?: boolean // among more filters
  set?: boolean // is only set by what one sees, such as an id of a row
}

export interface Kind<T extends { id: string }> {
  name: Name
  operation: Operation
  at: (entry: T) => number // by what the log is ordered
  from: string // the API's names of the period
  to: string
  filters: Filter[]
  changing?: boolean // its entries change after they were written
  exported: string[] // columns; a dot leads into what is nested
}

const f = t.logs.filter
const h = t.logs.hint
const time = (text: string) => new Date(text).getTime()

export const traffic: Kind<Schema['Traffic']> = {
  name: 'traffic', operation: 'listTraffic', at: (e) => time(e.time) + e.duration, from: 'from', to: 'to',
  filters: [
    { name: 'application', title: f.application }, { name: 'outcome', title: f.outcome, choices: pick(t.logs.outcomes, ['forwarded', 'refused', 'failed', 'served', 'unrecorded']) },
    { name: 'status', title: f.status, hint: h.status }, { name: 'path', title: f.path, hint: h.path },
    { name: 'host', title: f.host, minor: true }, { name: 'method', title: f.method, hint: h.method, minor: true }, { name: 'client', title: f.client, hint: h.client, minor: true },
    { name: 'action', title: f.action, choices: t.logs.actions, minor: true }, { name: 'reason', title: f.reason, hint: h.reason, minor: true }, { name: 'hop', title: f.hop, choices: t.logs.hops, minor: true },
    { name: 'minDuration', title: f.minDuration, hint: h.minDuration, minor: true }, { name: 'request', title: f.request, hint: h.request, minor: true },
    { name: 'user', title: f.user, set: true }, { name: 'device', title: f.device, set: true }, { name: 'connector', title: f.connector, set: true }, { name: 'gateway', title: f.gateway, set: true }, { name: 'policy', title: f.policy, set: true },
  ],
  exported: ['time', 'duration', 'request', 'count', 'outcome', 'action', 'reason', 'hop', 'user', 'userName', 'session', 'application', 'applicationName', 'destination', 'connector', 'connectorName', 'connectorGroup', 'gateway', 'via',
    'device', 'deviceName', 'process', 'segment', 'client', 'userAgent', 'protocol', 'method', 'host', 'path', 'status', 'received', 'sent', 'open', 'firstByte', 'complete', 'policy', 'condition', 'breakGlass', 'reportOnly', 'id'],
}

export const signIns: Kind<Schema['SignIn']> = {
  name: 'sign-ins', operation: 'listSignIns', at: (e) => time(e.time), from: 'from', to: 'to',
  filters: [
    { name: 'search', title: f.search }, { name: 'application', title: f.application }, { name: 'event', title: f.event, choices: t.logs.events }, { name: 'result', title: f.result, choices: t.logs.results },
    { name: 'reason', title: f.reason, hint: 'wrong-password', minor: true }, { name: 'address', title: f.address, minor: true }, { name: 'request', title: f.request, hint: h.request, minor: true },
    { name: 'user', title: f.user, set: true },
  ],
  exported: ['time', 'event', 'result', 'reason', 'message', 'user', 'userName', 'application', 'applicationName', 'upstream', 'upstreamName', 'client', 'methods', 'policy', 'reportOnly', 'gateway', 'address', 'userAgent', 'session', 'request', 'unrecorded', 'id'],
}

export const audit: Kind<Schema['AuditEntry']> = {
  name: 'audit', operation: 'listAudit', at: (e) => time(e.time), from: 'since', to: 'until',
  filters: [
    { name: 'search', title: f.objectSearch }, { name: 'action', title: f.auditAction, hint: h.auditAction }, { name: 'outcome', title: f.outcome, choices: pick(t.logs.outcomes, ['done', 'refused']) },
    { name: 'actor', title: f.actor, set: true }, { name: 'object', title: f.object, set: true },
  ],
  exported: ['seq', 'time', 'action', 'outcome', 'object', 'name', 'actor.kind', 'actor.id', 'actor.name', 'actor.address', 'actor.request', 'version', 'detail', 'id'],
}

export const alerts: Kind<Schema['Alert']> = {
  name: 'alerts', operation: 'listAlerts', at: (e) => time(e.opened), from: '', to: '', changing: true,
  filters: [{ name: 'state', title: f.state, choices: t.logs.alertStates }],
  exported: ['opened', 'resolved', 'state', 'severity', 'code', 'object', 'objectName', 'sentence', 'cure', 'id'],
}

function pick(all: Record<string, string>, names: string[]) {
  return Object.fromEntries(names.map((name) => [name, all[name] ?? name]))
}

const periods: Record<string, number> = { '1h': 3600, '24h': 86_400, '7d': 7 * 86_400, '30d': 30 * 86_400 }

// questionOf makes of what stands in the address what the API is asked, at this moment: a period is counted from now.
export function questionOf<T extends { id: string }>(kind: Kind<T>, set: Record<string, string>): Record<string, string | undefined> {
  const query: Record<string, string | undefined> = Object.fromEntries(kind.filters.map(({ name }) => [name, set[name] || undefined]))
  if (!kind.from) return query
  const ago = periods[set.period ?? '']
  if (ago) query[kind.from] = new Date(Date.now() - ago * 1000).toISOString()
  else if (set.period === 'custom') {
    query[kind.from] = instant(set.from)
    query[kind.to] = instant(set.to)
  }
  return query
}

function instant(local: string | undefined): string | undefined {
  const at = new Date(local ?? '')
  return local && !Number.isNaN(at.getTime()) ? at.toISOString() : undefined
}
