// One event's whole way: by its reference through the hops of the request, the sign-in log and the connector's own log.
import { MessageBar, MessageBarBody, Spinner, Text, makeStyles, tokens } from '@fluentui/react-components'
import { useQuery } from '@tanstack/react-query'
import { call, type Schema } from '../../api/client'
import { atClock, milliseconds, when } from '../../format'
import { Busy } from '../../parts/busy'
import { Failure } from '../../parts/feedback'
import { Label } from '../../parts/status'
import { problemOf } from '../../api/client'
import { useSession } from '../../session'
import { t } from '../../strings'
import { TrafficDetail } from './entries'
import { audit, signIns, traffic } from './kinds'
import { ask, type Page } from './use'

type Traffic = Schema['Traffic']
type Line = Schema['ConnectorLogEntry']
const s = t.logs.way

const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', gap: '20px', marginTop: '12px' },
  section: { display: 'flex', flexDirection: 'column', gap: '8px' },
  h2: { margin: 0 },
  hops: { listStyle: 'none', margin: 0, padding: 0 },
  hop: { display: 'flex', flexWrap: 'wrap', gap: '4px 12px', alignItems: 'center', padding: '8px 0 8px 16px', borderLeft: `3px solid ${tokens.colorNeutralStroke1}`, overflowWrap: 'anywhere' },
  hopName: { minWidth: '140px' },
  line: { padding: '4px 0', borderBottom: `1px solid ${tokens.colorNeutralStroke2}`, overflowWrap: 'anywhere' },
  list: { listStyle: 'none', margin: 0, padding: 0 },
})

// every reads all that a log has with a reference.
async function every<T>(read: (after: string | undefined) => Promise<Page<T>>): Promise<{ items: T[]; incomplete: Schema['TrafficIncomplete'][] }> {
  const items: T[] = []
  for (let after: string | undefined; ;) {
    const page = await read(after)
    items.push(...(page.items ?? []))
    if (!page.next || items.length >= 100) return { items, incomplete: page.incomplete ?? [] }
    after = page.next
  }
}

export function Way({ reference }: { reference: string }) {
  const styles = useStyles()
  const { mayNot } = useSession()
  const noTraffic = mayNot('listTraffic')
  const noSignIns = mayNot('listSignIns')
  const requests = useQuery({ queryKey: ['way', 'traffic', reference], enabled: !noTraffic, queryFn: ({ signal }) => every((after) => ask(traffic, { request: reference }, { limit: 100, after, signal })) })
  const proofs = useQuery({ queryKey: ['way', 'sign-ins', reference], enabled: !noSignIns, queryFn: ({ signal }) => every((after) => ask(signIns, { request: reference }, { limit: 100, after, signal })) })
  const noAudit = mayNot('listAudit')
  const changes = useQuery({ queryKey: ['way', 'audit', reference], enabled: !noAudit, queryFn: ({ signal }) => every((after) => ask(audit, { request: reference }, { limit: 100, after, signal })) })
  const busy = (changes.isPending && !noAudit) || (requests.isPending && !noTraffic) || (proofs.isPending && !noSignIns)
  const nothing = requests.data?.items.length === 0 && proofs.data?.items.length === 0 && (changes.data?.items ?? []).length === 0
  const again = () => { void requests.refetch(); void proofs.refetch(); void changes.refetch() }
  return (
    <div className={styles.box}>
      <Failure problem={requests.error ? problemOf(requests.error) : proofs.error ? problemOf(proofs.error) : changes.error ? problemOf(changes.error) : null} retry={again} title={t.error.unread} />
      {(noTraffic || noSignIns) && <MessageBar intent="info" layout="multiline"><MessageBarBody>{noTraffic || noSignIns}</MessageBarBody></MessageBar>}
      {busy && <Spinner label={t.list.loading} />}
      {nothing && <MessageBar intent="warning" layout="multiline" role="status"><MessageBarBody>{s.none}</MessageBarBody></MessageBar>}
      {requests.data?.incomplete.map((g) => <MessageBar key={g.gateway} intent="warning" layout="multiline"><MessageBarBody>{s.incomplete}: {g.address}: {g.why}</MessageBarBody></MessageBar>)}
      {requests.data?.items.map((e) => <Request key={e.id} entry={e} />)}
      {requests.data?.items.length === 0 && !nothing && <Text>{s.noTraffic}</Text>}
      {proofs.data && !nothing && (
        <section className={styles.section}>
          <Text as="h2" size={400} weight="semibold" className={styles.h2}>{s.signIns}</Text>
          {proofs.data.items.length === 0 && <Text>{s.signInsNone}</Text>}
          <ul className={styles.list}>
            {proofs.data.items.map((e) => (
              <li key={e.id} className={styles.line}><time dateTime={e.time}>{when(e.time)}</time> <b>{t.logs.events[e.event] ?? e.event}</b> {t.logs.results[e.result] ?? e.result} {e.reason} {e.userName} {e.message}</li>
            ))}
          </ul>
        </section>
      )}
      {(changes.data?.items ?? []).length > 0 && (
        <section className={styles.section} aria-label={s.audit}>
          <Text as="h2" size={400} weight="semibold" className={styles.h2}>{s.audit}</Text>
          <ul className={styles.list}>
            {changes.data!.items.map((e) => <li key={e.id} className={styles.line}><time dateTime={e.time}>{when(e.time)}</time> <b>{e.action}</b> {e.outcome === 'refused' ? t.logs.outcomes.refused : t.logs.outcomes.done} {e.name} {e.actor.name && t.history.by(e.actor.name)}</li>)}
          </ul>
        </section>
      )}
    </div>
  )
}

interface Hop { name: string; what: string; state: 'passed' | 'stopped' | 'not' }

// hopsOf tells where a request was and where it stopped, of what its record says.
function hopsOf(e: Traffic): Hop[] {
  const order = ['you', 'gateway', 'connector', 'backend'] // the service stands beside the way: what fails there stops at the gateway
  const last = e.outcome === 'forwarded' ? 3 : e.hop ? Math.max(order.indexOf(e.hop === 'service' ? 'gateway' : e.hop), 0) : 1
  const state = (n: number): Hop['state'] => (n < last || (e.outcome === 'forwarded' && !e.hop) || (e.outcome === 'served' && n <= 1) ? 'passed' : n === last ? 'stopped' : 'not')
  const hops: Hop[] = [
    { name: s.hops.client!, what: [e.client, e.protocol && s.came(e.protocol)].filter(Boolean).join(' '), state: state(0) },
    { name: s.hops.gateway!, what: e.gateway ?? '', state: state(1) },
  ]
  if (e.outcome === 'served') return hops
  if (e.via) hops.push({ name: s.hops.other!, what: e.via, state: state(2) })
  hops.push({ name: s.hops.connector!, what: e.connectorName || e.connector || '', state: state(2) })
  hops.push({
    name: s.hops.backend!, state: state(3),
    what: [e.destination, e.open ? s.reached(milliseconds(e.open)) : e.outcome === 'forwarded' ? s.kept : '', e.firstByte ? s.answered(milliseconds(e.firstByte)) : '', s.ended(milliseconds(e.duration))].filter(Boolean).join(', '),
  })
  return hops
}

const looks = { passed: 'active', stopped: 'failed', not: 'unknown' }
const words = { passed: s.passed, stopped: s.stopped, not: s.notReached }

function Request({ entry: e }: { entry: Traffic }) {
  const styles = useStyles()
  return (
    <section className={styles.section}>
      <Text as="h2" size={400} weight="semibold" className={styles.h2}>{e.method} {e.host}{e.path}</Text>
      <Text>{when(e.time)} · {t.logs.outcomes[e.outcome] ?? e.outcome}{e.status ? ` · ${e.status}` : ''}{e.reason ? ` · ${e.reason}` : ''}</Text>
      <ol className={styles.hops} aria-label={s.request}>
        {hopsOf(e).map((h) => (
          <li key={h.name} className={styles.hop}><Label label={looks[h.state]} text={words[h.state]} /><Text weight="semibold" className={styles.hopName}>{h.name}</Text><Text>{h.state === 'not' ? '' : h.what}</Text></li>
        ))}
      </ol>
      <TrafficDetail entry={e} />
      {e.connector && <ConnectorLines entry={e} connector={e.connector} />}
    </section>
  )
}

// ConnectorLines are what the connector itself has written of a request, in what it still holds of its logs.
function ConnectorLines({ entry: e, connector }: { entry: Traffic; connector: string }) {
  const styles = useStyles()
  const { mayNot } = useSession()
  const why = mayNot('showConnectorLog')
  const lines = useQuery({
    queryKey: ['way', 'connector', connector, e.request], enabled: !why,
    queryFn: async ({ signal }) => {
      const found: Line[] = []
      for (const log of ['admin', 'session', 'program']) {
        const page = await call('showConnectorLog', { id: connector, query: { log, limit: 500 }, signal })
        found.push(...(page.entries ?? []).filter((line) => Object.values(line.fields ?? {}).includes(e.request)))
      }
      return found.sort((a, b) => a.time.localeCompare(b.time))
    },
  })
  return (
    <>
      <Text as="h3" size={300} weight="semibold" className={styles.h2}>{s.connectorLog}</Text>
      {why && <Text>{why}</Text>}
      {lines.isPending && !why && <Busy />}
      <Failure problem={lines.error ? problemOf(lines.error) : null} title={s.connectorOff} />
      {lines.data?.length === 0 && <Text>{s.connectorNone}</Text>}
      <ul className={styles.list} aria-label={s.connectorLog}>
        {lines.data?.map((line, i) => (
          <li key={i} className={styles.line}><time dateTime={line.time}>{atClock(line.time)}</time> {line.severity} {line.event && <b>{line.event} </b>}{line.message} {Object.entries(line.fields ?? {}).map(([name, value]) => `${name}=${value}`).join(' ')}</li>
        ))}
      </ul>
    </>
  )
}
