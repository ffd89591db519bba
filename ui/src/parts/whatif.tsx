// What would become of a user's request, by the same code that decides requests: to this application, from there, then, so signed in.
import { Combobox, Field, Input, Option, Select, Spinner, Text, makeStyles } from '@fluentui/react-components'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { call, type Problem, type Schema } from '../api/client'
import { useFirstOf } from '../api/queries'
import { useSession } from '../session'
import { t } from '../strings'
import { Explained } from './explanation'
import { Failure, Guarded } from './feedback'
import { Picker, type Picked } from './picker'

const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', alignItems: 'flex-start', gap: '12px', maxWidth: '720px' },
  row: { display: 'flex', gap: '8px 12px', flexWrap: 'wrap', alignItems: 'flex-start', '& > *': { minWidth: '160px', flexGrow: 1, flexBasis: '200px' } },
})

const s = t.applications.explain

interface Asked extends Record<string, string | undefined> { from: string; at: string; strength: string }

// Without an application somebody chooses one; then connectors are not asked, since it is about the decision.
export function WhatIf({ application, lead }: { application?: { id: string; name: string }; lead: string }) {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [who, setWho] = useState<Picked | null>(null)
  const [to, setTo] = useState(application)
  const [asked, setAsked] = useState<Asked>({ from: '', at: '', strength: '' })
  const test = useMutation<Schema['Explanation'], Problem>({
    mutationFn: () => call('explainAccess', { query: { user: who?.id, application: to?.id, ...asked, at: asked.at && new Date(asked.at).toISOString(), reach: application ? undefined : 'false' }, patience: 40 }),
  })
  const put = (some: Partial<Asked>) => setAsked({ ...asked, ...some } as Asked)
  const atField = ['from', 'at', 'strength'].some((name) => test.error?.field(name))
  return (
    <form noValidate className={styles.box} onSubmit={(e) => { e.preventDefault(); if (who && to) test.mutate() }}>
      <Text>{lead}</Text>
      <div className={styles.row}>
        <Field label={s.user} hint={who ? s.chosen(who.name) : undefined}><Picker label={s.user} groups={false} pick={setWho} /></Field>
        {!application && <Field label={s.application} hint={to ? s.chosen(to.name) : undefined}><Application pick={setTo} label={s.application} /></Field>}
      </div>
      <div className={styles.row}>
        <Field label={s.from} hint={s.fromHint} validationMessage={test.error?.field('from')}><Input spellCheck={false} value={asked.from} onChange={(_, d) => put({ from: d.value.trim() })} /></Field>
        <Field label={s.at} hint={s.atHint} validationMessage={test.error?.field('at')}><Input type="datetime-local" value={asked.at} onChange={(_, d) => put({ at: d.value })} /></Field>
        <Field label={s.strength} validationMessage={test.error?.field('strength')}><Select value={asked.strength} onChange={(_, d) => put({ strength: d.value })}>{Object.entries(s.strengths).map(([v, text]) => <option key={v} value={v}>{text}</option>)}</Select></Field>
      </div>
      <Guarded appearance="primary" type="submit" why={mayNot('explainAccess')} disabledFocusable={!who || !to || test.isPending}>{s.run}</Guarded>
      {test.isPending && <Spinner size="tiny" label={s.running} />}
      {!atField && <Failure problem={test.error} />}
      {test.data && !test.isPending && <Explained of={test.data} />}
    </form>
  )
}

const shown = 30

// Application finds one by what is typed; the service searches.
export function Application({ pick, label, without = [], id }: { pick: (a: { id: string; name: string }) => void; label: string; without?: string[]; id?: string }) {
  const [text, setText] = useState('')
  const [open, setOpen] = useState(false)
  const found = useFirstOf('listApplications', shown, { sort: 'name', search: text.trim() }, { enabled: open })
  const items = (found.data?.items ?? []).filter((a) => !without.includes(a.id))
  return (
    <Combobox id={id} aria-label={label} placeholder={t.list.search} freeform value={text} open={open} onOpenChange={(_, d) => setOpen(d.open)} onChange={(e) => { setText(e.target.value); setOpen(true) }}
      onOptionSelect={(_, d) => { if (d.optionValue) pick({ id: d.optionValue, name: d.optionText ?? d.optionValue }); setText('') }}>
      {items.map((a) => <Option key={a.id} value={a.id} text={a.name}>{a.name}</Option>)}
      {items.length === 0 && <Option value="" text={text} disabled>{found.isPending ? t.list.loading : t.policies.form.noApplications}</Option>}
      {found.data?.more && <Option value="" text={text} disabled>{t.logs.moreApplications}</Option>}
    </Combobox>
  )
}
