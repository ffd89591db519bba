// What is typed of a policy, how it is said in a few words, and how it becomes what the API takes.
import type { Schema } from '../../api/client'
import type { Fields } from '../../parts/edit'
import { useNames } from '../../parts/names'
import { t } from '../../strings'

export type Policy = Schema['Policy']
export type Input = Schema['PolicyInput']
export type Mode = NonNullable<Input['mode']>
export const modes: Mode[] = ['enforce', 'report-only', 'off']

export interface Draft extends Fields {
  name: string; description: string; mode: Mode
  allApplications: boolean; applications: string[]
  everyone: boolean; users: string[]; groups: string[]; exceptUsers: string[]; exceptGroups: string[]
  strength: string; maxAge: string; allowedNetworks: string; blockedNetworks: string; windows: string[]
  deviceEnrolled: boolean; deviceSystems: string[]; clientVersions: string
}

const s = t.policies
const f = s.form
const lines = (list: string[] | null | undefined) => (list ?? []).join('\n')

// draftOf gives a policy as it is typed. A new one only reports: it is to be looked at before it denies.
export function draftOf(p?: Partial<Input>): Draft {
  return {
    name: p?.name ?? '', description: p?.description ?? '', mode: p?.mode ?? 'report-only', allApplications: p?.allApplications ?? false, applications: p?.applications ?? [],
    everyone: p?.everyone ?? false, users: p?.users ?? [], groups: p?.groups ?? [], exceptUsers: p?.exceptUsers ?? [], exceptGroups: p?.exceptGroups ?? [],
    strength: p?.strength ?? '', maxAge: p?.maxAge ?? '', allowedNetworks: lines(p?.allowedNetworks), blockedNetworks: lines(p?.blockedNetworks), windows: p?.windows ?? [],
    deviceEnrolled: p?.deviceEnrolled ?? false, deviceSystems: p?.deviceSystems ?? [], clientVersions: lines(p?.clientVersions),
  }
}

const typedAsLines = ['allowedNetworks', 'blockedNetworks', 'clientVersions']

// sent makes of what was typed what the API takes.
export const sent = (typed: Fields): Fields => Object.fromEntries(Object.entries(typed).map(([name, value]) => (
  [name, typedAsLines.includes(name) ? String(value ?? '').split(/[\n,]/).map((line) => line.trim()).filter(Boolean) : value]
)))

// inputOf is what is sent of a new one: what is empty has its default.
export const inputOf = (d: Draft) => Object.fromEntries(Object.entries(sent(d)).filter(([, value]) => value !== '' && value !== false && !(Array.isArray(value) && value.length === 0))) as unknown as Input

export const asTyped = { read: (object: Fields) => draftOf(object as Partial<Input>) as Fields, send: sent }

export const titles: Record<string, string> = {
  name: f.name, description: f.description, mode: f.mode, allApplications: f.all, applications: f.applications, everyone: f.everyone, users: f.people, groups: f.people, exceptUsers: f.except, exceptGroups: f.except,
  strength: f.strength, maxAge: f.maxAge, allowedNetworks: f.allowedNetworks, blockedNetworks: f.blockedNetworks, windows: f.windows,
  deviceEnrolled: f.enrolled, deviceSystems: f.systems, clientVersions: f.clients,
}

type Named = Partial<Pick<Input, 'applications' | 'users' | 'groups' | 'exceptUsers' | 'exceptGroups'>>

// useNaming gives the names of whatever a policy names.
export function useNaming(of: Named): (id: string) => string {
  const applications = useNames('showApplication', of.applications ?? [])
  const users = useNames('showUser', [...(of.users ?? []), ...(of.exceptUsers ?? [])])
  const groups = useNames('showGroup', [...(of.groups ?? []), ...(of.exceptGroups ?? [])])
  return (id) => (id.startsWith('app_') ? applications(id) : id.startsWith('usr_') ? users(id) : groups(id))
}

export function shownOf(named: (id: string) => string, name: string, value: unknown): string {
  if (value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)) return t.history.nothing
  if (typeof value === 'boolean') return value ? t.yes : t.no
  if (name === 'mode') return s.modes[String(value)] ?? String(value)
  if (name === 'strength') return f.strengths[String(value)] ?? String(value)
  if (name === 'deviceSystems') return (value as string[]).map((x) => s.systems[x] ?? x).join(', ')
  const list = Array.isArray(value) ? (value as string[]) : String(value).split('\n')
  return list.map((x) => (/^(app|usr|grp)_/.test(x) ? named(x) : x)).join(', ')
}

type Said = Pick<Input, 'strength' | 'maxAge' | 'allowedNetworks' | 'blockedNetworks' | 'windows' | 'deviceEnrolled' | 'deviceSystems' | 'clientVersions'>

// asksOf says each thing that a policy asks for.
export function asksOf(p: Said): string[] {
  const a = s.asks
  const has = (list: string[] | null | undefined) => (list ?? []).length > 0
  return [
    p.strength ? a.strength[p.strength] ?? p.strength : '', p.maxAge ? a.age(p.maxAge) : '', has(p.allowedNetworks) ? a.allowed(p.allowedNetworks!.join(a.or)) : '', has(p.blockedNetworks) ? a.blocked(p.blockedNetworks!.join(a.or)) : '',
    has(p.windows) ? a.windows(p.windows!.join(a.or)) : '', has(p.deviceSystems) ? a.systems(p.deviceSystems!.map((x) => s.systems[x] ?? x).join(a.or)) : has(p.clientVersions) ? '' : p.deviceEnrolled ? a.enrolled : '', has(p.clientVersions) ? a.clients(p.clientVersions!.join(', ')) : '',
  ].filter(Boolean)
}

// idle says why a policy does nothing; empty if it does something.
export function idle(p: Input): string {
  if (p.mode === 'off') return s.idle.off
  if (!p.allApplications && (p.applications ?? []).length === 0) return s.idle.applications
  if (!p.everyone && (p.users ?? []).length + (p.groups ?? []).length === 0) return s.idle.people
  return asksOf(p).length === 0 ? s.idle.asks : ''
}

// forWhom and forWhich say it in numbers, where there is little room.
export function forWhom(p: Input): string {
  const counted = (users: number, groups: number) => [users > 0 && s.users(users), groups > 0 && s.groups(groups)].filter(Boolean).join(s.and)
  const except = counted((p.exceptUsers ?? []).length, (p.exceptGroups ?? []).length)
  return [p.everyone ? s.everyone : counted((p.users ?? []).length, (p.groups ?? []).length) || s.nobody, except && s.but(except)].filter(Boolean).join(', ')
}
export const forWhich = (p: Input) => (p.allApplications ? s.all : (p.applications ?? []).length > 0 ? s.applications((p.applications ?? []).length) : s.noApplication)
