// What a policy does: the requests that did not meet it, denied or not.
import { Button, MessageBar, MessageBarBody, Spinner, Text, makeStyles, tokens } from '@fluentui/react-components'
import { useMemo } from 'react'
import type { Schema } from '../../api/client'
import { Ago, Failure } from '../../parts/feedback'
import { Rows, type Column } from '../../parts/rows'
import { Label } from '../../parts/status'
import { Anchor } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { traffic } from '../logs/kinds'
import { useLog } from '../logs/use'

type Traffic = Schema['Traffic']
const s = t.policies.effect
const useStyles = makeStyles({ lead: { display: 'block', maxWidth: '80ch', marginBottom: '12px' }, link: { color: tokens.colorBrandForegroundLink } })

function Became({ of: r, policy }: { of: Traffic; policy: string }) {
  if (r.policy === policy) return <Label label="failed" text={s.denied(r.condition ? s.conditions[r.condition] ?? r.condition : '')} />
  return r.breakGlass === policy ? <Label label="warning" text={s.broken} /> : <Label label="notice" text={s.reported} />
}

export function Effect({ policy }: { policy: string }) {
  const styles = useStyles()
  const { mayNot } = useSession()
  const why = mayNot('listTraffic')
  const set = useMemo(() => ({ policy, period: '7d' }), [policy])
  const log = useLog(traffic, set, true, why === '')
  if (why) return <MessageBar intent="info" layout="multiline"><MessageBarBody>{why}</MessageBarBody></MessageBar>
  const columns: Column<Traffic>[] = [
    { key: 'when', title: s.column.when, width: 'minmax(0, 1fr)', show: (r) => <Ago time={r.time} /> },
    { key: 'who', title: s.column.who, width: 'minmax(0, 2fr)', show: (r) => (r.user ? <Anchor className={styles.link} href={`/people/users/${r.user}`}>{r.userName || r.user}</Anchor> : s.nobody) },
    { key: 'application', title: s.column.application, width: 'minmax(0, 2fr)', show: (r) => <Anchor className={styles.link} href={`/applications/${r.application}`}>{r.applicationName || r.application}</Anchor> },
    { key: 'what', title: s.column.what, width: 'minmax(0, 3fr)', show: (r) => <Became of={r} policy={policy} /> },
    { key: 'from', title: s.column.from, width: 'minmax(0, 2fr)', minor: true, show: (r) => r.client },
  ]
  return (
    <>
      <Text className={styles.lead}>{s.lead} <Anchor className={styles.link} href={`/logs?policy=${policy}`}>{s.log}</Anchor></Text>
      {log.incomplete.length > 0 && <MessageBar intent="warning" layout="multiline"><MessageBarBody>{s.incomplete} {log.incomplete.map((g) => `${g.address}: ${g.why}`).join('; ')}</MessageBarBody></MessageBar>}
      <Failure problem={log.problem} retry={log.retry} title={t.error.unread} />
      {(!log.problem || log.items.length > 0) && <Rows label={t.policies.tabs.effect} items={log.items} columns={columns} id={(r) => r.id} name={(r) => r.request} loading={log.busy || log.read === 0} open="" setOpen={() => undefined} empty={log.gap ? t.logs.searching : s.none}
        more={{ has: log.next !== undefined && !log.gap && !log.problem, busy: log.busy && log.items.length > 0, load: log.more }} />}
      {log.gap && (log.busy ? <Spinner size="tiny" label={t.logs.searching} /> : <Button onClick={log.more}>{t.logs.goOn}</Button>)}
    </>
  )
}
