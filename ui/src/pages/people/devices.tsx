// People's machines with postern-client: all of them, and those of one user.
import { Button, Field, Input, MessageBar, MessageBarBody, Select, Text, makeStyles, tokens } from '@fluentui/react-components'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call, problemOf, type Schema } from '../../api/client'
import { often, useAll, usePages } from '../../api/queries'
import { when } from '../../format'
import { Confirm } from '../../parts/confirm'
import { Fact, Facts } from '../../parts/facts'
import { Ago, Failure, useToast } from '../../parts/feedback'
import { ActionMenu } from '../../parts/menu'
import { useNames } from '../../parts/names'
import { Rows, type Column } from '../../parts/rows'
import { Search } from '../../parts/search'
import { Section } from '../../parts/section'
import { Label } from '../../parts/status'
import { Anchor, useFilter } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { AddDevice } from './adddevice'
import { ClientsPanel } from './clients'
import { Head } from './head'
import { useListStyles } from './membership'
import type { User } from './users'

type Device = Schema['Device']
type Doing = { what: 'rename' | 'revoke' | 'remove'; device: Device } | null
const s = t.people.devices

const useStyles = makeStyles({
  filters: { display: 'flex', flexWrap: 'wrap', gap: '8px', alignItems: 'center', margin: '12px 0' },
  search: { minWidth: '160px', flexGrow: 1, maxWidth: '320px' },
  link: { color: tokens.colorNeutralForeground1 }, // underlined: a brand's colour is too pale on a row that the pointer is on
})

const systemOf = (d: Device) => `${s.systems[d.os] ?? d.os} ${d.osVersion}`.trim()

const State = ({ device: d }: { device: Device }) => <Label label={d.revoked ? 'failed' : 'active'} text={s.states[String(!!d.revoked)]} />

export function Devices() {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [search, setSearch] = useFilter('search')
  const [os, setOS] = useFilter('os')
  const [revoked, setRevoked] = useFilter('revoked')
  const [open, setOpen] = useFilter('open')
  const [doing, setDoing] = useState<Doing>(null)
  const [adding, setAdding] = useState(false)
  const list = usePages('listDevices', { sort: 'name', search, os, revoked }, { every: 2 * often, enabled: mayNot('listDevices') === '' })
  const users = useNames('showUser', list.items.map((d) => d.user))
  const columns: Column<Device>[] = [
    { key: 'name', title: s.column.name, width: 'minmax(0, 3fr)', show: (d) => <Text weight="semibold">{d.name}</Text> },
    { key: 'user', title: s.column.user, width: 'minmax(0, 2fr)', show: (d) => <Anchor className={styles.link} href={`/people/users/${d.user}?tab=devices`}>{users(d.user)}</Anchor> },
    { key: 'system', title: s.column.system, width: 'minmax(0, 2fr)', minor: true, show: systemOf },
    { key: 'client', title: s.column.client, width: 'minmax(0, 1fr)', minor: true, show: (d) => d.program },
    { key: 'state', title: s.column.state, width: 'minmax(0, 2fr)', show: (d) => <State device={d} /> },
    { key: 'seen', title: s.column.seen, width: 'minmax(0, 2fr)', show: (d) => <Ago time={d.lastSeen} never={t.never} /> },
  ]
  return (
    <>
      <Head />
      <ClientsPanel />
      {adding && <AddDevice close={() => setAdding(false)} />}
      <Section operation="listDevices" lead={s.lead} read={{ error: list.problem ?? null, data: list.data, dataUpdatedAt: list.dataUpdatedAt, refetch: list.refetch }}>
        <div><Button onClick={() => setAdding(true)}>{t.people.addDevice.add}</Button></div>
        <div className={styles.filters} role="search">
          <Search value={search} set={setSearch} className={styles.search} />
          <Select aria-label={s.column.state} value={revoked} onChange={(_, d) => setRevoked(d.value)}><option value="">{s.anyState}</option>{Object.entries(s.states).map(([v, text]) => <option key={v} value={v}>{text}</option>)}</Select>
          <Select aria-label={s.column.system} value={os} onChange={(_, d) => setOS(d.value)}><option value="">{s.anySystem}</option>{Object.entries(s.systems).map(([v, text]) => <option key={v} value={v}>{text}</option>)}</Select>
          <Text size={200} aria-live="polite">{list.isSuccess ? t.list.count(list.items.length, list.hasNextPage) : ''}</Text>
        </div>
        {(!list.problem || list.items.length > 0) && (
          <Rows label={t.people.views.devices!} items={list.items} columns={columns} id={(d) => d.id} name={(d) => d.name} loading={list.isPending} open={open} setOpen={setOpen} empty={search || os || revoked ? t.list.none : s.empty}
            detail={(d) => <Detail device={d} />} actions={(d) => <Menu device={d} start={setDoing} />}
            more={{ has: list.hasNextPage, busy: list.isFetchingNextPage, load: () => void list.fetchNextPage() }} />
        )}
      </Section>
      <Task doing={doing} close={() => setDoing(null)} />
    </>
  )
}

// UserDevices are those of one user.
export function UserDevices({ user: u }: { user: User }) {
  const styles = useListStyles()
  const { mayNot } = useSession()
  const [doing, setDoing] = useState<Doing>(null)
  const why = mayNot('listDevices')
  const list = useAll('listDevices', { user: u.id, sort: '-created' }, { every: often, enabled: why === '' })
  return (
    <section aria-label={t.people.views.devices}>
      <Text>{s.ofUser}</Text>
      {why && <MessageBar intent="info" layout="multiline"><MessageBarBody>{why}</MessageBarBody></MessageBar>}
      <Failure problem={list.error ? problemOf(list.error) : null} title={t.error.unread} retry={() => void list.refetch()} />
      {list.data?.length === 0 && <p>{s.none}</p>}
      <ul className={styles.list}>
        {list.data?.map((d) => (
          <li key={d.id} className={styles.one}>
            <span className={styles.grow}><b>{d.name}</b> <Text size={200}>{systemOf(d)}, {s.client(d.program)}, {s.enrolled} <Ago time={d.created} />, {s.seen} <Ago time={d.lastSeen} never={t.never} /></Text></span>
            <State device={d} />
            <Menu device={d} start={setDoing} />
          </li>
        ))}
      </ul>
      <Task doing={doing} close={() => setDoing(null)} />
    </section>
  )
}

function Detail({ device: d }: { device: Device }) {
  const f = s.facts
  return (
    <Facts>
      <Fact title={f.machine}>{d.machineName || t.none}</Fact>
      <Fact title={s.column.system}>{systemOf(d)}, {d.arch}</Fact>
      <Fact title={s.column.client}>{d.program || t.none}</Fact>
      <Fact title={f.enrolled}>{when(d.created)}</Fact>
      <Fact title={s.column.seen}><Ago time={d.lastSeen} never={t.never} /> {d.address && s.from(d.address)}</Fact>
      <Fact title={f.ends}><Ago time={d.certificateEnds} /></Fact>
      {d.revoked && <Fact title={f.revoked}><Ago time={d.revoked} /></Fact>}
      <Fact title={f.id}><code>{d.id}</code></Fact>
    </Facts>
  )
}

function Menu({ device: d, start }: { device: Device; start: (doing: Doing) => void }) {
  const a = s.action
  return (
    <ActionMenu name={d.name} choices={[
      { title: a.rename, needs: 'updateDevice', run: () => start({ what: 'rename', device: d }) },
      { title: a.revoke, needs: 'revokeDevice', run: () => start({ what: 'revoke', device: d }), why: d.revoked ? s.already : '' },
      { title: a.remove, needs: 'deleteDevice', run: () => start({ what: 'remove', device: d }), apart: true },
    ]} />
  )
}

function Task({ doing, close }: { doing: Doing; close: () => void }) {
  const queries = useQueryClient()
  const toast = useToast()
  if (!doing) return null
  const { what, device: d } = doing
  const done = async (text: string) => {
    toast(text)
    await queries.invalidateQueries({ queryKey: ['listDevices'] })
  }
  switch (what) {
    case 'rename': return <Rename device={d} close={close} done={done} />
    case 'revoke': return <Confirm title={s.ask.revoke(d.name)} text={s.ask.revokeText} action={s.action.revoke} close={close} run={async () => { await call('revokeDevice', { id: d.id }); await done(s.revoked(d.name)) }} />
    case 'remove': return <Confirm title={s.ask.remove(d.name)} text={s.ask.removeText} action={s.action.remove} close={close} run={async () => { await call('deleteDevice', { id: d.id, version: d.version }); await done(s.removed(d.name)) }} />
  }
}

function Rename({ device: d, close, done }: { device: Device; close: () => void; done: (text: string) => Promise<void> }) {
  const [name, setName] = useState(d.name)
  return (
    <Confirm title={s.ask.rename(d.name)} action={s.action.rename} close={close}
      text={<Field label={s.column.name} required><Input value={name} onChange={(_, x) => setName(x.value)} /></Field>}
      run={async () => { await call('updateDevice', { id: d.id, version: d.version, body: { name } }); await done(s.renamed(d.name, name)) }} />
  )
}
