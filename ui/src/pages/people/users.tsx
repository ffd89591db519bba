// The users: whoever may sign in, and how.
import { Badge, Select, Text, makeStyles, tokens } from '@fluentui/react-components'
import { AddRegular } from '@fluentui/react-icons'
import { useState } from 'react'
import type { Schema } from '../../api/client'
import { often, useAll, usePages } from '../../api/queries'
import { Ago, Failure, Guarded } from '../../parts/feedback'
import { GroupChoice } from '../../parts/group'
import { Rows, type Column } from '../../parts/rows'
import { Search } from '../../parts/search'
import { Label } from '../../parts/status'
import { Anchor, useFilter } from '../../router'
import { roleNames, useSession } from '../../session'
import { t } from '../../strings'
import { Head } from './head'
import { NewUser } from './newuser'

export type User = Schema['User']
const s = t.people

const useStyles = makeStyles({
  filters: { display: 'flex', flexWrap: 'wrap', gap: '8px', alignItems: 'center', margin: '12px 0' },
  search: { minWidth: '160px', flexGrow: 1, maxWidth: '320px' },
  link: { color: tokens.colorBrandForegroundLink, fontWeight: tokens.fontWeightSemibold },
  minor: { display: 'block', color: tokens.colorNeutralForeground2 },
  marks: { display: 'flex', gap: '6px', flexWrap: 'wrap', alignItems: 'center' },
})

export function UserState({ user: u }: { user: User }) {
  if (u.disabled) return <Label label="disabled" text={s.state.off} />
  if (u.upstreamRefused) return <Label label="failed" text={s.state.refused} />
  if (!u.upstream && !u.passwordSet && !(u.factors ?? []).includes('passkey')) return <Label label="waiting" text={s.state.invited} />
  return <Label label="active" text={s.state.on} />
}

export const sourceOf = (u: User, providers: Schema['Upstream'][] | undefined) => (u.upstream ? providers?.find((p) => p.id === u.upstream)?.name ?? s.unknownProvider : s.local)

export function factorsOf(u: User): string {
  const kinds = (u.factors ?? []).map((f) => s.factor[f] ?? f)
  return kinds.join(', ') || (u.requireSecondFactor ? s.missingFactor : s.noFactor)
}

export function Users() {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [search, setSearch] = useFilter('search')
  const [state, setState] = useFilter('disabled')
  const [source, setSource] = useFilter('source')
  const [factors, setFactors] = useFilter('factors')
  const [role, setRole] = useFilter('role')
  const [group, setGroup] = useFilter('group')
  const [adding, setAdding] = useState(false)
  const providers = useAll('listUpstreams', { sort: 'name' })
  const upstream = source && source !== 'local' ? source : ''
  const list = usePages('listUsers', { sort: 'name', search, disabled: state, local: source === 'local' ? 'true' : undefined, upstream, secondFactor: factors, role, group }, { every: 2 * often })
  const columns: Column<User>[] = [
    { key: 'name', title: s.column.name, width: 'minmax(0, 3fr)', show: (u) => (
      <><span className={styles.marks}><Anchor className={styles.link} href={`/people/users/${u.id}`}>{u.displayName || u.name}</Anchor>{u.breakGlass && <Badge appearance="outline" color="warning">{s.breakGlass}</Badge>}</span>
        {u.displayName && <Text size={200} className={styles.minor}>{u.name}</Text>}</>
    ) },
    { key: 'state', title: s.column.state, width: 'minmax(0, 2fr)', show: (u) => <UserState user={u} /> },
    { key: 'source', title: s.column.source, width: 'minmax(0, 2fr)', minor: true, show: (u) => sourceOf(u, providers.data) },
    { key: 'factors', title: s.column.factors, width: 'minmax(0, 2fr)', minor: true, show: factorsOf },
    { key: 'roles', title: s.column.roles, width: 'minmax(0, 2fr)', minor: true, show: (u) => (u.roles ?? []).map((r) => roleNames[r] ?? r).join(', ') },
    { key: 'seen', title: s.column.seen, width: 'minmax(0, 2fr)', minor: true, show: (u) => <Ago time={u.lastSignIn} never={s.noSignIn} /> },
  ]
  const choice = (label: string, value: string, set: (v: string) => void, options: [string, string][]) => (
    <Select aria-label={label} value={value} onChange={(_, d) => set(d.value)}>{options.map(([v, text]) => <option key={v} value={v}>{text}</option>)}</Select>
  )
  const f = s.filter
  const filtered = [search, state, source, factors, role, group].some(Boolean)
  return (
    <>
      <Head updated={list.dataUpdatedAt} actions={<Guarded appearance="primary" icon={<AddRegular />} why={mayNot('createUser')} onClick={() => setAdding(true)}>{s.add}</Guarded>} />
      <div className={styles.filters} role="search">
        <Search value={search} set={setSearch} className={styles.search} />
        {choice(f.state, state, setState, [['', f.anyState], ['false', s.state.on], ['true', s.state.off]])}
        {choice(f.source, source, setSource, [['', f.anySource], ['local', s.local], ...(providers.data ?? []).map((p): [string, string] => [p.id, p.name])])}
        {choice(f.factors, factors, setFactors, [['', f.anyFactors], ['true', f.with], ['false', f.without]])}
        {choice(f.roles, role, setRole, [['', f.anyRole], ...Object.entries(roleNames)])}
        <GroupChoice label={f.someGroup} value={group} set={setGroup} />
        <Text size={200} aria-live="polite">{list.isSuccess ? t.list.count(list.items.length, list.hasNextPage) : ''}</Text>
      </div>
      <Failure problem={list.problem} retry={() => void list.refetch()} title={list.items.length ? t.error.title : t.error.unread} />
      {(!list.problem || list.items.length > 0) && (
        <Rows label={s.views.users!} items={list.items} columns={columns} id={(u) => u.id} name={(u) => u.name} loading={list.isPending} open="" setOpen={() => undefined}
          empty={filtered ? t.list.none : s.empty} more={{ has: list.hasNextPage, busy: list.isFetchingNextPage, load: () => void list.fetchNextPage() }} />
      )}
      {adding && <NewUser close={() => setAdding(false)} />}
    </>
  )
}
