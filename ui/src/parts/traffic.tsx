// What was counted of requests over time: of the whole service, or of one application.
import { Select, Text, makeStyles, tokens } from '@fluentui/react-components'
import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useMemo } from 'react'
import { call, type Problem, type Schema } from '../api/client'
import { often } from '../api/queries'
import { milliseconds, number } from '../format'
import { useFilter } from '../router'
import { t } from '../strings'
import { Busy } from './busy'
import { Failure } from './feedback'
import type { Line } from './plot'

const Plot = lazy(() => import('./plot'))

const useStyles = makeStyles({
  card: { backgroundColor: tokens.colorNeutralBackground1, border: `1px solid ${tokens.colorNeutralStroke2}`, borderRadius: tokens.borderRadiusLarge, padding: '16px', display: 'flex', flexDirection: 'column', gap: '12px' },
  head: { display: 'flex', gap: '12px', alignItems: 'center', flexWrap: 'wrap', justifyContent: 'space-between' },
  plots: { display: 'grid', gridTemplateColumns: 'repeat(auto-fill, minmax(min(420px, 100%), 1fr))', gap: '16px' },
  h2: { margin: 0 },
  figure: { margin: 0, minWidth: 0 },
})

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

type Of = 'showSeries' | 'showApplicationSeries'

export function Traffic({ of, id }: { of: Of; id?: string }) {
  const styles = useStyles()
  const s = t.overview
  const [chosen, choose] = useFilter('period')
  const period = periods[chosen] ? chosen : '1h'
  const found = useQuery<Schema['Series'], Problem>({
    queryKey: [of, id, period], refetchInterval: 6 * often,
    queryFn: ({ signal }) => call(of, { id, query: { from: new Date(Date.now() - periods[period]!.hours * 3600_000).toISOString(), step: periods[period]!.step }, signal }),
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
        <Suspense fallback={<Busy />}>
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
