// Certificates that gateways show for hosts.
import { Button, Field, Input, Menu, MenuDivider, MenuItem, MenuList, MenuPopover, MenuTrigger, Text, Textarea, makeStyles } from '@fluentui/react-components'
import { AddRegular, MoreHorizontalRegular } from '@fluentui/react-icons'
import { useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { call, type Schema } from '../../api/client'
import { often, useAll, useWrite } from '../../api/queries'
import { useNow, when } from '../../format'
import { Busy } from '../../parts/busy'
import { Confirm } from '../../parts/confirm'
import { Fact, Facts } from '../../parts/facts'
import { Ago, Failure, Guarded, useToast } from '../../parts/feedback'
import { Panel } from '../../parts/panel'
import { Rows, type Column } from '../../parts/rows'
import { Search } from '../../parts/search'
import { Label } from '../../parts/status'
import { useFilter, useLeaving } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { Section } from '../../parts/section'

type Certificate = Schema['Certificate']
const s = t.settings.certificates
const soon = 30 * 86_400_000 // milliseconds before its end

const useStyles = makeStyles({ form: { display: 'flex', flexDirection: 'column', gap: '12px' }, search: { maxWidth: '320px', margin: '0 0 12px' }, file: { display: 'none' } })

export function Certificates() {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [search, setSearch] = useFilter('search')
  const [open, setOpen] = useFilter('open')
  const [form, setForm] = useState<{ certificate?: Certificate } | null>(null)
  const [removing, setRemoving] = useState<Certificate | null>(null)
  const list = useAll('listCertificates', { search }, { every: 2 * often, enabled: mayNot('listCertificates') === '' })
  const queries = useQueryClient()
  const toast = useToast()
  const columns: Column<Certificate>[] = [
    { key: 'domain', title: s.column.domain, width: 'minmax(0, 3fr)', show: (c) => <Text weight="semibold">{c.domain}</Text> },
    { key: 'state', title: s.column.state, width: 'minmax(0, 2fr)', show: (c) => <State of={c} /> },
    { key: 'ends', title: s.column.ends, width: 'minmax(0, 2fr)', show: (c) => <Ago time={c.notAfter} /> },
    { key: 'issuer', title: s.column.issuer, width: 'minmax(0, 3fr)', minor: true, show: (c) => c.issuer },
  ]
  return (
    <Section operation="listCertificates" lead={s.lead} read={list} actions={<Guarded appearance="primary" icon={<AddRegular />} why={mayNot('putCertificate')} onClick={() => setForm({})}>{s.add}</Guarded>}>
      <div className={styles.search}><Search value={search} set={setSearch} /></div>
      {(list.data || list.isPending) && (
        <Rows label={t.settings.views.certificates!} items={list.data ?? []} columns={columns} id={(c) => c.id} name={(c) => c.domain} loading={list.isPending} open={open} setOpen={setOpen} empty={search ? t.list.none : s.empty}
          detail={(c) => (
            <Facts>
              <Fact title={s.facts.ends}>{when(c.notAfter)}</Fact><Fact title={s.facts.issuer}>{c.issuer}</Fact><Fact title={s.facts.fingerprint}>{c.sha256}</Fact><Fact title={s.facts.changed}>{when(c.updated)}</Fact>
            </Facts>
          )}
          actions={(c) => <CertificateMenu of={c} replace={() => setForm({ certificate: c })} remove={() => setRemoving(c)} />} />
      )}
      {form && <Form certificate={form.certificate} close={() => setForm(null)} />}
      {removing && <Confirm title={s.ask(removing.domain)} text={s.askText} action={s.remove} close={() => setRemoving(null)}
        run={async () => { await call('deleteCertificate', { id: removing.domain, version: removing.version }); toast(s.removed(removing.domain)); await queries.invalidateQueries() }} />}
    </Section>
  )
}

function State({ of: c }: { of: Certificate }) {
  const left = new Date(c.notAfter).getTime() - useNow(60_000)
  return left <= 0 ? <Label label="failed" text={s.state.over} /> : left < soon ? <Label label="warning" text={s.state.soon} /> : <Label label="active" text={s.state.good} />
}

function CertificateMenu({ of: c, replace, remove }: { of: Certificate; replace: () => void; remove: () => void }) {
  const { mayNot } = useSession()
  const [put, gone] = [mayNot('putCertificate'), mayNot('deleteCertificate')]
  return (
    <Menu>
      <MenuTrigger disableButtonEnhancement><Button appearance="subtle" icon={<MoreHorizontalRegular />} aria-label={t.list.actions(c.domain)} /></MenuTrigger>
      <MenuPopover>
        <MenuList>
          <MenuItem disabled={put !== ''} subText={put || undefined} onClick={replace}>{s.replace}</MenuItem>
          <MenuDivider />
          <MenuItem disabled={gone !== ''} subText={gone || undefined} onClick={remove}>{s.remove}</MenuItem>
        </MenuList>
      </MenuPopover>
    </Menu>
  )
}

function Form({ certificate: c, close }: { certificate?: Certificate; close: () => void }) {
  const styles = useStyles()
  const f = s.form
  const [domain, setDomain] = useState(c?.domain ?? '')
  const [chain, setChain] = useState('')
  const [key, setKey] = useState('')
  const write = useWrite('putCertificate')
  const toast = useToast()
  useLeaving(!write.isSuccess && (chain !== '' || key !== ''), t.unsaved)
  const save = () => write.mutate({ id: domain.trim(), version: c?.version, body: { chain, key } }, { onSuccess: () => { toast(s.put(domain.trim())); close() } })
  const atField = write.error && ['domain', 'chain', 'key'].some((name) => write.error.field(name))
  return (
    <Panel title={c ? f.replaceTitle(c.domain) : f.newTitle} close={close} footer={
      <><Button appearance="primary" type="submit" form="certificate" disabledFocusable={write.isPending || domain.trim() === ''}>{write.isPending ? <Busy /> : c ? f.replace : f.save}</Button><Button onClick={close}>{t.action.cancel}</Button></>
    }>
      <form noValidate id="certificate" className={styles.form} onSubmit={(event) => { event.preventDefault(); if (domain.trim()) save() }}>
        {!c && <Field label={f.domain} required hint={f.domainHint} validationMessage={write.error?.field('domain')}><Input value={domain} spellCheck={false} onChange={(_, d) => setDomain(d.value)} /></Field>}
        <Field label={f.chain} required hint={f.chainHint} validationMessage={write.error?.field('chain')}><Textarea rows={6} spellCheck={false} value={chain} onChange={(_, d) => setChain(d.value)} /></Field>
        <File label={`${f.file}: ${f.chain}`} set={setChain} />
        <Field label={f.key} required hint={f.keyHint} validationMessage={write.error?.field('key')}><Textarea rows={6} spellCheck={false} autoComplete="off" value={key} onChange={(_, d) => setKey(d.value)} /></Field>
        <File label={`${f.file}: ${f.key}`} set={setKey} />
      </form>
      {!atField && <Failure problem={write.error} retry={save} />}
    </Panel>
  )
}

// File reads a file of this machine into a field.
function File({ label, set }: { label: string; set: (text: string) => void }) {
  const styles = useStyles()
  const input = useRef<HTMLInputElement>(null)
  return (
    <div>
      <Button size="small" onClick={() => input.current?.click()}>{label}</Button>
      <input ref={input} type="file" className={styles.file} aria-label={label} accept=".pem,.crt,.cer,.key,text/plain" onChange={(e) => void e.target.files?.[0]?.text().then(set)} />
    </div>
  )
}
