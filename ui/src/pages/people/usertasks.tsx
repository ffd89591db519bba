// What is asked before something is done with a user, and what goes with one who is deleted.
import { Button, Field, Input, Spinner } from '@fluentui/react-components'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { all, call } from '../../api/client'
import { useWrite } from '../../api/queries'
import { Confirm } from '../../parts/confirm'
import { Failure, useToast } from '../../parts/feedback'
import { Panel } from '../../parts/panel'
import { navigate, useLeaving } from '../../router'
import { roleNames } from '../../session'
import { t } from '../../strings'
import type { User } from './users'

const s = t.people
export type What = 'disable' | 'enable' | 'reset' | 'signOut' | 'remove' | 'password'

export function UserTask({ what, user: u, close }: { what: What; user: User; close: () => void }) {
  const queries = useQueryClient()
  const toast = useToast()
  const name = u.displayName || u.name
  const done = async (text: string) => {
    toast(text)
    await queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'showMe' })
  }
  const toggle = (disabled: boolean) => call('updateUser', { id: u.id, version: u.version, body: { disabled } })
  switch (what) {
    case 'password': return <Password user={u} close={close} />
    case 'disable': return <Confirm title={s.ask.disable(name)} text={s.ask.disableText} action={s.action.disable} close={close} run={async () => { await toggle(true); await done(s.disabled(name)) }} />
    case 'enable': return <Confirm title={`${s.action.enable}: ${name}?`} text={s.enabled(name)} action={s.action.enable} close={close} run={async () => { await toggle(false); await done(s.enabled(name)) }} />
    case 'reset': return <Confirm title={s.ask.reset(name)} text={s.ask.resetText} action={s.action.reset} close={close} run={async () => { await call('resetUserFactors', { id: u.id }); await done(s.wasReset(name)) }} />
    case 'signOut': return <Confirm title={s.ask.signOut(name)} text={s.ask.signOutText} action={s.action.signOut} close={close} run={async () => { await call('revokeUserSessions', { id: u.id }); await done(s.signedOut(name)) }} />
    case 'remove': return <Confirm title={s.ask.remove(name)} text={<Goes user={u} />} action={s.action.remove} close={close} run={async () => {
      await call('deleteUser', { id: u.id, version: u.version })
      toast(s.removed(name))
      navigate('/people', { force: true })
      await queries.invalidateQueries({ predicate: (q) => q.queryKey[1] !== u.id && q.queryKey[0] !== 'showMe' })
    }} />
  }
}

// Goes tells what is deleted with a user, as the API has it at this moment.
function Goes({ user: u }: { user: User }) {
  const a = s.ask
  const found = useQuery({
    queryKey: ['goesWithUser', u.id],
    queryFn: async ({ signal }) => {
      const [assignments, keys, devices, policies, applications, sessions] = await Promise.all([all('listAssignments', { user: u.id }, signal), all('listAccessKeys', { user: u.id }, signal), all('listDevices', { user: u.id }, signal), all('listPolicies', { user: u.id }, signal),
        all('listApplications', {}, signal), call('listUserSessions', { id: u.id, signal })])
      return { assignments, keys, devices, policies, owned: applications.filter((x) => (x.ownerUsers ?? []).includes(u.id)), sessions: sessions.items ?? [] }
    },
  })
  const d = found.data
  const lines = d ? [
    d.sessions.length > 0 && a.sessions(d.sessions.length), d.assignments.length > 0 && a.assignments(d.assignments.length), (u.groups ?? []).length > 0 && a.groups((u.groups ?? []).length), d.keys.length > 0 && a.keys(d.keys.length), d.devices.length > 0 && a.devices(d.devices.length),
    (u.roles ?? []).length > 0 && a.roles((u.roles ?? []).map((r) => roleNames[r] ?? r).join(', ')), d.policies.length > 0 && a.policies(d.policies.map((p) => p.name).join(', ')), d.owned.length > 0 && a.owned(d.owned.map((x) => x.name).join(', ')),
  ].filter((x): x is string => x !== false) : []
  return (
    <div>
      <p>{a.removeText}</p>
      {found.isPending && <Spinner size="tiny" labelPosition="after" label={a.counting} />}
      {found.error && <p>{a.notKnown}</p>}
      {d && (lines.length === 0 ? <p>{a.removeNothing}</p> : <ul>{lines.map((line) => <li key={line}>{line}</li>)}</ul>)}
      <p>{a.restore}</p>
    </div>
  )
}

function Password({ user: u, close }: { user: User; close: () => void }) {
  const [password, setPassword] = useState('')
  const write = useWrite('setPassword')
  const toast = useToast()
  const name = u.displayName || u.name
  useLeaving(!write.isSuccess && password !== '', t.unsaved)
  const save = () => write.mutate({ id: u.id, body: { password } }, { onSuccess: () => { toast(s.passwordSet(name)); close() } })
  return (
    <Panel title={s.password.title(name)} size="small" close={close} footer={
      <><Button appearance="primary" type="submit" form="password" disabledFocusable={write.isPending}>{s.password.save}</Button><Button onClick={close}>{t.action.cancel}</Button></>
    }>
      <form noValidate id="password" onSubmit={(e) => { e.preventDefault(); save() }}>
        <Field label={s.password.label} required hint={s.password.hint} validationMessage={write.error?.field('password')}><Input type="password" autoComplete="new-password" value={password} onChange={(_, d) => setPassword(d.value)} /></Field>
      </form>
      {!write.error?.field('password') && <Failure problem={write.error} retry={save} />}
    </Panel>
  )
}
