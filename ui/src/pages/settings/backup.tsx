// A backup of everything that the database holds, taken now and kept by whoever takes it.
import { MessageBar, MessageBarBody, MessageBarTitle, Text, makeStyles } from '@fluentui/react-components'
import { ArrowDownloadRegular } from '@fluentui/react-icons'
import { useEffect, useRef, useState } from 'react'
import { download, problemOf, type Problem } from '../../api/client'
import { bytes } from '../../format'
import { Busy } from '../../parts/busy'
import { CopyLine, Failure, Guarded } from '../../parts/feedback'
import { useSession } from '../../session'
import { t } from '../../strings'

const s = t.settings.backup
const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', gap: '12px', alignItems: 'flex-start', maxWidth: '80ch', marginTop: '12px' },
  wide: { width: '100%' },
  list: { margin: 0, paddingLeft: '20px', display: 'flex', flexDirection: 'column', gap: '4px' },
})

type State = { what: 'none' | 'busy' } | { what: 'done'; name: string; size: number } | { what: 'failed'; problem: Problem }

export function BackupView() {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [state, setState] = useState<State>({ what: 'none' })
  const stop = useRef<AbortController | null>(null)
  useEffect(() => () => stop.current?.abort(), []) // whoever leaves does not wait for it
  const take = async () => {
    if (state.what === 'busy') return
    setState({ what: 'busy' })
    stop.current = new AbortController()
    try {
      const file = await download('takeBackup', stop.current.signal)
      const address = URL.createObjectURL(file.content)
      const link = document.createElement('a')
      link.href = address
      link.download = file.name
      link.click()
      setTimeout(() => URL.revokeObjectURL(address), 60_000) // the browser has taken it over by then
      setState({ what: 'done', name: file.name, size: file.content.size })
    } catch (error) {
      setState({ what: 'failed', problem: problemOf(error) })
    }
  }
  return (
    <div className={styles.box}>
      <Text>{s.lead}</Text>
      <ul className={styles.list}>{s.points.map((p) => <li key={p}><Text>{p}</Text></li>)}</ul>
      <MessageBar intent="warning" layout="multiline" className={styles.wide}><MessageBarBody><MessageBarTitle>{s.keyTitle}</MessageBarTitle> {s.key}</MessageBarBody></MessageBar>
      <Guarded appearance="primary" icon={state.what === 'busy' ? <Busy /> : <ArrowDownloadRegular />} why={mayNot('takeBackup')} disabledFocusable={state.what === 'busy'} onClick={() => void take()}>{state.what === 'busy' ? s.busy : s.take}</Guarded>
      {state.what === 'done' && <MessageBar intent="success" layout="multiline" role="status" className={styles.wide}><MessageBarBody>{s.done(state.name, bytes(state.size))}</MessageBarBody></MessageBar>}
      {state.what === 'failed' && <Failure problem={state.problem} retry={() => void take()} title={s.failed} />}
      <Text>{s.restore}</Text>
      <div className={styles.wide}><CopyLine text={s.commands} label={s.restoreLabel} /></div>
    </div>
  )
}
