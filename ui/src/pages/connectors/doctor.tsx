import { Accordion, AccordionHeader, AccordionItem, AccordionPanel, Button, Spinner, Text, makeStyles, tokens } from '@fluentui/react-components'
import { useCallback, useEffect, useRef, useState } from 'react'
import { call, problemOf, type Problem, type Schema } from '../../api/client'
import { useNow } from '../../format'
import { Ago, Failure } from '../../parts/feedback'
import { Panel } from '../../parts/panel'
import { Label } from '../../parts/status'
import { t } from '../../strings'

type Finding = Schema['DiagnosisFinding']

const useStyles = makeStyles({
  finding: { display: 'flex', flexDirection: 'column', alignItems: 'flex-start', gap: '4px', padding: '8px 0', borderBottom: `1px solid ${tokens.colorNeutralStroke2}`, overflowWrap: 'anywhere' },
  cure: { color: tokens.colorNeutralForeground1 },
})

export function Doctor({ connector, close }: { connector: Schema['Connector']; close: () => void }) {
  const s = t.connectors.doctor
  const [began, setBegan] = useState(0)
  const [result, setResult] = useState<Schema['Diagnosis'] | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const abort = useRef<AbortController | null>(null)
  const run = useCallback(async () => {
    abort.current?.abort()
    const control = (abort.current = new AbortController())
    setBegan(Date.now())
    setProblem(null)
    try {
      setResult(await call('diagnoseConnector', { id: connector.id, patience: 150, signal: control.signal }))
    } catch (error) {
      if (!control.signal.aborted) setProblem(problemOf(error))
    }
    if (!control.signal.aborted) setBegan(0)
  }, [connector.id])
  useEffect(() => {
    void run()
    return () => abort.current?.abort()
  }, [run])
  return (
    <Panel title={s.title(connector.name)} close={close} footer={<Button appearance="primary" disabledFocusable={began > 0} onClick={() => void run()}>{s.again}</Button>}>
      {began > 0 && <Running began={began} />}
      <Failure problem={problem} />
      {result && began === 0 && <Result result={result} />}
    </Panel>
  )
}

function Running({ began }: { began: number }) {
  const now = useNow(1000)
  return <Spinner labelPosition="below" label={t.connectors.doctor.running(Math.max(0, Math.round((now - began) / 1000)))} />
}

function Result({ result }: { result: Schema['Diagnosis'] }) {
  const styles = useStyles()
  const s = t.connectors.doctor
  const findings = result.findings ?? []
  const good = findings.filter((f) => f.severity === 'ok')
  const order = ['error', 'warning', 'note']
  const bad = findings.filter((f) => f.severity !== 'ok').sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity))
  const count = (severity: string) => findings.filter((f) => f.severity === severity).length
  return (
    <div>
      <Text block>{s.when} <Ago time={result.time} />. {s.took(result.took.toFixed(1))}</Text>
      <Text block weight="semibold">{bad.length === 0 ? s.ok : s.summary(count('error'), count('warning'))}</Text>
      {bad.map((f, i) => <One key={i} finding={f} />)}
      <Accordion collapsible defaultOpenItems={bad.length === 0 ? ['good'] : []}>
        <AccordionItem value="good">
          <AccordionHeader as="h3">{s.good(good.length)}</AccordionHeader>
          <AccordionPanel>{good.map((f, i) => <div key={i} className={styles.finding}><Text><b>{f.subject || f.code}</b> {f.detail}</Text></div>)}</AccordionPanel>
        </AccordionItem>
      </Accordion>
    </div>
  )
}

function One({ finding: f }: { finding: Finding }) {
  const styles = useStyles()
  const s = t.connectors.doctor
  return (
    <div className={styles.finding}>
      <span><Label label={f.severity} text={s.severity[f.severity]} /> <Text size={200}>{f.code}</Text></span>
      <Text><b>{f.subject}</b> {f.detail}</Text>
      {f.cure && <Text className={styles.cure}><b>{s.cure}:</b> {f.cure}</Text>}
    </div>
  )
}
