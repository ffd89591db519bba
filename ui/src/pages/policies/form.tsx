// The fields of a policy: for what, for whom, and what it asks for.
import { Accordion, AccordionHeader, AccordionItem, AccordionPanel, Checkbox, Field, InfoLabel, Input, MessageBar, MessageBarBody, Radio, RadioGroup, Select, Switch, Tag, TagGroup, Text, Textarea, makeStyles } from '@fluentui/react-components'
import { useState, type ReactElement, type ReactNode } from 'react'
import type { Problem } from '../../api/client'
import { Choices } from '../../parts/choices'
import { Picker } from '../../parts/picker'
import { Application } from '../../parts/whatif'
import { t } from '../../strings'
import { modes, type Draft, type Mode } from './fields'
import { Windows } from './windows'

const s = t.policies
const f = s.form
const useStyles = makeStyles({
  form: { display: 'flex', flexDirection: 'column', gap: '16px', maxWidth: '720px' },
  panel: { display: 'flex', flexDirection: 'column', gap: '16px', paddingTop: '8px', paddingBottom: '8px' },
  box: { display: 'flex', flexDirection: 'column', gap: '8px', marginTop: '4px', minWidth: 0 }, tags: { flexWrap: 'wrap', gap: '4px' }, pick: { width: 'min(360px, 100%)', minWidth: 0, '& > *': { width: '100%' } }, boxes: { display: 'flex', flexWrap: 'wrap' },
})

const sections: Record<string, (keyof Draft & string)[]> = {
  signIn: ['strength', 'maxAge'], where: ['allowedNetworks', 'blockedNetworks'], when: ['windows'], device: ['deviceEnrolled', 'deviceSystems', 'clientVersions'],
}
const filled = (value: unknown) => (Array.isArray(value) ? value.length > 0 : Boolean(value))

interface Props { draft: Draft; set: (d: Draft) => void; problem: Problem | null; named: (id: string) => string }

export function Form({ draft, set, problem, named }: Props) {
  const styles = useStyles()
  const [open, setOpen] = useState(() => Object.keys(sections).filter((key) => key === 'signIn' || sections[key]!.some((name) => filled(draft[name]))))
  const put = (some: Partial<Draft>) => set({ ...draft, ...some } as Draft)
  const wrong = Object.keys(sections).filter((key) => sections[key]!.some((name) => problem?.field(name)))
  const title = (name: string, text: string) => (f.terms[name] ? <InfoLabel info={f.entra(f.terms[name])}>{text}</InfoLabel> : text)
  const field = (name: string, text: string, hint: string | undefined, control: ReactElement, required = false) => (
    <Field label={title(name, text) as never} hint={hint} required={required} validationMessage={problem?.field(name)}>{control}</Field>
  )
  const lines = (name: 'allowedNetworks' | 'blockedNetworks' | 'clientVersions', text: string, hint: string) => field(name, text, hint, <Textarea rows={2} resize="vertical" spellCheck={false} value={draft[name]} onChange={(_, d) => put({ [name]: d.value })} />)
  const section = (key: string, children: ReactNode) => (
    <AccordionItem value={key}><AccordionHeader as="h2">{f.sections[key as 'when']}</AccordionHeader><AccordionPanel className={styles.panel}>{children}</AccordionPanel></AccordionItem>
  )
  const wide = draft.mode === 'enforce' && draft.everyone && draft.allApplications
  const device = draft.deviceEnrolled || draft.deviceSystems.length > 0 || draft.clientVersions.trim() !== ''
  return (
    <div className={styles.form}>
      {field('name', f.name, f.nameHint, <Input value={draft.name} onChange={(_, d) => put({ name: d.value })} />, true)}
      {field('description', f.description, f.descriptionHint, <Textarea rows={2} value={draft.description} onChange={(_, d) => put({ description: d.value })} />)}
      {field('mode', f.mode, undefined, <RadioGroup value={draft.mode} onChange={(_, d) => put({ mode: d.value as Mode })}>{[...modes].reverse().map((m) => <Radio key={m} value={m} label={s.about[m]} />)}</RadioGroup>)}
      <Targets draft={draft} put={put} problem={problem} named={named} />
      <People draft={draft} put={put} problem={problem} named={named} />
      {wide && <MessageBar intent="warning" layout="multiline"><MessageBarBody>{f.wide}</MessageBarBody></MessageBar>}
      <Accordion multiple collapsible openItems={[...new Set([...open, ...wrong])]} onToggle={(_, d) => setOpen(d.openItems as string[])}>
        {section('signIn', <>
          {field('strength', f.strength, undefined, <Select value={draft.strength} onChange={(_, d) => put({ strength: d.value })}>{Object.entries(f.strengths).map(([v, text]) => <option key={v} value={v}>{text}</option>)}</Select>)}
          {field('maxAge', f.maxAge, f.maxAgeHint, <Input spellCheck={false} value={draft.maxAge} onChange={(_, d) => put({ maxAge: d.value.trim() })} />)}
        </>)}
        {section('where', <>{lines('allowedNetworks', f.allowedNetworks, f.networksHint)}{lines('blockedNetworks', f.blockedNetworks, f.networksHint)}</>)}
        {section('when', <Windows value={draft.windows} put={(windows) => put({ windows })} problem={problem?.field('windows')} />)}
        {section('device', <>
          <Field hint={f.enrolledHint} validationMessage={problem?.field('deviceEnrolled')}><Switch label={f.enrolled} checked={draft.deviceEnrolled} onChange={(_, d) => put({ deviceEnrolled: d.checked })} /></Field>
          <Choices title={f.systems} hint={f.systemsHint}>
            <div className={styles.boxes}>{Object.entries(s.systems).map(([system, name]) => <Checkbox key={system} label={name} checked={draft.deviceSystems.includes(system)} onChange={(_, d) => put({ deviceSystems: d.checked ? [...draft.deviceSystems, system] : draft.deviceSystems.filter((x) => x !== system) })} />)}</div>
            {problem?.field('deviceSystems') && <Text role="alert">{problem.field('deviceSystems')}</Text>}
          </Choices>
          {lines('clientVersions', f.clients, f.clientsHint)}
          {device && draft.allApplications && <MessageBar intent="warning" layout="multiline"><MessageBarBody>{f.web}</MessageBarBody></MessageBar>}
        </>)}
      </Accordion>
    </div>
  )
}

interface PartProps { draft: Draft; put: (some: Partial<Draft>) => void; problem: Problem | null; named: (id: string) => string }

// Chosen lists what was picked, to be taken away again.
function Chosen({ label, ids, named, drop }: { label: string; ids: string[]; named: (id: string) => string; drop: (id: string) => void }) {
  if (ids.length === 0) return null
  return <TagGroup className={useStyles().tags} aria-label={label} onDismiss={(_, d) => drop(String(d.value))}>{ids.map((id) => <Tag key={id} value={id} dismissible>{named(id)}</Tag>)}</TagGroup>
}

function Targets({ draft, put, problem, named }: PartProps) {
  const styles = useStyles()
  const wrong = problem?.field('applications') ?? problem?.field('allApplications')
  const some = draft.applications
  return (
    <Field label={<InfoLabel info={f.entra(f.terms.applications!)}>{f.applications}</InfoLabel> as never} validationMessage={wrong}>
      <div className={styles.box} role="group">
        <RadioGroup aria-label={f.applications} value={draft.allApplications ? 'all' : 'some'} onChange={(_, d) => put(d.value === 'all' ? { allApplications: true, applications: [] } : { allApplications: false })}>
          <Radio value="all" label={f.all} /><Radio value="some" label={f.some} />
        </RadioGroup>
        {!draft.allApplications && <><Chosen label={f.applications} ids={some} named={named} drop={(id) => put({ applications: some.filter((x) => x !== id) })} /><div className={styles.pick}><Application label={f.pickApplication} without={some} pick={(a) => put({ applications: [...some, a.id] })} /></div></>}
      </div>
    </Field>
  )
}

function People({ draft, put, problem, named }: PartProps) {
  const styles = useStyles()
  const wrong = ['everyone', 'users', 'groups', 'exceptUsers', 'exceptGroups'].map((name) => problem?.field(name)).find(Boolean)
  const { users, groups, exceptUsers, exceptGroups } = draft
  return (
    <Field label={<InfoLabel info={f.entra(f.terms.people!)}>{f.people}</InfoLabel> as never} validationMessage={wrong}>
      <div className={styles.box} role="group">
        <RadioGroup aria-label={f.people} value={draft.everyone ? 'all' : 'some'} onChange={(_, d) => put(d.value === 'all' ? { everyone: true, users: [], groups: [] } : { everyone: false })}>
          <Radio value="all" label={f.everyone} /><Radio value="some" label={f.these} />
        </RadioGroup>
        {!draft.everyone && (
          <>
            <Chosen label={f.people} ids={[...users, ...groups]} named={named} drop={(id) => put({ users: users.filter((x) => x !== id), groups: groups.filter((x) => x !== id) })} />
            <div className={styles.pick}><Picker label={f.pickPeople} without={[...users, ...groups]} pick={(p) => put(p.kind === 'user' ? { users: [...users, p.id] } : { groups: [...groups, p.id] })} /></div>
          </>
        )}
        <Choices title={f.except} hint={f.exceptHint}>
          <Chosen label={f.except} ids={[...exceptUsers, ...exceptGroups]} named={named} drop={(id) => put({ exceptUsers: exceptUsers.filter((x) => x !== id), exceptGroups: exceptGroups.filter((x) => x !== id) })} />
          <div className={styles.pick}><Picker label={f.pickExcept} without={[...exceptUsers, ...exceptGroups]} pick={(p) => put(p.kind === 'user' ? { exceptUsers: [...exceptUsers, p.id] } : { exceptGroups: [...exceptGroups, p.id] })} /></div>
        </Choices>
      </div>
    </Field>
  )
}
