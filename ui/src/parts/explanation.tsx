// What an explanation found, hop by hop.
import { MessageBar, MessageBarBody, MessageBarTitle, Text, makeStyles, tokens } from '@fluentui/react-components'
import { sentence, type Schema } from '../api/client'
import { t } from '../strings'
import { Label } from './status'

const useStyles = makeStyles({
  list: { listStyle: 'none', margin: 0, padding: 0, width: '100%' },
  hop: { padding: '8px 0', borderBottom: `1px solid ${tokens.colorNeutralStroke2}`, overflowWrap: 'anywhere' },
})

const s = t.applications.explain

export function Explained({ of: e }: { of: Schema['Explanation'] }) {
  return (
    <>
      <MessageBar intent={e.allow ? 'success' : 'warning'} layout="multiline" role="status">
        <MessageBarBody><MessageBarTitle>{e.allow ? s.yes(e.user) : s.no(e.user)}</MessageBarTitle> {e.message && sentence(e.message)} {e.cure && <><b>{s.cure}:</b> {sentence(e.cure)}</>}</MessageBarBody>
      </MessageBar>
      <Hops of={e.hops ?? []} />
    </>
  )
}

export function Hops({ of: hops }: { of: Schema['ExplainHop'][] }) {
  const styles = useStyles()
  return (
    <ul className={styles.list}>
      {hops.map((h, i) => (
        <li key={i} className={styles.hop}>
          <Label label={h.state === 'skipped' ? 'unknown' : h.state} text={s.states[h.state]} /> <b>{s.hops[h.name] ?? h.name}</b> {h.object} <Text>{h.detail}</Text>{h.cure && <Text block><b>{s.cure}:</b> {sentence(h.cure)}</Text>}
        </li>
      ))}
    </ul>
  )
}
