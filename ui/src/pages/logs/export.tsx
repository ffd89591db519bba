// Takes what the filters find out of a log into a file: bounded, and it says so.
import { Button, Field, MessageBar, MessageBarBody, ProgressBar, Radio, RadioGroup, Text } from '@fluentui/react-components'
import { useEffect, useRef, useState } from 'react'
import { problemOf, type Problem } from '../../api/client'
import { number } from '../../format'
import { Failure } from '../../parts/feedback'
import { Panel } from '../../parts/panel'
import { download } from '../../parts/yaml'
import { t } from '../../strings'
import { questionOf, type Kind } from './kinds'
import { ask } from './use'

const most = 50_000 // entries of one file

type Outcome = 'done' | 'cut' | 'stopped' | ''

export function Export<T extends { id: string }>({ kind, set, shown, close }: { kind: Kind<T>; set: Record<string, string>; shown: string[]; close: () => void }) {
  const s = t.logs.export
  const [format, setFormat] = useState<'csv' | 'json'>('csv')
  const [read, setRead] = useState(-1)
  const [outcome, setOutcome] = useState<Outcome>('')
  const [missing, setMissing] = useState<string[]>([])
  const [problem, setProblem] = useState<Problem | null>(null)
  const control = useRef(new AbortController())
  useEffect(() => () => control.current.abort(), [])
  const busy = read >= 0 && !outcome && !problem
  const run = async () => {
    control.current = new AbortController()
    const { signal } = control.current
    setProblem(null)
    setOutcome('')
    setRead(0)
    try {
      const query = questionOf(kind, set)
      const entries: T[] = []
      const gone = new Set<string>()
      let next: string | undefined
      do {
        const page = await ask(kind, query, { limit: 1000, after: next, signal })
        entries.push(...(page.items ?? []))
        for (const g of page.incomplete ?? []) gone.add(`${g.address}: ${g.why}`)
        setRead(Math.min(entries.length, most))
        next = page.next || undefined
      } while (next && entries.length < most)
      const cut = next !== undefined || entries.length > most
      const taken = entries.slice(0, most)
      download(`${kind.name}.${format === 'csv' ? 'csv' : 'jsonl'}`, format === 'csv' ? table(kind, taken) : taken.map((e) => JSON.stringify(e) + '\n').join(''), format === 'csv' ? 'text/csv' : 'application/x-ndjson')
      setMissing([...gone])
      setOutcome(cut ? 'cut' : 'done')
    } catch (error) {
      if (signal.aborted) setOutcome('stopped')
      else setProblem(problemOf(error))
    }
  }
  return (
    <Panel title={s.title(t.logs.kinds[kind.name]!)} close={close} footer={
      <>
        <Button appearance="primary" disabledFocusable={busy} onClick={() => void run()}>{s.run}</Button>
        {busy && <Button onClick={() => control.current.abort()}>{s.stop}</Button>}
      </>
    }>
      <Field label={s.format}>
        <RadioGroup value={format} onChange={(_, d) => setFormat(d.value as 'csv')}><Radio value="csv" label={s.csv} /><Radio value="json" label={s.json} /></RadioGroup>
      </Field>
      <div>
        <Text>{shown.length ? s.filters : s.all}</Text>
        {shown.length > 0 && <ul>{shown.map((line) => <li key={line}>{line}</li>)}</ul>}
      </div>
      <Text>{s.bound(number(most))}</Text>
      {busy && <Field validationState="none" validationMessage={s.busy(number(read))}><ProgressBar aria-label={s.open} /></Field>}
      {outcome && (
        <MessageBar intent={outcome === 'done' ? 'success' : 'warning'} layout="multiline" role="status">
          <MessageBarBody>{outcome === 'done' ? s.done(number(read)) : outcome === 'cut' ? s.cut(number(read)) : s.stopped(number(read))}</MessageBarBody>
        </MessageBar>
      )}
      {missing.length > 0 && <MessageBar intent="warning" layout="multiline"><MessageBarBody>{t.logs.incomplete} {missing.join('; ')}</MessageBarBody></MessageBar>}
      <Failure problem={problem} retry={() => void run()} />
    </Panel>
  )
}

function table<T extends { id: string }>(kind: Kind<T>, entries: T[]): string {
  const line = (cells: string[]) => cells.map(quoted).join(',') + '\r\n'
  return line(kind.exported) + entries.map((e) => line(kind.exported.map((name) => cell(e, name)))).join('')
}

function cell(entry: object, path: string): string {
  let value: unknown = entry
  for (const name of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[name]
  if (value === undefined || value === null) return ''
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const text = Array.isArray(value) ? value.join(' ') : typeof value === 'object' ? JSON.stringify(value) : String(value)
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text // what a spreadsheet would take for a formula is made a text
}

const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
