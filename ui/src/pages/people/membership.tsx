// The groups that a user is in, and changing who is in a group.
import { Text, makeStyles, tokens } from '@fluentui/react-components'
import { DismissRegular } from '@fluentui/react-icons'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call, problemOf, type Problem, type Schema } from '../../api/client'
import { often, useAll } from '../../api/queries'
import { Busy } from '../../parts/busy'
import { Failure, Guarded, useToast } from '../../parts/feedback'
import { Picker } from '../../parts/picker'
import { Anchor } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import type { User } from './users'

const s = t.people.membership

export const useListStyles = makeStyles({
  h2: { margin: '0 0 4px' },
  list: { listStyle: 'none', margin: '4px 0', padding: 0 },
  one: { display: 'flex', gap: '4px 12px', flexWrap: 'wrap', alignItems: 'center', padding: '6px 0', borderBottom: `1px solid ${tokens.colorNeutralStroke2}`, overflowWrap: 'anywhere' },
  grow: { flexGrow: 1, minWidth: 0 },
  link: { color: tokens.colorBrandForegroundLink },
  row: { display: 'flex', gap: '8px', flexWrap: 'wrap', alignItems: 'center', marginTop: '8px' },
  pick: { width: '360px', maxWidth: '100%', '& > *': { width: '100%' } },
})

type Members = Pick<Schema['GroupInput'], 'members' | 'groups'>

// changeMembers changes who is in a group as it is at this moment: what others change at the same time stays.
export async function changeMembers(group: string, change: (now: Members) => Partial<Members>) {
  for (let tries = 3; ; tries--) {
    const now = await call('showGroup', { id: group })
    try {
      return await call('updateGroup', { id: group, version: now.version, body: change(now) })
    } catch (error) {
      if (!problemOf(error).changed || tries === 1) throw error
    }
  }
}

export function Memberships({ user: u }: { user: User }) {
  const styles = useListStyles()
  const { mayNot } = useSession()
  const [failed, setFailed] = useState<Problem | null>(null)
  const [busy, setBusy] = useState(false)
  const groups = useAll('listGroups', { sort: 'name' }, { every: 4 * often })
  const queries = useQueryClient()
  const toast = useToast()
  const name = u.displayName || u.name
  const run = async (group: { id: string; name: string }, joins: boolean) => {
    setFailed(null)
    setBusy(true)
    try {
      await changeMembers(group.id, (now) => ({ members: joins ? [...new Set([...(now.members ?? []), u.id])] : (now.members ?? []).filter((m) => m !== u.id) }))
      toast(joins ? s.joined(name, group.name) : s.left(name, group.name))
    } catch (error) {
      setFailed(problemOf(error))
    }
    await queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'showMe' })
    setBusy(false)
  }
  const mine = (groups.data ?? []).filter((g) => (u.groups ?? []).includes(g.id))
  const why = mayNot('updateGroup')
  return (
    <section aria-label={s.title}>
      <Text as="h2" size={400} weight="semibold" className={styles.h2} block>{s.title}</Text>
      <Failure problem={failed ?? groups.error} />
      {groups.isPending && <Busy />}
      {groups.data && (u.groups ?? []).length === 0 && <p>{s.none}</p>}
      <ul className={styles.list}>
        {mine.map((g) => {
          const byHand = (g.members ?? []).includes(u.id)
          return (
            <li key={g.id} className={styles.one}>
              <span className={styles.grow}><Anchor className={styles.link} href={`/people/groups/${g.id}`}>{g.name}</Anchor>{!byHand && <Text size={200}> {s.byProvider}</Text>}</span>
              {byHand && <Guarded appearance="subtle" size="small" icon={<DismissRegular />} why={why} disabledFocusable={busy} aria-label={s.leave(g.name)} onClick={() => void run(g, false)} />}
            </li>
          )
        })}
      </ul>
      {why === '' && <div className={styles.row}><Text>{s.add}</Text><div className={styles.pick}><Picker label={s.pick} users={false} without={mine.map((g) => g.id)} pick={(g) => void run(g, true)} /></div></div>}
    </section>
  )
}
