// One group: who is in it, what it lies in, what uses it.
import { Spinner, Text, makeStyles } from '@fluentui/react-components'
import { DismissRegular, EditRegular } from '@fluentui/react-icons'
import { useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { call, problemOf, type Problem } from '../../api/client'
import { often, useAll, useObject, usePages } from '../../api/queries'
import { Busy } from '../../parts/busy'
import { Confirm } from '../../parts/confirm'
import { Fact, Facts } from '../../parts/facts'
import { Ago, Failure, Guarded, useToast } from '../../parts/feedback'
import { History } from '../../parts/history'
import { ActionMenu } from '../../parts/menu'
import { useNames } from '../../parts/names'
import { PageHead } from '../../parts/page'
import { Picker } from '../../parts/picker'
import { Rows, type Column } from '../../parts/rows'
import { Anchor, navigate } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { EditGroup, type Group } from './groups'
import { changeMembers, useListStyles } from './membership'
import { UserState, type User } from './users'

const s = t.people.groups
const useStyles = makeStyles({ body: { marginTop: '16px', display: 'flex', flexDirection: 'column', gap: '24px', maxWidth: '960px' } })

export function GroupView({ id }: { id: string }) {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [task, setTask] = useState<'edit' | 'history' | 'remove' | ''>('')
  const found = useObject('showGroup', id, { every: 2 * often })
  const queries = useQueryClient()
  const toast = useToast()
  const uses = useUses(id)
  const g = found.data
  const crumbs = [{ title: t.people.title, href: '/people' }, { title: t.people.views.groups!, href: '/people/groups' }]
  const names = useNames('showUser', task === 'history' ? (g?.members ?? []) : [])
  if (!g) return found.error ? <><PageHead title={t.people.views.groups!} crumbs={crumbs} /><Failure problem={found.error} title={found.error.gone ? s.missing : t.error.unread} retry={() => void found.refetch()} /></> : <Spinner label={t.list.loading} />
  const close = () => setTask('')
  return (
    <>
      <PageHead title={g.name} crumbs={crumbs} lead={g.description} updated={found.dataUpdatedAt} actions={
        <>
          <Guarded icon={<EditRegular />} why={mayNot('updateGroup')} onClick={() => setTask('edit')}>{s.edit}</Guarded>
          <ActionMenu name={g.name} subtle={false} choices={[{ title: s.history, needs: 'listGroupHistory', run: () => setTask('history') }, { title: s.remove, needs: 'deleteGroup', run: () => setTask('remove'), apart: true }]} />
        </>
      } />
      {found.error && <Failure problem={found.error} title={found.error.gone ? t.conflict.gone : t.error.title} />}
      <div className={styles.body}>
        <Members group={g} />
        <Nested group={g} />
        <Uses of={uses} />
        <Facts><Fact title={s.column.changed}><Ago time={g.updated} /></Fact><Fact title={t.people.facts.id}><code>{g.id}</code></Fact></Facts>
      </div>
      {task === 'edit' && <EditGroup group={g} close={close} />}
      {task === 'history' && <History title={g.name} id={id} version={g.version} list="listGroupHistory" undo="undoGroup" close={close}
        shownValue={(name, value) => (Array.isArray(value) ? value.map((x) => (name === 'members' ? names(String(x)) : String(x))).join(', ') || t.history.nothing : String(value ?? t.history.nothing))} />}
      {task === 'remove' && <Confirm title={s.ask(g.name)} text={<Goes group={g} uses={uses} />} action={s.remove} close={close} run={async () => {
        await call('deleteGroup', { id, version: g.version })
        toast(s.removed(g.name))
        navigate('/people/groups')
        await queries.invalidateQueries({ predicate: (q) => q.queryKey[1] !== id && q.queryKey[0] !== 'showMe' })
      }} />}
    </>
  )
}

// useChange changes who is in a group and says so.
function useChange(g: Group) {
  const [failed, setFailed] = useState<Problem | null>(null)
  const queries = useQueryClient()
  const toast = useToast()
  const run = async (kind: 'members' | 'groups', who: { id: string; name: string }, joins: boolean) => {
    setFailed(null)
    try {
      await changeMembers(g.id, (now) => ({ [kind]: joins ? [...new Set([...(now[kind] ?? []), who.id])] : (now[kind] ?? []).filter((x) => x !== who.id) }))
      toast(joins ? s.put(who.name, g.name) : s.took(who.name, g.name))
    } catch (error) {
      setFailed(problemOf(error))
    }
    await queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'showMe' })
  }
  return { failed, run }
}

function Members({ group: g }: { group: Group }) {
  const styles = useListStyles()
  const { mayNot } = useSession()
  const change = useChange(g)
  const list = usePages('listUsers', { group: g.id, sort: 'name' }, { every: 2 * often })
  const why = mayNot('updateGroup')
  const shown = (u: User) => u.displayName || u.name
  const byHand = (u: User) => (g.members ?? []).includes(u.id)
  const columns: Column<User>[] = [
    { key: 'name', title: t.people.column.name, width: 'minmax(0, 3fr)', show: (u) => <><Anchor className={styles.link} href={`/people/users/${u.id}`}>{shown(u)}</Anchor> {u.displayName && <Text size={200}>{u.name}</Text>}{!byHand(u) && <Text size={200}> {t.people.membership.byProvider}</Text>}</> },
    { key: 'state', title: t.people.column.state, width: 'minmax(0, 2fr)', show: (u) => <UserState user={u} /> },
  ]
  return (
    <section aria-label={s.members}>
      <Text as="h2" size={400} weight="semibold" className={styles.h2} block>{s.members}</Text>
      <Failure problem={change.failed ?? list.problem} />
      <Rows label={s.members} items={list.items} columns={columns} id={(u) => u.id} name={shown} loading={list.isPending} open="" setOpen={() => undefined} empty={s.noMembers}
        actions={(u) => byHand(u) && <Guarded appearance="subtle" size="small" icon={<DismissRegular />} why={why} aria-label={s.takeOut(shown(u))} onClick={() => void change.run('members', { id: u.id, name: shown(u) }, false)} />}
        more={{ has: list.hasNextPage, busy: list.isFetchingNextPage, load: () => void list.fetchNextPage() }} />
      {why === '' && <Add label={s.addMember}><Picker label={s.addMember} groups={false} without={g.members ?? []} pick={(p) => void change.run('members', p, true)} /></Add>}
    </section>
  )
}

function Add({ label, children }: { label: string; children: ReactNode }) {
  const styles = useListStyles()
  return <div className={styles.row}><Text>{label}</Text><div className={styles.pick}>{children}</div></div>
}

function Nested({ group: g }: { group: Group }) {
  const styles = useListStyles()
  const { mayNot } = useSession()
  const change = useChange(g)
  const names = useNames('showGroup', g.groups ?? [])
  const why = mayNot('updateGroup')
  return (
    <section aria-label={s.nested}>
      <Text as="h2" size={400} weight="semibold" className={styles.h2} block>{s.nested}</Text>
      <Failure problem={change.failed} />
      {(g.groups ?? []).length === 0 && <p>{s.noNested}</p>}
      <ul className={styles.list}>
        {(g.groups ?? []).map((id) => (
          <li key={id} className={styles.one}>
            <span className={styles.grow}><Anchor className={styles.link} href={`/people/groups/${id}`}>{names(id)}</Anchor></span>
            <Guarded appearance="subtle" size="small" icon={<DismissRegular />} why={why} aria-label={s.takeOut(names(id))} onClick={() => void change.run('groups', { id, name: names(id) }, false)} />
          </li>
        ))}
      </ul>
      {why === '' && <Add label={s.addNested}><Picker label={s.addNested} users={false} without={[g.id, ...(g.groups ?? [])]} pick={(p) => void change.run('groups', p, true)} /></Add>}
    </section>
  )
}

// useUses reads what uses a group.
function useUses(id: string) {
  const within = useAll('listGroups', { memberGroup: id, sort: 'name' }, { every: 4 * often })
  const assignments = useAll('listAssignments', { group: id }, { every: 4 * often })
  const policies = useAll('listPolicies', { group: id, sort: 'name' }, { every: 4 * often })
  const applications = useNames('showApplication', (assignments.data ?? []).map((a) => a.application))
  return { within, assignments, policies, applications, problem: within.error ?? assignments.error ?? policies.error }
}
type Used = ReturnType<typeof useUses>

function Uses({ of: u }: { of: Used }) {
  const styles = useListStyles()
  const part = (title: string, none: string, items: { key: string; shown: ReactNode }[] | undefined) => (
    <section aria-label={title}>
      <Text as="h2" size={400} weight="semibold" className={styles.h2} block>{title}</Text>
      {items === undefined ? <Busy /> : items.length === 0 ? <p>{none}</p> : <ul className={styles.list}>{items.map((x) => <li key={x.key} className={styles.one}>{x.shown}</li>)}</ul>}
    </section>
  )
  return (
    <>
      <Failure problem={u.problem} title={t.error.unread} />
      {part(s.inGroups, s.inNone, u.within.data?.map((x) => ({ key: x.id, shown: <Anchor className={styles.link} href={`/people/groups/${x.id}`}>{x.name}</Anchor> })))}
      {part(s.opens, s.opensNone, u.assignments.data?.map((x) => ({ key: x.id, shown: <Anchor className={styles.link} href={`/applications/${x.application}?tab=people`}>{u.applications(x.application)}</Anchor> })))}
      {part(s.policies, s.policiesNone, u.policies.data?.map((x) => ({ key: x.id, shown: <Anchor className={styles.link} href={`/policies/${x.id}`}>{x.name}</Anchor> })))}
    </>
  )
}

// Goes tells what is deleted with a group.
function Goes({ group: g, uses: u }: { group: Group; uses: Used }) {
  const count = (g.members ?? []).length + (g.groups ?? []).length
  const lines = [
    count > 0 && s.memberships(count), (u.assignments.data ?? []).length > 0 && s.assignments(u.assignments.data!.map((a) => u.applications(a.application)).join(', ')),
    (u.policies.data ?? []).length > 0 && s.named(u.policies.data!.map((p) => p.name).join(', ')), (u.within.data ?? []).length > 0 && s.inOthers(u.within.data!.map((x) => x.name).join(', ')),
  ].filter((x): x is string => x !== false)
  return <div><p>{s.askText}</p>{lines.length === 0 ? <p>{t.people.ask.removeNothing}</p> : <ul>{lines.map((line) => <li key={line}>{line}</li>)}</ul>}{u.problem && <p>{t.people.ask.notKnown}</p>}</div>
}
