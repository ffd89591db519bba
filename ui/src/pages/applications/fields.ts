// What of an application is typed, and how it is said again.
import type { Schema } from '../../api/client'
import { t } from '../../strings'

export type Application = Schema['Application']
export type Input = Schema['ApplicationInput']
export interface Draft extends Record<string, unknown> {
  name: string; externalUrl: string; internalUrl: string; connectorGroup: string; preAuthentication: string
  hostHeader: string; backendProtocol: string; skipVerify: boolean; backendCa: string; backendTimeout: string; idleTimeout: string
  requestable: boolean; ownerUsers: string[]; ownerGroups: string[]; accessKeys: boolean; balancing: string; allowRawPaths: boolean; disabled: boolean
}

export function draftOf(a?: Partial<Input>): Draft {
  return {
    name: a?.name ?? '', externalUrl: a?.externalUrl ?? 'https://', internalUrl: a?.internalUrl ?? 'http://', connectorGroup: a?.connectorGroup ?? '',
    preAuthentication: a?.preAuthentication ?? 'sign-in', hostHeader: a?.hostHeader ?? 'internal', backendProtocol: a?.backendProtocol ?? 'http1',
    skipVerify: a?.skipVerify ?? false, backendCa: a?.backendCa ?? '', backendTimeout: a?.backendTimeout ?? '', idleTimeout: a?.idleTimeout ?? '',
    requestable: a?.requestable ?? false, ownerUsers: a?.ownerUsers ?? [], ownerGroups: a?.ownerGroups ?? [], accessKeys: a?.accessKeys ?? false,
    balancing: a?.balancing ?? 'least-loaded', allowRawPaths: a?.allowRawPaths ?? false, disabled: a?.disabled ?? false,
  }
}

// inputOf is what is sent of a new one: what is empty has its default.
export function inputOf(d: Draft): Input {
  return Object.fromEntries(Object.entries(d).filter(([, v]) => v !== '')) as unknown as Input
}

export const titles: Record<string, string> = {
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
    case 'connectorGroup': return groups.find((g) => g.id === value)?.name ?? String(value)
    case 'balancing': return f.balancings[String(value)] ?? String(value)
    case 'backendProtocol': return f.protocols[String(value)] ?? String(value)
    case 'hostHeader': return value === 'external' ? f.hostExternal : f.hostInternal
  }
  return Array.isArray(value) ? value.join(', ') : String(value)
}
