import { MessageBar, MessageBarBody, MessageBarTitle, Spinner, Text, makeStyles, tokens } from '@fluentui/react-components'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { call, sentence, type Problem, type Schema } from '../../api/client'
import { Failure, Guarded } from '../../parts/feedback'
import { Picker, type Picked } from '../../parts/picker'
import { Label } from '../../parts/status'
import { useSession } from '../../session'
import { t } from '../../strings'

const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', alignItems: 'flex-start', gap: '12px', maxWidth: '720px' },
  row: { display: 'flex', gap: '8px', flexWrap: 'wrap', alignItems: 'center' },
  list: { listStyle: 'none', margin: 0, padding: 0, width: '100%' },
  hop: { padding: '8px 0', borderBottom: `1px solid ${tokens.colorNeutralStroke2}`, overflowWrap: 'anywhere' },
})

export function Explain({ application }: { application: Schema['Application'] }) {
  const styles = useStyles()
  const s = t.applications.explain
  const { mayNot } = useSession()
  const [who, setWho] = useState<Picked | null>(null)
  const test = useMutation<Schema['Explanation'], Problem, string>({ mutationFn: (user) => call('explainAccess', { query: { user, application: application.id }, patience: 40 }) })
  const e = test.data
  return (
    <div className={styles.box}>
      <Text>{s.lead}</Text>
      <div className={styles.row}>
        <Picker label={s.user} groups={false} pick={setWho} />
        {who && <Text weight="semibold">{who.name}</Text>}
        <Guarded appearance="primary" why={mayNot('explainAccess')} disabledFocusable={!who || test.isPending} onClick={() => who && test.mutate(who.id)}>{s.run}</Guarded>
      </div>
      {test.isPending && <Spinner size="tiny" label={s.running} />}
      <Failure problem={test.error} />
      {e && !test.isPending && (
        <>
          <MessageBar intent={e.allow ? 'success' : 'warning'} layout="multiline" role="status">
            <MessageBarBody><MessageBarTitle>{e.allow ? s.yes(e.user) : s.no(e.user)}</MessageBarTitle> {e.message && sentence(e.message)} {e.cure && <><b>{s.cure}:</b> {sentence(e.cure)}</>}</MessageBarBody>
          </MessageBar>
          <ul className={styles.list}>
            {(e.hops ?? []).map((h, i) => (
              <li key={i} className={styles.hop}>
                <Label label={h.state === 'skipped' ? 'unknown' : h.state} text={s.states[h.state]} /> <b>{s.hops[h.name] ?? h.name}</b> {h.object} <Text>{h.detail}</Text>{h.cure && <Text block><b>{s.cure}:</b> {sentence(h.cure)}</Text>}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  )
}
