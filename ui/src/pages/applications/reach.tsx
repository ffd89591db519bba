// What each connector says of an application when it is asked now: it really resolves, connects and agrees on TLS.
import { Button, Spinner, Text, makeStyles, tokens } from '@fluentui/react-components'
import { useObject } from '../../api/queries'
import { milliseconds } from '../../format'
import { Ago, Failure } from '../../parts/feedback'
import { Label } from '../../parts/status'
import { t } from '../../strings'

const useStyles = makeStyles({
  box: { marginTop: '24px', display: 'flex', flexDirection: 'column', alignItems: 'flex-start', gap: '8px' },
  list: { listStyle: 'none', margin: 0, padding: 0, width: '100%' },
  one: { padding: '8px 0', borderBottom: `1px solid ${tokens.colorNeutralStroke2}`, overflowWrap: 'anywhere', display: 'flex', flexWrap: 'wrap', gap: '4px 12px', alignItems: 'center' },
  h2: { margin: 0 },
})

export function Reach({ id }: { id: string }) {
  const styles = useStyles()
  const s = t.applications.reach
  const found = useObject('listApplicationConnectors', id)
  const items = found.data?.items ?? []
  return (
    <section className={styles.box} aria-label={s.title}>
      <Text as="h2" size={400} weight="semibold" className={styles.h2}>{s.title}</Text>
      <Failure problem={found.error} />
      {found.data && !found.isFetching && items.length === 0 && <Text>{s.none}</Text>}
      <ul className={styles.list}>
        {items.map((k) => (
          <li key={k.connector} className={styles.one}>
            <Label label={k.label} text={s.labels[k.label]} /><Text weight="semibold">{k.name}</Text>{k.backup && <Text size={200}>{s.backup}</Text>}
            <Text>{k.label === 'active' && k.address ? `${s.at} ${k.address} ${s.took(k.took === undefined ? t.unknown : milliseconds(k.took))}` : k.why}{k.code && ` (${k.code})`}</Text>
          </li>
        ))}
      </ul>
      {found.isFetching ? <Spinner size="tiny" labelPosition="after" label={s.asking} /> : <Button onClick={() => void found.refetch()}>{s.ask}</Button>}
      {found.dataUpdatedAt > 0 && <Text size={200}>{s.asked} <Ago time={found.dataUpdatedAt} /></Text>}
    </section>
  )
}
