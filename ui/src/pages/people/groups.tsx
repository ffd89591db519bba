// Groups of users.
import { Button, Field, Input, Tag, TagGroup, Text, Textarea, makeStyles, tokens } from '@fluentui/react-components'
import { AddRegular } from '@fluentui/react-icons'
import { useState } from 'react'
import type { Problem, Schema } from '../../api/client'
import { often, usePages, useWrite } from '../../api/queries'
import { Busy } from '../../parts/busy'
import { Choices } from '../../parts/choices'
import { Conflict } from '../../parts/conflict'
import { useSaving } from '../../parts/edit'
import { Ago, Failure, Guarded, useToast } from '../../parts/feedback'
import { Panel } from '../../parts/panel'
import { Picker, type Picked } from '../../parts/picker'
import { Rows, type Column } from '../../parts/rows'
import { Search } from '../../parts/search'
import { Anchor, navigate, useFilter, useLeaving } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { Head } from './head'

export type Group = Schema['Group']
const s = t.people.groups
const f = s.form

const useStyles = makeStyles({
  filters: { display: 'flex', flexWrap: 'wrap', gap: '8px', alignItems: 'center', margin: '12px 0' },
  search: { minWidth: '160px', flexGrow: 1, maxWidth: '320px' },
  link: { color: tokens.colorBrandForegroundLink, fontWeight: tokens.fontWeightSemibold },
  form: { display: 'flex', flexDirection: 'column', gap: '12px' },
  tags: { flexWrap: 'wrap' },
})

export function Groups() {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [search, setSearch] = useFilter('search')
  const [adding, setAdding] = useState(false)
  const list = usePages('listGroups', { sort: 'name', search }, { every: 2 * often })
  const columns: Column<Group>[] = [
    { key: 'name', title: s.column.name, width: 'minmax(0, 2fr)', show: (g) => <Anchor className={styles.link} href={`/people/groups/${g.id}`}>{g.name}</Anchor> },
    { key: 'description', title: s.column.description, width: 'minmax(0, 3fr)', show: (g) => g.description },
    { key: 'members', title: s.column.members, width: 'minmax(0, 1fr)', show: (g) => s.users((g.members ?? []).length) },
    { key: 'within', title: s.column.within, width: 'minmax(0, 1fr)', minor: true, show: (g) => ((g.groups ?? []).length ? s.groupsIn((g.groups ?? []).length) : '') },
    { key: 'changed', title: s.column.changed, width: 'minmax(0, 1fr)', minor: true, show: (g) => <Ago time={g.updated} /> },
  ]
  return (
    <>
      <Head lead={s.lead} updated={list.dataUpdatedAt} actions={<Guarded appearance="primary" icon={<AddRegular />} why={mayNot('createGroup')} onClick={() => setAdding(true)}>{s.add}</Guarded>} />
      <div className={styles.filters} role="search">
        <Search value={search} set={setSearch} className={styles.search} />
        <Text size={200} aria-live="polite">{list.isSuccess ? t.list.count(list.items.length, list.hasNextPage) : ''}</Text>
      </div>
      <Failure problem={list.problem} retry={() => void list.refetch()} title={list.items.length ? t.error.title : t.error.unread} />
      {(!list.problem || list.items.length > 0) && (
        <Rows label={t.people.views.groups!} items={list.items} columns={columns} id={(g) => g.id} name={(g) => g.name} loading={list.isPending} open="" setOpen={() => undefined}
          empty={search ? t.list.none : s.empty} more={{ has: list.hasNextPage, busy: list.isFetchingNextPage, load: () => void list.fetchNextPage() }} />
      )}
      {adding && <NewGroup close={() => setAdding(false)} />}
    </>
  )
}

interface Draft extends Record<string, unknown> { name: string; description: string }
const atField = (problem: Problem | null) => problem !== null && ['name', 'description', 'members', 'groups'].some((name) => problem.field(name))

function Inputs({ draft, set, problem }: { draft: Draft; set: (d: Draft) => void; problem: Problem | null }) {
  return (
    <>
      <Field label={f.name} required validationMessage={problem?.field('name')}><Input value={draft.name} maxLength={128} onChange={(_, d) => set({ ...draft, name: d.value })} /></Field>
      <Field label={f.description} hint={f.descriptionHint} validationMessage={problem?.field('description')}><Textarea rows={2} value={draft.description} onChange={(_, d) => set({ ...draft, description: d.value })} /></Field>
    </>
  )
}

function NewGroup({ close }: { close: () => void }) {
  const styles = useStyles()
  const [draft, setDraft] = useState<Draft>({ name: '', description: '' })
  const [members, setMembers] = useState<Picked[]>([])
  const write = useWrite('createGroup')
  const toast = useToast()
  useLeaving(!write.isSuccess && draft.name !== '', t.unsaved)
  const ids = (kind: Picked['kind']) => members.filter((m) => m.kind === kind).map((m) => m.id)
  const create = () => write.mutate({ body: { ...draft, members: ids('user'), groups: ids('group') } }, { onSuccess: (g) => { toast(s.made(g.name)); close(); navigate(`/people/groups/${g.id}`, { force: true }) } })
  return (
    <Panel title={f.newTitle} close={close} footer={
      <><Button appearance="primary" type="submit" form="group" disabledFocusable={write.isPending}>{write.isPending ? <Busy /> : f.create}</Button><Button onClick={close}>{t.action.cancel}</Button></>
    }>
      <form noValidate id="group" className={styles.form} onSubmit={(e) => { e.preventDefault(); create() }}>
        <Inputs draft={draft} set={setDraft} problem={write.error} />
        <Choices title={f.members} hint={f.membersHint}>
          {members.length > 0 && <TagGroup className={styles.tags} aria-label={f.members} onDismiss={(_, d) => setMembers(members.filter((m) => m.id !== d.value))}>{members.map((m) => <Tag key={m.id} value={m.id} dismissible>{m.name}</Tag>)}</TagGroup>}
          <Picker label={f.members} without={members.map((m) => m.id)} pick={(p) => setMembers([...members, p])} />
          <Text>{write.error?.field('members') ?? write.error?.field('groups')}</Text>
        </Choices>
      </form>
      {!atField(write.error) && <Failure problem={write.error} retry={create} />}
    </Panel>
  )
}

export function EditGroup({ group, close }: { group: Group; close: () => void }) {
  const styles = useStyles()
  const start: Draft = { name: group.name, description: group.description ?? '' }
  const [draft, setDraft] = useState<Draft>(start)
  const saving = useSaving('showGroup', 'updateGroup', group as never)
  const toast = useToast()
  useLeaving(draft.name !== start.name || draft.description !== start.description, t.unsaved)
  const save = async (what: Draft = draft) => {
    if (!(await saving.save(what))) return
    toast(s.saved(what.name))
    close()
  }
  return (
    <Panel title={f.editTitle(group.name)} size="small" close={close} footer={
      <><Button appearance="primary" type="submit" form="group" disabledFocusable={saving.busy}>{saving.busy ? <Busy /> : t.action.save}</Button><Button onClick={close}>{t.action.cancel}</Button></>
    }>
      <form noValidate id="group" className={styles.form} onSubmit={(e) => { e.preventDefault(); void save() }}><Inputs draft={draft} set={setDraft} problem={saving.problem} /></form>
      {!atField(saving.problem) && <Failure problem={saving.problem} retry={() => void save()} />}
      <Conflict saving={saving} mine={draft} title={(name) => (name === 'name' ? f.name : f.description)} merged={(next) => { setDraft(next as Draft); void save(next as Draft) }} />
    </Panel>
  )
}
