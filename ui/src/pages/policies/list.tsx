import { Select, Text, makeStyles, tokens } from '@fluentui/react-components'
import { AddRegular } from '@fluentui/react-icons'
import { often, usePages } from '../../api/queries'
import { Ago, Failure, Guarded } from '../../parts/feedback'
import { PageHead } from '../../parts/page'
import { Rows, type Column } from '../../parts/rows'
import { Search } from '../../parts/search'
import { Label } from '../../parts/status'
import { Anchor, navigate, useFilter } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { asksOf, forWhich, forWhom, idle, modes, type Policy } from './fields'

const s = t.policies
const useStyles = makeStyles({
  filters: { display: 'flex', flexWrap: 'wrap', gap: '8px', alignItems: 'center', margin: '12px 0' },
  search: { minWidth: '160px', flexGrow: 1, maxWidth: '320px' },
  link: { color: tokens.colorBrandForegroundLink, fontWeight: tokens.fontWeightSemibold },
})

const looks: Record<string, string> = { enforce: 'active', 'report-only': 'notice', off: 'disabled' }

// ModeLabel says how a policy is meant, and that one does nothing whatever its mode is.
export function ModeLabel({ of: p }: { of: Policy }) {
  const none = p.mode !== 'off' && idle(p) !== ''
  return <><Label label={looks[p.mode ?? ''] ?? 'unknown'} text={s.modes[p.mode ?? '']} /> {none && <Label label="warning" text={idle(p).replace(/\.$/, '')} />}{p.unknown && <Label label="failed" text={t.unknown} />}</>
}

export const Asks = ({ of: p }: { of: Policy }) => <>{asksOf(p).join('; ') || s.nothing}</>

export function PolicyList() {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [search, setSearch] = useFilter('search')
  const [mode, setMode] = useFilter('mode')
  const list = usePages('listPolicies', { sort: 'name', search, mode }, { every: 2 * often })
  const columns: Column<Policy>[] = [
    { key: 'name', title: s.column.name, width: 'minmax(0, 2fr)', show: (p) => <Anchor className={styles.link} href={`/policies/${p.id}`}>{p.name}</Anchor> },
    { key: 'mode', title: s.column.mode, width: 'minmax(136px, 1fr)', show: (p) => <ModeLabel of={p} /> },
    { key: 'asks', title: s.column.asks, width: 'minmax(0, 3fr)', show: (p) => <Asks of={p} /> },
    { key: 'which', title: s.column.applications, width: 'minmax(0, 1fr)', show: forWhich },
    { key: 'whom', title: s.column.people, width: 'minmax(0, 2fr)', minor: true, show: forWhom },
    { key: 'changed', title: s.column.changed, width: 'minmax(0, 1fr)', minor: true, show: (p) => <Ago time={p.updated} /> },
  ]
  return (
    <>
      <PageHead title={s.title} lead={s.lead} updated={list.dataUpdatedAt} actions={<Guarded appearance="primary" icon={<AddRegular />} why={mayNot('createPolicy')} onClick={() => navigate('/policies/new')}>{s.add}</Guarded>} />
      <div className={styles.filters} role="search">
        <Search value={search} set={setSearch} className={styles.search} />
        <Select aria-label={s.filter.mode} value={mode} onChange={(_, d) => setMode(d.value)}><option value="">{s.filter.every}</option>{modes.map((m) => <option key={m} value={m}>{s.modes[m]}</option>)}</Select>
        <Text size={200} aria-live="polite">{list.isSuccess ? t.list.count(list.items.length, list.hasNextPage) : ''}</Text>
      </div>
      <Failure problem={list.problem} retry={() => void list.refetch()} title={list.items.length ? t.error.title : t.error.unread} />
      {(!list.problem || list.items.length > 0) && (
        <Rows label={s.title} items={list.items} columns={columns} id={(p) => p.id} name={(p) => p.name} loading={list.isPending} open="" setOpen={() => undefined}
          empty={search || mode ? t.list.none : s.empty} more={{ has: list.hasNextPage, busy: list.isFetchingNextPage, load: () => void list.fetchNextPage() }} />
      )}
    </>
  )
}
