// A new user, who sets a password by a link, gets one from the administrator, or comes by an identity provider.
import { Button, Field, Input, MessageBar, MessageBarBody, Radio, RadioGroup, Select, Switch, Text } from '@fluentui/react-components'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { call, problemOf, type Problem, type Schema } from '../../api/client'
import { useAll } from '../../api/queries'
import { when } from '../../format'
import { Busy } from '../../parts/busy'
import { CopyLine, Failure, useToast } from '../../parts/feedback'
import { Panel } from '../../parts/panel'
import { navigate, useLeaving } from '../../router'
import { t } from '../../strings'
import { Profile, RoleChoices, Subject, atField, draftOf, useStyles, type Draft } from './userform'
import type { User } from './users'

const s = t.people
const f = s.form
type How = 'link' | 'password' | 'upstream'

export function NewUser({ close }: { close: () => void }) {
  const styles = useStyles()
  const [draft, setDraft] = useState<Draft>(draftOf)
  const [how, setHow] = useState<How>('link')
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [made, setMade] = useState<User | null>(null)
  const providers = useAll('listUpstreams', { sort: 'name' })
  const queries = useQueryClient()
  const toast = useToast()
  useLeaving(!made && (draft.name !== '' || draft.email !== '' || password !== ''), t.unsaved)
  const put = (part: Partial<Draft>) => setDraft({ ...draft, ...part } as Draft)
  const create = async () => {
    setBusy(true)
    setProblem(null)
    try {
      const { upstream, subject, ...rest } = draft
      const user = await call('createUser', { body: { ...rest, ...(how === 'upstream' ? { upstream, subject } : {}), ...(how === 'password' ? { password } : {}) } })
      await queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'showMe' })
      if (how === 'link') setMade(user)
      else {
        toast(s.saved(user.displayName || user.name))
        close()
      }
    } catch (error) {
      setProblem(problemOf(error))
    } finally {
      setBusy(false)
    }
  }
  if (made) return <PasswordLink user={made} close={close} fresh />
  const ready = how !== 'upstream' || draft.upstream !== ''
  return (
    <Panel title={f.newTitle} close={close} footer={
      <><Button appearance="primary" type="submit" form="user" disabledFocusable={busy || !ready}>{busy ? <Busy /> : f.create}</Button><Button onClick={close}>{t.action.cancel}</Button></>
    }>
      <form noValidate id="user" className={styles.form} onSubmit={(e) => { e.preventDefault(); if (ready) void create() }}>
        <Profile draft={draft} set={setDraft} problem={problem} />
        <Field label={f.signIn}>
          <RadioGroup value={how} onChange={(_, d) => setHow(d.value as How)}>
            <Radio value="link" label={f.byLink} /><Radio value="password" label={f.byPassword} />
            {(providers.data ?? []).length > 0 && <Radio value="upstream" label={f.byUpstream} />}
          </RadioGroup>
        </Field>
        {how === 'password' && <Field label={f.password} required hint={f.passwordHint} validationMessage={problem?.field('password')}><Input type="password" autoComplete="new-password" value={password} onChange={(_, d) => setPassword(d.value)} /></Field>}
        {how === 'upstream' && (
          <>
            <Field label={f.upstream} required validationMessage={problem?.field('upstream')}>
              <Select value={draft.upstream} onChange={(_, d) => put({ upstream: d.value })}><option value="" />{(providers.data ?? []).map((p) => <option key={p.id} value={p.id}>{p.name}</option>)}</Select>
            </Field>
            <Subject draft={draft} set={setDraft} problem={problem} />
          </>
        )}
        <Field hint={f.requireSecondFactorHint} validationMessage={problem?.field('requireSecondFactor')}><Switch label={f.requireSecondFactor} checked={draft.requireSecondFactor} onChange={(_, d) => put({ requireSecondFactor: d.checked })} /></Field>
        <RoleChoices roles={draft.roles} set={(roles) => put({ roles })} problem={problem?.field('roles')} />
      </form>
      {!atField(problem) && <Failure problem={problem} retry={() => void create()} />}
    </Panel>
  )
}

// PasswordLink makes a one-time link and shows it, once.
export function PasswordLink({ user, close, fresh = false }: { user: Pick<Schema['User'], 'id' | 'name' | 'displayName'>; close: () => void; fresh?: boolean }) {
  const l = s.link
  const [link, setLink] = useState<Schema['UserLink'] | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [busy, setBusy] = useState(false)
  const make = async () => {
    setBusy(true)
    setProblem(null)
    await call('createUserLink', { id: user.id }).then(setLink, (error: unknown) => setProblem(problemOf(error)))
    setBusy(false)
  }
  useEffect(() => { if (fresh) void make() }, []) // once: that is what the user was added with
  return (
    <Panel title={l.title(user.displayName || user.name)} close={close} footer={
      <>
        {link ? <Button appearance="primary" onClick={close}>{t.action.done}</Button> : <Button appearance="primary" disabledFocusable={busy} onClick={() => void make()}>{busy ? <Busy /> : s.action.link}</Button>}
        {fresh && <Button onClick={() => { close(); navigate(`/people/users/${user.id}`) }}>{l.open}</Button>}
      </>
    }>
      {fresh && !link && <MessageBar intent="success"><MessageBarBody>{s.saved(user.displayName || user.name)}</MessageBarBody></MessageBar>}
      {!link && !fresh && <Text>{l.once}</Text>}
      <Failure problem={problem} title={fresh ? l.mayNot : t.error.title} />
      {link && (
        <>
          <Text>{link.kind === 'invitation' ? l.invitation : l.reset}</Text>
          <CopyLine text={link.url} label={l.label} />
          <Text size={200}>{l.once} {l.until} {when(link.expires)}.</Text>
        </>
      )}
    </Panel>
  )
}
