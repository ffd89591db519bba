// A destination of logs, new or changed.
import { Button, Checkbox, Field, Input, Select, Textarea, makeStyles } from '@fluentui/react-components'
import { useState } from 'react'
import type { Body, Problem, Schema } from '../../api/client'
import { useWrite } from '../../api/queries'
import { Busy } from '../../parts/busy'
import { Choices } from '../../parts/choices'
import { Conflict } from '../../parts/conflict'
import { useSaving, type Fields } from '../../parts/edit'
import { Failure, useToast } from '../../parts/feedback'
import { Panel } from '../../parts/panel'
import { useLeaving } from '../../router'
import { t } from '../../strings'

type Export = Schema['Export']
type Kind = Export['kind']
interface Draft { name: string; url: string; streams: string[]; from: string; to: string[]; user: string; array: boolean; ca: string; allowPrivate: boolean; allowLoopback: boolean }

const s = t.settings.exports
const f = s.form
const useStyles = makeStyles({ form: { display: 'flex', flexDirection: 'column', gap: '12px' } })
const titles: Record<string, string> = { name: f.name, url: f.url, streams: f.streams, from: f.from, to: f.to, user: f.user, array: f.array, ca: f.ca, allowPrivate: f.allowPrivate, allowLoopback: f.allowLoopback, kind: f.kind, secret: f.secret }
const atField = (problem: Problem | null) => problem !== null && Object.keys(titles).some((name) => problem.field(name))

const draftOf = (e?: Export): Draft => ({
  name: e?.name ?? '', url: e?.url ?? '', streams: e?.streams ?? [], from: e?.from ?? '', to: e?.to ?? [], user: e?.user ?? '', array: e?.array ?? false, ca: e?.ca ?? '', allowPrivate: e?.allowPrivate ?? false, allowLoopback: e?.allowLoopback ?? false,
})

export function ExportForm({ export: e, close }: { export?: Export; close: () => void }) {
  return e ? <Edit of={e} close={close} /> : <Create close={close} />
}

function Create({ close }: { close: () => void }) {
  const styles = useStyles()
  const [kind, setKind] = useState<Kind>('syslog')
  const [draft, setDraft] = useState(draftOf)
  const [secret, setSecret] = useState('')
  const [beginning, setBeginning] = useState(false)
  const write = useWrite('createExport')
  const toast = useToast()
  useLeaving(!write.isSuccess && (draft.name !== '' || draft.url !== '' || secret !== ''), t.unsaved)
  const choose = (next: Kind) => {
    setKind(next)
    setDraft({ ...draft, streams: next === 'mail' ? ['alerts'] : draft.streams })
  }
  const create = () => {
    const { from, to, user, array, ...rest } = draft
    const body = { ...rest, ca: draft.ca || undefined, kind, beginning, secret: secret || undefined, ...(kind === 'mail' ? { from, to: to.filter(Boolean), user: user || undefined } : {}), ...(kind === 'webhook' ? { array } : {}) }
    write.mutate({ body: body as Body<'createExport'> }, { onSuccess: (e) => { toast(s.made(e.name)); close() } })
  }
  return (
    <Panel title={f.newTitle} close={close} footer={
      <><Button appearance="primary" type="submit" form="export" disabledFocusable={write.isPending}>{write.isPending ? <Busy /> : f.create}</Button><Button onClick={close}>{t.action.cancel}</Button></>
    }>
      <form noValidate id="export" className={styles.form} onSubmit={(event) => { event.preventDefault(); create() }}>
        <Field label={f.kind} validationMessage={write.error?.field('kind')}><Select value={kind} onChange={(_, d) => choose(d.value as Kind)}>{Object.entries(s.kinds).map(([value, title]) => <option key={value} value={value}>{title}</option>)}</Select></Field>
        <Inputs kind={kind} draft={draft} set={setDraft} problem={write.error} />
        {s.secretHints[kind] && <Field label={f.secret} hint={s.secretHints[kind]} validationMessage={write.error?.field('secret')}><Input type="password" autoComplete="new-password" value={secret} onChange={(_, d) => setSecret(d.value)} /></Field>}
        <Checkbox label={f.beginning} checked={beginning} onChange={(_, d) => setBeginning(d.checked === true)} />
      </form>
      {!atField(write.error) && <Failure problem={write.error} retry={create} />}
    </Panel>
  )
}

function Edit({ of: e, close }: { of: Export; close: () => void }) {
  const styles = useStyles()
  const [draft, setDraft] = useState(() => draftOf(e))
  const saving = useSaving('showExport', 'updateExport', e as never)
  const toast = useToast()
  useLeaving(JSON.stringify(draft) !== JSON.stringify(draftOf(e)), t.unsaved)
  const save = async (what: Draft = draft) => {
    if (!(await saving.save({ ...what, to: what.to.filter(Boolean) } as unknown as Fields))) return
    toast(s.saved(what.name))
    close()
  }
  return (
    <Panel title={f.editTitle(e.name)} close={close} footer={
      <><Button appearance="primary" type="submit" form="export" disabledFocusable={saving.busy}>{saving.busy ? <Busy /> : t.action.save}</Button><Button onClick={close}>{t.action.cancel}</Button></>
    }>
      <form noValidate id="export" className={styles.form} onSubmit={(event) => { event.preventDefault(); void save() }}>
        <Inputs kind={e.kind} draft={draft} set={setDraft} problem={saving.problem} />
      </form>
      {!atField(saving.problem) && <Failure problem={saving.problem} retry={() => void save()} />}
      <Conflict saving={saving} mine={draft as unknown as Fields} title={(name) => titles[name] ?? name} merged={(next) => { setDraft(next as unknown as Draft); void save(next as unknown as Draft) }} />
    </Panel>
  )
}

function Inputs({ kind, draft, set, problem }: { kind: Kind; draft: Draft; set: (d: Draft) => void; problem: Problem | null }) {
  const put = (part: Partial<Draft>) => set({ ...draft, ...part })
  const box = (name: 'array' | 'allowPrivate' | 'allowLoopback') => <Checkbox label={titles[name]} checked={draft[name]} onChange={(_, d) => put({ [name]: d.checked === true })} />
  const streams = kind === 'mail' ? ['alerts'] : Object.keys(s.streams)
  return (
    <>
      <Field label={f.name} required validationMessage={problem?.field('name')}><Input value={draft.name} maxLength={128} onChange={(_, d) => put({ name: d.value })} /></Field>
      <Field label={f.url} required hint={s.urlHints[kind]} validationMessage={problem?.field('url')}><Input value={draft.url} placeholder={s.examples[kind]} spellCheck={false} onChange={(_, d) => put({ url: d.value })} /></Field>
      <Choices title={f.streams} hint={f.streamsHint}>
        {streams.map((name) => <div key={name}><Checkbox label={s.streams[name]} checked={draft.streams.includes(name)} onChange={(_, d) => put({ streams: d.checked ? [...draft.streams, name] : draft.streams.filter((x) => x !== name) })} /></div>)}
        <Field validationMessage={problem?.field('streams')}><span /></Field>
      </Choices>
      {kind === 'mail' && (
        <>
          <Field label={f.from} required validationMessage={problem?.field('from')}><Input type="email" value={draft.from} onChange={(_, d) => put({ from: d.value })} /></Field>
          <Field label={f.to} required hint={f.toHint} validationMessage={problem?.field('to')}><Textarea rows={3} value={draft.to.join('\n')} onChange={(_, d) => put({ to: d.value === '' ? [] : d.value.split('\n').map((x) => x.trim()) })} /></Field>
          <Field label={f.user} hint={f.userHint} validationMessage={problem?.field('user')}><Input value={draft.user} autoComplete="off" onChange={(_, d) => put({ user: d.value })} /></Field>
        </>
      )}
      {kind === 'webhook' && box('array')}
      <Field label={f.ca} hint={f.caHint} validationMessage={problem?.field('ca')}><Textarea rows={3} spellCheck={false} value={draft.ca} onChange={(_, d) => put({ ca: d.value })} /></Field>
      <div>{box('allowPrivate')}</div>
      <div>{box('allowLoopback')}</div>
    </>
  )
}
