import { Badge, Button, Checkbox, Field, Input, Select, Text, makeStyles, tokens as theme } from '@fluentui/react-components'
import { AddRegular } from '@fluentui/react-icons'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call, problemOf, type Schema } from '../../api/client'
import { often, useAll, usePages, useWrite } from '../../api/queries'
import { when } from '../../format'
import { Busy } from '../../parts/busy'
import { Confirm } from '../../parts/confirm'
import { Fact, Facts } from '../../parts/facts'
import { Ago, CopyLine, Failure, Guarded, useToast } from '../../parts/feedback'
import { ActionMenu } from '../../parts/menu'
import { useNames } from '../../parts/names'
import { Panel } from '../../parts/panel'
import { Rows, type Column } from '../../parts/rows'
import { Search } from '../../parts/search'
import { Section } from '../../parts/section'
import { Label } from '../../parts/status'
import { Anchor, useFilter, useLeaving } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { Waiting } from '../connectors/add'
import { Filters } from './page'

type Token = Schema['Token']
const s = t.keys.tokens
const all = t.keys
export const useStyles = makeStyles({ form: { display: 'flex', flexDirection: 'column', gap: '12px' }, search: { minWidth: '160px', maxWidth: '320px' }, link: { color: theme.colorBrandForegroundLink }, marks: { display: 'flex', gap: '6px', flexWrap: 'wrap' } })

const stateOf = (k: Token) => (k.used ? 'used' : new Date(k.expires).getTime() <= Date.now() ? 'expired' : 'unused')
const looks = { used: 'disabled', expired: 'failed', unused: 'active' } as const

export function Tokens() {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [search, setSearch] = useFilter('search')
  const [state, setState] = useFilter('state')
  const [open, setOpen] = useFilter('open')
  const [adding, setAdding] = useState(false)
  const [removing, setRemoving] = useState<Token | null>(null)
  const may = mayNot('listTokens') === ''
  const list = usePages('listTokens', { sort: '-created', search, state }, { every: often, enabled: may })
  const groups = useAll('listConnectorGroups', { sort: 'name' })
  const connectors = useNames('showConnector', list.items.flatMap((k) => (k.usedBy ? [k.usedBy] : [])))
  const queries = useQueryClient()
  const toast = useToast()
  const columns: Column<Token>[] = [
    { key: 'name', title: s.column.name, width: 'minmax(0, 3fr)', show: (k) => <Text weight="semibold">{k.name}</Text> },
    { key: 'state', title: s.column.state, width: 'minmax(0, 3fr)', show: (k) => <span className={styles.marks}><Label label={looks[stateOf(k)]} text={s.states[stateOf(k)]} />{k.hold && <Badge appearance="outline">{s.held}</Badge>}</span> },
    { key: 'group', title: s.column.group, width: 'minmax(0, 2fr)', show: (k) => groups.data?.find((g) => g.id === k.connectorGroup)?.name ?? t.unknown },
    { key: 'expires', title: s.column.expires, width: 'minmax(0, 2fr)', show: (k) => <Ago time={k.expires} /> },
    { key: 'used', title: s.column.used, width: 'minmax(0, 2fr)', minor: true, show: (k) => k.usedBy && <Anchor className={styles.link} href={`/connectors?open=${k.usedBy}`}>{connectors(k.usedBy)}</Anchor> },
  ]
  return (
    <Section operation="listTokens" lead={s.lead} read={{ error: list.problem ?? null, data: list.data, dataUpdatedAt: list.dataUpdatedAt, refetch: list.refetch }} actions={<Guarded appearance="primary" icon={<AddRegular />} why={mayNot('createToken')} onClick={() => setAdding(true)}>{s.add}</Guarded>}>
      <Filters value={state} set={setState} states={s.states}><Search value={search} set={setSearch} className={styles.search} /></Filters>
      {(!list.problem || list.items.length > 0) && (
        <Rows label={all.views.tokens!} items={list.items} columns={columns} id={(k) => k.id} name={(k) => k.name} loading={list.isPending} open={open} setOpen={setOpen} empty={search || state ? s.none : s.empty}
          detail={(k) => (
            <Facts>
              <Fact title={s.facts.made}>{when(k.created)}</Fact><Fact title={s.facts.expires}>{when(k.expires)}</Fact><Fact title={s.facts.uses}>{s.facts.one}</Fact><Fact title={s.facts.hold}>{k.hold ? t.yes : t.no}</Fact>
              <Fact title={s.facts.used}>{k.used ? when(k.used) : t.never}</Fact><Fact title={s.column.used}>{k.usedBy ? <Anchor className={styles.link} href={`/connectors?open=${k.usedBy}`}>{connectors(k.usedBy)}</Anchor> : t.none}</Fact><Fact title={s.facts.id}><code>{k.id}</code></Fact>
            </Facts>
          )}
          actions={(k) => <ActionMenu name={k.name} choices={[{ title: all.remove, needs: 'deleteToken', run: () => setRemoving(k) }]} />}
          more={{ has: list.hasNextPage, busy: list.isFetchingNextPage, load: () => void list.fetchNextPage() }} />
      )}
      {adding && <NewToken groups={groups.data ?? []} close={() => setAdding(false)} />}
      {removing && <Confirm title={s.ask(removing.name)} text={removing.used ? s.askUsed : s.askText} action={all.remove} close={() => setRemoving(null)}
        run={async () => { await call('deleteToken', { id: removing.id, version: removing.version }); toast(s.removed(removing.name)); await queries.invalidateQueries({ queryKey: ['listTokens'] }) }} />}
    </Section>
  )
}

const periods = ['1h', '8h', '24h', '168h', '720h']
export const after = (period: string) => new Date(Date.now() + parseInt(period, 10) * 3600_000).toISOString()

function NewToken({ groups, close }: { groups: Schema['ConnectorGroup'][]; close: () => void }) {
  const styles = useStyles()
  const f = s.form
  const [draft, setDraft] = useState({ name: '', connectorGroup: '', period: '1h', hold: false })
  const [made, setMade] = useState<Schema['TokenCreated'] | null>(null)
  const write = useWrite('createToken')
  useLeaving(!made && draft.name !== '', t.unsaved)
  const create = () => write.mutate({ body: { name: draft.name.trim(), connectorGroup: draft.connectorGroup || undefined, hold: draft.hold || undefined, ...(draft.period === '1h' ? {} : { expires: after(draft.period) }) } }, { onSuccess: setMade })
  if (made) {
    return (
      <Panel title={s.made(made.name)} close={close} size="large" footer={<Button appearance="primary" onClick={close}>{t.action.done}</Button>}>
        <Text weight="semibold">{all.copyNow}</Text>
        <CopyLine text={made.text} label={s.text} />
        <Waiting token={made} secret={s.once} />
      </Panel>
    )
  }
  const atField = write.error && ['name', 'connectorGroup', 'expires'].some((name) => problemOf(write.error).field(name))
  return (
    <Panel title={f.title} close={close} footer={
      <><Button appearance="primary" type="submit" form="token" disabledFocusable={write.isPending}>{write.isPending ? <Busy /> : f.create}</Button><Button onClick={close}>{t.action.cancel}</Button></>
    }>
      <form noValidate id="token" className={styles.form} onSubmit={(e) => { e.preventDefault(); create() }}>
        <Field label={f.name} required hint={f.nameHint} validationMessage={write.error?.field('name')}><Input value={draft.name} onChange={(_, d) => setDraft({ ...draft, name: d.value })} /></Field>
        <Field label={f.group} validationMessage={write.error?.field('connectorGroup')}>
          <Select value={draft.connectorGroup} onChange={(_, d) => setDraft({ ...draft, connectorGroup: d.value })}>{[...groups].sort((a, b) => Number(b.default) - Number(a.default)).map((g) => <option key={g.id} value={g.default ? '' : g.id}>{g.name}</option>)}</Select>
        </Field>
        <Field label={f.expires} validationMessage={write.error?.field('expires')}><Select value={draft.period} onChange={(_, d) => setDraft({ ...draft, period: d.value })}>{periods.map((p) => <option key={p} value={p}>{all.expiry[p]}</option>)}</Select></Field>
        <Field hint={f.holdHint}><Checkbox label={f.hold} checked={draft.hold} onChange={(_, d) => setDraft({ ...draft, hold: d.checked === true })} /></Field>
      </form>
      {!atField && <Failure problem={write.error} retry={create} />}
    </Panel>
  )
}
