// Who runs already what was just saved: gateways and connectors, as the service knows it at this moment.
import { Button, Popover, PopoverSurface, PopoverTrigger, Text, makeStyles } from '@fluentui/react-components'
import { CheckmarkCircleRegular, ErrorCircleRegular } from '@fluentui/react-icons'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { call, hearChange, type Problem, type Schema } from '../api/client'
import { often } from '../api/queries'
import { number } from '../format'
import { useSession } from '../session'
import { t } from '../strings'
import { Busy } from './busy'
import { Failure } from './feedback'

const s = t.rollout
const soon = 500 // milliseconds between two looks until everybody runs it; who does not within a while is looked at less often
const useStyles = makeStyles({
  text: { '@media (max-width: 640px)': { display: 'none' } },
  box: { display: 'flex', flexDirection: 'column', gap: '8px', maxWidth: 'min(420px, calc(100vw - 48px))', overflowWrap: 'anywhere' },
  list: { margin: 0, paddingLeft: '20px' },
})

const running = (p: Schema['RolloutParties']) => p.all - (p.late ?? []).length - (p.more ?? 0)
const everywhere = (r: Schema['Rollout']) => running(r.gateways) === r.gateways.all && running(r.connectors) === r.connectors.all

export function Rollout() {
  const { mayNot } = useSession()
  const [change, setChange] = useState(0)
  useEffect(() => hearChange((made) => setChange((last) => Math.max(last, made))), [])
  return change > 0 && mayNot('showRollout') === '' ? <One key={change} change={change} /> : null
}

function One({ change }: { change: number }) {
  const styles = useStyles()
  const found = useQuery<Schema['Rollout'], Problem>({
    queryKey: ['showRollout', change], queryFn: ({ signal }) => call('showRollout', { query: { change }, signal }), refetchInterval: (q) => (q.state.data && everywhere(q.state.data) ? false : q.state.dataUpdateCount < 20 ? soon : often), staleTime: Infinity, retry: false,
  })
  const r = found.data
  const done = r !== undefined && everywhere(r)
  const said = found.error ? s.unread : !r ? s.asking : done ? s.done : s.partly(number(running(r.gateways)), number(r.gateways.all), number(running(r.connectors)), number(r.connectors.all))
  return (
    <Popover withArrow trapFocus>
      <PopoverTrigger disableButtonEnhancement>
        <Button appearance="subtle" size="small" data-rollout={done ? 'done' : 'under way'} aria-label={`${s.change(number(change))}: ${said}`}
          icon={found.error ? <ErrorCircleRegular /> : done ? <CheckmarkCircleRegular /> : <Busy size="extra-tiny" />}><span className={styles.text}>{said}</span></Button>
      </PopoverTrigger>
      <PopoverSurface>
        <div className={styles.box}>
          <Text weight="semibold">{s.change(number(change))}</Text>
          <Failure problem={found.error} retry={() => void found.refetch()} />
          {r && <Parties title={s.gateways(number(running(r.gateways)), number(r.gateways.all))} of={r.gateways} />}
          {r && <Parties title={s.connectors(number(running(r.connectors)), number(r.connectors.all))} of={r.connectors} />}
          {r && r.unknown > 0 && <Text size={200}>{s.unknown(number(r.unknown))}</Text>}
          {r && r.away > 0 && <Text size={200}>{s.away(number(r.away))}</Text>}
        </div>
      </PopoverSurface>
    </Popover>
  )
}

function Parties({ title, of: p }: { title: string; of: Schema['RolloutParties'] }) {
  const styles = useStyles()
  const late = p.late ?? []
  return (
    <div>
      <Text>{title}</Text>
      {late.length > 0 && <><Text block size={200}>{s.late}</Text><ul className={styles.list}>{late.map((x) => <li key={x.id}>{x.name}</li>)}{p.more ? <li>{s.more(number(p.more))}</li> : null}</ul></>}
    </div>
  )
}
