// Verifies that no entry of the audit log was changed, added, removed or reordered.
import { Button, MessageBar, MessageBarBody, Spinner, makeStyles } from '@fluentui/react-components'
import { ShieldCheckmarkRegular } from '@fluentui/react-icons'
import { useEffect, useRef, useState } from 'react'
import { call, problemOf, sentence, type Problem, type Schema } from '../../api/client'
import { number } from '../../format'
import { CopyLine, Failure } from '../../parts/feedback'
import { t } from '../../strings'

const useStyles = makeStyles({ box: { display: 'flex', flexDirection: 'column', alignItems: 'flex-start', gap: '8px', marginTop: '8px' }, wide: { width: '100%' } })

type Report = Schema['AuditReport']

export function Chain() {
  const styles = useStyles()
  const s = t.logs.chain
  const [report, setReport] = useState<Report | null>(null)
  const [done, setDone] = useState(-1) // entries so far; -1: nothing is verified now
  const [problem, setProblem] = useState<Problem | null>(null)
  const control = useRef(new AbortController())
  useEffect(() => () => control.current.abort(), [])
  const verify = async () => {
    control.current = new AbortController()
    setProblem(null)
    setReport(null)
    setDone(0)
    try {
      let part: string | undefined
      do { // a long log takes several answers; each tells of all that was verified so far
        const answer: Report = await call('verifyAudit', { query: { part }, signal: control.current.signal, patience: 60 })
        setDone(answer.entries)
        part = answer.problem ? undefined : answer.next
        if (!part) setReport(answer)
      } while (part)
    } catch (error) {
      if (!control.current.signal.aborted) setProblem(problemOf(error))
    }
    setDone(-1)
  }
  return (
    <div className={styles.box}>
      <Button size="small" icon={<ShieldCheckmarkRegular />} disabledFocusable={done >= 0} onClick={() => void verify()}>{s.verify}</Button>
      {done >= 0 && <Spinner size="tiny" labelPosition="after" label={s.busy(number(done))} />}
      <Failure problem={problem} retry={() => void verify()} />
      {report && (
        <MessageBar intent={report.good ? 'success' : 'error'} layout="multiline" role="status" className={styles.wide}>
          <MessageBarBody>
            {report.good ? s.good(number(report.entries), number(report.first), number(report.last)) : report.problem && `${s.bad(report.problem.seq)} ${sentence(report.problem.reason)}`}
            {report.erased > 0 && ` ${s.erased(number(report.erased))}`}{report.adopted > 0 && ` ${s.adopted(number(report.adopted))}`}
          </MessageBarBody>
        </MessageBar>
      )}
      {report?.good && <div className={styles.wide}>{s.head}<CopyLine label={s.headLabel} text={`${report.head.seq}:${report.head.hash}`} /></div>}
    </div>
  )
}
