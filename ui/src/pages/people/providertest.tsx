// What would become of somebody by what an identity provider says of them.
import { Field, Input, MessageBar, MessageBarBody, MessageBarTitle, Text, Textarea } from '@fluentui/react-components'
import { sentence, type Schema } from '../../api/client'
import { Fact, Facts } from '../../parts/facts'
import { Anchor } from '../../router'
import { t } from '../../strings'
import { useListStyles } from './membership'
import type { Kind } from './providerfields'

const s = t.providers.test

// testOf gives the question of what was typed: of a directory a name, else claims. null: it is none.
export function testOf(kind: Kind, text: string): Schema['UpstreamTest'] | null {
  if (text.trim() === '') return null
  if (kind === 'ldap') return { user: text.trim() }
  try {
    const claims = JSON.parse(text) as unknown
    return claims !== null && typeof claims === 'object' && !Array.isArray(claims) ? { claims: claims as Record<string, unknown> } : null
  } catch {
    return null
  }
}

export function TestInputs({ kind, value, set, bad }: { kind: Kind; value: string; set: (v: string) => void; bad: boolean }) {
  return kind === 'ldap'
    ? <Field label={s.user} hint={s.userHint}><Input value={value} autoComplete="off" spellCheck={false} onChange={(_, d) => set(d.value)} /></Field>
    : <Field label={s.claims} hint={s.claimsHint} validationMessage={bad ? s.badClaims : undefined}><Textarea rows={5} spellCheck={false} value={value} onChange={(_, d) => set(d.value)} /></Field>
}

export function Tested({ of: r }: { of: Schema['UpstreamTested'] }) {
  const styles = useListStyles()
  return (
    <>
      <MessageBar intent={r.allowed ? 'success' : 'warning'} layout="multiline" role="status"><MessageBarBody><MessageBarTitle>{r.allowed ? s.yes : s.no}</MessageBarTitle> {r.reason && sentence(r.reason)}</MessageBarBody></MessageBar>
      <Facts>
        <Fact title={s.name}>{r.name || t.unknown}</Fact>
        <Fact title={s.displayName}>{r.displayName || t.none}</Fact>
        <Fact title={s.email}>{r.email || t.none}</Fact>
        <Fact title={s.groups}>{(r.groups ?? []).join(', ') || t.none}</Fact>
        <Fact title={s.theirs}>{(r.upstreamGroups ?? []).join(', ') || t.none}</Fact>
        {r.subject && <Fact title={s.subject}><code>{r.subject}</code></Fact>}
        <Fact title={s.user_}>{r.user ? <Anchor className={styles.link} href={`/people/users/${r.user}`}>{r.name || r.user}</Anchor> : s.fresh}</Fact>
      </Facts>
      {(r.steps ?? []).length > 0 && <div><Text weight="semibold">{s.steps}</Text><ul className={styles.list}>{(r.steps ?? []).map((x, i) => <li key={i} className={styles.one}><b>{x.what}</b> {x.why}</li>)}</ul></div>}
      {r.claims && <div><Text weight="semibold">{s.claimsSaid}</Text><ul className={styles.list}>{Object.entries(r.claims).map(([name, value]) => <li key={name} className={styles.one}><b>{name}</b> {Array.isArray(value) ? value.join(', ') : String(value)}</li>)}</ul></div>}
    </>
  )
}
