import { Button, Field, Input, Select } from '@fluentui/react-components'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call, problemOf, type Problem, type Schema } from '../../api/client'
import { Busy } from '../../parts/busy'
import { Conflict } from '../../parts/conflict'
import { useSaving, type Fields } from '../../parts/edit'
import { Failure, useToast } from '../../parts/feedback'
import { Panel } from '../../parts/panel'
import { useLeaving } from '../../router'
import { t } from '../../strings'
import { MemberChoice } from './members'

type Group = Schema['ConnectorGroup']
interface Props { groups: Group[]; group?: Group; close: () => void }
interface Draft { name: string; region: string; backupGroup: string }

export function GroupForm(props: Props) {
  return props.group ? <Edit {...props} group={props.group} /> : <Create {...props} />
}

function Create({ groups, close }: Props) {
  const s = t.connectors.groups
  const [draft, setDraft] = useState<Draft>({ name: '', region: '', backupGroup: '' })
  const [chosen, setChosen] = useState<Schema['Connector'][]>([])
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [made, setMade] = useState<Group | null>(null) // it is there; connectors are being moved
  const [moved, setMoved] = useState<string[]>([])
  const queries = useQueryClient()
  const toast = useToast()
  useLeaving(draft.name !== '' && !made, t.unsaved)

  const create = async () => {
    setBusy(true)
    setProblem(null)
    const done = [...moved]
    try {
      const group = made ?? await call('createConnectorGroup', { body: { name: draft.name, region: draft.region || undefined, backupGroup: draft.backupGroup || undefined, default: false } })
      setMade(group)
      for (const { id } of chosen.filter((c) => !done.includes(c.id))) {
        const k = await call('showConnector', { id })
        await call('updateConnector', { id, version: k.version, body: { connectorGroup: group.id } })
        done.push(id)
        setMoved([...done])
      }
      toast(s.made(group.name))
      close()
    } catch (error) {
      setProblem(problemOf(error))
    } finally {
      setBusy(false)
      void queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'showMe' })
    }
  }
  return (
    <Panel title={s.form.newTitle} close={close} footer={
      <>
        <Button appearance="primary" type="submit" form="group" disabledFocusable={busy}>{busy ? <Busy /> : s.form.create}</Button>
        <Button onClick={close}>{t.action.cancel}</Button>
      </>
    }>
      <form noValidate id="group" onSubmit={(e) => { e.preventDefault(); void create() }}>
        <Inputs draft={draft} set={setDraft} groups={groups} problem={problem} fixed={made !== null} />
        <MemberChoice groups={groups} chosen={chosen} set={setChosen} />
      </form>
      {!fieldOf(problem) && <Failure problem={problem} title={made ? s.form.partly(moved.length, chosen.length) : t.error.title} retry={() => void create()} />}
    </Panel>
  )
}

function Edit({ groups, group, close }: Props & { group: Group }) {
  const s = t.connectors.groups
  const [draft, setDraft] = useState<Draft>({ name: group.name, region: group.region ?? '', backupGroup: group.backupGroup ?? '' })
  const saving = useSaving('showConnectorGroup', 'updateConnectorGroup', group as never)
  const toast = useToast()
  useLeaving(draft.name !== group.name || draft.region !== (group.region ?? '') || draft.backupGroup !== (group.backupGroup ?? ''), t.unsaved)
  const save = async (what: Draft = draft) => {
    if (!(await saving.save(what as unknown as Fields))) return
    toast(s.saved(what.name))
    close()
  }
  const titles: Record<string, string> = { name: s.form.name, region: s.form.region, backupGroup: s.form.backup }
  return (
    <Panel title={s.form.editTitle(group.name)} close={close} footer={
      <>
        <Button appearance="primary" type="submit" form="group" disabledFocusable={saving.busy}>{saving.busy ? <Busy /> : t.action.save}</Button>
        <Button onClick={close}>{t.action.cancel}</Button>
      </>
    }>
      <form noValidate id="group" onSubmit={(e) => { e.preventDefault(); void save() }}>
        <Inputs draft={draft} set={setDraft} groups={groups.filter((g) => g.id !== group.id)} problem={saving.problem} />
      </form>
      {!fieldOf(saving.problem) && <Failure problem={saving.problem} retry={() => void save()} />}
      <Conflict saving={saving} mine={draft as unknown as Fields} title={(n) => titles[n] ?? n}
        shownValue={(name, v) => (name === 'backupGroup' && groups.find((g) => g.id === v)?.name) || String(v || t.history.nothing)}
        merged={(next) => { setDraft(next as unknown as Draft); void save(next as unknown as Draft) }} />
    </Panel>
  )
}

const fieldOf = (problem: Problem | null) => problem && ['name', 'region', 'backupGroup'].some((n) => problem.field(n))

function Inputs({ draft, set, groups, problem, fixed }: { draft: Draft; set: (d: Draft) => void; groups: Group[]; problem: Problem | null; fixed?: boolean }) {
  const s = t.connectors.groups.form
  return (
    <>
      <Field label={s.name} required validationMessage={problem?.field('name')}><Input value={draft.name} maxLength={128} disabled={fixed} onChange={(_, d) => set({ ...draft, name: d.value })} /></Field>
      <Field label={s.region} hint={s.regionHint} validationMessage={problem?.field('region')}><Input value={draft.region} disabled={fixed} onChange={(_, d) => set({ ...draft, region: d.value })} /></Field>
      <Field label={s.backup} hint={s.backupHint} validationMessage={problem?.field('backupGroup')}>
        <Select value={draft.backupGroup} disabled={fixed} onChange={(_, d) => set({ ...draft, backupGroup: d.value })}>
          <option value="">{s.noBackup}</option>
          {groups.map((g) => <option key={g.id} value={g.id}>{g.name}</option>)}
        </Select>
      </Field>
    </>
  )
}
