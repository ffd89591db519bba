// What of an application is typed, and how it is said again.
import type { Problem, Schema } from '../../api/client'
import { t } from '../../strings'

export type Application = Schema['Application']
export type Input = Schema['ApplicationInput']
export interface Draft extends Record<string, unknown> {
  kind: string; segments: string; direct: boolean; proxyProtocol: string
  name: string; externalUrl: string; internalUrl: string; connectorGroup: string; preAuthentication: string
  hostHeader: string; backendProtocol: string; skipVerify: boolean; backendCa: string; backendTimeout: string; idleTimeout: string
  requestable: boolean; ownerUsers: string[]; ownerGroups: string[]; accessKeys: boolean; balancing: string; allowRawPaths: boolean; disabled: boolean
}

export function draftOf(a?: Partial<Input>): Draft {
  return {
    kind: a?.kind ?? 'web', segments: linesOf(a?.segments), direct: a?.direct ?? false, proxyProtocol: a?.proxyProtocol ?? '',
    name: a?.name ?? '', externalUrl: a?.externalUrl ?? 'https://', internalUrl: a?.internalUrl ?? 'http://', connectorGroup: a?.connectorGroup ?? '',
    preAuthentication: a?.preAuthentication ?? 'sign-in', hostHeader: a?.hostHeader ?? 'internal', backendProtocol: a?.backendProtocol ?? 'http1',
    skipVerify: a?.skipVerify ?? false, backendCa: a?.backendCa ?? '', backendTimeout: a?.backendTimeout ?? '', idleTimeout: a?.idleTimeout ?? '',
    requestable: a?.requestable ?? false, ownerUsers: a?.ownerUsers ?? [], ownerGroups: a?.ownerGroups ?? [], accessKeys: a?.accessKeys ?? false,
    balancing: a?.balancing ?? 'least-loaded', allowRawPaths: a?.allowRawPaths ?? false, disabled: a?.disabled ?? false,
  }
}

export const isPrivate = (a: { kind?: string }) => a.kind === 'private' || a.kind === 'quick-access'

// What a private application has; the rest is of web applications.
const ofPrivate = ['kind', 'name', 'connectorGroup', 'segments', 'requestable', 'ownerUsers', 'ownerGroups', 'balancing', 'direct', 'proxyProtocol', 'disabled']

// inputOf is what is sent of a new one: what is empty has its default.
export function inputOf(d: Draft): Input {
  const used = Object.entries(d).filter(([name, v]) => v !== '' && (isPrivate(d) ? ofPrivate.includes(name) : !['segments', 'direct', 'proxyProtocol'].includes(name)))
  return sent(Object.fromEntries(used)) as unknown as Input
}

// Segments are typed one on a line, as DESTINATION:PORTS/PROTOCOL.
export const typedSegments = (text: string) => text.split('\n').map((line) => line.trim()).filter((line) => line !== '')
export const writeSegment = (s: Schema['Segment']) => `${s.destination.includes(':') ? `[${s.destination}]` : s.destination}:${s.ports}/${s.protocol ?? 'tcp'}`
const linesOf = (list?: Schema['Segment'][] | null) => (list ?? []).map(writeSegment).join('\n')

// segmentsOf takes lines apart. What one lacks stays empty, and the API says so at its place.
export function segmentsOf(text: string): Schema['Segment'][] {
  return typedSegments(text).map((line) => {
    const protocol = /\/(tcp|udp|both)$/.exec(line)
    const rest = protocol ? line.slice(0, protocol.index) : line
    const at = rest.endsWith(']') ? -1 : rest.lastIndexOf(':')
    const destination = (at < 0 ? rest : rest.slice(0, at)).replace(/^\[(.*)\]$/, '$1')
    return { destination, ports: at < 0 ? '' : rest.slice(at + 1), protocol: (protocol?.[1] ?? 'tcp') as 'tcp' }
  })
}

// wrongLines says what is wrong with which lines of segments.
export const wrongLines = (problem: Problem | null) => problem?.fields.filter((x) => x.name.startsWith('segments')).map((x) => {
  const at = /^segments\[(\d+)\](?:\.(\w+))?$/.exec(x.name)
  return at ? t.applications.form.line(Number(at[1]) + 1, at[2] ?? '', x.message) : x.message
}).join(' ')

// The API has segments as a list, a draft as lines.
export const sent = (patch: Record<string, unknown>) => (typeof patch.segments === 'string' ? { ...patch, segments: segmentsOf(patch.segments) } : patch)
export const asTyped = { read: (o: Record<string, unknown>) => ({ ...o, segments: linesOf(o.segments as Schema['Segment'][]) }), send: sent }

export const titles: Record<string, string> = {
  kind: t.applications.form.kind, segments: t.applications.form.segments, direct: t.applications.form.direct, proxyProtocol: t.applications.form.proxyProtocol,
  name: t.applications.form.name, externalUrl: t.applications.form.externalUrl, internalUrl: t.applications.form.internalUrl, connectorGroup: t.applications.form.connectorGroup,
  preAuthentication: t.applications.form.preAuthentication, hostHeader: t.applications.form.hostHeader, backendProtocol: t.applications.form.backendProtocol, skipVerify: t.applications.form.skipVerify,
  backendCa: t.applications.form.backendCa, backendTimeout: t.applications.form.backendTimeout, idleTimeout: t.applications.form.idleTimeout, requestable: t.applications.form.requestable,
  ownerUsers: t.applications.form.owners, ownerGroups: t.applications.form.owners, accessKeys: t.applications.form.accessKeys, balancing: t.applications.form.balancing,
  allowRawPaths: t.applications.form.allowRawPaths, disabled: t.applications.form.disabled,
}

export function shownOf(groups: Schema['ConnectorGroup'][], name: string, value: unknown): string {
  const f = t.applications.form
  if (value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)) return t.history.nothing
  if (typeof value === 'boolean') return value ? t.yes : t.no
  switch (name) {
    case 'kind': return f.kinds[String(value)] ?? String(value)
    case 'segments': return typeof value === 'string' ? typedSegments(value).join(', ') : (value as Schema['Segment'][]).map(writeSegment).join(', ')
    case 'connectorGroup': return groups.find((g) => g.id === value)?.name ?? String(value)
    case 'balancing': return f.balancings[String(value)] ?? String(value)
    case 'backendProtocol': return f.protocols[String(value)] ?? String(value)
    case 'hostHeader': return value === 'external' ? f.hostExternal : f.hostInternal
  }
  return Array.isArray(value) ? value.join(', ') : String(value)
}
