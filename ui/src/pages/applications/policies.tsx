// The policies that are for an application.
import { Text, makeStyles } from '@fluentui/react-components'
import { AddRegular } from '@fluentui/react-icons'
import type { Schema } from '../../api/client'
import { often, usePages } from '../../api/queries'
import { Failure, Guarded } from '../../parts/feedback'
import { Rows, type Column } from '../../parts/rows'
import { Anchor, navigate } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { useListStyles } from '../people/membership'
import { forWhom, type Policy } from '../policies/fields'
import { Asks, ModeLabel } from '../policies/list'

const s = t.policies
const useStyles = makeStyles({ box: { display: 'flex', flexDirection: 'column', gap: '12px', alignItems: 'stretch', maxWidth: '960px' }, bar: { display: 'flex' } })

export function Policies({ application: a }: { application: Schema['Application'] }) {
  const styles = useStyles()
  const lists = useListStyles()
  const { mayNot } = useSession()
  const list = usePages('listPolicies', { application: a.id, sort: 'name' }, { every: 2 * often })
  const columns: Column<Policy>[] = [
    { key: 'name', title: s.column.name, width: 'minmax(0, 2fr)', show: (p) => <Anchor className={lists.link} href={`/policies/${p.id}`}>{p.name}</Anchor> },
    { key: 'mode', title: s.column.mode, width: 'minmax(136px, 1fr)', show: (p) => <ModeLabel of={p} /> },
    { key: 'asks', title: s.column.asks, width: 'minmax(0, 3fr)', show: (p) => <Asks of={p} /> },
    { key: 'whom', title: s.column.people, width: 'minmax(0, 2fr)', show: forWhom },
  ]
  return (
    <div className={styles.box}>
      <Text>{a.preAuthentication === 'passthrough' ? s.of.passthrough : s.of.lead}</Text>
      <div className={styles.bar}><Guarded icon={<AddRegular />} why={mayNot('createPolicy')} onClick={() => navigate(`/policies/new?application=${a.id}`)}>{s.of.add}</Guarded></div>
      <Failure problem={list.problem} retry={() => void list.refetch()} title={t.error.unread} />
      {(!list.problem || list.items.length > 0) && (
        <Rows label={s.of.title} items={list.items} columns={columns} id={(p) => p.id} name={(p) => p.name} loading={list.isPending} open="" setOpen={() => undefined} empty={s.of.none}
          more={{ has: list.hasNextPage, busy: list.isFetchingNextPage, load: () => void list.fetchNextPage() }} />
      )}
    </div>
  )
}
