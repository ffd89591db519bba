import { MessageBar, MessageBarActions, MessageBarBody, Spinner, Switch, Tab, Text, makeStyles, mergeClasses, tokens } from '@fluentui/react-components'
import { useEffect, useRef, useState } from 'react'
import { call, problemOf, type Problem, type Schema } from '../../api/client'
import { often, useObject, useWrite } from '../../api/queries'
import { ago, atClock, useNow } from '../../format'
import { Failure, Guarded } from '../../parts/feedback'
import { Panel } from '../../parts/panel'
import { useSession } from '../../session'
import { t } from '../../strings'
import { Tabs } from '../../parts/tabs'

type Kind = 'admin' | 'session' | 'program'
type Entry = Schema['ConnectorLogEntry']
const most = 1000 // entries that the page holds

const useStyles = makeStyles({
  bar: { display: 'flex', justifyContent: 'space-between', alignItems: 'center', flexWrap: 'wrap', gap: '8px' },
  log: {
    display: 'flex', flexDirection: 'column', overflowY: 'auto', minHeight: '200px', maxHeight: 'calc(100vh - 320px)', backgroundColor: tokens.colorNeutralBackground3,
    borderRadius: tokens.borderRadiusMedium, padding: '8px 12px', fontSize: tokens.fontSizeBase200, ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}` },
  },
  entry: { padding: '3px 0', borderBottom: `1px solid ${tokens.colorNeutralStroke3}`, overflowWrap: 'anywhere' },
  time: { color: tokens.colorNeutralForeground2, fontVariantNumeric: 'tabular-nums' },
  bad: { color: tokens.colorPaletteRedForeground1, fontWeight: tokens.fontWeightSemibold },
  field: { color: tokens.colorNeutralForeground2 },
})

export function Logs({ id, close }: { id: string; close: () => void }) {
  const styles = useStyles()
  const s = t.connectors.logs
  const [kind, setKind] = useState<Kind>('admin')
  const [live, setLive] = useState(true)
  const connector = useObject('showConnector', id, { every: often })
  const tail = useTail(id, kind, live)
  const end = useRef<HTMLDivElement>(null)
  useEffect(() => { if (live) end.current?.scrollTo({ top: end.current.scrollHeight }) }, [tail.entries, live])
  return (
    <Panel title={s.title(connector.data?.name ?? '…')} size="large" close={close}>
      <Tabs selectedValue={kind} onTabSelect={(_, d) => setKind(d.value as Kind)}>
        {(['admin', 'session', 'program'] as Kind[]).map((k) => <Tab key={k} value={k}>{s[k]}</Tab>)}
      </Tabs>
      <div className={styles.bar}>
        <Text>{s.about[kind]}</Text>
        <Switch label={live ? s.live : s.paused} checked={live} onChange={(_, d) => setLive(d.checked)} />
      </div>
      {kind === 'session' && connector.data && <SessionSwitch connector={connector.data} />}
      <Failure problem={tail.problem} retry={tail.retry} />
      {tail.missed > 0 && <Text>{s.missed(tail.missed)}</Text>}
      <div className={styles.log} ref={end} role="log" aria-label={s[kind]} tabIndex={0}>
        {tail.entries.map((e, i) => <Line key={i} entry={e} />)}
        {tail.entries.length === 0 && (tail.loaded ? <Text>{s.empty}</Text> : !tail.problem && <Spinner size="tiny" label={t.list.loading} />)}
      </div>
    </Panel>
  )
}

function Line({ entry: e }: { entry: Entry }) {
  const styles = useStyles()
  const bad = /error|warn/i.test(e.severity)
  return (
    <div className={styles.entry}>
      <time className={styles.time} dateTime={e.time}>{atClock(e.time)}</time> <span className={mergeClasses(bad && styles.bad)}>{e.severity}</span> {e.event && <b>{e.event} </b>}{e.message}{' '}
      {Object.entries(e.fields ?? {}).map(([name, value]) => <span key={name}><span className={styles.field}>{name}=</span>{value} </span>)}
    </div>
  )
}

function SessionSwitch({ connector: k }: { connector: Schema['Connector'] }) {
  const s = t.connectors.logs
  const { mayNot } = useSession()
  const now = useNow(1000)
  const write = useWrite('updateConnector')
  const until = k.sessionLogUntil ? new Date(k.sessionLogUntil).getTime() : 0
  const on = until > now
  const set = (time: string | null) => write.mutate({ id: k.id, version: k.version, body: { sessionLogUntil: time } })
  return (
    <>
      <MessageBar intent={on ? 'success' : 'info'} layout="multiline">
        <MessageBarBody>{on ? s.on(ago(until, now)) : s.off}</MessageBarBody>
        <MessageBarActions>
          {on
            ? <Guarded size="small" why={mayNot('updateConnector')} onClick={() => set(null)}>{s.stop}</Guarded>
            : <Guarded size="small" why={mayNot('updateConnector')} onClick={() => set(new Date(Date.now() + 15 * 60_000).toISOString())}>{s.start}</Guarded>}
        </MessageBarActions>
      </MessageBar>
      <Failure problem={write.error} />
    </>
  )
}

// useTail reads a connector's log and waits for what comes next, for as long as it is live.
function useTail(id: string, kind: Kind, live: boolean) {
  const [entries, setEntries] = useState<Entry[]>([])
  const [problem, setProblem] = useState<Problem | null>(null)
  const [loaded, setLoaded] = useState(false)
  const [missed, setMissed] = useState(0)
  const [round, setRound] = useState(0)
  const place = useRef<{ kind: Kind; instance: string; next: number } | null>(null)
  useEffect(() => {
    if (place.current?.kind !== kind) {
      place.current = null
      setEntries([])
      setLoaded(false)
      setMissed(0)
    }
    if (!live) return
    const control = new AbortController()
    setProblem(null)
    const follow = async () => {
      for (;;) {
        const at = place.current
        const page = await call('showConnectorLog', { id, signal: control.signal, patience: 40, query: { log: kind, instance: at?.instance, after: at?.next, limit: 500, wait: at ? 15 : 0 } })
        if (control.signal.aborted) return
        const anew = !at || at.instance !== page.instance
        place.current = { kind, instance: page.instance, next: page.next }
        setLoaded(true)
        if (page.missed) setMissed((n) => n + (page.missed ?? 0))
        const fresh = page.entries ?? []
        if (fresh.length || anew) setEntries((before) => [...(anew && !at ? [] : before), ...fresh].slice(-most))
      }
    }
    follow().catch((error: unknown) => { if (!control.signal.aborted) setProblem(problemOf(error)) })
    return () => control.abort()
  }, [id, kind, live, round])
  return { entries, problem, loaded, missed, retry: () => setRound((n) => n + 1) }
}

