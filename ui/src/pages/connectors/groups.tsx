import { Badge, Button, Menu, MenuDivider, MenuItem, MenuList, MenuPopover, MenuTrigger, Text, makeStyles, tokens } from '@fluentui/react-components'
import { MoreHorizontalRegular } from '@fluentui/react-icons'
import { useQueryClient, type UseQueryResult } from '@tanstack/react-query'
import { useState } from 'react'
import { call, problemOf, type Operation, type Problem, type Schema } from '../../api/client'
import { often, useAll } from '../../api/queries'
import { Confirm } from '../../parts/confirm'
import { Failure, useToast } from '../../parts/feedback'
import { History } from '../../parts/history'
import { Rows, type Column } from '../../parts/rows'
import { Label } from '../../parts/status'
import { Anchor, useFilter } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
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
  const [failed, setFailed] = useState<Problem | null>(null)
  const connectors = useAll('listConnectors', {}, { every: often })
  const applications = useAll('listApplications', { sort: 'name' }, { every: 4 * often })
  const list = groups.data ?? []
  const toast = useToast()
  const queries = useQueryClient()
  const inGroup = (g: Group) => connectors.data?.filter((k) => k.connectorGroup === g.id)
  const onGroup = (g: Group) => applications.data?.filter((a) => a.connectorGroup === g.id)
  const columns: Column<Group>[] = [
    { key: 'name', title: s.column.name, width: 'minmax(0, 2fr)', show: (g) => <span className={styles.name}><Text weight="semibold">{g.name}</Text>{g.default && <Badge appearance="outline">{s.default}</Badge>}</span> },
    { key: 'connectors', title: s.column.connectors, width: 'minmax(0, 3fr)', show: (g) => <Health connectors={inGroup(g)} /> },
    { key: 'applications', title: s.column.applications, width: 'minmax(0, 1fr)', minor: true, show: (g) => onGroup(g)?.length ?? t.unknown },
    { key: 'region', title: s.column.region, width: 'minmax(0, 1fr)', minor: true, show: (g) => g.region || t.none },
    { key: 'backup', title: s.column.backup, width: 'minmax(0, 1fr)', minor: true, show: (g) => list.find((o) => o.id === g.backupGroup)?.name ?? t.none },
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
      <Failure problem={groups.error ?? connectors.error} retry={() => { void groups.refetch(); void connectors.refetch() }} title={t.error.unread} />
      {groups.data && (
        <Rows label={t.connectors.views.groups} items={list} columns={columns} id={(x) => x.id} name={(x) => x.name} empty={s.empty} open={open} setOpen={setOpen}
          detail={(x) => <Members connectors={inGroup(x)} applications={onGroup(x)} group={x} />}
          actions={(x) => <GroupMenu group={x} start={(what) => setTask({ what, group: x })} makeDefault={() => void makeDefault(x)} />} />
      )}
      {g && task.what === 'edit' && <GroupForm groups={list} group={g} close={() => setTask(null)} />}
      {g && task.what === 'history' && <History title={g.name} id={g.id} version={g.version} list="listConnectorGroupHistory" undo="undoConnectorGroup" close={() => setTask(null)} />}
      {g && task.what === 'remove' && <Confirm title={s.askRemove(g.name)} text={s.removeText(onGroup(g)?.length ?? 0)} action={s.remove} close={() => setTask(null)}
        run={async () => { await call('deleteConnectorGroup', { id: g.id, version: g.version }); toast(s.removed(g.name)); await queries.invalidateQueries() }} />}
    </div>
  )
}

// Health says how a group is from its connectors: what counts is how many really carry.
function Health({ connectors }: { connectors: Schema['Connector'][] | undefined }) {
  const styles = useStyles()
  const s = t.connectors.groups
  if (!connectors) return <>{t.unknown}</>
  const active = connectors.filter((k) => k.status.label === 'active').length
  if (connectors.length === 0) return <Label label="unknown" text={s.none} />
  const label = active === 0 ? 'inactive' : active < connectors.length ? 'degraded' : 'active'
  return (
    <>
      <Label label={label} text={s.someActive(active, connectors.length)} />
      {connectors.length === 1 && <Text size={200} className={styles.why}>{s.one}</Text>}
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

function Members({ connectors, applications, group }: { connectors: Schema['Connector'][] | undefined; applications: Schema['Application'][] | undefined; group: Group }) {
  const styles = useStyles()
  const s = t.connectors.groups
  return (
    <div>
      <Text weight="semibold">{s.inGroup}</Text>
      {connectors?.length ? <ul className={styles.list}>{connectors.map((k) => <li key={k.id}>{k.name} <Label label={k.status.label} /> {k.status.why}</li>)}</ul> : <p>{connectors ? t.none : t.unknown}</p>}
      <Text weight="semibold">{s.onGroup}</Text>
      {applications?.length ? <ul className={styles.list}>{applications.map((a) => <li key={a.id}>{a.name}</li>)}</ul> : <p>{applications ? t.none : t.unknown}</p>}
      <Anchor className={styles.link} href={`/connectors?group=${group.id}`}>{s.showConnectors}</Anchor>
    </div>
  )
}
