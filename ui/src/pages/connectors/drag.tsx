// A connector is taken by its handle and dropped on another group; the menu does the same for the keyboard. What follows is said before.
import { Text, makeStyles, mergeClasses, tokens } from '@fluentui/react-components'
import { ReOrderDotsVerticalRegular } from '@fluentui/react-icons'
import { useQueryClient } from '@tanstack/react-query'
import { useMemo, useState, type DragEvent } from 'react'
import { call, type Schema } from '../../api/client'
import { useSummary } from '../../api/queries'
import { Confirm } from '../../parts/confirm'
import { useToast } from '../../parts/feedback'
import { useSession } from '../../session'
import { t } from '../../strings'

type Connector = Schema['Connector']
type Group = Schema['ConnectorGroup']
const s = t.connectors.drag

const useStyles = makeStyles({
  handle: { display: 'inline-flex', cursor: 'grab', color: tokens.colorNeutralForeground3, verticalAlign: 'middle', marginRight: '4px', '@media (hover: none)': { display: 'none' } },
  bar: {
    position: 'fixed', bottom: '16px', left: '50%', transform: 'translateX(-50%)', zIndex: 200, maxWidth: 'min(960px, calc(100vw - 32px))', maxHeight: '40vh', overflowY: 'auto', padding: '12px 16px', borderRadius: tokens.borderRadiusLarge,
    backgroundColor: tokens.colorNeutralBackground1, border: `1px solid ${tokens.colorNeutralStroke1}`, boxShadow: tokens.shadow28, display: 'flex', flexDirection: 'column', gap: '8px',
  },
  targets: { display: 'flex', flexWrap: 'wrap', gap: '8px' },
  target: { padding: '8px 14px', borderRadius: tokens.borderRadiusMedium, border: `1px dashed ${tokens.colorNeutralStroke1}`, overflowWrap: 'anywhere' },
  over: { backgroundColor: tokens.colorBrandBackground2, border: `1px solid ${tokens.colorBrandStroke1}` },
})

export interface Dragging { connector: Connector | null; set: (k: Connector | null) => void; allowed: boolean }

// useDragging keeps which connector is under way.
export function useDragging(): Dragging {
  const { mayNot } = useSession()
  const [connector, set] = useState<Connector | null>(null)
  const allowed = mayNot('updateConnector') === ''
  return useMemo(() => ({ connector, set, allowed }), [connector, allowed])
}

export function Handle({ connector, dragging }: { connector: Connector; dragging: Dragging }) {
  const styles = useStyles()
  if (!dragging.allowed) return null
  const start = (e: DragEvent) => {
    e.dataTransfer.effectAllowed = 'move'
    e.dataTransfer.setData('text/plain', connector.name)
    const row = e.currentTarget.closest('[role=row], li')
    if (row) e.dataTransfer.setDragImage(row, 0, 0)
    setTimeout(() => dragging.set(connector)) // what changes on the page while a drag begins would end it
  }
  return <span draggable data-drag={connector.id} aria-hidden className={styles.handle} title={s.handle} onDragStart={start} onDragEnd={() => dragging.set(null)}><ReOrderDotsVerticalRegular /></span>
}

// Targets are all groups but its own, where the groups are not in sight.
export function Targets({ groups, dragging, drop }: { groups: Group[]; dragging: Dragging; drop: (g: Group) => void }) {
  const styles = useStyles()
  const [over, setOver] = useState('')
  const k = dragging.connector
  if (!k) return null
  return (
    <div className={styles.bar} data-drop-bar>
      <Text weight="semibold">{s.dropOn(k.name)}</Text>
      <div className={styles.targets}>
        {groups.filter((g) => g.id !== k.connectorGroup).map((g) => (
          <div key={g.id} data-drop={g.id} className={mergeClasses(styles.target, over === g.id && styles.over)} onDragOver={(e) => { e.preventDefault(); e.dataTransfer.dropEffect = 'move'; setOver(g.id) }} onDragLeave={() => setOver('')}
            onDrop={(e) => { e.preventDefault(); drop(g) }}>{g.name}</div>
        ))}
      </div>
    </div>
  )
}

export interface Dropped { connector: Connector; to: Group }

// AskMove says what follows from a move before it is made.
export function AskMove({ dropped: { connector: k, to }, groups, close }: { dropped: Dropped; groups: Group[]; close: () => void }) {
  const summary = useSummary()
  const queries = useQueryClient()
  const toast = useToast()
  const counts = (id: string) => summary.data?.connectorGroups?.find((g) => g.id === id)
  const from = counts(k.connectorGroup)
  const there = counts(to.id)
  const name = groups.find((g) => g.id === k.connectorGroup)?.name ?? t.unknown
  const left = (from?.active ?? 0) - (k.status.label === 'active' ? 1 : 0)
  return (
    <Confirm title={s.ask(k.name, to.name)} action={s.action} close={close} text={
      <>
        <p>{t.connectors.move.text}</p>
        {from && <p>{s.leaves(name, left, from.applications)}</p>}
        {there && <p>{s.comes(to.name, there.applications)}</p>}
      </>
    } run={async () => {
      await call('updateConnector', { id: k.id, version: k.version, body: { connectorGroup: to.id } })
      toast(t.connectors.moved(k.name, to.name))
      await queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'showMe' })
    }} />
  )
}
