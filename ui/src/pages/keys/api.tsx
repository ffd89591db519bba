import { Badge, Button, Checkbox, Field, Input, Select, Text } from '@fluentui/react-components'
import { AddRegular } from '@fluentui/react-icons'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call, type Schema } from '../../api/client'
import { often, usePages, useWrite } from '../../api/queries'
import { when } from '../../format'
import { Busy } from '../../parts/busy'
import { Confirm } from '../../parts/confirm'
import { Fact, Facts } from '../../parts/facts'
import { Ago, CopyLine, Failure, Guarded, useToast } from '../../parts/feedback'
import { ActionMenu } from '../../parts/menu'
import { Panel } from '../../parts/panel'
import { Rows, type Column } from '../../parts/rows'
import { Search } from '../../parts/search'
import { Section } from '../../parts/section'
import { Label } from '../../parts/status'
import { useFilter, useLeaving } from '../../router'
import { roleNames, useSession } from '../../session'
import { t } from '../../strings'
import { RoleChoices } from '../people/userform'
import { Filters } from './page'
import { after, useStyles } from './tokens'

type Key = Schema['Key']
const s = t.keys.api
const all = t.keys

export const over = (expires?: string) => expires !== undefined && new Date(expires).getTime() <= Date.now()

export function ApiKeys() {
  const styles = useStyles()
  const { me, mayNot } = useSession()
  const [search, setSearch] = useFilter('search')
  const [expired, setExpired] = useFilter('expired')
  const [open, setOpen] = useFilter('open')
  const [adding, setAdding] = useState(false)
  const [removing, setRemoving] = useState<Key | null>(null)
  const list = usePages('listKeys', { sort: 'name', search, expired }, { every: 2 * often, enabled: mayNot('listKeys') === '' })
  const queries = useQueryClient()
  const toast = useToast()
  const roles = (k: Key) => (k.roles ?? []).map((r) => roleNames[r] ?? r).join(', ')
  const scopes = (k: Key) => (k.scopes ?? []).join(', ') || s.allScopes
  const columns: Column<Key>[] = [
    { key: 'name', title: s.column.name, width: 'minmax(0, 3fr)', show: (k) => <span className={styles.marks}><Text weight="semibold">{k.name}</Text>{k.id === me.id && <Badge appearance="outline">{s.mine}</Badge>}</span> },
    { key: 'state', title: s.column.state, width: 'minmax(0, 2fr)', show: (k) => <Label label={over(k.expires) ? 'failed' : 'active'} text={s.states[String(over(k.expires))]} /> },
    { key: 'roles', title: s.column.roles, width: 'minmax(0, 3fr)', show: roles },
    { key: 'scopes', title: s.column.scopes, width: 'minmax(0, 3fr)', minor: true, show: scopes },
    { key: 'expires', title: s.column.expires, width: 'minmax(0, 2fr)', minor: true, show: (k) => <Ago time={k.expires} never={all.forever} /> },
    { key: 'used', title: s.column.used, width: 'minmax(0, 2fr)', minor: true, show: (k) => <Ago time={k.lastUsed} never={t.never} /> },
  ]
  return (
    <Section operation="listKeys" lead={s.lead} read={{ error: list.problem ?? null, data: list.data, dataUpdatedAt: list.dataUpdatedAt, refetch: list.refetch }} actions={<Guarded appearance="primary" icon={<AddRegular />} why={mayNot('createKey')} onClick={() => setAdding(true)}>{s.add}</Guarded>}>
      <Filters value={expired} set={setExpired} states={s.states}><Search value={search} set={setSearch} className={styles.search} /></Filters>
      {(!list.problem || list.items.length > 0) && (
        <Rows label={all.views.api!} items={list.items} columns={columns} id={(k) => k.id} name={(k) => k.name} loading={list.isPending} open={open} setOpen={setOpen} empty={search || expired ? s.none : s.empty}
          detail={(k) => (
            <Facts>
              <Fact title={s.facts.roles}>{roles(k)}</Fact><Fact title={s.facts.scopes}>{scopes(k)}</Fact><Fact title={s.facts.made}>{when(k.created)}</Fact><Fact title={s.facts.expires}>{k.expires ? when(k.expires) : all.forever}</Fact>
              <Fact title={s.facts.used}><Ago time={k.lastUsed} never={t.never} /></Fact><Fact title={s.facts.id}><code>{k.id}</code></Fact>
            </Facts>
          )}
          actions={(k) => <ActionMenu name={k.name} choices={[{ title: all.remove, needs: 'deleteKey', run: () => setRemoving(k) }]} />}
          more={{ has: list.hasNextPage, busy: list.isFetchingNextPage, load: () => void list.fetchNextPage() }} />
      )}
      {adding && <NewKey close={() => setAdding(false)} />}
      {removing && <Confirm title={s.ask(removing.name)} text={s.askText} action={all.remove} close={() => setRemoving(null)}
        run={async () => { await call('deleteKey', { id: removing.id, version: removing.version }); toast(s.removed(removing.name)); await queries.invalidateQueries({ queryKey: ['listKeys'] }) }} />}
    </Section>
  )
}

const periods = ['24h', '168h', '720h', '2160h', '8760h', '']

function NewKey({ close }: { close: () => void }) {
  const styles = useStyles()
  const f = s.form
  const [draft, setDraft] = useState({ name: '', roles: [] as string[], readOnly: false, scopes: '', period: '2160h' })
  const [made, setMade] = useState<Schema['KeyCreated'] | null>(null)
  const write = useWrite('createKey')
  useLeaving(!made && draft.name !== '', t.unsaved)
  const words = draft.scopes.split(/[\s,]+/).filter(Boolean)
  const create = () => write.mutate({ body: { name: draft.name.trim(), roles: draft.roles, scopes: [...(draft.readOnly ? ['read-only'] : []), ...words], ...(draft.period ? { expires: after(draft.period) } : {}) } }, { onSuccess: setMade })
  if (made) {
    return (
      <Panel title={s.made(made.name)} close={close} footer={<Button appearance="primary" onClick={close}>{t.action.done}</Button>}>
        <Text weight="semibold">{all.copyNow}</Text>
        <CopyLine text={made.secret} label={s.secret} />
        <Text>{s.how}</Text>
        <CopyLine text={`postern login ${location.origin} --key-file api.key`} label={s.command} />
      </Panel>
    )
  }
  const wrong = (name: string) => write.error?.field(name)
  return (
    <Panel title={f.title} close={close} footer={
      <><Button appearance="primary" type="submit" form="key" disabledFocusable={write.isPending}>{write.isPending ? <Busy /> : f.create}</Button><Button onClick={close}>{t.action.cancel}</Button></>
    }>
      <form noValidate id="key" className={styles.form} onSubmit={(e) => { e.preventDefault(); create() }}>
        <Field label={f.name} required validationMessage={wrong('name')}><Input value={draft.name} onChange={(_, d) => setDraft({ ...draft, name: d.value })} /></Field>
        <RoleChoices roles={draft.roles} set={(roles) => setDraft({ ...draft, roles })} title={f.roles} hint={f.rolesHint} problem={wrong('roles')} />
        <Field hint={f.readOnlyHint}><Checkbox label={f.readOnly} checked={draft.readOnly} onChange={(_, d) => setDraft({ ...draft, readOnly: d.checked === true })} /></Field>
        <Field label={f.scopes} hint={f.scopesHint} validationMessage={wrong('scopes')}><Input value={draft.scopes} spellCheck={false} autoComplete="off" onChange={(_, d) => setDraft({ ...draft, scopes: d.value })} /></Field>
        <Field label={f.expires} validationMessage={wrong('expires')}><Select value={draft.period} onChange={(_, d) => setDraft({ ...draft, period: d.value })}>{periods.map((p) => <option key={p} value={p}>{all.expiry[p]}</option>)}</Select></Field>
      </form>
      {!['name', 'roles', 'scopes', 'expires'].some(wrong) && <Failure problem={write.error} retry={create} />}
    </Panel>
  )
}
