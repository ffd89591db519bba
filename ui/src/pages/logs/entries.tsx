// How the entries of each log are shown: in a row, and opened.
import { Button, Text, makeStyles, tokens } from '@fluentui/react-components'
import { FilterRegular, FlowRegular } from '@fluentui/react-icons'
import { Fragment, type ReactNode } from 'react'
import { sentence, type Schema } from '../../api/client'
import { milliseconds, number, when } from '../../format'
import { Ago } from '../../parts/feedback'
import { Fact, Facts } from '../../parts/facts'
import { shown } from '../../parts/conflict'
import { useNames } from '../../parts/names'
import type { Column } from '../../parts/rows'
import { Label } from '../../parts/status'
import { Anchor } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import type { Narrow } from './list'
import { linkOf } from './links'

type Traffic = Schema['Traffic']
type SignIn = Schema['SignIn']
type Audit = Schema['AuditEntry']
type Alert = Schema['Alert']
const s = t.logs
const f = s.facts

const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', gap: '12px', alignItems: 'stretch' },
  bar: { display: 'flex', flexWrap: 'wrap', gap: '8px' },
  link: { color: tokens.colorBrandForegroundLink },
  time: { fontVariantNumeric: 'tabular-nums' },
  minor: { display: 'block', color: tokens.colorNeutralForeground2 },
  table: { borderCollapse: 'collapse', width: '100%', tableLayout: 'fixed', fontSize: tokens.fontSizeBase200, '& td, & th': { textAlign: 'left', verticalAlign: 'top', padding: '2px 8px 2px 0', overflowWrap: 'anywhere' } },
})

function At({ time }: { time: string }) {
  return <time className={useStyles().time} dateTime={time}>{when(time)}</time>
}

function Minor({ children }: { children: ReactNode }) {
  return <Text size={200} className={useStyles().minor}>{children}</Text>
}

// Given is a fact that is left out where there is nothing to tell.
const Given = ({ title, children }: { title: string; children: ReactNode }) => (children === undefined || children === null || children === '' || children === false ? null : <Fact title={title}>{children}</Fact>)

const outcomeLook: Record<string, string> = { forwarded: 'active', served: 'active', refused: 'draining', failed: 'failed', unrecorded: 'warning', success: 'active', failure: 'failed', denied: 'degraded', interrupted: 'draining', done: 'active' }

// Only narrows the log down to what an entry tells of.
function Only({ narrow, filters }: { narrow: Narrow; filters: { name: string; id: string | undefined; title: string }[] }) {
  const styles = useStyles()
  return <div className={styles.bar}>{filters.filter((x) => x.id).map((x) => <Button key={x.name} size="small" icon={<FilterRegular />} onClick={() => narrow({ [x.name]: x.id!, open: '' })}>{`${s.only}: ${x.title}`}</Button>)}</div>
}

function Follow({ reference }: { reference: string | undefined }) {
  const styles = useStyles()
  if (!reference) return null
  return <Anchor className={styles.link} href={`/logs/way?reference=${encodeURIComponent(reference)}`}><FlowRegular /> {s.follow}</Anchor>
}

function Object_({ id, name }: { id: string | undefined; name: string | undefined }) {
  const styles = useStyles()
  const href = linkOf(id)
  const text = name || id || t.none
  return href ? <Anchor className={styles.link} href={href}>{text}</Anchor> : <>{text}</>
}

// Policies are told by id alone; whoever may see policies sees what they are called.
function Policies({ ids }: { ids: string[] }) {
  const { mayNot } = useSession()
  const known = mayNot('showPolicy') === ''
  const named = useNames('showPolicy', known ? ids : [])
  return <>{ids.map((id, i) => <Fragment key={id}>{i > 0 && ', '}<Object_ id={id} name={known ? named(id) : id} /></Fragment>)}</>
}

export const trafficTitle = (e: Traffic) => `${e.method ?? ''} ${e.host ?? ''}${e.path ?? ''} ${when(e.time)}`.trim()
export const trafficColumns: Column<Traffic>[] = [
  { key: 'time', title: s.column.time, width: 'minmax(0, 3fr)', show: (e) => <At time={e.time} /> },
  { key: 'outcome', title: s.column.outcome, width: 'minmax(0, 3fr)', show: (e) => <><Label label={e.status && e.status >= 500 && e.outcome === 'forwarded' ? 'degraded' : outcomeLook[e.outcome] ?? 'unknown'} text={s.outcomeStatus(s.outcomes[e.outcome] ?? e.outcome, e.status)} />{e.reason && <Minor>{e.reason}</Minor>}</> },
  { key: 'who', title: s.column.who, width: 'minmax(0, 2fr)', show: (e) => e.userName || e.user || s.stranger },
  { key: 'request', title: s.column.request, width: 'minmax(0, 5fr)', show: (e) => <>{e.method} {e.host}{e.path}{e.count > 1 && <Minor>{s.summary(number(e.count))}</Minor>}</> },
  { key: 'took', title: s.column.took, width: 'minmax(0, 1fr)', minor: true, show: (e) => milliseconds(e.duration) },
]

export function TrafficDetail({ entry: e, narrow }: { entry: Traffic; narrow?: Narrow }) {
  const styles = useStyles()
  return (
    <div className={styles.box}>
      <Facts>
        <Fact title={f.reference}>{e.request}</Fact>
        <Fact title={f.user}>{e.userName || e.user || s.stranger}</Fact>
        <Given title={f.device}>{e.device && <Object_ id={e.device} name={e.deviceName} />}</Given>
        <Given title={f.process}>{e.process}</Given>
        <Given title={f.segment}>{e.segment}</Given>
        <Given title={f.client}>{e.client}</Given>
        <Given title={f.agent}>{e.userAgent}</Given>
        <Given title={f.application}>{e.application && <Object_ id={e.application} name={e.applicationName} />}</Given>
        <Given title={f.destination}>{e.destination}</Given>
        <Given title={f.connector}>{e.connector && <Object_ id={e.connector} name={e.connectorName} />}</Given>
        <Given title={f.group}>{e.connectorGroup}</Given>
        <Given title={f.gateway}>{e.gateway}</Given>
        <Given title={f.via}>{e.via}</Given>
        <Given title={f.protocol}>{e.protocol}</Given>
        <Given title={s.column.status}>{e.status}</Given>
        <Given title={s.column.took}>{milliseconds(e.duration)}</Given>
        <Given title={f.received}>{s.bytes(number(e.received))}</Given>
        <Given title={f.sent}>{s.bytes(number(e.sent))}</Given>
        <Given title={f.complete}>{e.complete ? t.yes : t.no}</Given>
        <Given title={s.filter.hop}>{e.hop && (s.hops[e.hop] ?? e.hop)}</Given>
        <Given title={f.reason}>{e.reason}</Given>
        <Given title={f.policy}>{e.policy && <Policies ids={[e.policy]} />}</Given>
        <Given title={f.condition}>{e.condition}</Given>
        <Given title={f.breakGlass}>{e.breakGlass && <Policies ids={[e.breakGlass]} />}</Given>
        <Given title={f.reportOnly}>{e.reportOnly?.length ? <Policies ids={e.reportOnly} /> : ''}</Given>
        <Given title={f.session}>{e.session}</Given>
        <Given title={f.count}>{e.count > 1 && number(e.count)}</Given>
      </Facts>
      {narrow && <Follow reference={e.request} />}
      {narrow && <Only narrow={narrow} filters={[{ name: 'user', id: e.user, title: e.userName || f.user }, { name: 'device', id: e.device, title: e.deviceName || f.device }, { name: 'application', id: e.application, title: e.applicationName || f.application }, { name: 'connector', id: e.connector, title: e.connectorName || f.connector }, { name: 'gateway', id: e.gateway, title: f.gateway }]} />}
    </div>
  )
}

export const signInTitle = (e: SignIn) => `${s.events[e.event] ?? e.event} ${e.userName ?? ''} ${when(e.time)}`
export const signInColumns: Column<SignIn>[] = [
  { key: 'time', title: s.column.time, width: 'minmax(0, 3fr)', show: (e) => <At time={e.time} /> },
  { key: 'result', title: s.column.result, width: 'minmax(0, 3fr)', show: (e) => <><Label label={outcomeLook[e.result] ?? 'unknown'} text={s.results[e.result] ?? e.result} />{e.reason && <Minor>{e.reason}</Minor>}</> },
  { key: 'event', title: s.column.event, width: 'minmax(0, 3fr)', show: (e) => s.events[e.event] ?? e.event },
  { key: 'who', title: s.column.who, width: 'minmax(0, 2fr)', show: (e) => e.userName || e.user || (e.client ? e.client : s.stranger) },
  { key: 'application', title: s.column.application, width: 'minmax(0, 2fr)', minor: true, show: (e) => e.applicationName ?? '' },
  { key: 'from', title: s.column.from, width: 'minmax(0, 2fr)', minor: true, show: (e) => e.address ?? t.unknown },
]

export function SignInDetail({ entry: e, narrow }: { entry: SignIn; narrow: Narrow }) {
  const styles = useStyles()
  return (
    <div className={styles.box}>
      {e.message && <Text>{sentence(e.message)}</Text>}
      <Facts>
        <Given title={f.reference}>{e.request}</Given>
        <Fact title={f.user}>{e.userName || e.user || s.stranger}</Fact>
        <Given title={f.client}>{e.address}</Given>
        <Given title={f.agent}>{e.userAgent}</Given>
        <Given title={f.application}>{e.application && <Object_ id={e.application} name={e.applicationName} />}</Given>
        <Given title={f.upstream}>{e.upstream && (e.upstreamName || e.upstream)}</Given>
        <Given title={f.methods}>{e.methods?.join(', ')}</Given>
        <Given title={f.program}>{e.client}</Given>
        <Given title={f.policy}>{e.policy && <Policies ids={[e.policy]} />}</Given>
        <Given title={f.reportOnly}>{e.reportOnly?.length ? <Policies ids={e.reportOnly} /> : ''}</Given>
        <Given title={f.gateway}>{e.gateway}</Given>
        <Given title={f.session}>{e.session}</Given>
        <Given title={f.unrecorded}>{e.unrecorded ? number(e.unrecorded) : ''}</Given>
      </Facts>
      <Follow reference={e.request} />
      <Only narrow={narrow} filters={[{ name: 'user', id: e.user, title: e.userName || f.user }, { name: 'application', id: e.application, title: e.applicationName || f.application }, { name: 'address', id: e.address, title: e.address ?? '' }]} />
    </div>
  )
}

export const auditTitle = (e: Audit) => `${e.action} ${e.name || e.object || ''} (${e.seq})`
const actorName = (e: Audit) => e.actor.name || e.actor.id || e.actor.kind
export const auditColumns: Column<Audit>[] = [
  { key: 'time', title: s.column.time, width: 'minmax(0, 3fr)', show: (e) => <At time={e.time} /> },
  { key: 'action', title: s.column.action, width: 'minmax(0, 3fr)', show: (e) => <Text weight="semibold">{e.action}</Text> },
  { key: 'object', title: s.column.object, width: 'minmax(0, 3fr)', show: (e) => e.name || e.object || '' },
  { key: 'who', title: s.column.who, width: 'minmax(0, 3fr)', show: actorName },
  { key: 'outcome', title: s.column.outcome, width: 'minmax(0, 2fr)', show: (e) => <Label label={e.outcome === 'done' ? 'active' : 'degraded'} text={s.outcomes[e.outcome] ?? e.outcome} /> },
]

// changesOf reads what an entry says of changed fields: each has its value before and after.
function changesOf(detail: unknown): [string, unknown, unknown][] {
  if (detail === null || typeof detail !== 'object' || Array.isArray(detail)) return []
  const rows = Object.entries(detail)
  return rows.every(([, v]) => Array.isArray(v) && v.length === 2) ? rows.map(([name, v]) => [name, (v as unknown[])[0], (v as unknown[])[1]]) : []
}

export function AuditDetail({ entry: e, narrow }: { entry: Audit; narrow: Narrow }) {
  const styles = useStyles()
  const changed = changesOf(e.detail)
  const plain = changed.length === 0 && e.detail !== undefined && e.detail !== null && JSON.stringify(e.detail) !== '{}'
  return (
    <div className={styles.box}>
      {plain && <Text>{typeof e.detail === 'string' ? sentence(e.detail) : JSON.stringify(e.detail)}</Text>}
      {changed.length > 0 && (
        <table className={styles.table} aria-label={s.changed}>
          <thead><tr><th scope="col">{s.field}</th><th scope="col">{s.was}</th><th scope="col">{s.is}</th></tr></thead>
          <tbody>{changed.map(([name, was, is]) => <tr key={name}><td>{name}</td><td>{shown(was)}</td><td>{shown(is)}</td></tr>)}</tbody>
        </table>
      )}
      <Facts>
        <Fact title={f.actor}>{actorName(e)} ({e.actor.kind})</Fact>
        <Given title={f.client}>{e.actor.address}</Given>
        <Given title={f.object}>{e.object && <Object_ id={e.object} name={e.name} />}</Given>
        <Given title={f.reference}>{e.actor.request}</Given>
        <Fact title={f.seq}>{number(e.seq)}</Fact>
        <Given title={f.version}>{e.version && number(e.version)}</Given>
        <Fact title={f.id}>{e.id}</Fact>
      </Facts>
      <Only narrow={narrow} filters={[{ name: 'object', id: e.object, title: e.name || f.object }, { name: 'actor', id: e.actor.id, title: actorName(e) }, { name: 'action', id: e.action, title: e.action }]} />
    </div>
  )
}

export const alertTitle = (e: Alert) => `${e.code} ${e.objectName ?? ''} ${when(e.opened)}`
export const alertColumns: Column<Alert>[] = [
  { key: 'alert', title: s.column.alert, width: 'minmax(0, 6fr)', show: (e) => <Text weight="semibold">{sentence(e.sentence)}</Text> },
  { key: 'state', title: s.column.state, width: 'minmax(0, 2fr)', show: (e) => <Label label={e.state === 'open' ? e.severity : e.state === 'resolved' ? 'active' : 'notice'} text={s.states[e.state] ?? e.state} /> },
  { key: 'object', title: s.column.object, width: 'minmax(0, 2fr)', minor: true, show: (e) => e.objectName || e.object || '' },
  { key: 'time', title: s.facts.opened, width: 'minmax(0, 3fr)', show: (e) => <At time={e.opened} /> },
]

export function AlertDetail({ entry: e }: { entry: Alert }) {
  const styles = useStyles()
  return (
    <div className={styles.box}>
      <Text><b>{f.cure}:</b> {sentence(e.cure)}</Text>
      <Facts>
        <Fact title={f.code}>{e.code}</Fact>
        <Given title={f.object}>{e.object && <Object_ id={e.object} name={e.objectName} />}</Given>
        <Fact title={f.opened}>{when(e.opened)} (<Ago time={e.opened} />)</Fact>
        <Fact title={f.resolved}>{e.resolved ? when(e.resolved) : f.still}</Fact>
      </Facts>
    </div>
  )
}
