// An identity provider, new or changed, and how it works with what is typed before that is saved.
import { Accordion, AccordionHeader, AccordionItem, AccordionPanel, Button, Field, Input, MessageBar, MessageBarBody, MessageBarTitle, Radio, RadioGroup, Spinner, Switch, Text, Textarea, makeStyles } from '@fluentui/react-components'
import { DismissRegular } from '@fluentui/react-icons'
import { useMutation } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { call, sentence, type Body, type Problem, type Schema } from '../../api/client'
import { useWrite } from '../../api/queries'
import { Busy } from '../../parts/busy'
import { Choices } from '../../parts/choices'
import { Conflict, shown } from '../../parts/conflict'
import { useSaving, type Fields } from '../../parts/edit'
import { Failure, useToast } from '../../parts/feedback'
import { GroupChoice, GroupName } from '../../parts/group'
import { Panel } from '../../parts/panel'
import { useLeaving } from '../../router'
import { t } from '../../strings'
import { badRequired, draftOf, fieldsOf, sent, titleOf, type Draft, type FieldOf, type Kind, type Mapping, type Provider } from './providerfields'
import { TestInputs, Tested, testOf } from './providertest'

const s = t.providers
const f = s.form
const useStyles = makeStyles({
  form: { display: 'flex', flexDirection: 'column', gap: '12px' }, panel: { display: 'flex', flexDirection: 'column', gap: '12px', paddingTop: '8px', paddingBottom: '8px' },
  row: { display: 'flex', gap: '8px', flexWrap: 'wrap', alignItems: 'center', '& > *': { minWidth: 0 } }, grow: { flexGrow: 1, flexBasis: '140px' },
})

export function ProviderForm({ provider, close }: { provider?: Provider; close: () => void }) {
  return provider ? <Edit of={provider} close={close} /> : <Create close={close} />
}

const wrongAt = (kind: Kind, problem: Problem | null | undefined) => (problem ? [...fieldsOf(kind).map((x) => x.name), 'secret'].some((name) => problem.field(name)) : false)

function Create({ close }: { close: () => void }) {
  const styles = useStyles()
  const [kind, setKind] = useState<Kind>('oidc')
  const [draft, setDraft] = useState<Draft>(() => draftOf('oidc', {}))
  const [secret, setSecret] = useState('')
  const write = useWrite('createUpstream')
  const toast = useToast()
  useLeaving(!write.isSuccess && (draft.name !== '' || secret !== ''), t.unsaved)
  const choose = (next: Kind) => {
    setKind(next)
    setDraft({ ...draftOf(next, {}), name: draft.name ?? '' })
    write.reset()
  }
  const whole = () => ({ ...sent(kind, draft, true), kind, name: String(draft.name), ...(secret ? { secret } : {}) }) as unknown as Body<'createUpstream'>
  const create = () => write.mutate({ body: whole(), patience: 40 }, { onSuccess: (p) => { toast(s.made(p.name)); close() } })
  return (
    <Panel title={f.newTitle} close={close} footer={
      <><Button appearance="primary" type="submit" form="provider" disabledFocusable={write.isPending}>{write.isPending ? <Busy /> : f.create}</Button><Button onClick={close}>{t.action.cancel}</Button></>
    }>
      <form noValidate id="provider" className={styles.form} onSubmit={(e) => { e.preventDefault(); create() }}>
        <Field label={f.kind}>
          <RadioGroup value={kind} onChange={(_, d) => choose(d.value as Kind)}>{Object.entries(s.kinds).map(([value, title]) => <Radio key={value} value={value} label={<>{title}<br /><Text size={200}>{s.about[value]}</Text></>} />)}</RadioGroup>
        </Field>
        <Inputs kind={kind} draft={draft} set={setDraft} problem={write.error} secret={secret} setSecret={setSecret} secretHint={s.form.secretHint[kind]} />
      </form>
      {!wrongAt(kind, write.error) && <Failure problem={write.error} retry={create} />}
      <Try kind={kind} whole={whole} />
    </Panel>
  )
}

function Edit({ of: p, close }: { of: Provider; close: () => void }) {
  const styles = useStyles()
  const kind = p.kind
  const start = useMemo(() => draftOf(kind, p), [kind, p])
  const [draft, setDraft] = useState<Draft>(start)
  const form = useMemo(() => ({ read: (object: Fields) => draftOf(kind, object) as Fields, send: (patch: Fields) => sent(kind, patch) }), [kind])
  const saving = useSaving('showUpstream', 'updateUpstream', { ...start, id: p.id, version: p.version }, form)
  const toast = useToast()
  useLeaving(JSON.stringify(draft) !== JSON.stringify(start), t.unsaved)
  const save = async (what: Draft = draft) => {
    if (!(await saving.save(what as Fields))) return
    toast(s.saved(String(what.name)))
    close()
  }
  const whole = () => ({ ...sent(kind, draft, true), kind, name: String(draft.name), disabled: p.disabled }) as unknown as Body<'createUpstream'>
  return (
    <Panel title={f.editTitle(p.name)} close={close} footer={
      <><Button appearance="primary" type="submit" form="provider" disabledFocusable={saving.busy}>{saving.busy ? <Busy /> : t.action.save}</Button><Button onClick={close}>{t.action.cancel}</Button></>
    }>
      <form noValidate id="provider" className={styles.form} onSubmit={(e) => { e.preventDefault(); void save() }}>
        <Text size={200}>{s.kinds[kind]}. {p.hasSecret && f.keep}</Text>
        <Inputs kind={kind} draft={draft} set={setDraft} problem={saving.problem} />
      </form>
      {!wrongAt(kind, saving.problem) && <Failure problem={saving.problem} retry={() => void save()} />}
      <Conflict saving={saving} mine={draft as Fields} title={(name) => titleOf(kind, name)} shownValue={(_, value) => (Array.isArray(value) ? value.map((x) => (typeof x === 'object' ? Object.values(x as object).join(' → ') : String(x))).join(', ') || t.history.nothing : shown(value))}
        merged={(next) => { setDraft(next as Draft); void save(next as Draft) }} />
      <Try kind={kind} whole={whole} of={p.id} />
    </Panel>
  )
}

interface InputsProps { kind: Kind; draft: Draft; set: (d: Draft) => void; problem: Problem | null; secret?: string; setSecret?: (v: string) => void; secretHint?: string }

function Inputs({ kind, draft, set, problem, secret, setSecret, secretHint }: InputsProps) {
  const styles = useStyles()
  const [open, setOpen] = useState<string[]>([])
  const put = (name: string, value: Draft[string]) => set({ ...draft, [name]: value })
  const field = (x: FieldOf) => <One key={x.name} of={x} value={draft[x.name] ?? ''} put={(v) => put(x.name, v)} problem={problem?.field(x.name)} />
  const of = (section: FieldOf['section']) => fieldsOf(kind).filter((x) => x.section === section)
  const sections = (['trust', 'mapping', 'advanced'] as const).filter((section) => of(section).length > 0)
  const wrong = sections.filter((section) => of(section).some((x) => problem?.field(x.name)))
  const password = kind === 'ldap' || !secret?.startsWith('-----')
  return (
    <>
      {of('connect').map(field)}
      {setSecret && (
        <Field label={f.secret[kind]} hint={secretHint} validationMessage={problem?.field('secret')}>
          {kind === 'saml' ? <Textarea rows={3} spellCheck={false} autoComplete="off" value={secret} onChange={(_, d) => setSecret(d.value)} /> : <Input type={password ? 'password' : 'text'} autoComplete="new-password" value={secret} onChange={(_, d) => setSecret(d.value)} />}
        </Field>
      )}
      <Accordion multiple collapsible openItems={[...new Set([...open, ...wrong])]} onToggle={(_, d) => setOpen(d.openItems as string[])}>
        {sections.map((section) => (
          <AccordionItem key={section} value={section}>
            <AccordionHeader as="h3">{f.sections[section]}</AccordionHeader>
            <AccordionPanel className={styles.panel}>{of(section).map(field)}</AccordionPanel>
          </AccordionItem>
        ))}
      </Accordion>
    </>
  )
}

function One({ of: x, value, put, problem }: { of: FieldOf; value: Draft[string]; put: (v: Draft[string]) => void; problem?: string }) {
  const text = String(value)
  const wrong = problem ?? (x.type === 'required' && badRequired(text) ? f.badRequired : undefined)
  switch (x.type) {
    case 'on': return <Field hint={x.hint} validationMessage={wrong}><Switch label={x.title} checked={value === true} onChange={(_, d) => put(d.checked)} /></Field>
    case 'groups': return <GroupMappings value={value as Mapping[]} put={put} problem={wrong} />
    case 'lines': case 'pem': case 'required': return <Field label={x.title} hint={x.hint} required={x.required} validationMessage={wrong}><Textarea rows={x.type === 'pem' ? 4 : 2} spellCheck={false} value={text} onChange={(_, d) => put(d.value)} /></Field>
    default: return <Field label={x.title} hint={x.hint} required={x.required} validationMessage={wrong}><Input type={x.type === 'day' ? 'date' : 'text'} spellCheck={false} autoComplete="off" value={text} onChange={(_, d) => put(d.value)} /></Field>
  }
}

function GroupMappings({ value, put, problem }: { value: Mapping[]; put: (v: Mapping[]) => void; problem?: string }) {
  const styles = useStyles()
  const [from, setFrom] = useState('')
  const [to, setTo] = useState('')
  const add = () => {
    put([...value, { from: from.trim(), to }])
    setFrom('')
    setTo('')
  }
  return (
    <Choices title={f.groups} hint={f.groupsHint}>
      {value.map((m, i) => (
        <div key={i} className={styles.row}><Text className={styles.grow}>{s.facts.mapped(m.from, '')} <GroupName id={m.to} /></Text>
          <Button appearance="subtle" size="small" icon={<DismissRegular />} aria-label={f.removeMapping(m.from)} onClick={() => put(value.filter((_, n) => n !== i))} /></div>
      ))}
      <div className={styles.row}>
        <Input className={styles.grow} aria-label={f.theirs} placeholder={f.theirs} spellCheck={false} value={from} onChange={(_, d) => setFrom(d.value)} />
        <GroupChoice label={f.ours} value={to} set={setTo} />
        <Button size="small" disabledFocusable={!from.trim() || !to} onClick={add}>{f.addMapping}</Button>
      </div>
      {problem && <Text role="alert">{problem}</Text>}
    </Choices>
  )
}

// Try asks the provider with what is typed; nothing is stored.
function Try({ kind, whole, of }: { kind: Kind; whole: () => Body<'createUpstream'>; of?: string }) {
  const styles = useStyles()
  const [who, setWho] = useState('')
  const bad = testOf(kind, who) === null && who.trim() !== ''
  const test = useMutation<Schema['UpstreamTried'], Problem>({ mutationFn: () => call('tryUpstream', { patience: 40, body: { upstream: whole(), of, test: testOf(kind, who) ?? undefined } }) })
  return (
    <section aria-label={f.try} className={styles.form}>
      <Text weight="semibold">{f.try}</Text>
      <Text size={200}>{f.tryNone}</Text>
      <TestInputs kind={kind} value={who} set={setWho} bad={bad} />
      <div><Button disabledFocusable={test.isPending || bad} onClick={() => test.mutate()}>{f.try}</Button></div>
      {test.isPending && <Spinner size="tiny" labelPosition="after" label={f.trying} />}
      <Failure problem={test.error} />
      {test.data && !test.isPending && (
        <>
          <MessageBar intent={test.data.check.works ? 'success' : 'warning'} layout="multiline" role="status">
            <MessageBarBody>{test.data.check.works ? f.tryGood : <><MessageBarTitle>{f.tryBad}</MessageBarTitle> {sentence(test.data.check.reason ?? '')}</>}</MessageBarBody>
          </MessageBar>
          {test.data.tested && <Tested of={test.data.tested} />}
        </>
      )}
    </section>
  )
}
