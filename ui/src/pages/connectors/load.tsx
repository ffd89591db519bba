// What a connector measured itself in the last hour: how much it did, and how much more it could do.
import { Text, makeStyles } from '@fluentui/react-components'
import { lazy, Suspense } from 'react'
import { often, useObject } from '../../api/queries'
import { number, percent } from '../../format'
import { Busy } from '../../parts/busy'
import { Failure } from '../../parts/feedback'
import type { Line } from '../../parts/plot'
import { t } from '../../strings'

const Plot = lazy(() => import('../../parts/plot'))
const useStyles = makeStyles({
  plots: { display: 'grid', gridTemplateColumns: 'repeat(auto-fill, minmax(min(320px, 100%), 1fr))', gap: '16px' },
  figure: { margin: 0, minWidth: 0 },
})

const streams: Line[] = [{ title: t.overview.streams, value: (p) => p.connector?.streams, show: (n) => number(n), tone: 'brand', whole: true }]
const room: Line[] = [{ title: t.overview.headRoom, value: (p) => p.connector?.headRoom, show: percent, tone: 'calm' }]

export function Load({ id }: { id: string }) {
  const styles = useStyles()
  const s = t.overview
  const found = useObject('showConnectorSeries', id, { every: 6 * often })
  if (found.error) return <Failure problem={found.error} title={t.error.unread} />
  if (!found.data) return <Busy />
  const measured = (found.data.points ?? []).filter((p) => p.connector?.headRoom !== undefined)
  const worst = measured.reduce((least, p) => (least && least.headRoom! <= p.connector!.headRoom! ? least : p.connector), measured[0]?.connector)
  const least = worst ? s.headRoomOf(percent(worst.headRoom!), s.resources[worst.narrowest ?? ''] ?? worst.narrowest ?? t.unknown) : s.headRoomUnknown
  return (
    <section aria-label={s.load}>
      <Text weight="semibold">{s.load}</Text> <Text>{least}</Text>
      <Suspense fallback={<Busy />}>
        <div className={styles.plots}>
          <figure className={styles.figure}><figcaption><Text size={200}>{s.streams}</Text></figcaption><Plot series={found.data} lines={streams} label={s.streams} /></figure>
          <figure className={styles.figure}><figcaption><Text size={200}>{s.headRoom}</Text></figcaption><Plot series={found.data} lines={room} label={`${s.headRoom}: ${least}`} /></figure>
        </div>
      </Suspense>
    </section>
  )
}
