// One log: its filters, its entries, what is done with them.
import { Button, MessageBar, MessageBarBody, Spinner, Switch, Text, makeStyles, tokens } from '@fluentui/react-components'
import { ArrowDownloadRegular, ArrowUpRegular } from '@fluentui/react-icons'
import { useState, type ReactNode } from 'react'
import { number, when } from '../../format'
import { Failure } from '../../parts/feedback'
import { Rows, type Column } from '../../parts/rows'
import { Anchor, useFilter } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { Export } from './export'
import { Filters, useFilters } from './filters'
import type { Kind } from './kinds'
import { useLog } from './use'

const useStyles = makeStyles({
  bar: { display: 'flex', flexWrap: 'wrap', gap: '4px 12px', alignItems: 'center', margin: '0 0 8px' },
  count: { flexGrow: 1 },
  link: { color: tokens.colorBrandForegroundLink },
  fresh: { position: 'sticky', top: '56px', zIndex: 10, display: 'flex', justifyContent: 'center', margin: '0 0 8px' },
  about: { color: tokens.colorNeutralForeground2, display: 'block', maxWidth: '90ch', marginTop: '12px' },
  foot: { display: 'flex', flexWrap: 'wrap', gap: '12px', alignItems: 'center', padding: '12px 0' },
})

export type Narrow = (values: Record<string, string>) => void

interface Props<T extends { id: string }> {
  kind: Kind<T>
  columns: Column<T>[]
  title: (entry: T) => string
  detail: (entry: T, narrow: Narrow) => ReactNode
  names: (entry: T) => Record<string, string | undefined> // of ids that are filtered by
  head: (updated: number) => ReactNode
  children?: ReactNode
}

export function Log<T extends { id: string }>({ kind, columns, title, detail, names, head, children }: Props<T>) {
  const styles = useStyles()
  const s = t.logs
  const { mayNot } = useSession()
  const why = mayNot(kind.operation)
  const [set, change] = useFilters(kind)
  const [paused, setPaused] = useFilter('live')
  const [open, setOpen] = useFilter('open')
  const [exporting, setExporting] = useState(false)
  const log = useLog(kind, set, paused !== 'off', why === '')
  const known = new Map(log.items.flatMap((e) => Object.values(names(e)).length ? Object.entries(names(e)) : []).filter((x): x is [string, string] => Boolean(x[1])))
  const nameOf = (_: string, id: string) => known.get(id) ?? id
  const shown = Object.entries(set).flatMap(([name, value]) => {
    const f = kind.filters.find((one) => one.name === name)
    if (f) return [`${f.title}: ${f.choices?.[value] ?? nameOf(name, value)}`]
    return name === 'period' ? value === 'custom' ? [] : [`${s.period}: ${s.periods[value] ?? value}`] : [`${s[name as 'from']}: ${value.replace('T', ' ')}`]
  })
  if (why) return <>{head(0)}<MessageBar intent="info" layout="multiline"><MessageBarBody>{why}</MessageBarBody></MessageBar></>
  const atField = [...kind.filters.map((f) => f.name), kind.from, kind.to].some((name) => name && log.problem?.field(name))
  const first = log.items.at(-1)
  return (
    <>
      {head(log.read)}
      <Text className={styles.about}>{s.about[kind.name]} <Anchor className={styles.link} href="/settings/exports">{s.streams}</Anchor>{kind.name !== 'alerts' && <> · <Anchor className={styles.link} href="/settings/retention">{s.retention}</Anchor></>}</Text>
      {children}
      <Filters kind={kind} set={set} change={change} nameOf={nameOf} problem={(name) => (name ? log.problem?.field(name) : undefined)} />
      <div className={styles.bar}>
        <Text size={200} aria-live="polite" className={styles.count}>{log.read > 0 && s.count(number(log.items.length), log.next !== undefined)}</Text>
        <Switch label={paused === 'off' ? s.paused : s.live} checked={paused !== 'off'} onChange={(_, d) => setPaused(d.checked ? '' : 'off')} />
        <Button icon={<ArrowDownloadRegular />} onClick={() => setExporting(true)}>{s.export.open}</Button>
      </div>
      {!atField && <Failure problem={log.problem} retry={log.retry} title={log.items.length ? t.error.title : t.error.unread} />}
      {log.incomplete.length > 0 && (
        <MessageBar intent="warning" layout="multiline"><MessageBarBody>{s.incomplete} {log.incomplete.map((g) => `${g.address}: ${g.why}`).join('; ')}</MessageBarBody></MessageBar>
      )}
      {log.fresh > 0 && <div className={styles.fresh}><Button appearance="primary" shape="circular" icon={<ArrowUpRegular />} onClick={log.showFresh}>{s.fresh(log.fresh)}</Button></div>}
      {(!log.problem || log.items.length > 0) && (
        <Rows label={s.kinds[kind.name]!} items={log.items} columns={columns} id={(e) => e.id} name={title} loading={log.busy || log.read === 0} open={open} setOpen={setOpen}
          empty={log.gap ? s.searching : Object.keys(set).length ? s.none : s.empty} detail={(e) => detail(e, change)} more={{ has: log.next !== undefined && !log.gap && !log.problem, busy: log.busy && log.items.length > 0, load: log.more }} />
      )}
      {log.gap && (
        <div className={styles.foot}>
          {first && <Text size={200}>{s.back(when(kind.at(first)))}</Text>}
          {log.busy ? <Spinner size="tiny" label={s.searching} /> : <Button onClick={log.more}>{s.goOn}</Button>}
        </div>
      )}
      {exporting && <Export kind={kind} set={set} shown={shown} close={() => setExporting(false)} />}
    </>
  )
}

