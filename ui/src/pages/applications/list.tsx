import { Select, Text, makeStyles, tokens } from '@fluentui/react-components'
import { AddRegular } from '@fluentui/react-icons'
import type { Schema } from '../../api/client'
import { useAll, often, usePages } from '../../api/queries'
import { Failure, Guarded } from '../../parts/feedback'
import { PageHead } from '../../parts/page'
import { Rows, type Column } from '../../parts/rows'
import { Search } from '../../parts/search'
import { Label } from '../../parts/status'
import { Anchor, navigate, useFilter } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { writeSegment } from './fields'

type Application = Schema['Application']

const useStyles = makeStyles({
  filters: { display: 'flex', flexWrap: 'wrap', gap: '8px', alignItems: 'center', margin: '12px 0' },
  search: { minWidth: '160px', flexGrow: 1, maxWidth: '320px' },
  link: { color: tokens.colorBrandForegroundLink, fontWeight: tokens.fontWeightSemibold },
})

export function State({ application: a }: { application: Application }) {
  const s = t.applications.state
  if (a.disabled) return <Label label="disabled" text={s.off} />
  return a.preAuthentication === 'passthrough' ? <Label label="notice" text={s.passthrough} /> : <Label label="active" text={s.on} />
}

export function ApplicationList() {
  const styles = useStyles()
  const s = t.applications
  const { mayNot } = useSession()
  const [search, setSearch] = useFilter('search')
  const [group, setGroup] = useFilter('group')
  const [disabled, setDisabled] = useFilter('disabled')
  const groups = useAll('listConnectorGroups', { sort: 'name' })
  const [kind, setKind] = useFilter('kind')
  const list = usePages('listApplications', { sort: 'name', search, connectorGroup: group, disabled, kind }, { every: 2 * often })
  const names = new Map((groups.data ?? []).map((g) => [g.id, g.name]))
  const columns: Column<Application>[] = [
    { key: 'name', title: s.column.name, width: 'minmax(0, 2fr)', show: (a) => <Anchor className={styles.link} href={`/applications/${a.id}`}>{a.name}</Anchor> },
    { key: 'state', title: s.column.state, width: 'minmax(128px, 1fr)', show: (a) => <State application={a} /> },
    { key: 'external', title: s.column.external, width: 'minmax(0, 3fr)', show: (a) => a.externalUrl || s.withClient },
    { key: 'internal', title: s.column.internal, width: 'minmax(0, 3fr)', minor: true, show: (a) => a.internalUrl || (a.segments ?? []).slice(0, 3).map(writeSegment).join(', ') + ((a.segments ?? []).length > 3 ? ' …' : '') },
    { key: 'group', title: s.column.group, width: 'minmax(0, 2fr)', minor: true, show: (a) => names.get(a.connectorGroup ?? '') ?? t.unknown },
  ]
  return (
    <>
      <PageHead title={s.title} lead={s.lead} updated={list.dataUpdatedAt} actions={<><Guarded appearance="primary" icon={<AddRegular />} why={mayNot('createApplication')} onClick={() => navigate('/applications/new')}>{s.publish}</Guarded><Guarded why={mayNot('listDiscovery')} onClick={() => navigate('/applications/discovery')}>{s.discovery.title}</Guarded></>} />
      <div className={styles.filters} role="search">
        <Search value={search} set={setSearch} className={styles.search} />
        <Select aria-label={s.column.group} value={group} onChange={(_, d) => setGroup(d.value)}>
          <option value="">{t.connectors.allGroups}</option>
          {(groups.data ?? []).map((g) => <option key={g.id} value={g.id}>{g.name}</option>)}
        </Select>
        <Select aria-label={s.filter.kind} value={kind} onChange={(_, d) => setKind(d.value)}>
          <option value="">{s.filter.everyKind}</option>{Object.entries(s.filter.kinds).map(([v, text]) => <option key={v} value={v}>{text}</option>)}
        </Select>
        <Select aria-label={s.filter.disabled} value={disabled} onChange={(_, d) => setDisabled(d.value)}>
          <option value="">{s.filter.all}</option><option value="false">{s.filter.on}</option><option value="true">{s.filter.off}</option>
        </Select>
        <Text size={200} aria-live="polite">{list.isSuccess ? t.list.count(list.items.length, list.hasNextPage) : ''}</Text>
      </div>
      <Failure problem={list.problem} retry={() => void list.refetch()} title={list.items.length ? t.error.title : t.error.unread} />
      {(!list.problem || list.items.length > 0) && (
        <Rows label={s.title} items={list.items} columns={columns} id={(a) => a.id} name={(a) => a.name} loading={list.isPending} open="" setOpen={() => undefined}
          empty={search || group || disabled || kind ? t.list.none : s.empty} more={{ has: list.hasNextPage, busy: list.isFetchingNextPage, load: () => void list.fetchNextPage() }} />
      )}
    </>
  )
}
