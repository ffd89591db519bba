// What a user may open, why not, and the keys of the user's programs.
import { MessageBar, MessageBarBody, Spinner, Text } from '@fluentui/react-components'
import { DismissRegular } from '@fluentui/react-icons'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call, problemOf, sentence, type Problem, type Schema } from '../../api/client'
import { often, useAll, useObject } from '../../api/queries'
import { onDay } from '../../format'
import { Busy } from '../../parts/busy'
import { Confirm } from '../../parts/confirm'
import { Explained } from '../../parts/explanation'
import { Ago, Failure, Guarded, useToast } from '../../parts/feedback'
import { useNames } from '../../parts/names'
import { Panel } from '../../parts/panel'
import { Label } from '../../parts/status'
import { Anchor } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { useListStyles } from './membership'
import type { User } from './users'

const s = t.people

export function Opens({ user: u }: { user: User }) {
  const styles = useListStyles()
  const o = s.opens
  const { mayNot } = useSession()
  const [asked, setAsked] = useState<Schema['UserApplication'] | null>(null)
  const found = useObject('listUserApplications', u.id, { every: 2 * often })
  const groups = useAll('listGroups', { sort: 'name' })
  const items = found.data?.items ?? []
  const way = (a: Schema['UserAssignment']) => `${a.group ? o.by(groups.data?.find((g) => g.id === a.group)?.name ?? t.unknown) : o.direct}${a.expires ? `, ${o.until(onDay(a.expires))}` : ''}`
  return (
    <section aria-label={s.tabs.access}>
      <Text block>{o.lead}</Text>
      <Failure problem={found.error} title={t.error.unread} retry={() => void found.refetch()} />
      {found.isPending && <Busy />}
      {found.data && items.length === 0 && <p>{o.none}</p>}
      <ul className={styles.list}>
        {items.map((a) => (
          <li key={a.id} className={styles.one}>
            <Label label={a.allow ? 'active' : a.stepUp ? 'notice' : 'failed'} text={a.allow ? o.yes : a.stepUp ? o.stepUp : o.no} />
            <span className={styles.grow}><Anchor className={styles.link} href={`/applications/${a.id}`}>{a.name}</Anchor> <Text size={200}>{(a.assignments ?? []).map(way).join('; ')}</Text>{!a.allow && a.message && <Text block size={200}>{sentence(a.message)}</Text>}</span>
            <Guarded size="small" why={mayNot('explainAccess')} aria-label={`${o.explain}: ${a.name}`} onClick={() => setAsked(a)}>{o.explain}</Guarded>
          </li>
        ))}
      </ul>
      {asked && <Explanation user={u} application={asked} close={() => setAsked(null)} />}
    </section>
  )
}

function Explanation({ user: u, application: a, close }: { user: User; application: Schema['UserApplication']; close: () => void }) {
  const found = useQuery<Schema['Explanation'], Problem>({ queryKey: ['explainAccess', u.id, a.id], queryFn: ({ signal }) => call('explainAccess', { query: { user: u.id, application: a.id }, patience: 40, signal }), retry: false, gcTime: 0 })
  return (
    <Panel title={s.opens.explainTitle(u.displayName || u.name, a.name)} close={close}>
      {found.isPending && <Spinner size="tiny" label={t.applications.explain.running} />}
      <Failure problem={found.error} retry={() => void found.refetch()} />
      {found.data && <Explained of={found.data} />}
    </Panel>
  )
}

// Keys are those of the user's own programs. They count as a way to sign in, and outlive a sign-out.
export function Keys({ user: u }: { user: User }) {
  const styles = useListStyles()
  const k = s.keys
  const { mayNot } = useSession()
  const [removing, setRemoving] = useState<Schema['AccessKey'] | null>(null)
  const queries = useQueryClient()
  const toast = useToast()
  const why = mayNot('listAccessKeys')
  const list = useAll('listAccessKeys', { user: u.id }, { every: 4 * often, enabled: why === '' })
  const applications = useNames('showApplication', (list.data ?? []).map((x) => x.application))
  return (
    <section aria-label={k.title}>
      <Text as="h2" size={400} weight="semibold" className={styles.h2} block>{k.title}</Text>
      {why && <MessageBar intent="info" layout="multiline"><MessageBarBody>{why}</MessageBarBody></MessageBar>}
      <Failure problem={list.error ? problemOf(list.error) : null} title={t.error.unread} retry={() => void list.refetch()} />
      {list.data?.length === 0 && <p>{k.none}</p>}
      <ul className={styles.list}>
        {list.data?.map((x) => (
          <li key={x.id} className={styles.one}>
            <span className={styles.grow}><b>{x.name}</b> {applications(x.application)} <Text size={200}>{new Date(x.expires).getTime() < Date.now() ? k.ended : k.ends} <Ago time={x.expires} />, {x.lastUsed ? <>{k.used} <Ago time={x.lastUsed} /></> : k.neverUsed}</Text></span>
            <Guarded appearance="subtle" size="small" icon={<DismissRegular />} why={mayNot('deleteAccessKey')} aria-label={k.remove(x.name)} onClick={() => setRemoving(x)} />
          </li>
        ))}
      </ul>
      {removing && <Confirm title={`${k.remove(removing.name)}?`} text={k.removeText} action={s.action.remove} close={() => setRemoving(null)}
        run={async () => { await call('deleteAccessKey', { id: removing.id, version: removing.version }); toast(k.removed(removing.name)); await queries.invalidateQueries({ queryKey: ['listAccessKeys'] }) }} />}
    </section>
  )
}
