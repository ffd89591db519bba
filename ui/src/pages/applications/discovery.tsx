// What Quick Access carried, and applications made of it: choose destinations, then make an application of them or add them to one.
import { Checkbox, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle, Button, Field, Select, Text, makeStyles, tokens } from '@fluentui/react-components'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call, problemOf, type Problem, type Schema } from '../../api/client'
import { useAll, usePages } from '../../api/queries'
import { bytes, number } from '../../format'
import { Fact, Facts } from '../../parts/facts'
import { Ago, Failure, Guarded, useToast } from '../../parts/feedback'
import { PageHead } from '../../parts/page'
import { Rows, type Column } from '../../parts/rows'
import { Search } from '../../parts/search'
import { Section } from '../../parts/section'
import { Anchor, navigate, useFilter } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { draftOf, segmentsOf, typedSegments, type Application } from './fields'
import { Create } from './new'
import { Preview } from './preview'

type Discovered = Schema['Discovered']
const s = t.applications.discovery

const useStyles = makeStyles({
  filters: { display: 'flex', flexWrap: 'wrap', gap: '8px', alignItems: 'center', margin: '12px 0' },
  search: { minWidth: '160px', flexGrow: 1, maxWidth: '320px' },
  link: { color: tokens.colorNeutralForeground1 },
  destination: { overflowWrap: 'anywhere' },
  wide: { maxWidth: 'min(960px, 95vw)' },
})

const titles = [{ title: t.applications.title, href: '/applications' }]

export function Discovery() {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [search, setSearch] = useFilter('search')
  const [protocol, setProtocol] = useFilter('protocol')
  const [owned, setOwned] = useFilter('owned')
  const [sort, setSort] = useFilter('sort')
  const [open, setOpen] = useFilter('open')
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [doing, setDoing] = useState<'new' | 'add' | null>(null)
  const list = usePages('listDiscovery', { search, protocol, owned, sort: sort || '-last' }, { every: 60_000, enabled: mayNot('listDiscovery') === '' })
  const choose = (d: Discovered, yes: boolean) => {
    const next = new Set(chosen)
    if (yes) next.add(d.destination)
    else next.delete(d.destination)
    setChosen(next)
  }
  const lines = [...chosen].sort().join('\n')
  const none = chosen.size === 0 ? s.chooseFirst : ''
  if (doing === 'new') return <Make lines={lines} cancel={() => setDoing(null)} />
  const columns: Column<Discovered>[] = [
    { key: 'destination', title: s.column.destination, width: 'minmax(0, 5fr)', show: (d) => <Checkbox className={styles.destination} checked={chosen.has(d.destination)} onChange={(_, x) => choose(d, !!x.checked)} label={d.destination} /> },
    { key: 'users', title: s.column.users, width: 'minmax(80px, 1fr)', show: (d) => s.users(d.users) },
    { key: 'devices', title: s.column.devices, width: 'minmax(96px, 1fr)', minor: true, show: (d) => s.devices(d.devices) },
    { key: 'flows', title: s.column.flows, width: 'minmax(96px, 1fr)', minor: true, show: (d) => number(d.flows) },
    { key: 'bytes', title: s.column.bytes, width: 'minmax(0, 1fr)', minor: true, show: (d) => bytes(d.received + d.sent) },
    { key: 'last', title: s.column.last, width: 'minmax(0, 2fr)', minor: true, show: (d) => <Ago time={d.last} /> },
    { key: 'owner', title: s.column.owner, width: 'minmax(0, 2fr)', show: (d) => <Owner discovered={d} /> },
  ]
  return (
    <>
      <PageHead title={s.title} crumbs={titles} />
      <Section operation="listDiscovery" lead={s.lead} read={{ error: list.problem ?? null, data: list.data, dataUpdatedAt: list.dataUpdatedAt, refetch: list.refetch }}
        actions={<>
          <Guarded appearance="primary" why={mayNot('createApplication') || none} onClick={() => setDoing('new')}>{s.make}</Guarded>
          <Guarded why={mayNot('updateApplication') || none} onClick={() => setDoing('add')}>{s.add}</Guarded>
          {chosen.size > 0 && <Button appearance="subtle" onClick={() => setChosen(new Set())}>{s.chooseNone(chosen.size)}</Button>}
        </>}>
        <div className={styles.filters} role="search">
          <Search value={search} set={setSearch} className={styles.search} />
          <Select aria-label={s.column.owner} value={owned} onChange={(_, d) => setOwned(d.value)}><option value="">{s.anyOwner}</option>{Object.entries(s.owned).map(([v, text]) => <option key={v} value={v}>{text}</option>)}</Select>
          <Select aria-label={s.protocol} value={protocol} onChange={(_, d) => setProtocol(d.value)}><option value="">{s.anyProtocol}</option><option value="tcp">TCP</option><option value="udp">UDP</option></Select>
          <Select aria-label={s.sort} value={sort} onChange={(_, d) => setSort(d.value)}>{Object.entries(s.sorts).map(([v, text]) => <option key={v} value={v}>{text}</option>)}</Select>
          <Text size={200} aria-live="polite">{list.isSuccess ? t.list.count(list.items.length, list.hasNextPage) : ''}</Text>
        </div>
        {(!list.problem || list.items.length > 0) && (
          <Rows label={s.title} items={list.items} columns={columns} id={(d) => d.destination} name={(d) => d.destination} loading={list.isPending} open={open} setOpen={setOpen}
            empty={search || protocol || owned ? t.list.none : s.empty} detail={(d) => <Detail discovered={d} />}
            more={{ has: list.hasNextPage, busy: list.isFetchingNextPage, load: () => void list.fetchNextPage() }} />
        )}
      </Section>
      {doing === 'add' && <Add lines={lines} close={() => setDoing(null)} done={() => { setDoing(null); setChosen(new Set()) }} />}
    </>
  )
}

function Owner({ discovered: d }: { discovered: Discovered }) {
  const styles = useStyles()
  if (!d.application) return <>{s.nobody}</>
  return <><Anchor className={styles.link} href={`/applications/${d.application}`}>{d.applicationName || d.application}</Anchor>{d.owned && ` (${s.narrower})`}</>
}

function Detail({ discovered: d }: { discovered: Discovered }) {
  const styles = useStyles()
  const { mayNot } = useSession()
  return (
    <Facts>
      <Fact title={s.column.users}>{s.users(d.users)}, {s.devices(d.devices)}</Fact>
      <Fact title={s.column.flows}>{number(d.flows)}</Fact>
      <Fact title={s.received}>{bytes(d.received)}</Fact>
      <Fact title={s.sent}>{bytes(d.sent)}</Fact>
      <Fact title={s.first}><Ago time={d.first} /></Fact>
      <Fact title={s.column.last}><Ago time={d.last} /></Fact>
      <Fact title={s.column.owner}><Owner discovered={d} /></Fact>
      {!mayNot('listTraffic') && <Fact title={s.who}><Anchor className={styles.link} href={`/logs/traffic?host=${encodeURIComponent(d.destination.replace(/\/\w+$/, ''))}`}>{s.inLog}</Anchor></Fact>}
    </Facts>
  )
}

// Make is the form of a new application with the destinations in it.
function Make({ lines, cancel }: { lines: string; cancel: () => void }) {
  const groups = useAll('listConnectorGroups', { sort: 'name' })
  return (
    <>
      <PageHead title={t.applications.form.newTitle} crumbs={[...titles, { title: s.title, href: '/applications/discovery' }]} />
      <Failure problem={groups.error} retry={() => void groups.refetch()} title={t.error.unread} />
      {groups.data && <Create kinds groups={groups.data} start={{ ...draftOf({ kind: 'private' }), segments: lines }} cancel={cancel} done={(a) => navigate(`/applications/${a.id}`, { force: true })} />}
    </>
  )
}

// Add adds the destinations to an application, after it has shown what that does.
function Add({ lines, close, done }: { lines: string; close: () => void; done: () => void }) {
  const styles = useStyles()
  const queries = useQueryClient()
  const toast = useToast()
  const found = useAll('listApplications', { kind: 'private', sort: 'name' })
  const [id, setID] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | null>(null)
  const app = found.data?.find((a) => a.id === id)
  const draft = app && merged(app, lines)
  const save = async () => {
    if (!app || !draft) return
    setBusy(true)
    setProblem(null)
    try {
      await call('updateApplication', { id: app.id, version: app.version, body: { segments: draft.list } })
      await queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'showMe' })
      toast(s.added(app.name))
      done()
    } catch (error) {
      setProblem(problemOf(error))
    } finally {
      setBusy(false)
    }
  }
  return (
    <Dialog open onOpenChange={(_, d) => !d.open && close()}>
      <DialogSurface className={styles.wide}>
        <DialogBody>
          <DialogTitle>{s.add}</DialogTitle>
          <DialogContent>
            <Failure problem={found.error} retry={() => void found.refetch()} title={t.error.unread} />
            <Field label={s.which} hint={s.whichHint}>
              <Select value={id} onChange={(_, d) => setID(d.value)}><option value="">{s.pick}</option>{(found.data ?? []).map((a) => <option key={a.id} value={a.id}>{a.name}</option>)}</Select>
            </Field>
            {draft && <Preview key={id} draft={draft.draft} id={id} atOnce />}
            <Failure problem={problem} />
          </DialogContent>
          <DialogActions>
            <Button onClick={close}>{t.action.cancel}</Button>
            <Button appearance="primary" disabledFocusable={busy || !app} onClick={() => void save()}>{s.addAction}</Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  )
}

// merged gives an application with more segments.
function merged(app: Application, lines: string) {
  const start = draftOf(app)
  const segments = [...new Set([...typedSegments(start.segments), ...typedSegments(lines)])].join('\n')
  return { draft: { ...start, segments }, list: segmentsOf(segments) }
}
