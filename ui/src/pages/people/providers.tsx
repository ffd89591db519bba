// Identity providers and directories: whether they answer, what they must be told, what is done with them.
import { Badge, Button, Field, Input, MessageBar, MessageBarBody, MessageBarTitle, Spinner, Text, Textarea, makeStyles, tokens } from '@fluentui/react-components'
import { AddRegular } from '@fluentui/react-icons'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { call, sentence, type Schema } from '../../api/client'
import { often, useAll, useObject, useWrite } from '../../api/queries'
import { onDay, when } from '../../format'
import { Confirm } from '../../parts/confirm'
import { shown } from '../../parts/conflict'
import { Fact, Facts } from '../../parts/facts'
import { CopyLine, Failure, Guarded, useToast } from '../../parts/feedback'
import { History } from '../../parts/history'
import { ActionMenu } from '../../parts/menu'
import { Panel } from '../../parts/panel'
import { Rows, type Column } from '../../parts/rows'
import { Label } from '../../parts/status'
import { Anchor, useFilter, useLeaving } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { Head } from './head'
import { ProviderForm } from './providerform'
import type { Provider } from './providerfields'
import { TestInputs, Tested, testOf } from './providertest'

const s = t.providers
type What = 'check' | 'test' | 'edit' | 'secret' | 'history' | 'disable' | 'enable' | 'remove'
const useStyles = makeStyles({
  box: { marginTop: '12px' }, marks: { display: 'flex', gap: '6px', flexWrap: 'wrap', alignItems: 'center' }, minor: { display: 'block', color: tokens.colorNeutralForeground2 },
  detail: { display: 'flex', flexDirection: 'column', gap: '16px' }, addresses: { display: 'flex', flexDirection: 'column', gap: '8px' }, link: { color: tokens.colorBrandForegroundLink },
})

const where = (p: Provider) => p.oidc?.issuer ?? p.saml?.metadataUrl ?? (p.ldap?.urls ?? []).join(', ') ?? ''

export function Providers() {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [open, setOpen] = useFilter('open')
  const [adding, setAdding] = useState(false)
  const [task, setTask] = useState<{ what: What; provider: Provider } | null>(null)
  const list = useAll('listUpstreams', { sort: 'name' }, { every: 2 * often })
  const health = useObject('showHealth', '', { every: 2 * often })
  const columns: Column<Provider>[] = [
    { key: 'name', title: s.column.name, width: 'minmax(0, 3fr)', show: (p) => <span className={styles.marks}><Text weight="semibold">{p.name}</Text>{p.default && <Badge appearance="outline">{s.default}</Badge>}{p.onlyKnown && <Badge appearance="outline">{s.onlyKnown}</Badge>}</span> },
    { key: 'kind', title: s.column.kind, width: 'minmax(0, 2fr)', show: (p) => s.kinds[p.kind] },
    { key: 'state', title: s.column.state, width: 'minmax(0, 3fr)', show: (p) => <State of={p} findings={health.data?.findings ?? []} /> },
    { key: 'where', title: s.column.where, width: 'minmax(0, 3fr)', minor: true, show: (p) => where(p) || s.facts.given },
  ]
  return (
    <>
      <Head lead={s.lead} updated={list.dataUpdatedAt} actions={<Guarded appearance="primary" icon={<AddRegular />} why={mayNot('createUpstream')} onClick={() => setAdding(true)}>{s.add}</Guarded>} />
      <div className={styles.box}>
        <Failure problem={list.error} retry={() => void list.refetch()} title={t.error.unread} />
        {(list.data || list.isPending) && (
          <Rows label={t.people.views.providers!} items={list.data ?? []} columns={columns} id={(p) => p.id} name={(p) => p.name} loading={list.isPending} open={open} setOpen={setOpen} empty={s.empty}
            detail={(p) => <Detail of={p} />} actions={(p) => <ProviderMenu of={p} start={(what) => setTask({ what, provider: p })} />} />
        )}
      </div>
      {adding && <ProviderForm close={() => setAdding(false)} />}
      {task && <Task what={task.what} of={task.provider} close={() => setTask(null)} />}
    </>
  )
}

// State says how a provider answered when it was last asked, as the service's health has it.
function State({ of: p, findings }: { of: Provider; findings: Schema['Finding'][] }) {
  const styles = useStyles()
  if (p.disabled) return <Label label="disabled" text={s.state.off} />
  const found = findings.filter((x) => x.object === p.id)
  const worst = found.find((x) => x.severity === 'error') ?? found[0]
  if (!worst) return <Label label="active" text={s.state.on} />
  return <><Label label={worst.severity === 'error' ? 'failed' : 'warning'} text={worst.code} /><Text size={200} className={styles.minor}>{sentence(worst.sentence)} {sentence(worst.cure)}</Text></>
}

function ProviderMenu({ of: p, start }: { of: Provider; start: (what: What) => void }) {
  const a = s.action
  return (
    <ActionMenu name={p.name} choices={[
      { title: a.check, needs: 'checkUpstream', run: () => start('check') }, { title: a.test, needs: 'testUpstream', run: () => start('test') },
      { title: a.edit, needs: 'updateUpstream', run: () => start('edit'), apart: true }, { title: a.secret, needs: 'setUpstreamSecret', run: () => start('secret') },
      { title: p.disabled ? a.enable : a.disable, needs: 'updateUpstream', run: () => start(p.disabled ? 'enable' : 'disable') }, { title: a.history, needs: 'listUpstreamHistory', run: () => start('history') },
      { title: a.remove, needs: 'deleteUpstream', run: () => start('remove'), apart: true },
    ]} />
  )
}

function Detail({ of: p }: { of: Provider }) {
  const styles = useStyles()
  const f = s.facts
  const groups = useAll('listGroups', { sort: 'name' })
  const m = p.mapping
  const mapped = [...(m?.groups ?? []).map((g) => f.mapped(g.from, groups.data?.find((x) => x.id === g.to)?.name ?? g.to)), ...(m?.groupsByName ? [f.byName] : [])]
  const a = s.addresses
  const lines: [string, string | undefined][] = [[a.callback[p.kind] ?? '', p.addresses.callback], [a.metadata, p.addresses.metadata], [a.backChannelLogout[p.kind] ?? '', p.addresses.backChannelLogout], [a.frontChannelLogout, p.addresses.frontChannelLogout]]
  const told = lines.filter((x): x is [string, string] => Boolean(x[1]))
  return (
    <div className={styles.detail}>
      <Facts>
        {p.oidc && <><Fact title={f.issuer}>{p.oidc.issuer}</Fact><Fact title={f.client}>{p.oidc.clientId}</Fact>{p.oidc.secretExpires && <Fact title={f.secretExpires}>{onDay(p.oidc.secretExpires)}</Fact>}</>}
        {p.saml && <Fact title={f.metadata}>{p.saml.metadataUrl || f.given}</Fact>}
        {p.ldap && <><Fact title={f.urls}>{(p.ldap.urls ?? []).join(', ')}</Fact><Fact title={f.base}>{p.ldap.baseDn}</Fact>{(p.domains ?? []).length > 0 && <Fact title={f.domains}>{(p.domains ?? []).join(', ')}</Fact>}</>}
        <Fact title={f.secret}>{p.hasSecret ? f.has : f.hasNone}</Fact>
        <Fact title={f.groups}>{mapped.join(', ') || t.none}</Fact>
        {(m?.required ?? []).length > 0 && <Fact title={f.required}>{(m?.required ?? []).map((r) => `${r.claim} = ${(r.values ?? []).join(' | ')}`).join(', ')}</Fact>}
        {(p.oidc?.ca ?? p.saml?.ca ?? p.ldap?.ca) && <Fact title={f.certificates}>{f.own}</Fact>}
        <Fact title={f.changed}>{when(p.updated)}</Fact>
        <Fact title={f.id}><code>{p.id}</code></Fact>
      </Facts>
      <section aria-label={a.title} className={styles.addresses}>
        <Text weight="semibold">{a.title}</Text>
        {told.length === 0 ? <Text>{a.none}</Text> : told.map(([title, url]) => <div key={title}><Text size={200}>{title}</Text><CopyLine text={url} label={title} /></div>)}
      </section>
      <div><Anchor className={styles.link} href={`/people?source=${p.id}`}>{s.showUsers}</Anchor></div>
    </div>
  )
}

function Task({ what, of: p, close }: { what: What; of: Provider; close: () => void }) {
  const queries = useQueryClient()
  const toast = useToast()
  const done = async (text: string) => {
    toast(text)
    await queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'showMe' })
  }
  const toggle = async (disabled: boolean) => {
    await call('updateUpstream', { id: p.id, version: p.version, body: { disabled } })
    await done(disabled ? s.disabled(p.name) : s.enabled(p.name))
  }
  switch (what) {
    case 'edit': return <ProviderForm provider={p} close={close} />
    case 'check': return <Check of={p} close={close} />
    case 'test': return <Test of={p} close={close} />
    case 'secret': return <Secret of={p} close={close} />
    case 'history': return <History title={p.name} id={p.id} version={p.version} list="listUpstreamHistory" undo="undoUpstream" close={close} shownValue={(_, value) => shown(value)} />
    case 'disable': return <Confirm title={s.ask.disable(p.name)} text={s.ask.disableText} action={s.action.disable} close={close} run={() => toggle(true)} />
    case 'enable': return <Confirm title={`${s.action.enable}: ${p.name}?`} text={s.enabled(p.name)} action={s.action.enable} close={close} run={() => toggle(false)} />
    case 'remove': return <Confirm title={s.ask.remove(p.name)} text={s.ask.removeText} action={s.action.remove} close={close} run={async () => { await call('deleteUpstream', { id: p.id, version: p.version }); await done(s.removed(p.name)) }} />
  }
}

function Check({ of: p, close }: { of: Provider; close: () => void }) {
  const check = useWrite('checkUpstream')
  const run = () => check.mutate({ id: p.id, patience: 40 })
  useEffect(run, []) // once: the panel is opened to check
  return (
    <Panel title={s.check.title(p.name)} size="small" close={close} footer={<Button disabledFocusable={check.isPending} onClick={run}>{s.check.again}</Button>}>
      {check.isPending && <Spinner size="tiny" labelPosition="after" label={s.check.busy} />}
      <Failure problem={check.error} />
      {check.data && !check.isPending && (
        <MessageBar intent={check.data.works ? 'success' : 'error'} layout="multiline" role="status"><MessageBarBody>{check.data.works ? s.check.good : <><MessageBarTitle>{s.check.bad}</MessageBarTitle> {sentence(check.data.reason ?? '')}</>}</MessageBarBody></MessageBar>
      )}
    </Panel>
  )
}

function Test({ of: p, close }: { of: Provider; close: () => void }) {
  const [who, setWho] = useState('')
  const test = useWrite('testUpstream')
  const question = testOf(p.kind, who)
  const bad = who.trim() !== '' && !question
  const run = () => question && test.mutate({ id: p.id, body: question, patience: 40 })
  return (
    <Panel title={s.test.title(p.name)} close={close} footer={<Button appearance="primary" type="submit" form="test" disabledFocusable={test.isPending || !question}>{s.test.run}</Button>}>
      <Text>{s.test.lead}</Text>
      <form noValidate id="test" onSubmit={(e) => { e.preventDefault(); run() }}><TestInputs kind={p.kind} value={who} set={setWho} bad={bad} /></form>
      {test.isPending && <Spinner size="tiny" labelPosition="after" label={s.check.busy} />}
      <Failure problem={test.error} />
      {test.data && !test.isPending && <Tested of={test.data} />}
    </Panel>
  )
}

function Secret({ of: p, close }: { of: Provider; close: () => void }) {
  const [secret, setSecret] = useState('')
  const write = useWrite('setUpstreamSecret')
  const toast = useToast()
  useLeaving(!write.isSuccess && secret !== '', t.unsaved)
  const save = () => write.mutate({ id: p.id, body: { secret } }, { onSuccess: () => { toast(secret ? s.secretSet(p.name) : s.secretGone(p.name)); close() } })
  return (
    <Panel title={s.secret.title(p.name)} size="small" close={close} footer={
      <><Button appearance="primary" type="submit" form="secret" disabledFocusable={write.isPending}>{s.secret.save}</Button><Button onClick={close}>{t.action.cancel}</Button></>
    }>
      <form noValidate id="secret" onSubmit={(e) => { e.preventDefault(); save() }}>
        <Field label={s.secret.label[p.kind]} hint={s.secret.hint} validationMessage={write.error?.field('secret')}>
          {p.kind === 'ldap' ? <Input type="password" autoComplete="new-password" value={secret} onChange={(_, d) => setSecret(d.value)} /> : <Textarea rows={4} spellCheck={false} autoComplete="off" value={secret} onChange={(_, d) => setSecret(d.value)} />}
        </Field>
      </form>
      {!write.error?.field('secret') && <Failure problem={write.error} retry={save} />}
    </Panel>
  )
}
