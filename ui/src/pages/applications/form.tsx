// The fields of an application in sections, each with a hint, the term of Microsoft Entra, and what the API finds wrong with it.
import { Accordion, AccordionHeader, AccordionItem, AccordionPanel, Field, Input, InfoLabel, Radio, RadioGroup, Select, Switch, Tag, TagGroup, Textarea, Text, makeStyles } from '@fluentui/react-components'
import { useState, type ReactElement } from 'react'
import type { Problem, Schema } from '../../api/client'
import { Choices } from '../../parts/choices'
import { Picker } from '../../parts/picker'
import { t } from '../../strings'
import { isPrivate, wrongLines, type Draft } from './fields'

const useStyles = makeStyles({
  form: { display: 'flex', flexDirection: 'column', gap: '16px', maxWidth: '720px' },
  panel: { display: 'flex', flexDirection: 'column', gap: '16px', paddingTop: '8px', paddingBottom: '8px' },
  tags: { flexWrap: 'wrap' },
})

interface Props { draft: Draft; set: (d: Draft) => void; problem: Problem | null; groups: Schema['ConnectorGroup'][]; owners?: { id: string; name: string }[]; kinds?: boolean }


const sections: Record<string, string[]> = {
  backend: ['hostHeader', 'backendProtocol', 'skipVerify', 'backendCa', 'backendTimeout', 'idleTimeout'],
  access: ['requestable', 'ownerUsers', 'ownerGroups', 'accessKeys'],
  traffic: ['direct', 'proxyProtocol', 'balancing', 'allowRawPaths', 'disabled'],
}

export function Form({ draft, set, problem, groups, owners = [], kinds = false }: Props) {
  const styles = useStyles()
  const f = t.applications.form
  const [open, setOpen] = useState<string[]>([])
  const [names, setNames] = useState<Record<string, string>>({})
  const put = (some: Partial<Draft>) => set({ ...draft, ...some } as Draft)
  const hidden = isPrivate(draft)
  const wrong = Object.keys(sections).filter((key) => sections[key]!.some((name) => problem?.field(name)))
  const title = (name: string, text: string) => (f.terms[name] ? <InfoLabel info={f.entra(f.terms[name])}>{text}</InfoLabel> : text)
  const field = (name: string, text: string, hint: string | undefined, control: ReactElement, required = false) => (
    <Field label={title(name, text) as never} hint={hint} required={required} validationMessage={problem?.field(name)}>{control}</Field>
  )
  const toggle = (name: 'direct' | 'skipVerify' | 'requestable' | 'accessKeys' | 'allowRawPaths' | 'disabled', text: string, hint: string) => (
    <Field hint={hint} validationMessage={problem?.field(name)}><Switch label={text} checked={draft[name]} onChange={(_, d) => put({ [name]: d.checked })} /></Field>
  )
  const owned = [...draft.ownerUsers, ...draft.ownerGroups]
  const nameOf = (id: string) => names[id] ?? owners.find((o) => o.id === id)?.name ?? id
  const drop = (id: string) => put({ ownerUsers: draft.ownerUsers.filter((x) => x !== id), ownerGroups: draft.ownerGroups.filter((x) => x !== id) })
  const fallback = groups.find((g) => g.default)
  return (
    <div className={styles.form}>
      {field('name', f.name, f.nameHint, <Input value={draft.name} onChange={(_, d) => put({ name: d.value })} />, true)}
      {kinds && field('kind', f.kind, undefined, (
        <RadioGroup value={draft.kind} onChange={(_, d) => put({ kind: d.value })}>
          {Object.entries(f.kinds).map(([v, text]) => <Radio key={v} value={v} label={text} />)}
        </RadioGroup>
      ))}
      {hidden && (
        <Field label={title('segments', f.segments) as never} hint={f.segmentsHint} required validationMessage={wrongLines(problem)}>
          <Textarea rows={6} resize="vertical" spellCheck={false} value={draft.segments} placeholder={f.segmentsExample} onChange={(_, d) => put({ segments: d.value })} />
        </Field>
      )}
      {!hidden && field('externalUrl', f.externalUrl, f.externalUrlHint, <Input type="url" spellCheck={false} value={draft.externalUrl} onChange={(_, d) => put({ externalUrl: d.value })} />, true)}
      {!hidden && field('internalUrl', f.internalUrl, f.internalUrlHint, <Input type="url" spellCheck={false} value={draft.internalUrl} onChange={(_, d) => put({ internalUrl: d.value })} />, true)}
      {field('connectorGroup', f.connectorGroup, f.connectorGroupHint, (
        <Select value={draft.connectorGroup || fallback?.id || ''} onChange={(_, d) => put({ connectorGroup: d.value })}>
          {groups.map((g) => <option key={g.id} value={g.id}>{g.default ? f.defaultGroup(g.name) : g.name}</option>)}
        </Select>
      ))}
      {!hidden && field('preAuthentication', f.preAuthentication, undefined, (
        <RadioGroup value={draft.preAuthentication} onChange={(_, d) => put({ preAuthentication: d.value })}>
          <Radio value="sign-in" label={f.signIn} /><Radio value="passthrough" label={f.passthrough} />
        </RadioGroup>
      ))}
      <Accordion multiple collapsible openItems={[...new Set([...open, ...wrong])]} onToggle={(_, d) => setOpen(d.openItems as string[])}>
        {!hidden && <AccordionItem value="backend">
          <AccordionHeader as="h2">{f.sections.backend}</AccordionHeader>
          <AccordionPanel className={styles.panel}>
            {field('hostHeader', f.hostHeader, f.hostHeaderHint, <Select value={draft.hostHeader} onChange={(_, d) => put({ hostHeader: d.value })}><option value="internal">{f.hostInternal}</option><option value="external">{f.hostExternal}</option></Select>)}
            {field('backendProtocol', f.backendProtocol, f.backendProtocolHint, <Select value={draft.backendProtocol} onChange={(_, d) => put({ backendProtocol: d.value })}>{Object.entries(f.protocols).map(([v, text]) => <option key={v} value={v}>{text}</option>)}</Select>)}
            {toggle('skipVerify', f.skipVerify, f.skipVerifyHint)}
            {field('backendCa', f.backendCa, f.backendCaHint, <Textarea rows={4} spellCheck={false} value={draft.backendCa} onChange={(_, d) => put({ backendCa: d.value })} />)}
            {field('backendTimeout', f.backendTimeout, f.backendTimeoutHint, <Input value={draft.backendTimeout} onChange={(_, d) => put({ backendTimeout: d.value })} />)}
            {field('idleTimeout', f.idleTimeout, f.idleTimeoutHint, <Input value={draft.idleTimeout} onChange={(_, d) => put({ idleTimeout: d.value })} />)}
          </AccordionPanel>
        </AccordionItem>}
        <AccordionItem value="access">
          <AccordionHeader as="h2">{f.sections.access}</AccordionHeader>
          <AccordionPanel className={styles.panel}>
            {toggle('requestable', f.requestable, f.requestableHint)}
            <Choices title={f.owners} hint={f.ownersHint}>
              {owned.length > 0 && <TagGroup className={styles.tags} aria-label={f.owners} onDismiss={(_, d) => drop(d.value)}>{owned.map((id) => <Tag key={id} value={id} dismissible>{nameOf(id)}</Tag>)}</TagGroup>}
              <div><Picker label={f.owners} without={owned} pick={(p) => {
                setNames({ ...names, [p.id]: p.name })
                put(p.kind === 'user' ? { ownerUsers: [...draft.ownerUsers, p.id] } : { ownerGroups: [...draft.ownerGroups, p.id] })
              }} /></div>
              <Text>{problem?.field('ownerUsers') ?? problem?.field('ownerGroups')}</Text>
            </Choices>
            {!hidden && toggle('accessKeys', f.accessKeys, f.accessKeysHint)}
          </AccordionPanel>
        </AccordionItem>
        <AccordionItem value="traffic">
          <AccordionHeader as="h2">{f.sections.traffic}</AccordionHeader>
          <AccordionPanel className={styles.panel}>
            {field('balancing', f.balancing, undefined, <Select value={draft.balancing} onChange={(_, d) => put({ balancing: d.value })}>{Object.entries(f.balancings).map(([v, text]) => <option key={v} value={v}>{text}</option>)}</Select>)}
            {hidden && field('proxyProtocol', f.proxyProtocol, f.proxyProtocolHint, <Select value={draft.proxyProtocol} onChange={(_, d) => put({ proxyProtocol: d.value })}>{Object.entries(f.proxyProtocols).map(([v, text]) => <option key={v} value={v}>{text}</option>)}</Select>)}
            {hidden && toggle('direct', f.direct, f.directHint)}
            {!hidden && toggle('allowRawPaths', f.allowRawPaths, f.allowRawPathsHint)}
            {toggle('disabled', f.disabled, f.disabledHint)}
          </AccordionPanel>
        </AccordionItem>
      </Accordion>
    </div>
  )
}
