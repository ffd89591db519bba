import { Button, Menu, MenuDivider, MenuItem, MenuList, MenuPopover, MenuTrigger } from '@fluentui/react-components'
import { MoreHorizontalRegular } from '@fluentui/react-icons'
import { useQueryClient } from '@tanstack/react-query'
import { call, type Body, type Operation, type Schema } from '../../api/client'
import { Confirm } from '../../parts/confirm'
import { useToast } from '../../parts/feedback'
import { History } from '../../parts/history'
import { useSession } from '../../session'
import { t } from '../../strings'
import { Doctor } from './doctor'
import { Logs } from './logs'
import { Move } from './move'
import { Rename } from './rename'

type Connector = Schema['Connector']
type What = 'rename' | 'move' | 'disable' | 'remove' | 'doctor' | 'logs' | 'history' | 'reject'
export interface Task { what: What; connector: Connector }

// usePatch changes some members of a connector and says so.
function usePatch() {
  const queries = useQueryClient()
  const toast = useToast()
  return async (k: Connector, body: Body<'updateConnector'>, done: string) => {
    await call('updateConnector', { id: k.id, version: k.version, body })
    toast(done)
    await queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'showMe' })
  }
}

export function ConnectorMenu({ connector: k, start, fail }: { connector: Connector; start: (task: Task) => void; fail: (error: unknown) => void }) {
  const { mayNot } = useSession()
  const patch = usePatch()
  const queries = useQueryClient()
  const toast = useToast()
  const s = t.connectors
  const quick = (run: () => Promise<unknown>) => () => void run().catch(fail)
  const open = (what: What) => () => start({ what, connector: k })
  const approve = async () => {
    await call('approveConnector', { id: k.id })
    toast(s.approved(k.name))
    await queries.invalidateQueries()
  }
  const waiting = k.status.label === 'waiting'
  const item = (title: string, operation: Operation, run: () => void) => {
    const why = mayNot(operation)
    return <MenuItem key={title} disabled={why !== ''} title={why || undefined} subText={why || undefined} onClick={run}>{title}</MenuItem>
  }
  return (
    <Menu>
      <MenuTrigger disableButtonEnhancement>
        <Button appearance="subtle" icon={<MoreHorizontalRegular />} aria-label={t.list.actions(k.name)} />
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          {waiting && item(s.action.approve, 'approveConnector', quick(approve))}
          {waiting && item(s.action.reject, 'rejectConnector', open('reject'))}
          {waiting && <MenuDivider />}
          {item(s.action.doctor, 'diagnoseConnector', open('doctor'))}
          {item(s.action.logs, 'showConnectorLog', open('logs'))}
          {item(s.action.history, 'listConnectorHistory', open('history'))}
          <MenuDivider />
          {item(s.action.rename, 'updateConnector', open('rename'))}
          {item(s.action.move, 'updateConnector', open('move'))}
          {k.draining
            ? item(s.action.undrain, 'updateConnector', quick(() => patch(k, { draining: false }, s.undrained(k.name))))
            : item(s.action.drain, 'updateConnector', quick(() => patch(k, { draining: true }, s.drained(k.name))))}
          {k.disabled
            ? item(s.action.enable, 'updateConnector', quick(() => patch(k, { disabled: false }, s.enabled(k.name))))
            : item(s.action.disable, 'updateConnector', open('disable'))}
          <MenuDivider />
          {item(s.action.remove, 'deleteConnector', open('remove'))}
        </MenuList>
      </MenuPopover>
    </Menu>
  )
}

// TaskView shows what was begun with a connector. It stands beside the list, so that a row that moves away takes nothing along.
export function TaskView({ task, groups, close }: { task: Task; groups: Schema['ConnectorGroup'][]; close: () => void }) {
  const patch = usePatch()
  const queries = useQueryClient()
  const toast = useToast()
  const s = t.connectors
  const k = task.connector
  const after = async (done: string) => {
    toast(done)
    await queries.invalidateQueries()
  }
  switch (task.what) {
    case 'rename': return <Rename connector={k} close={close} />
    case 'move': return <Move connector={k} groups={groups} close={close} />
    case 'doctor': return <Doctor connector={k} close={close} />
    case 'logs': return <Logs id={k.id} close={close} />
    case 'history': return <History title={k.name} id={k.id} version={k.version} list="listConnectorHistory" undo="undoConnector" close={close}
      shownValue={(name, value) => (name === 'connectorGroup' && groups.find((g) => g.id === value)?.name) || String(value ?? t.history.nothing)} />
    case 'disable': return <Confirm title={s.ask.disable(k.name)} text={s.ask.disableText} action={s.action.disable} close={close} run={() => patch(k, { disabled: true }, s.disabled(k.name))} />
    case 'remove': return <Confirm title={s.ask.remove(k.name)} text={s.ask.removeText} action={s.action.remove} close={close}
      run={async () => { await call('deleteConnector', { id: k.id }); await after(s.removed(k.name)) }} />
    case 'reject': return <Confirm title={s.ask.reject(k.name)} text={s.ask.rejectText} action={s.action.reject} close={close}
      run={async () => { await call('rejectConnector', { id: k.id }); await after(s.rejected(k.name)) }} />
  }
}
