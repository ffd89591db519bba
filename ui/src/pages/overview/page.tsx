// How everything is, and what there is to do.
import { MessageBar, MessageBarBody, MessageBarTitle, Select, Spinner, Text, makeStyles, tokens } from '@fluentui/react-components'
import { lazy, Suspense, useMemo, type ReactNode } from 'react'
import { useQuery } from '@tanstack/react-query'
import { call, sentence, type Problem, type Schema } from '../../api/client'
import { often, useAll, useObject } from '../../api/queries'
import { milliseconds, number } from '../../format'
import { Ago, Failure } from '../../parts/feedback'
import { PageHead } from '../../parts/page'
import type { Line } from '../../parts/plot'
import { Anchor, useFilter } from '../../router'
import { t } from '../../strings'

const Plot = lazy(() => import('../../parts/plot'))

const useStyles = makeStyles({
  bars: { display: 'flex', flexDirection: 'column', gap: '8px', margin: '0 0 16px' },
  tiles: { display: 'grid', gridTemplateColumns: 'repeat(auto-fill, minmax(min(200px, 100%), 1fr))', gap: '12px', margin: '0 0 16px', padding: 0, listStyle: 'none' },
  tile: {
    display: 'flex', flexDirection: 'column', gap: '4px', padding: '12px 16px', textDecoration: 'none', height: '100%', color: tokens.colorNeutralForeground1,
    backgroundColor: tokens.colorNeutralBackground1, border: `1px solid ${tokens.colorNeutralStroke2}`, borderRadius: tokens.borderRadiusLarge,
  },
  card: { backgroundColor: tokens.colorNeutralBackground1, border: `1px solid ${tokens.colorNeutralStroke2}`, borderRadius: tokens.borderRadiusLarge, padding: '16px', display: 'flex', flexDirection: 'column', gap: '12px' },
  head: { display: 'flex', gap: '12px', alignItems: 'center', flexWrap: 'wrap', justifyContent: 'space-between' },
  plots: { display: 'grid', gridTemplateColumns: 'repeat(auto-fill, minmax(min(420px, 100%), 1fr))', gap: '16px' },
  h2: { margin: 0 },
  figure: { margin: 0, minWidth: 0 },
})

const intents = { error: 'error', warning: 'warning', notice: 'info' } as const

export default function Overview() {
  const styles = useStyles()
  const s = t.overview
  const health = useObject('showHealth', '', { every: 2 * often })
  const alerts = useAll('listAlerts', {}, { every: 2 * often })
  const findings = health.data?.findings ?? []
  const failing = (health.data?.checks ?? []).filter((c) => !c.healthy)
  const open = (alerts.data ?? []).filter((a) => a.state === 'open' && !findings.some((f) => f.code === a.code && f.object === a.object))
  const count = findings.length + failing.length + open.length
  return (
    <>
      <PageHead title={s.title} lead={s.lead} updated={health.dataUpdatedAt} />
      <Failure problem={health.error ?? alerts.error} title={t.error.unread} retry={() => { void health.refetch(); void alerts.refetch() }} />
      {health.data && (
        <section className={styles.bars} aria-label={count === 0 ? s.well : s.unwell(count)}>
          {count === 0 && alerts.data && <MessageBar intent="success"><MessageBarBody>{s.well}</MessageBarBody></MessageBar>}
          {failing.map((c) => <MessageBar key={c.name} intent="error" layout="multiline"><MessageBarBody><MessageBarTitle>{c.name}</MessageBarTitle> {c.error}</MessageBarBody></MessageBar>)}
          {findings.map((f) => <Bar key={f.code + (f.object ?? '')} of={f}>{f.due && <> {s.due} <Ago time={f.due} />.</>}</Bar>)}
          {open.map((a) => <Bar key={a.id} of={a}> ({s.since} <Ago time={a.opened} />)</Bar>)}
        </section>
      )}
      <Tiles />
      <Traffic />
    </>
  )
}

function Bar({ of, children }: { of: { severity: 'error' | 'warning' | 'notice'; sentence: string; cure: string; code: string; object?: string }; children?: ReactNode }) {
  const s = t.overview
  const link = of.object?.startsWith('app_') ? `/applications/${of.object}` : of.object?.startsWith('con_') ? `/connectors?open=${of.object}` : of.object?.startsWith('cgr_') ? `/connectors?view=groups&open=${of.object}` : ''
  const title = sentence(of.sentence)
  return (
    <MessageBar intent={intents[of.severity]} layout="multiline">
      <MessageBarBody>
        <MessageBarTitle>{link ? <Anchor href={link}>{title}</Anchor> : title}</MessageBarTitle> <b>{s.cure}:</b> {sentence(of.cure)}{children} <Text size={200}>{of.code}</Text>
      </MessageBarBody>
    </MessageBar>
  )
}

function Tiles() {
  const styles = useStyles()
  const s = t.overview.tiles
  const connectors = useAll('listConnectors', {}, { every: often })
  const groups = useAll('listConnectorGroups', {}, { every: 4 * often })
  const applications = useAll('listApplications', {}, { every: 4 * often })
  const gateways = useAll('listGateways', {}, { every: 2 * often })
  const active = connectors.data?.filter((k) => k.status.label === 'active')
  const carrying = new Set(active?.map((k) => k.connectorGroup))
  const off = applications.data?.filter((a) => a.disabled).length ?? 0
  const tile = (title: string, big: number | undefined, text: string, href = '') => {
    const body = <><Text>{title}</Text><Text size={700} weight="semibold">{big === undefined ? t.unknown : number(big)}</Text><Text size={200}>{text}</Text></>
    return <li>{href ? <Anchor className={styles.tile} href={href}>{body}</Anchor> : <div className={styles.tile}>{body}</div>}</li>
  }
  return (
    <ul className={styles.tiles}>
      {tile(s.connectors, connectors.data?.length, connectors.data ? s.active(active!.length, connectors.data.length) : '', '/connectors')}
      {tile(s.groups, groups.data?.length, groups.data && connectors.data ? s.carry(groups.data.filter((g) => carrying.has(g.id)).length, groups.data.length) : '', '/connectors?view=groups')}
      {tile(s.applications, applications.data?.length, applications.data ? s.published(applications.data.length - off) + (off ? `, ${s.off(off)}` : '') : '', '/applications')}
      {tile(s.gateways, gateways.data?.length, gateways.data ? s.answer(gateways.data.filter((g) => g.answers).length, gateways.data.length) : '')}
    </ul>
  )
}

const periods: Record<string, { hours: number; step: string }> = { '1h': { hours: 1, step: '1m' }, '24h': { hours: 24, step: '10m' }, '7d': { hours: 168, step: '1h' } }

const requests: Line[] = [
  { title: t.overview.requests, value: (p) => p.requests?.count ?? (p.counted ? 0 : undefined), show: (n) => number(n), tone: 'brand', whole: true },
  { title: t.overview.errors, value: (p) => p.requests?.errors ?? (p.counted ? 0 : undefined), show: (n) => number(n), tone: 'bad', whole: true },
]
const times: Line[] = [
  { title: t.overview.p95, value: (p) => p.requests?.firstByte?.p95, show: milliseconds, tone: 'calm' },
  { title: t.overview.p50, value: (p) => p.requests?.firstByte?.p50, show: milliseconds, tone: 'brand' },
]
const users: Line[] = [{ title: t.overview.users, value: (p) => p.requests?.users, show: (n) => number(n), tone: 'brand', whole: true }]

function Traffic() {
  const styles = useStyles()
  const s = t.overview
  const [chosen, choose] = useFilter('period')
  const period = periods[chosen] ? chosen : '1h'
  const found = useQuery<Schema['Series'], Problem>({
    queryKey: ['showSeries', period], refetchInterval: 6 * often,
    queryFn: ({ signal }) => call('showSeries', { query: { from: new Date(Date.now() - periods[period]!.hours * 3600_000).toISOString(), step: periods[period]!.step }, signal }),
  })
  const sum = useMemo(() => (found.data?.points ?? []).reduce((all, p) => [all[0] + (p.requests?.count ?? 0), all[1] + (p.requests?.errors ?? 0)] as [number, number], [0, 0] as [number, number]), [found.data])
  const plot = (title: string, lines: Line[], label: string) => (
    <figure className={styles.figure}><figcaption><Text weight="semibold">{title}</Text></figcaption><Plot series={found.data!} lines={lines} label={label} /></figure>
  )
  return (
    <section className={styles.card} aria-label={s.traffic}>
      <div className={styles.head}>
        <Text as="h2" size={400} weight="semibold" className={styles.h2}>{s.traffic}</Text>
        <Select aria-label={s.period} value={period} onChange={(_, d) => choose(d.value === '1h' ? '' : d.value)}>{Object.entries(s.periods).map(([v, text]) => <option key={v} value={v}>{text}</option>)}</Select>
      </div>
      <Failure problem={found.error} title={t.error.unread} retry={() => void found.refetch()} />
      {found.data && <Text>{(found.data.points ?? []).length === 0 ? s.nothing : s.sum(number(sum[0]), number(sum[1]))} {s.step(s.minutes(found.data.step / 60))}</Text>}
      {found.data && (
        <Suspense fallback={<Spinner size="tiny" />}>
          <div className={styles.plots}>
            {plot(s.requestsOver, requests, `${s.requestsOver}: ${s.sum(number(sum[0]), number(sum[1]))}`)}
            {plot(s.latency, times, s.latency)}
            {plot(s.usersOver, users, s.usersOver)}
          </div>
        </Suspense>
      )}
    </section>
  )
}
