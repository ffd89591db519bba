import { Checkbox, Select, Text, makeStyles, tokens } from '@fluentui/react-components'
import { useState } from 'react'
import { usePages } from '../../api/queries'
import { problemOf, type Problem, type Schema } from '../../api/client'
import { Ago, Failure } from '../../parts/feedback'
import { Search } from '../../parts/search'
import { Rows, type Column } from '../../parts/rows'
import { Label } from '../../parts/status'
import { useFilter } from '../../router'
import { t } from '../../strings'
import { ConnectorMenu, TaskView, type Task } from './actions'
import { Detail } from './detail'
import { AskMove, Handle, Targets, useDragging, type Dropped } from './drag'

type Connector = Schema['Connector']

const useStyles = makeStyles({
  filters: { display: 'flex', flexWrap: 'wrap', gap: '8px', alignItems: 'center', margin: '12px 0' },
  search: { minWidth: '160px', flexGrow: 1, maxWidth: '320px' },
  why: { display: 'block', color: tokens.colorNeutralForeground2 },
  name: { display: 'block' },
})

export function ConnectorList({ groups }: { groups: Schema['ConnectorGroup'][] }) {
  const styles = useStyles()
  const s = t.connectors
  const [search, setSearch] = useFilter('search')
  const [group, setGroup] = useFilter('group')
  const [status, setStatus] = useFilter('status')
  const [archived, setArchived] = useFilter('archived')
  const [open, setOpen] = useFilter('open')
  const [task, setTask] = useState<Task | null>(null)
  const dragging = useDragging()
  const [dropped, setDropped] = useState<Dropped | null>(null)
  const [failed, setFailed] = useState<Problem | null>(null)
  const list = usePages('listConnectors', { sort: 'name', search, connectorGroup: group, status, archived: archived || undefined })
  const names = new Map(groups.map((g) => [g.id, g.name]))
  const filtered = search !== '' || group !== '' || status !== ''
  const columns: Column<Connector>[] = [
    { key: 'name', title: s.column.name, width: 'minmax(0, 2fr)', show: (k) => <Text weight="semibold" className={styles.name}><Handle connector={k} dragging={dragging} />{k.name}</Text> },
    { key: 'status', title: s.column.status, width: 'minmax(0, 3fr)', show: (k) => (
      <><Label label={k.status.label} />{k.status.why && <Text size={200} className={styles.why}>{k.status.why}</Text>}</>
    ) },
    { key: 'group', title: s.column.group, width: 'minmax(0, 2fr)', show: (k) => names.get(k.connectorGroup) ?? t.unknown },
    { key: 'load', title: s.column.load, width: 'minmax(0, 1fr)', minor: true, show: (k) => s.load(k.status.tunnels, k.status.streams) },
    { key: 'version', title: s.column.version, width: 'minmax(0, 1fr)', minor: true, show: (k) => k.host.version || t.unknown },
    { key: 'seen', title: s.column.seen, width: 'minmax(0, 1fr)', minor: true, show: (k) => <Ago time={k.lastSeen} never={t.never} /> },
  ]
  return (
    <>
      <div className={styles.filters} role="search">
        <Search value={search} set={setSearch} className={styles.search} />
        <Select aria-label={s.group} value={group} onChange={(_, d) => setGroup(d.value)}>
          <option value="">{s.allGroups}</option>
          {groups.map((g) => <option key={g.id} value={g.id}>{g.name}</option>)}
        </Select>
        <Select aria-label={s.column.status} value={status} onChange={(_, d) => setStatus(d.value)}>
          <option value="">{s.allLabels}</option>
          {Object.entries(s.labels).map(([value, title]) => <option key={value} value={value}>{title}</option>)}
        </Select>
        <Checkbox label={s.archivedToo} checked={archived === 'true'} onChange={(_, d) => setArchived(d.checked ? 'true' : '')} />
        <Text size={200} aria-live="polite">{list.isSuccess ? t.list.count(list.items.length, list.hasNextPage) : ''}</Text>
      </div>
      <Failure problem={failed} />
      <Failure problem={list.problem} retry={() => void list.refetch()} title={list.items.length ? t.error.title : t.error.unread} />
      {(!list.problem || list.items.length > 0) && (
        <Rows label={s.title} items={list.items} columns={columns} id={(k) => k.id} name={(k) => k.name} loading={list.isPending} open={open} setOpen={setOpen}
          empty={filtered ? t.list.none : s.empty} detail={(k) => <Detail connector={k} group={names.get(k.connectorGroup)} />}
          actions={(k) => <ConnectorMenu connector={k} start={setTask} fail={(e) => setFailed(problemOf(e))} />}
          more={{ has: list.hasNextPage, busy: list.isFetchingNextPage, load: () => void list.fetchNextPage() }} />
      )}
      <Targets groups={groups} dragging={dragging} drop={(to) => { if (dragging.connector) setDropped({ connector: dragging.connector, to }); dragging.set(null) }} />
      {dropped && <AskMove dropped={dropped} groups={groups} close={() => setDropped(null)} />}
      {task && <TaskView task={task} groups={groups} close={() => setTask(null)} />}
    </>
  )
}
