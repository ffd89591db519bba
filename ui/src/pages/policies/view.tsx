// One policy: what it says in words, its settings, what it does, and what would become of somebody's request.
import { MessageBar, MessageBarBody, MessageBarTitle, Spinner, Tab, Text, makeStyles } from '@fluentui/react-components'
import { useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { call } from '../../api/client'
import { often, useObject } from '../../api/queries'
import { Confirm } from '../../parts/confirm'
import { Fact, Facts } from '../../parts/facts'
import { Ago, Failure, useToast } from '../../parts/feedback'
import { History } from '../../parts/history'
import { ActionMenu } from '../../parts/menu'
import { PageHead } from '../../parts/page'
import { Tabs } from '../../parts/tabs'
import { WhatIf } from '../../parts/whatif'
import { Anchor, navigate, useFilter } from '../../router'
import { t } from '../../strings'
import { useListStyles } from '../people/membership'
import { Edit } from './edit'
import { Effect } from './effect'
import { asksOf, idle, modes, shownOf, useNaming, type Mode, type Policy } from './fields'
import { ModeLabel } from './list'

const s = t.policies
const tabs = ['overview', 'settings', 'effect', 'test'] as const
const useStyles = makeStyles({ body: { marginTop: '16px', display: 'flex', flexDirection: 'column', gap: '16px', maxWidth: '960px' }, wide: { marginTop: '16px' } })

export function PolicyView({ id }: { id: string }) {
  const styles = useStyles()
  const [tab, setTab] = useFilter('tab')
  const [task, setTask] = useState<Mode | 'history' | 'remove' | ''>('')
  const found = useObject('showPolicy', id, { every: 2 * often })
  const p = found.data
  const crumbs = [{ title: s.title, href: '/policies' }]
  if (!p) return found.error ? <><PageHead title={s.title} crumbs={crumbs} /><Failure problem={found.error} title={found.error.gone ? s.missing : t.error.unread} retry={() => void found.refetch()} /></> : <Spinner label={t.list.loading} />
  const at = tabs.find((x) => x === tab) ?? 'overview'
  const why = p.unknown ? s.unknown : undefined
  const none = idle(p)
  return (
    <>
      <PageHead title={p.name} crumbs={crumbs} lead={p.description} updated={found.dataUpdatedAt} actions={
        <>
          <ModeLabel of={p} />
          <ActionMenu name={p.name} subtle={false} choices={[
            ...modes.filter((m) => m !== p.mode).map((m) => ({ title: s.action[m]!, needs: 'updatePolicy' as const, why, run: () => setTask(m) })),
            { title: s.action.duplicate!, needs: 'createPolicy', why, run: () => navigate(`/policies/new?from=${id}`) },
            { title: s.action.history!, needs: 'listPolicyHistory', run: () => setTask('history') }, { title: s.action.remove!, needs: 'deletePolicy', run: () => setTask('remove'), apart: true },
          ]} />
        </>
      } />
      {found.error && <Failure problem={found.error} title={found.error.gone ? t.conflict.gone : t.error.title} />}
      {p.unknown && <MessageBar intent="error" layout="multiline"><MessageBarBody>{s.unknown}</MessageBarBody></MessageBar>}
      <Tabs selectedValue={at} onTabSelect={(_, d) => setTab(d.value === 'overview' ? '' : String(d.value))}>{tabs.map((x) => <Tab key={x} value={x}>{s.tabs[x]}</Tab>)}</Tabs>
      {at === 'overview' && (
        <div className={styles.body}>
          {none && <MessageBar intent="info" layout="multiline"><MessageBarBody><MessageBarTitle>{s.idle.title}</MessageBarTitle> {none}</MessageBarBody></MessageBar>}
          <Text>{s.about[p.mode ?? '']}.</Text>
          <Says of={p} />
          <Facts><Fact title={s.facts.changed}><Ago time={p.updated} /></Fact><Fact title={s.facts.version}>{p.version}</Fact><Fact title={s.facts.id}><code>{p.id}</code></Fact></Facts>
        </div>
      )}
      {at !== 'overview' && (
        <div className={styles.wide}>
          {at === 'settings' && <Edit key={p.id} policy={p} />}
          {at === 'effect' && <Effect policy={id} />}
          {at === 'test' && <WhatIf lead={t.applications.explain.lead} />}
        </div>
      )}
      {task && <Task what={task} of={p} close={() => setTask('')} />}
    </>
  )
}

// Says tells for what and whom a policy is and what it asks for, by name.
function Says({ of: p }: { of: Policy }) {
  const lists = useListStyles()
  const named = useNaming(p)
  const link = (ids: string[], path: string) => ids.map((id) => ({ key: id, shown: <Anchor className={lists.link} href={`${path}/${id}`}>{named(id)}</Anchor> as ReactNode }))
  const people = (users: string[], groups: string[]) => [...link(groups, '/people/groups'), ...link(users, '/people/users')]
  const plain = (list: string[]) => list.map((text) => ({ key: text, shown: text as ReactNode }))
  const except = people(p.exceptUsers ?? [], p.exceptGroups ?? [])
  const part = (title: string, none: string, items: { key: string; shown: ReactNode }[]) => (
    <section aria-label={title}>
      <Text as="h2" size={400} weight="semibold" className={lists.h2} block>{title}</Text>
      {items.length === 0 ? <p>{none}</p> : <ul className={lists.list}>{items.map((x) => <li key={x.key} className={lists.one}>{x.shown}</li>)}</ul>}
    </section>
  )
  return (
    <>
      {part(s.column.applications, s.noApplication, p.allApplications ? plain([s.all]) : link(p.applications ?? [], '/applications'))}
      {part(s.column.people, s.nobody, p.everyone ? plain([s.everyone]) : people(p.users ?? [], p.groups ?? []))}
      {except.length > 0 && part(s.form.except, '', except)}
      {part(s.column.asks, s.nothing, plain(asksOf(p)))}
    </>
  )
}

function Task({ what, of: p, close }: { what: Mode | 'history' | 'remove'; of: Policy; close: () => void }) {
  const named = useNaming(p)
  const queries = useQueryClient()
  const toast = useToast()
  if (what === 'history') return <History title={p.name} id={p.id} version={p.version} list="listPolicyHistory" undo="undoPolicy" close={close} shownValue={(name, value) => shownOf(named, name, value)} />
  if (what === 'remove') return (
    <Confirm title={s.ask.remove(p.name)} text={s.ask.removeText} action={s.action.remove!} close={close} run={async () => {
      await call('deletePolicy', { id: p.id, version: p.version })
      toast(s.removed(p.name))
      navigate('/policies')
      await queries.invalidateQueries({ predicate: (q) => q.queryKey[1] !== p.id && q.queryKey[0] !== 'showMe' })
    }} />
  )
  return (
    <Confirm title={s.ask.mode[what]!(p.name)} text={s.ask.modeText[what]} action={s.action[what]!} close={close} run={async () => {
      await call('updatePolicy', { id: p.id, version: p.version, body: { mode: what } })
      toast(s.moded(p.name, s.modes[what]!))
      await queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'showMe' })
    }} />
  )
}
