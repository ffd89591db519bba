// The roles: who administers what.
import { MessageBar, MessageBarBody, Text, makeStyles, tokens } from '@fluentui/react-components'
import { DismissRegular } from '@fluentui/react-icons'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call, problemOf, type Problem } from '../../api/client'
import { often, useAll } from '../../api/queries'
import { Busy } from '../../parts/busy'
import { Confirm } from '../../parts/confirm'
import { Failure, Guarded, useToast } from '../../parts/feedback'
import { Picker } from '../../parts/picker'
import { Anchor } from '../../router'
import { roleNames, useSession } from '../../session'
import { t } from '../../strings'
import { Head } from './head'
import { useListStyles } from './membership'
import type { User } from './users'

const s = t.people.roles
const useStyles = makeStyles({
  cards: { display: 'flex', flexDirection: 'column', gap: '16px', maxWidth: '960px', marginTop: '12px' },
  card: { backgroundColor: tokens.colorNeutralBackground1, border: `1px solid ${tokens.colorNeutralStroke2}`, borderRadius: tokens.borderRadiusLarge, padding: '16px' },
})

export function Roles() {
  const styles = useStyles()
  const { me, mayNot } = useSession()
  return (
    <>
      <Head lead={s.lead} />
      <div className={styles.cards}>
        {Object.keys(roleNames).map((role) => <One key={role} role={role} why={mayNot('updateUser') || ((me.roles ?? []).some((r) => r === 'owner' || r === role) ? '' : s.mayNot)} />)}
      </div>
    </>
  )
}

function One({ role, why }: { role: string; why: string }) {
  const styles = useStyles()
  const lists = useListStyles()
  const { mayNot } = useSession()
  const [failed, setFailed] = useState<Problem | null>(null)
  const [taking, setTaking] = useState<User | null>(null)
  const users = useAll('listUsers', { role, sort: 'name' }, { every: 2 * often })
  const keys = useAll('listKeys', { role, expired: 'false' }, { every: 4 * often, enabled: mayNot('listKeys') === '' })
  const queries = useQueryClient()
  const toast = useToast()
  const title = roleNames[role] ?? role
  const shown = (u: { name: string; displayName?: string }) => u.displayName || u.name
  const change = async (id: string, having: boolean) => {
    const now = await call('showUser', { id })
    const others = (now.roles ?? []).filter((r) => r !== role)
    await call('updateUser', { id, version: now.version, body: { roles: having ? [...others, role] : others } })
    toast(having ? s.given(shown(now), title) : s.taken(shown(now), title))
    await queries.invalidateQueries()
  }
  const give = async (id: string) => {
    setFailed(null)
    await change(id, true).catch((error: unknown) => setFailed(problemOf(error)))
  }
  return (
    <section className={styles.card} aria-label={title}>
      <Text as="h2" size={400} weight="semibold" className={lists.h2} block>{title}</Text>
      <Text>{s.about[role]}</Text>
      <Failure problem={failed ?? users.error} />
      {users.isPending && <Busy />}
      {users.data?.length === 0 && <p>{s.none}</p>}
      <ul className={lists.list}>
        {users.data?.map((u) => (
          <li key={u.id} className={lists.one}>
            <span className={lists.grow}><Anchor className={lists.link} href={`/people/users/${u.id}`}>{shown(u)}</Anchor>{u.disabled && <Text size={200}> {s.disabled}</Text>}</span>
            <Guarded appearance="subtle" size="small" icon={<DismissRegular />} why={why} aria-label={s.take(title, shown(u))} onClick={() => setTaking(u)} />
          </li>
        ))}
      </ul>
      {(keys.data ?? []).length > 0 && <Text block size={200}>{s.keys(keys.data!.map((k) => k.name).join(', '))}</Text>}
      {why ? <MessageBar intent="info" layout="multiline"><MessageBarBody>{why}</MessageBarBody></MessageBar>
        : <div className={lists.row}><Text>{s.give}</Text><div className={lists.pick}><Picker label={`${s.give}: ${title}`} groups={false} without={(users.data ?? []).map((u) => u.id)} pick={(u) => void give(u.id)} /></div></div>}
      {taking && <Confirm title={s.askTake(title, shown(taking))} text={s.askTakeText} action={s.takeAction} close={() => setTaking(null)} run={() => change(taking.id, false)} />}
    </section>
  )
}
