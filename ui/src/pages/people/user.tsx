// One user: who it is, how they sign in, where they are signed in, what they may open, what they asked for.
import { Badge, Spinner, Tab, Text, makeStyles } from '@fluentui/react-components'
import { EditRegular } from '@fluentui/react-icons'
import { useState } from 'react'
import { often, useAll, useObject } from '../../api/queries'
import { when } from '../../format'
import { Fact, Facts } from '../../parts/facts'
import { Ago, Failure, Guarded } from '../../parts/feedback'
import { History } from '../../parts/history'
import { ActionMenu } from '../../parts/menu'
import { PageHead } from '../../parts/page'
import { Tabs } from '../../parts/tabs'
import { useFilter } from '../../router'
import { roleNames, useSession } from '../../session'
import { t } from '../../strings'
import { UserDevices } from './devices'
import { Memberships } from './membership'
import { PasswordLink } from './newuser'
import { Keys, Opens } from './opens'
import { RequestRows } from './requests'
import { Methods, Sessions } from './signin'
import { UserTask, type What } from './usertasks'
import { EditUser, shownOf } from './userform'
import { UserState, factorsOf, sourceOf, type User } from './users'

const s = t.people
const tabs = ['overview', 'sign-in', 'devices', 'access', 'requests'] as const
const useStyles = makeStyles({ body: { marginTop: '16px', display: 'flex', flexDirection: 'column', gap: '24px', maxWidth: '960px' }, h2: { margin: 0 }, marks: { display: 'flex', gap: '8px', flexWrap: 'wrap' } })

export function UserView({ id }: { id: string }) {
  const styles = useStyles()
  const [tab, setTab] = useFilter('tab')
  const [task, setTask] = useState<What | 'edit' | 'link' | 'history' | ''>('')
  const { mayNot } = useSession()
  const found = useObject('showUser', id, { every: 2 * often })
  const providers = useAll('listUpstreams', { sort: 'name' })
  const u = found.data
  const crumbs = [{ title: s.title, href: '/people' }]
  if (!u) return found.error ? <><PageHead title={s.title} crumbs={crumbs} /><Failure problem={found.error} title={found.error.gone ? s.missing : t.error.unread} retry={() => void found.refetch()} /></> : <Spinner label={t.list.loading} />
  const at = tabs.find((x) => x === tab) ?? 'overview'
  const shown = u.displayName || u.name
  const a = s.action
  const close = () => setTask('')
  return (
    <>
      <PageHead title={shown} crumbs={crumbs} updated={found.dataUpdatedAt} actions={
        <>
          <UserState user={u} />{u.breakGlass && <Badge appearance="outline" color="warning" size="large">{s.breakGlass}</Badge>}
          <Guarded icon={<EditRegular />} why={mayNot('updateUser')} onClick={() => setTask('edit')}>{a.edit}</Guarded>
          {!u.upstream && <Guarded why={mayNot('createUserLink')} onClick={() => setTask('link')}>{a.link}</Guarded>}
          <ActionMenu name={shown} subtle={false} choices={[
            ...(u.upstream ? [] : [{ title: a.password, needs: 'setPassword' as const, run: () => setTask('password') }]),
            { title: a.signOut, needs: 'revokeUserSessions', run: () => setTask('signOut') },
            { title: a.reset, needs: 'resetUserFactors', run: () => setTask('reset'), why: (u.factors ?? []).length === 0 ? s.methods.none : '' },
            { title: a.history, needs: 'listUserHistory', run: () => setTask('history') },
            { title: u.disabled ? a.enable : a.disable, needs: 'updateUser', run: () => setTask(u.disabled ? 'enable' : 'disable'), apart: true },
            { title: a.remove, needs: 'deleteUser', run: () => setTask('remove') },
          ]} />
        </>
      } />
      {found.error && <Failure problem={found.error} title={found.error.gone ? t.conflict.gone : t.error.title} />}
      <Tabs selectedValue={at} onTabSelect={(_, d) => setTab(d.value === 'overview' ? '' : String(d.value))}>{tabs.map((x) => <Tab key={x} value={x}>{s.tabs[x]}</Tab>)}</Tabs>
      <div className={styles.body}>
        {at === 'overview' && <Overview user={u} source={sourceOf(u, providers.data)} />}
        {at === 'sign-in' && <><Methods user={u} provider={u.upstream ? sourceOf(u, providers.data) : ''} /><Sessions user={u} /><Keys user={u} /></>}
        {at === 'devices' && <UserDevices user={u} />}
        {at === 'access' && <Opens user={u} />}
        {at === 'requests' && <RequestRows only={{ user: id }} empty={s.requests.none} />}
      </div>
      {task === 'edit' && <EditUser user={u} close={close} />}
      {task === 'link' && <PasswordLink user={u} close={close} />}
      {task === 'history' && <History title={shown} id={id} version={u.version} list="listUserHistory" undo="undoUser" close={close} shownValue={(name, value) => shownOf(providers.data, name, value)} />}
      {task !== '' && task !== 'edit' && task !== 'link' && task !== 'history' && <UserTask what={task} user={u} close={close} />}
    </>
  )
}

function Overview({ user: u, source }: { user: User; source: string }) {
  const styles = useStyles()
  const f = s.facts
  return (
    <>
      <Facts>
        <Fact title={f.name}>{u.name}</Fact>
        <Fact title={f.email}>{u.email || t.none}</Fact>
        <Fact title={f.seen}><Ago time={u.lastSignIn} never={s.noSignIn} /></Fact>
        <Fact title={f.source}>{source}</Fact>
        {u.upstream && <Fact title={f.subject}><code>{u.subject}</code></Fact>}
        {u.upstreamRefused && <Fact title={f.refused}><Ago time={u.upstreamRefused} /></Fact>}
        {!u.upstream && <Fact title={f.password}>{u.passwordSet ? <>{f.set} <Ago time={u.passwordSet} /></> : f.noPassword}</Fact>}
        <Fact title={f.factors}>{factorsOf(u)}</Fact>
        <Fact title={f.asked}>{u.requireSecondFactor ? t.yes : t.no}</Fact>
        <Fact title={f.made}>{when(u.created)}</Fact>
        <Fact title={f.changed}><Ago time={u.updated} /></Fact>
        <Fact title={f.id}><code>{u.id}</code></Fact>
      </Facts>
      <Memberships user={u} />
      <section aria-label={s.rolesTitle}>
        <Text as="h2" size={400} weight="semibold" className={styles.h2} block>{s.rolesTitle}</Text>
        {(u.roles ?? []).length === 0 ? <p>{s.noRoles}</p> : <ul>{(u.roles ?? []).map((r) => <li key={r}><b>{roleNames[r] ?? r}</b>: {s.roles.about[r]}</li>)}</ul>}
      </section>
    </>
  )
}
