import { Badge, Button, Menu, MenuDivider, MenuItem, MenuList, MenuPopover, MenuTrigger, Text, makeStyles, tokens } from '@fluentui/react-components'
import { MoreHorizontalRegular } from '@fluentui/react-icons'
import { useQueryClient, type UseQueryResult } from '@tanstack/react-query'
import { useState } from 'react'
import { call, problemOf, type Operation, type Problem, type Schema } from '../../api/client'
import { often, useFirstOf, useSummary } from '../../api/queries'
import { Confirm } from '../../parts/confirm'
import { Failure, useToast } from '../../parts/feedback'
import { History } from '../../parts/history'
import { Rows, type Column } from '../../parts/rows'
import { Label } from '../../parts/status'
import { Anchor, useFilter } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { AskMove, Handle, useDragging, type Dragging, type Dropped } from './drag'
import { GroupForm } from './groupform'

type Group = Schema['ConnectorGroup']

const useStyles = makeStyles({
  box: { marginTop: '12px' },
  why: { display: 'block', color: tokens.colorNeutralForeground2 },
  name: { display: 'flex', gap: '8px', alignItems: 'center', flexWrap: 'wrap' },
  link: { color: tokens.colorBrandForegroundLink },
  list: { margin: '4px 0 12px', paddingLeft: '20px' },
})

export function GroupList({ groups }: { groups: UseQueryResult<Group[], Problem> }) {
  const styles = useStyles()
  const s = t.connectors.groups
  const [open, setOpen] = useFilter('open')
  const [task, setTask] = useState<{ what: 'edit' | 'remove' | 'history'; group: Group } | null>(null)
  const dragging = useDragging()
  const [dropped, setDropped] = useState<Dropped | null>(null)
  const [failed, setFailed] = useState<Problem | null>(null)
  const summary = useSummary()
  const list = groups.data ?? []
  const toast = useToast()
  const queries = useQueryClient()
  const counts = new Map((summary.data?.connectorGroups ?? []).map((g) => [g.id, g]))
  const names = new Map(list.map((g) => [g.id, g.name]))
  const columns: Column<Group>[] = [
    { key: 'name', title: s.column.name, width: 'minmax(0, 2fr)', show: (g) => <span className={styles.name}><Text weight="semibold">{g.name}</Text>{g.default && <Badge appearance="outline">{s.default}</Badge>}</span> },
    { key: 'connectors', title: s.column.connectors, width: 'minmax(0, 3fr)', show: (g) => <Health counts={counts.get(g.id)} /> },
    { key: 'applications', title: s.column.applications, width: 'minmax(0, 1fr)', minor: true, show: (g) => counts.get(g.id)?.applications ?? t.unknown },
    { key: 'region', title: s.column.region, width: 'minmax(0, 1fr)', minor: true, show: (g) => g.region || t.none },
    { key: 'backup', title: s.column.backup, width: 'minmax(0, 1fr)', minor: true, show: (g) => names.get(g.backupGroup ?? '') ?? t.none },
  ]
  const makeDefault = async (g: Group) => {
    try {
      await call('updateConnectorGroup', { id: g.id, version: g.version, body: { default: true } })
      toast(s.nowDefault(g.name))
      await queries.invalidateQueries()
    } catch (error) {
      setFailed(problemOf(error))
    }
  }
  const g = task?.group
  return (
    <div className={styles.box}>
      <Failure problem={failed} />
      <Failure problem={groups.error ?? summary.error} retry={() => { void groups.refetch(); void summary.refetch() }} title={t.error.unread} />
      {groups.data && (
        <Rows label={t.connectors.views.groups} items={list} columns={columns} id={(x) => x.id} name={(x) => x.name} empty={s.empty} open={open} setOpen={setOpen}
          detail={(x) => <Members group={x} counts={counts.get(x.id)} dragging={dragging} />}
          drop={{ accepts: (x) => dragging.connector !== null && dragging.connector.connectorGroup !== x.id, take: (x) => { if (dragging.connector) setDropped({ connector: dragging.connector, to: x }); dragging.set(null) } }}
          actions={(x) => <GroupMenu group={x} start={(what) => setTask({ what, group: x })} makeDefault={() => void makeDefault(x)} />} />
      )}
      {dropped && <AskMove dropped={dropped} groups={list} close={() => setDropped(null)} />}
      {g && task.what === 'edit' && <GroupForm groups={list} group={g} close={() => setTask(null)} />}
      {g && task.what === 'history' && <History title={g.name} id={g.id} version={g.version} list="listConnectorGroupHistory" undo="undoConnectorGroup" close={() => setTask(null)} />}
      {g && task.what === 'remove' && <Confirm title={s.askRemove(g.name)} text={s.removeText(counts.get(g.id)?.applications)} action={s.remove} close={() => setTask(null)}
        run={async () => { await call('deleteConnectorGroup', { id: g.id, version: g.version }); toast(s.removed(g.name)); await queries.invalidateQueries() }} />}
    </div>
  )
}

type Counts = Schema['GroupCounts'] | undefined

// Health says how a group is from its connectors: what counts is how many really carry.
function Health({ counts }: { counts: Counts }) {
  const styles = useStyles()
  const s = t.connectors.groups
  if (!counts) return <>{t.unknown}</>
  const { connectors: all, active } = counts
  if (all === 0) return <Label label="unknown" text={s.none} />
  return (
    <>
      <Label label={active === 0 ? 'inactive' : active < all ? 'degraded' : 'active'} text={s.someActive(active, all)} />
      {all === 1 && <Text size={200} className={styles.why}>{s.one}</Text>}
    </>
  )
}

function GroupMenu({ group: g, start, makeDefault }: { group: Group; start: (what: 'edit' | 'remove' | 'history') => void; makeDefault: () => void }) {
  const { mayNot } = useSession()
  const s = t.connectors.groups
  const item = (title: string, operation: Operation, run: () => void, off = false) => {
    const why = mayNot(operation)
    return <MenuItem disabled={off || why !== ''} title={why || undefined} subText={why || undefined} onClick={run}>{title}</MenuItem>
  }
  return (
    <Menu>
      <MenuTrigger disableButtonEnhancement><Button appearance="subtle" icon={<MoreHorizontalRegular />} aria-label={t.list.actions(g.name)} /></MenuTrigger>
      <MenuPopover>
        <MenuList>
          {item(s.edit, 'updateConnectorGroup', () => start('edit'))}
          {!g.default && item(s.makeDefault, 'updateConnectorGroup', makeDefault)}
          {item(s.history, 'listConnectorGroupHistory', () => start('history'))}
          <MenuDivider />
          {item(s.remove, 'deleteConnectorGroup', () => start('remove'), g.default)}
        </MenuList>
      </MenuPopover>
    </Menu>
  )
}

const shown = 25 // of a group's connectors and applications; the lists have all of them

function Members({ group, counts, dragging }: { group: Group; counts: Counts; dragging: Dragging }) {
  const styles = useStyles()
  const s = t.connectors.groups
  const connectors = useFirstOf('listConnectors', shown, { connectorGroup: group.id, sort: 'name' }, { every: often })
  const applications = useFirstOf('listApplications', shown, { connectorGroup: group.id, sort: 'name' }, { every: 4 * often })
  const rest = (of: { items: unknown[]; more: boolean }, all: number | undefined) => of.more && <li>{all === undefined ? s.more : s.others(all - of.items.length)}</li>
  return (
    <div>
      <Failure problem={connectors.error ?? applications.error} retry={() => { void connectors.refetch(); void applications.refetch() }} title={t.error.unread} />
      <Text weight="semibold">{s.inGroup}</Text>
      {connectors.data?.items.length ? <ul className={styles.list}>{connectors.data.items.map((k) => <li key={k.id}><Handle connector={k} dragging={dragging} />{k.name} <Label label={k.status.label} /> {k.status.why}</li>)}{rest(connectors.data, counts?.connectors)}</ul> : <p>{connectors.data ? t.none : t.unknown}</p>}
      <Text weight="semibold">{s.onGroup}</Text>
      {applications.data?.items.length ? <ul className={styles.list}>{applications.data.items.map((a) => <li key={a.id}>{a.name}</li>)}{rest(applications.data, counts?.applications)}</ul> : <p>{applications.data ? t.none : t.unknown}</p>}
      <Anchor className={styles.link} href={`/connectors?group=${group.id}`}>{s.showConnectors}</Anchor> <Anchor className={styles.link} href={`/applications?group=${group.id}`}>{s.showApplications}</Anchor>
    </div>
  )
}
