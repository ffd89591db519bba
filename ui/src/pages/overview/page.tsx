// How everything is, and what there is to do.
import { MessageBar, MessageBarBody, MessageBarTitle, Text, makeStyles, tokens } from '@fluentui/react-components'
import type { ReactNode } from 'react'
import { sentence } from '../../api/client'
import { often, useFirstOf, useObject, useSummary } from '../../api/queries'
import { number } from '../../format'
import { Ago, Failure } from '../../parts/feedback'
import { PageHead } from '../../parts/page'
import { Traffic } from '../../parts/traffic'
import { Anchor } from '../../router'
import { t } from '../../strings'

const useStyles = makeStyles({
  bars: { display: 'flex', flexDirection: 'column', gap: '8px', margin: '0 0 16px' },
  tiles: { display: 'grid', gridTemplateColumns: 'repeat(auto-fill, minmax(min(200px, 100%), 1fr))', gap: '12px', margin: '0 0 16px', padding: 0, listStyle: 'none' },
  tile: {
    display: 'flex', flexDirection: 'column', gap: '4px', padding: '12px 16px', textDecoration: 'none', height: '100%', color: tokens.colorNeutralForeground1,
    backgroundColor: tokens.colorNeutralBackground1, border: `1px solid ${tokens.colorNeutralStroke2}`, borderRadius: tokens.borderRadiusLarge,
  },
})

const bars = 20 // that are shown at once, the most urgent first

const intents = { error: 'error', warning: 'warning', notice: 'info' } as const

export default function Overview() {
  const styles = useStyles()
  const s = t.overview
  const health = useObject('showHealth', '', { every: 2 * often })
  const alerts = useFirstOf('listAlerts', 100, { state: 'open' }, { every: 2 * often })
  const findings = health.data?.findings ?? []
  const failing = (health.data?.checks ?? []).filter((c) => !c.healthy)
  const open = (alerts.data?.items ?? []).filter((a) => !findings.some((f) => f.code === a.code && f.object === a.object))
  const count = findings.length + failing.length + open.length
  const [first, then] = [findings.slice(0, bars), open.slice(0, Math.max(0, bars - findings.length))]
  const left = findings.length + open.length - first.length - then.length
  return (
    <>
      <PageHead title={s.title} lead={s.lead} updated={health.dataUpdatedAt} />
      <Failure problem={health.error ?? alerts.error} title={t.error.unread} retry={() => { void health.refetch(); void alerts.refetch() }} />
      {health.data && (
        <section className={styles.bars} aria-label={count === 0 ? s.well : s.unwell(count)}>
          {count === 0 && alerts.data && <MessageBar intent="success"><MessageBarBody>{s.well}</MessageBarBody></MessageBar>}
          {failing.map((c) => <MessageBar key={c.name} intent="error" layout="multiline"><MessageBarBody><MessageBarTitle>{c.name}</MessageBarTitle> {c.error}</MessageBarBody></MessageBar>)}
          {first.map((f) => <Bar key={f.code + (f.object ?? '')} of={f}>{f.due && <> {s.due} <Ago time={f.due} />.</>}</Bar>)}
          {then.map((a) => <Bar key={a.id} of={a}> ({s.since} <Ago time={a.opened} />)</Bar>)}
          {(left > 0 || alerts.data?.more) && <MessageBar intent="info"><MessageBarBody><Anchor href="/logs/alerts">{alerts.data?.more ? s.many : s.left(number(left))}</Anchor></MessageBarBody></MessageBar>}
        </section>
      )}
      <Tiles />
      <Traffic of="showSeries" />
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
  const { data } = useSummary()
  const tile = (title: string, big: number | undefined, text: string, href = '') => {
    const body = <><Text>{title}</Text><Text size={700} weight="semibold">{big === undefined ? t.unknown : number(big)}</Text><Text size={200}>{text}</Text></>
    return <li>{href ? <Anchor className={styles.tile} href={href}>{body}</Anchor> : <div className={styles.tile}>{body}</div>}</li>
  }
  return (
    <ul className={styles.tiles}>
      {tile(s.connectors, data?.connectors.all, data ? s.active(data.connectors.active, data.connectors.all) : '', '/connectors')}
      {tile(s.groups, data?.connectorGroups?.length, data ? s.carry(data.carrying, data.connectorGroups?.length ?? 0) : '', '/connectors?view=groups')}
      {tile(s.applications, data?.applications.all, data ? s.published(data.applications.all - data.applications.disabled) + (data.applications.disabled ? `, ${s.off(data.applications.disabled)}` : '') : '', '/applications')}
      {tile(s.gateways, data?.gateways.all, data ? s.answer(data.gateways.reached, data.gateways.all) : '', '/settings/gateways')}
    </ul>
  )
}
