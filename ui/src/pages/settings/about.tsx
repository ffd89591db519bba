// What runs here, and what it looks at in itself.
import { Text, makeStyles, tokens } from '@fluentui/react-components'
import { sentence } from '../../api/client'
import { often, useAll, useObject } from '../../api/queries'
import { number } from '../../format'
import { Fact, Facts } from '../../parts/facts'
import { Label } from '../../parts/status'
import { roleNames, useSession } from '../../session'
import { t } from '../../strings'
import { Section } from '../../parts/section'

const s = t.settings.about
const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', gap: '16px' },
  h2: { margin: 0 },
  list: { listStyle: 'none', margin: 0, padding: 0 },
  one: { display: 'flex', flexWrap: 'wrap', gap: '4px 12px', alignItems: 'center', padding: '8px 0', borderBottom: `1px solid ${tokens.colorNeutralStroke2}` },
})

export function About() {
  const styles = useStyles()
  const { me, mayNot } = useSession()
  const health = useObject('showHealth', '', { every: 2 * often })
  const gateways = useAll('listGateways', {}, { every: 2 * often, enabled: mayNot('listGateways') === '' })
  const here = gateways.data?.find((g) => g.answers)
  return (
    <Section operation="showHealth" lead="" read={health}>
      <div className={styles.box}>
        <Facts>
          <Fact title={s.version}>{here?.version || t.unknown}</Fact>
          <Fact title={s.change}>{here ? number(here.change) : t.unknown}</Fact>
          <Fact title={s.gateways}>{gateways.data ? number(gateways.data.length) : t.unknown}</Fact>
          <Fact title={s.address}>{`${location.origin}/api/v1`}</Fact>
          <Fact title={s.you}>{me.name}</Fact>
          <Fact title={s.roles}>{(me.roles ?? []).map((r) => roleNames[r] ?? r).join(', ') || t.none}</Fact>
        </Facts>
        <Text as="h2" size={400} weight="semibold" className={styles.h2}>{s.health}</Text>
        <ul className={styles.list} aria-label={s.health}>
          {(health.data?.checks ?? []).map((c) => <li key={c.name} className={styles.one}><Label label={c.healthy ? 'active' : 'failed'} text={c.healthy ? s.good : s.bad} /><b>{c.name}</b>{c.error && <Text>{sentence(c.error)}</Text>}</li>)}
        </ul>
      </div>
    </Section>
  )
}
