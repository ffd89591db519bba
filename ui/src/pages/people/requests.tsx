// Access requests: who asks for what since when, what the policies say of it, and the answer.
import { Button, Field, Select, Text, Textarea, makeStyles } from '@fluentui/react-components'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { call, type Problem, type Schema } from '../../api/client'
import { often, usePages, useWrite } from '../../api/queries'
import { when } from '../../format'
import { Busy } from '../../parts/busy'
import { Hops } from '../../parts/explanation'
import { Fact, Facts } from '../../parts/facts'
import { Ago, Failure, Guarded, useToast } from '../../parts/feedback'
import { useNames } from '../../parts/names'
import { Panel } from '../../parts/panel'
import { Rows, type Column } from '../../parts/rows'
import { Label } from '../../parts/status'
import { Anchor, useFilter } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { Head } from './head'
import { useListStyles } from './membership'

type Request = Schema['AccessRequest']
const s = t.people.requests
const looks: Record<string, string> = { pending: 'waiting', approved: 'active', denied: 'failed', withdrawn: 'disabled' }

const useStyles = makeStyles({
  filters: { display: 'flex', flexWrap: 'wrap', gap: '8px', alignItems: 'center', margin: '12px 0' },
  detail: { display: 'flex', flexDirection: 'column', gap: '16px' },
  bar: { display: 'flex', gap: '8px 12px', flexWrap: 'wrap', alignItems: 'center' },
  form: { display: 'flex', flexDirection: 'column', gap: '12px' },
  reason: { whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' },
})

export function Requests() {
  const styles = useStyles()
  const [state, setState] = useFilter('state')
  const at = state || 'pending'
  return (
    <>
      <Head lead={s.lead} />
      <div className={styles.filters} role="search">
        <Select aria-label={s.filter} value={at} onChange={(_, d) => setState(d.value === 'pending' ? '' : d.value)}>{Object.entries(s.states).map(([v, text]) => <option key={v} value={v}>{text}</option>)}<option value="all">{s.all}</option></Select>
      </div>
      <RequestRows key={at} only={at === 'all' ? {} : { state: at }} empty={at === 'pending' ? s.empty : s.none} />
    </>
  )
}

export function RequestRows({ only, empty }: { only: Record<string, string>; empty: string }) {
  const [open, setOpen] = useFilter('open')
  const list = usePages('listRequests', { ...only, sort: only.state === 'pending' ? 'created' : '-created' }, { every: often })
  const users = useNames('showUser', list.items.map((r) => r.user))
  const applications = useNames('showApplication', list.items.map((r) => r.application))
  const user = (r: Request) => users(r.user)
  const app = (r: Request) => applications(r.application)
  const columns: Column<Request>[] = [
    { key: 'user', title: s.column.user, width: 'minmax(0, 2fr)', show: (r) => <Text weight="semibold">{user(r)}</Text> },
    { key: 'application', title: s.column.application, width: 'minmax(0, 2fr)', show: app },
    { key: 'state', title: s.column.state, width: 'minmax(0, 2fr)', show: (r) => <Label label={looks[r.state] ?? 'unknown'} text={s.states[r.state]} /> },
    { key: 'since', title: s.column.since, width: 'minmax(0, 2fr)', show: (r) => <Ago time={r.created} /> },
    { key: 'period', title: s.column.period, width: 'minmax(0, 1fr)', minor: true, show: (r) => t.people.hours(r.period) },
    { key: 'reason', title: s.column.reason, width: 'minmax(0, 3fr)', minor: true, show: (r) => r.reason },
  ]
  return (
    <>
      <Failure problem={list.problem} retry={() => void list.refetch()} title={list.items.length ? t.error.title : t.error.unread} />
      {(!list.problem || list.items.length > 0) && (
        <Rows label={t.people.views.requests!} items={list.items} columns={columns} id={(r) => r.id} name={(r) => `${user(r)}, ${app(r)}`} loading={list.isPending} open={open} setOpen={setOpen} empty={empty}
          detail={(r) => <Detail of={r} user={user(r)} application={app(r)} />} more={{ has: list.hasNextPage, busy: list.isFetchingNextPage, load: () => void list.fetchNextPage() }} />
      )}
    </>
  )
}

function Detail({ of: r, user, application }: { of: Request; user: string; application: string }) {
  const styles = useStyles()
  const lists = useListStyles()
  const { mayNot } = useSession()
  const [answering, setAnswering] = useState<'approve' | 'deny' | ''>('')
  const pending = r.state === 'pending'
  return (
    <div className={styles.detail}>
      <Facts>
        <Fact title={s.column.reason}><span className={styles.reason}>{r.reason}</span></Fact>
        <Fact title={s.column.period}>{t.people.hours(r.period)}</Fact>
        <Fact title={s.asked}>{when(r.created)}</Fact>
        {r.answered && <Fact title={s.answered}>{when(r.answered)} {r.by && s.by(r.by.name)}</Fact>}
        {r.answered && <Fact title={s.said}><span className={styles.reason}>{r.answer || s.nothingSaid}</span></Fact>}
        {r.expires && <Fact title={s.until}>{when(r.expires)}</Fact>}
      </Facts>
      {pending && <Policy of={r} />}
      <div className={styles.bar}>
        {pending && <Guarded appearance="primary" why={mayNot('approveRequest')} onClick={() => setAnswering('approve')}>{s.approve}</Guarded>}
        {pending && <Guarded why={mayNot('denyRequest')} onClick={() => setAnswering('deny')}>{s.deny}</Guarded>}
        <Anchor className={lists.link} href={`/people/users/${r.user}`}>{s.open}</Anchor>
      </div>
      {answering && <Answer approve={answering === 'approve'} of={r} user={user} application={application} close={() => setAnswering('')} />}
    </div>
  )
}

// Policy shows what stands between the user and the application beside the assignment that is asked for.
function Policy({ of: r }: { of: Request }) {
  const { mayNot } = useSession()
  const found = useQuery<Schema['Explanation'], Problem>({ queryKey: ['explainAccess', r.user, r.application, 'request'], queryFn: ({ signal }) => call('explainAccess', { query: { user: r.user, application: r.application, reach: 'false' }, signal }), retry: false, enabled: mayNot('explainAccess') === '' })
  if (mayNot('explainAccess')) return null
  const hops = (found.data?.hops ?? []).filter((h) => ['user', 'application', 'policy'].includes(h.name))
  return (
    <section aria-label={s.policy}>
      <Text weight="semibold">{s.policy}</Text>
      {found.isPending && <Busy />}
      <Failure problem={found.error} title={s.policyNone} />
      {found.data && <Hops of={hops} />}
    </section>
  )
}

const periods = ['8h', '24h', '168h', '720h', '2160h', '8760h']

function Answer({ approve, of, user, application, close }: { approve: boolean; of: Request; user: string; application: string; close: () => void }) {
  const styles = useStyles()
  const [period, setPeriod] = useState('')
  const [answer, setAnswer] = useState('')
  const yes = useWrite('approveRequest')
  const no = useWrite('denyRequest')
  const write = approve ? yes : no
  const toast = useToast()
  const send = () => {
    if (approve) yes.mutate({ id: of.id, body: { ...(period ? { period } : {}), ...(answer ? { answer } : {}) } }, { onSuccess: () => { toast(s.approved(user, application)); close() } })
    else no.mutate({ id: of.id, body: answer ? { answer } : {} }, { onSuccess: () => { toast(s.denied(user)); close() } })
  }
  return (
    <Panel title={approve ? s.approveTitle(user, application) : s.denyTitle(user, application)} close={close} footer={
      <><Button appearance="primary" type="submit" form="answer" disabledFocusable={write.isPending}>{approve ? s.approve : s.deny}</Button><Button onClick={close}>{t.action.cancel}</Button></>
    }>
      <form noValidate id="answer" className={styles.form} onSubmit={(e) => { e.preventDefault(); send() }}>
        <Text className={styles.reason}>{of.reason}</Text>
        {approve && (
          <Field label={s.period} validationMessage={write.error?.field('period')}>
            <Select value={period} onChange={(_, d) => setPeriod(d.value)}><option value="">{s.asAsked(t.people.hours(of.period))}</option>{periods.filter((p) => p !== of.period).map((p) => <option key={p} value={p}>{t.people.hours(p)}</option>)}</Select>
          </Field>
        )}
        <Field label={s.answer} hint={s.answerHint} validationMessage={write.error?.field('answer')}><Textarea rows={4} value={answer} onChange={(_, d) => setAnswer(d.value)} /></Field>
      </form>
      {!write.error?.field('answer') && !write.error?.field('period') && <Failure problem={write.error} retry={send} />}
    </Panel>
  )
}
