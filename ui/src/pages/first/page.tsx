// The first steps, done in place. A step is done when the service says so, not when somebody clicked.
import { Badge, Button, MessageBar, MessageBarBody, Text, makeStyles, tokens } from '@fluentui/react-components'
import { CheckmarkCircleFilled, CircleRegular } from '@fluentui/react-icons'
import { useState, type ReactNode } from 'react'
import { often, useAll, useFirstOf, useSummary } from '../../api/queries'
import { call, type Schema } from '../../api/client'
import { useQuery } from '@tanstack/react-query'
import { ago, useNow } from '../../format'
import { Failure } from '../../parts/feedback'
import { PageHead } from '../../parts/page'
import { Anchor } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { draftOf } from '../applications/fields'
import { Create } from '../applications/new'
import { People } from '../applications/people'
import { Reach } from '../applications/reach'
import { Enrol } from '../connectors/add'
import { GetClient } from '../people/adddevice'

const useStyles = makeStyles({
  list: { listStyle: 'none', margin: 0, padding: 0, display: 'flex', flexDirection: 'column', gap: '12px', maxWidth: '920px' },
  step: { backgroundColor: tokens.colorNeutralBackground1, border: `1px solid ${tokens.colorNeutralStroke2}`, borderRadius: tokens.borderRadiusLarge, padding: '16px' },
  head: { display: 'flex', gap: '12px', alignItems: 'center', flexWrap: 'wrap' },
  done: { color: tokens.colorPaletteGreenForeground1, fontSize: '24px' },
  todo: { color: tokens.colorNeutralForeground3, fontSize: '24px' },
  h2: { margin: 0, flexGrow: 1 },
  body: { marginTop: '12px', display: 'flex', flexDirection: 'column', gap: '12px' },
  link: { color: tokens.colorBrandForegroundLink },
})

function Step({ n, title, text, done, is, children }: { n: number; title: string; text: string; done: boolean; is?: string; children?: ReactNode }) {
  const styles = useStyles()
  return (
    <li className={styles.step}>
      <div className={styles.head}>
        {done ? <CheckmarkCircleFilled className={styles.done} /> : <CircleRegular className={styles.todo} />}
        <Text as="h2" size={400} weight="semibold" className={styles.h2}>{n}. {title}</Text>
        <Badge appearance="tint" color={done ? 'success' : 'informative'}>{done ? t.first.done : t.first.todo}</Badge>
      </div>
      <div className={styles.body}>
        <Text role="status">{done && is ? is : text}</Text>
        {children}
      </div>
    </li>
  )
}

// useState of all that the steps ask: what there is now.
export function useFirst() {
  const { mayNot } = useSession()
  const summary = useSummary()
  const applications = useFirstOf('listApplications', 1, {}, { every: often })
  const app = applications.data?.items[0]
  const [active, assignments] = [summary.data?.connectors.active ?? 0, summary.data?.assignments ?? 0]
  const seesTraffic = mayNot('listTraffic') === ''
  const traffic = useQuery({
    queryKey: ['listTraffic', 'first', app?.id], enabled: seesTraffic && app !== undefined && assignments > 0, refetchInterval: often,
    queryFn: ({ signal }) => call('listTraffic', { query: { application: app!.id, limit: 20 }, signal }),
  })
  const answered = (traffic.data?.items ?? []).find((r) => r.outcome === 'forwarded' && (r.status ?? 0) < 400 && r.user)
  return { summary, applications, assignments, app, active, answered, seesTraffic, problem: summary.error ?? applications.error,
    complete: active > 0 && app !== undefined && assignments > 0 }
}

export default function FirstSteps() {
  const styles = useStyles()
  const s = t.first
  const now = useNow()
  const groups = useAll('listConnectorGroups', { sort: 'name' })
  const first = useFirst()
  const [another, setAnother] = useState(false)
  const [kept, setKept] = useState(false) // the form of step 1 stays while its connector comes
  const { app, active, assignments: count, answered } = first
  const loaded = first.summary.data !== undefined && first.applications.data !== undefined && groups.data !== undefined
  return (
    <>
      <PageHead title={s.title} lead={s.lead} updated={first.summary.dataUpdatedAt} />
      <Failure problem={first.problem} title={t.error.unread} retry={() => { void first.summary.refetch(); void first.applications.refetch() }} />
      {loaded && (
        <ol className={styles.list}>
          <Step n={1} {...s.connector} done={active > 0} is={s.connector.is(active)}>
            {active === 0 || another || kept
              ? <Enrol groups={groups.data} begun={() => setKept(true)} />
              : <div><Button onClick={() => setAnother(true)}>{s.connector.another}</Button></div>}
          </Step>
          <Step n={2} title={s.application.title} text={s.application.text} done={app !== undefined} is={app && s.application.is(app.name)}>
            {app ? <Published app={app} /> : <Create groups={groups.data} start={draftOf()} done={() => undefined} />}
          </Step>
          <Step n={3} title={s.people.title} text={app ? s.people.text : s.people.wait} done={count > 0} is={s.people.is(count)}>
            {app && <People application={app} />}
          </Step>
          <Step n={4} title={app && !app.externalUrl ? s.reach.title : s.open.title} text={count === 0 ? s.open.wait : !first.seesTraffic ? s.open.unknown : app?.externalUrl ? s.open.text : s.reach.text} done={answered !== undefined} is={answered && (app?.externalUrl ? s.open : s.reach).is(ago(answered.time, now))}>
            {app?.externalUrl && count > 0 && <div><Button as="a" appearance="primary" href={app.externalUrl} target="_blank" rel="noreferrer">{s.open.link(new URL(app.externalUrl).host)}</Button></div>}
            {app && !app.externalUrl && count > 0 && <GetClient />}
          </Step>
        </ol>
      )}
      {first.complete && answered && <MessageBar intent="success"><MessageBarBody>{s.all}</MessageBarBody></MessageBar>}
    </>
  )
}

function Published({ app }: { app: Schema['Application'] }) {
  const styles = useStyles()
  return (
    <>
      <Anchor className={styles.link} href={`/applications/${app.id}?tab=settings`}>{t.first.application.edit}</Anchor>
      <Reach id={app.id} />
    </>
  )
}

