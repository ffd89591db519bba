// The gateways that run, in their regions.
import { Text, makeStyles, tokens } from '@fluentui/react-components'
import type { Schema } from '../../api/client'
import { sentence } from '../../api/client'
import { often, useAll } from '../../api/queries'
import { number, when } from '../../format'
import { Fact, Facts } from '../../parts/facts'
import { Ago } from '../../parts/feedback'
import { Rows, type Column } from '../../parts/rows'
import { Label } from '../../parts/status'
import { useFilter } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { Section } from '../../parts/section'

type Gateway = Schema['Gateway']
const s = t.settings.gateways
const f = s.facts
const looks: Record<string, string> = { active: 'active', draining: 'draining', unreached: 'unreachable' }
const useStyles = makeStyles({ minor: { display: 'block', color: tokens.colorNeutralForeground2 } })

export function Gateways() {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [open, setOpen] = useFilter('open')
  const list = useAll('listGateways', {}, { every: often, enabled: mayNot('listGateways') === '' })
  const items = list.data ?? []
  const newest = Math.max(0, ...items.map((g) => g.change))
  const named = (ids: string[] | null | undefined) => (ids ?? []).map((id) => items.find((g) => g.id === id)?.address ?? id).join(', ') || t.none
  const columns: Column<Gateway>[] = [
    { key: 'address', title: s.column.address, width: 'minmax(0, 3fr)', show: (g) => <><Text weight="semibold">{g.address}</Text>{g.answers && <Text size={200} className={styles.minor}>{s.answers}</Text>}</> },
    { key: 'state', title: s.column.state, width: 'minmax(0, 3fr)', show: (g) => <><Label label={looks[g.label] ?? 'unknown'} text={s.labels[g.label] ?? g.label} />{g.why && <Text size={200} className={styles.minor}>{sentence(g.why)}</Text>}</> },
    { key: 'region', title: s.column.region, width: 'minmax(0, 1fr)', minor: true, show: (g) => g.region || s.noRegion },
    { key: 'tunnels', title: s.column.tunnels, width: 'minmax(0, 1fr)', minor: true, show: (g) => number(g.tunnels) },
    { key: 'carries', title: s.column.carries, width: 'minmax(0, 2fr)', minor: true, show: (g) => s.carries(number(g.exchanges), number(g.forwarded)) },
    { key: 'version', title: s.column.version, width: 'minmax(0, 1fr)', minor: true, show: (g) => g.version || t.unknown },
  ]
  return (
    <Section operation="listGateways" lead={s.lead} read={list}>
      {(list.data || list.isPending) && (
        <Rows label={t.settings.views.gateways!} items={items} columns={columns} id={(g) => g.id} name={(g) => g.address} loading={list.isPending} open={open} setOpen={setOpen} empty={s.empty}
          detail={(g) => (
            <Facts>
              <Fact title={f.since}>{g.since ? <>{when(g.since)} (<Ago time={g.since} />)</> : t.unknown}</Fact>
              <Fact title={f.change}>{number(g.change)}{g.change < newest && ` (${s.behind(number(newest - g.change))})`}</Fact>
              <Fact title={f.region}>{g.region || s.noRegion}</Fact>
              <Fact title={f.version}>{g.version || t.unknown}</Fact>
              <Fact title={s.column.tunnels}>{number(g.tunnels)}</Fact>
              <Fact title={s.column.carries}>{s.carries(number(g.exchanges), number(g.forwarded))}</Fact>
              <Fact title={f.peers}>{named(g.peers)}</Fact>
              <Fact title={f.unreached}>{named(g.unreached)}</Fact>
              <Fact title={f.id}>{g.id}</Fact>
            </Facts>
          )} />
      )}
    </Section>
  )
}
