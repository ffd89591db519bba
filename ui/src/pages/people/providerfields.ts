// What is typed of an identity provider: a table of fields, and how they become what the API takes and back.
import type { Schema } from '../../api/client'
import type { Fields } from '../../parts/edit'
import { t } from '../../strings'

export type Provider = Schema['Upstream']
export type Kind = Provider['kind']
export type Mapping = { from: string; to: string }
type Type = 'text' | 'lines' | 'words' | 'pem' | 'on' | 'day' | 'required' | 'groups'
export interface FieldOf { name: string; type: Type; title: string; hint?: string; required?: boolean; section: 'connect' | 'trust' | 'mapping' | 'advanced'; kinds?: Kind[] }
export type Draft = Record<string, string | boolean | Mapping[]>

const f = t.providers.form
const text = (name: string, title: string, section: FieldOf['section'], more: Partial<FieldOf> = {}): FieldOf => ({ name, type: 'text', title, section, ...more })

const own: Record<Kind, FieldOf[]> = {
  oidc: [
    text('oidc.issuer', f.issuer, 'connect', { hint: f.issuerHint, required: true }), text('oidc.clientId', f.clientId, 'connect', { hint: f.clientIdHint, required: true }),
    text('oidc.allowPrivate', f.allowPrivate, 'trust', { type: 'on' }), text('oidc.allowLoopback', f.allowLoopback, 'trust', { type: 'on' }), text('oidc.ca', f.ca, 'trust', { type: 'pem', hint: f.caHint }),
    text('oidc.groupsClaim', f.groupsClaim, 'mapping', { hint: f.groupsClaimHint }), text('oidc.scopes', f.scopes, 'advanced', { type: 'words', hint: f.scopesHint }), text('oidc.secretExpires', f.secretExpires, 'advanced', { type: 'day', hint: f.secretExpiresHint }),
    text('oidc.strongAcr', f.strongAcr, 'advanced', { type: 'lines', hint: f.lines }), text('oidc.strongAmr', f.strongAmr, 'advanced', { type: 'lines', hint: f.lines }), text('oidc.proofLife', f.proofLife, 'advanced', { hint: f.proofLifeHint }),
  ],
  saml: [
    text('saml.metadataUrl', f.metadataUrl, 'connect', { hint: f.metadataUrlHint }), text('saml.metadata', f.metadata, 'connect', { type: 'pem' }),
    text('saml.allowPrivate', f.allowPrivate, 'trust', { type: 'on' }), text('saml.allowLoopback', f.allowLoopback, 'trust', { type: 'on' }), text('saml.ca', f.ca, 'trust', { type: 'pem', hint: f.caHint }), text('saml.metadataSigner', f.metadataSigner, 'trust', { type: 'pem' }),
    text('saml.subjectAttribute', f.subjectAttribute, 'mapping', { hint: f.subjectSaml }), text('saml.groupsAttribute', f.groupsAttribute, 'mapping', { hint: f.groupsClaimHint }),
    text('saml.signRequests', f.signRequests, 'advanced', { type: 'on' }), text('saml.idpInitiated', f.idpInitiated, 'advanced', { type: 'on', hint: f.idpInitiatedHint }), text('saml.entityId', f.entityId, 'advanced', { hint: f.entityIdHint }),
    text('saml.strongContexts', f.strongContexts, 'advanced', { type: 'lines', hint: f.lines }), text('saml.proofLife', f.proofLife, 'advanced', { hint: f.proofLifeHint }),
  ],
  ldap: [
    text('ldap.urls', f.urls, 'connect', { type: 'lines', hint: f.urlsHint, required: true }), text('ldap.activeDirectory', f.activeDirectory, 'connect', { type: 'on' }), text('ldap.baseDn', f.baseDn, 'connect', { hint: f.baseDnHint, required: true }), text('ldap.bindDn', f.bindDn, 'connect', { hint: f.bindDnHint }),
    text('domains', f.domains, 'connect', { type: 'words', hint: f.domainsHint }), text('ldap.workgroup', f.workgroup, 'connect', { hint: f.workgroupHint }),
    text('ldap.startTls', f.startTls, 'trust', { type: 'on' }), text('ldap.allowPlain', f.allowPlain, 'trust', { type: 'on', hint: f.allowPlainHint }), text('ldap.allowLoopback', f.allowLoopback, 'trust', { type: 'on' }), text('ldap.ca', f.ca, 'trust', { type: 'pem', hint: f.caHint }),
    text('ldap.nestedGroups', f.nestedGroups, 'mapping', { type: 'on' }), text('ldap.groupBase', f.groupBase, 'mapping'), text('ldap.groupFilter', f.groupFilter, 'mapping', { hint: f.groupFilterHint }), text('ldap.userFilter', f.userFilter, 'advanced', { hint: f.userFilterHint }),
    text('ldap.subjectAttribute', f.subjectAttribute, 'advanced', { hint: f.subjectLdap }), text('ldap.attributes', f.attributes, 'advanced', { type: 'words' }),
  ],
}
const mapping: FieldOf[] = [
  text('mapping.groups', f.groups, 'mapping', { type: 'groups', hint: f.groupsHint }), text('mapping.groupsByName', f.groupsByName, 'mapping', { type: 'on' }), text('mapping.groupPrefix', f.groupPrefix, 'mapping'),
  text('mapping.required', f.required, 'mapping', { type: 'required', hint: f.requiredHint }), text('mapping.emailDomains', f.emailDomains, 'mapping', { type: 'words', hint: f.emailDomainsHint }),
  text('mapping.name', f.nameClaim, 'mapping', { hint: f.usual }), text('mapping.displayName', f.displayNameClaim, 'mapping', { hint: f.usual }), text('mapping.email', f.emailClaim, 'mapping', { hint: f.usual }),
  text('onlyKnown', f.onlyKnown, 'mapping', { type: 'on', hint: f.onlyKnownHint }),
]
const common: FieldOf = text('name', f.name, 'connect', { hint: f.nameHint, required: true })
const first: FieldOf = text('default', f.default, 'advanced', { type: 'on' })

export const fieldsOf = (kind: Kind): FieldOf[] => [common, ...own[kind], ...mapping, ...(kind === 'ldap' ? [] : [first])]
export const titleOf = (kind: Kind, name: string) => fieldsOf(kind).find((x) => x.name === name)?.title ?? name

const at = (object: unknown, path: string) => path.split('.').reduce<unknown>((o, key) => (o as Fields | undefined)?.[key], object)

function shownAs(type: Type, value: unknown): Draft[string] {
  switch (type) {
    case 'on': return value === true
    case 'lines': return ((value as string[] | undefined) ?? []).join('\n')
    case 'words': return ((value as string[] | undefined) ?? []).join(' ')
    case 'day': return value ? String(value).slice(0, 10) : ''
    case 'groups': return ((value as Mapping[] | undefined) ?? []).map(({ from, to }) => ({ from, to }))
    case 'required': return ((value as Schema['UpstreamRequirement'][] | undefined) ?? []).flatMap((r) => (r.values ?? []).map((v) => `${r.claim}=${v}`)).join('\n')
  }
  return (value as string | undefined) ?? ''
}

// draftOf gives an object of the API, which may be none, as what is typed.
export const draftOf = (kind: Kind, object: unknown): Draft => Object.fromEntries(fieldsOf(kind).map((x) => [x.name, shownAs(x.type, at(object, x.name))]))

export const badRequired = (value: string) => value.split('\n').some((line) => line.trim() !== '' && !/^[^=]+=./.test(line.trim()))

function sentAs(type: Type, value: unknown): unknown {
  const list = (by: RegExp) => {
    const items = String(value ?? '').split(by).map((x) => x.trim()).filter(Boolean)
    return items.length ? items : null
  }
  switch (type) {
    case 'on': return value === true
    case 'lines': return list(/\n/)
    case 'words': return list(/[\s,]+/)
    case 'day': return value ? `${String(value)}T00:00:00Z` : null
    case 'groups': return (value as Mapping[] | null)?.length ? value : null
    case 'required': {
      const claims = new Map<string, string[]>()
      for (const line of list(/\n/) ?? []) {
        const [, claim, one] = /^([^=]+)=(.*)$/.exec(line) ?? []
        if (claim && one) claims.set(claim, [...(claims.get(claim) ?? []), one])
      }
      return claims.size ? [...claims].map(([claim, values]) => ({ claim, values })) : null
    }
  }
  return value === '' || value === undefined ? null : value
}

// sent makes of fields that were typed what the API takes: a merge patch where null takes away, or a whole object without those.
export function sent(kind: Kind, typed: Fields, whole = false): Fields {
  const out: Fields = {}
  for (const x of fieldsOf(kind)) {
    if (!(x.name in typed)) continue
    const value = sentAs(x.type, typed[x.name])
    if (whole && (value === null || value === false)) continue
    const [object, member] = x.name.split('.') as [string, string | undefined]
    if (member) out[object] = { ...(out[object] as Fields | undefined), [member]: value }
    else out[object] = value
  }
  if (whole && !out[kind]) out[kind] = {}
  return out
}
