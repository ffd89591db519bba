// What is written of a user.
import { Button, Checkbox, Field, Input, Select, Switch, Text, makeStyles } from '@fluentui/react-components'
import { useState } from 'react'
import type { Problem, Schema } from '../../api/client'
import { useAll } from '../../api/queries'
import { Busy } from '../../parts/busy'
import { Choices } from '../../parts/choices'
import { Conflict, shown } from '../../parts/conflict'
import { useSaving } from '../../parts/edit'
import { Failure, useToast } from '../../parts/feedback'
import { Panel } from '../../parts/panel'
import { useLeaving } from '../../router'
import { roleNames, useSession } from '../../session'
import { t } from '../../strings'
import type { User } from './users'

const s = t.people
const f = s.form

export interface Draft extends Record<string, unknown> { name: string; displayName: string; email: string; roles: string[]; requireSecondFactor: boolean; breakGlass: boolean; upstream: string; subject: string }
export const draftOf = (u?: User): Draft => ({
  name: u?.name ?? '', displayName: u?.displayName ?? '', email: u?.email ?? '', roles: u?.roles ?? [], requireSecondFactor: u?.requireSecondFactor ?? false, breakGlass: u?.breakGlass ?? false, upstream: u?.upstream ?? '', subject: u?.subject ?? '',
})
export const titles: Record<string, string> = {
  name: f.name, displayName: f.displayName, email: f.email, roles: f.roles, requireSecondFactor: f.requireSecondFactor, breakGlass: f.breakGlass, upstream: f.upstream, subject: f.subject, disabled: f.disabled, password: f.password,
}
export const atField = (problem: Problem | null) => problem !== null && Object.keys(titles).some((name) => problem.field(name))

export const useStyles = makeStyles({ form: { display: 'flex', flexDirection: 'column', gap: '12px' } })

// shownOf says a value of a user as people read it; histories use it, too.
export function shownOf(providers: Schema['Upstream'][] | undefined, name: string, value: unknown): string {
  if (name === 'upstream' && value) return providers?.find((p) => p.id === value)?.name ?? String(value)
  if (name === 'roles' && Array.isArray(value)) return value.map((r) => roleNames[String(r)] ?? String(r)).join(', ') || t.history.nothing
  return shown(value)
}

// RoleChoices are the roles; nobody gives one that they do not have.
export function RoleChoices({ roles, set, problem, title = f.roles, hint = f.rolesHint }: { roles: string[]; set: (roles: string[]) => void; problem?: string; title?: string; hint?: string }) {
  const { me } = useSession()
  const own = me.roles ?? []
  const all = own.includes('owner')
  return (
    <Choices title={title} hint={all ? hint : `${hint} ${f.mayNotGive}`}>
      {Object.entries(roleNames).map(([role, name]) => (
        <div key={role}><Checkbox label={name} title={s.roles.about[role]} checked={roles.includes(role)} disabled={!all && !own.includes(role)} onChange={(_, d) => set(d.checked ? [...roles, role] : roles.filter((r) => r !== role))} /></div>
      ))}
      {problem && <Text role="alert">{problem}</Text>}
    </Choices>
  )
}

export function Profile({ draft, set, problem }: { draft: Draft; set: (d: Draft) => void; problem: Problem | null }) {
  const put = (part: Partial<Draft>) => set({ ...draft, ...part } as Draft)
  return (
    <>
      <Field label={f.name} required hint={f.nameHint} validationMessage={problem?.field('name')}><Input value={draft.name} autoComplete="off" spellCheck={false} onChange={(_, d) => put({ name: d.value })} /></Field>
      <Field label={f.displayName} validationMessage={problem?.field('displayName')}><Input value={draft.displayName} autoComplete="off" onChange={(_, d) => put({ displayName: d.value })} /></Field>
      <Field label={f.email} validationMessage={problem?.field('email')}><Input type="email" value={draft.email} autoComplete="off" onChange={(_, d) => put({ email: d.value })} /></Field>
    </>
  )
}

export function Subject({ draft, set, problem }: { draft: Draft; set: (d: Draft) => void; problem: Problem | null }) {
  return <Field label={f.subject} required hint={f.subjectHint} validationMessage={problem?.field('subject')}><Input value={draft.subject} autoComplete="off" spellCheck={false} onChange={(_, d) => set({ ...draft, subject: d.value } as Draft)} /></Field>
}

export function EditUser({ user, close }: { user: User; close: () => void }) {
  const styles = useStyles()
  const { me } = useSession()
  const [draft, setDraft] = useState(() => draftOf(user))
  const saving = useSaving('showUser', 'updateUser', user as never)
  const providers = useAll('listUpstreams', { sort: 'name' })
  const toast = useToast()
  useLeaving(JSON.stringify(draft) !== JSON.stringify(draftOf(user)), t.unsaved)
  const save = async (what: Draft = draft) => {
    if (!(await saving.save({ ...what, subject: what.upstream ? what.subject : '' }))) return
    toast(s.saved(what.displayName || what.name))
    close()
  }
  const put = (part: Partial<Draft>) => setDraft({ ...draft, ...part } as Draft)
  const owner = (me.roles ?? []).includes('owner')
  return (
    <Panel title={f.editTitle(user.displayName || user.name)} close={close} footer={
      <><Button appearance="primary" type="submit" form="user" disabledFocusable={saving.busy}>{saving.busy ? <Busy /> : t.action.save}</Button><Button onClick={close}>{t.action.cancel}</Button></>
    }>
      <form noValidate id="user" className={styles.form} onSubmit={(e) => { e.preventDefault(); void save() }}>
        <Profile draft={draft} set={setDraft} problem={saving.problem} />
        <Field label={f.upstream} hint={f.upstreamHint} validationMessage={saving.problem?.field('upstream')}>
          <Select value={draft.upstream} onChange={(_, d) => put({ upstream: d.value })}><option value="">{s.local}</option>{(providers.data ?? []).map((p) => <option key={p.id} value={p.id}>{p.name}</option>)}</Select>
        </Field>
        {draft.upstream && <Subject draft={draft} set={setDraft} problem={saving.problem} />}
        <Field hint={f.requireSecondFactorHint} validationMessage={saving.problem?.field('requireSecondFactor')}><Switch label={f.requireSecondFactor} checked={draft.requireSecondFactor} onChange={(_, d) => put({ requireSecondFactor: d.checked })} /></Field>
        <RoleChoices roles={draft.roles} set={(roles) => put({ roles })} problem={saving.problem?.field('roles')} />
        <Field hint={owner ? f.breakGlassHint : `${f.breakGlassHint} ${f.onlyOwner}`} validationMessage={saving.problem?.field('breakGlass')}><Switch label={f.breakGlass} disabled={!owner} checked={draft.breakGlass} onChange={(_, d) => put({ breakGlass: d.checked })} /></Field>
      </form>
      {!atField(saving.problem) && <Failure problem={saving.problem} retry={() => void save()} />}
      <Conflict saving={saving} mine={draft} title={(name) => titles[name] ?? name} shownValue={(name, value) => shownOf(providers.data, name, value)} merged={(next) => { setDraft(next as Draft); void save(next as Draft) }} />
    </Panel>
  )
}
