// Who changed what of an object, and the way back.
import { Spinner, Text, makeStyles, tokens } from '@fluentui/react-components'
import { useState } from 'react'
import { call, problemOf, type Ask, type Operation, type Problem, type Schema } from '../api/client'
import { useObject } from '../api/queries'
import { useQueryClient } from '@tanstack/react-query'
import { useSession } from '../session'
import { t } from '../strings'
import { shown } from './conflict'
import { Ago, Failure, Guarded, useToast } from './feedback'
import { Panel } from './panel'

const useStyles = makeStyles({
  entry: { borderLeft: `3px solid ${tokens.colorNeutralStroke1}`, paddingLeft: '12px', display: 'flex', flexDirection: 'column', gap: '4px', alignItems: 'flex-start' },
  table: { borderCollapse: 'collapse', width: '100%', tableLayout: 'fixed', fontSize: tokens.fontSizeBase200, '& td, & th': { textAlign: 'left', verticalAlign: 'top', padding: '2px 8px 2px 0', overflowWrap: 'anywhere' } },
})

interface Props { title: string; id: string; list: Operation; undo?: Operation; version: number; close: () => void; shownValue?: (name: string, value: unknown) => string }

export function History({ title, id, list, undo, version, close, shownValue }: Props) {
  const styles = useStyles()
  const { mayNot } = useSession()
  const queries = useQueryClient()
  const toast = useToast()
  const [problem, setProblem] = useState<Problem | null>(null)
  const found = useObject(list, id)
  const entries = ((found.data as { items: Schema['HistoryEntry'][] | null } | undefined)?.items ?? [])
  const text = (name: string, value: unknown) => (shownValue ? shownValue(name, value) : shown(value))
  const back = async (to: number) => {
    setProblem(null)
    try {
      await call(undo!, { id, version, body: { to } } as unknown as Ask<Operation>)
      await queries.invalidateQueries()
      toast(t.history.undone(to))
      close()
    } catch (error) {
      setProblem(problemOf(error))
    }
  }
  return (
    <Panel title={`${t.history.title}: ${title}`} close={close}>
      <Failure problem={problem ?? (found.error ? problemOf(found.error) : null)} />
      {found.isPending && <Spinner label={t.list.loading} />}
      {found.data !== undefined && entries.length === 0 && <Text>{t.history.empty}</Text>}
      {entries.map((e, i) => (
        <div key={e.version} className={styles.entry}>
          <Text weight="semibold">{t.history.version(e.version)} {e.time && ` · ${e.action}`}</Text>
          <Text size={200}>{e.time ? <><Ago time={e.time} /> {t.history.by(e.actor.name || e.actor.kind)}</> : t.history.beginning}</Text>
          {(e.fields ?? []).length > 0 && (
            <table className={styles.table}>
              <thead><tr><th>{t.conflict.field}</th><th>{t.history.was}</th><th>{t.history.is}</th></tr></thead>
              <tbody>{(e.fields ?? []).map((f) => <tr key={f.name}><td>{f.name}</td><td>{text(f.name, f.old)}</td><td>{text(f.name, f.new)}</td></tr>)}</tbody>
            </table>
          )}
          {undo && i > 0 && <Guarded size="small" why={mayNot(undo)} onClick={() => void back(e.version)}>{t.history.undo(e.version)}</Guarded>}
        </div>
      ))}
    </Panel>
  )
}
