// Adding a connector: a fresh token, the one command for the machine's system, and a line that tells when the connector is really there.
import { Button, Checkbox, Field, Input, MessageBar, MessageBarActions, MessageBarBody, Select, Spinner, Tab, Text, makeStyles } from '@fluentui/react-components'
import { useState } from 'react'
import type { Schema } from '../../api/client'
import { useObject, useWrite } from '../../api/queries'
import { Busy } from '../../parts/busy'
import { Ago, CopyLine, Failure, Guarded } from '../../parts/feedback'
import { Panel } from '../../parts/panel'
import { useSession } from '../../session'
import { t } from '../../strings'
import { Tabs } from '../../parts/tabs'

type Token = Schema['TokenCreated']
const quick = 1500 // milliseconds between two looks while somebody waits

const useStyles = makeStyles({ form: { display: 'flex', flexDirection: 'column', gap: '12px' }, box: { display: 'flex', flexDirection: 'column', gap: '12px' }, left: { display: 'flex', justifyContent: 'flex-start' } })

export function AddConnector({ groups, close }: { groups: Schema['ConnectorGroup'][]; close: () => void }) {
  return <Panel title={t.connectors.enrol.title} close={close} size="large"><Enrol groups={groups} /></Panel>
}

const commands = {
  linux: (token: string) => `sudo ./postern-connector install --token-file - <<< '${token}'`,
  windows: (token: string) => `'${token}' | .\\postern-connector.exe install --token-file -`,
  macos: (token: string) => `sudo ./postern-connector install --token-file - <<< '${token}'`,
  foreground: (token: string) => `./postern-connector run --token-file - <<< '${token}'`,
}
type System = keyof typeof commands

export function Enrol({ groups, begun }: { groups: Schema['ConnectorGroup'][]; begun?: () => void }) {
  const styles = useStyles()
  const s = t.connectors.enrol
  const { mayNot } = useSession()
  const [draft, setDraft] = useState({ name: '', connectorGroup: '', hold: false })
  const [token, setToken] = useState<Token | null>(null)
  const write = useWrite('createToken')
  const create = () => write.mutate({ body: { name: draft.name.trim() || `connector-${new Date().toISOString().slice(0, 16)}`, connectorGroup: draft.connectorGroup || undefined, hold: draft.hold || undefined } }, { onSuccess: (made) => { setToken(made); begun?.() } })
  if (token) return <Waiting token={token} again={() => { setToken(null); write.reset() }} />
  return (
    <form noValidate className={styles.form} onSubmit={(e) => { e.preventDefault(); create() }}>
      <Text>{s.where}</Text>
      <Field label={s.name} hint={s.nameHint} validationMessage={write.error?.field('name')}><Input value={draft.name} onChange={(_, d) => setDraft({ ...draft, name: d.value })} /></Field>
      <Field label={s.group} validationMessage={write.error?.field('connectorGroup')}>
        <Select value={draft.connectorGroup} onChange={(_, d) => setDraft({ ...draft, connectorGroup: d.value })}>
          {[...groups].sort((a, b) => Number(b.default) - Number(a.default)).map((g) => <option key={g.id} value={g.default ? '' : g.id}>{g.name}</option>)}
        </Select>
      </Field>
      <Field hint={s.holdHint}><Checkbox label={s.hold} checked={draft.hold} onChange={(_, d) => setDraft({ ...draft, hold: d.checked === true })} /></Field>
      <Failure problem={write.error} />
      <div><Guarded appearance="primary" type="submit" why={mayNot('createToken')} disabledFocusable={write.isPending}>{write.isPending ? <Busy /> : s.create}</Guarded></div>
    </form>
  )
}

// Waiting shows what to do with a new token, and how far that is.
export function Waiting({ token, again, secret = t.connectors.enrol.secret }: { token: Token; again?: () => void; secret?: string }) {
  const styles = useStyles()
  const s = t.connectors.enrol
  const [system, setSystem] = useState<System>('linux')
  const note = { linux: s.installNote, macos: s.installNote, windows: s.windowsNote, foreground: s.foregroundNote }[system]
  return (
    <div className={styles.box}>
      <Tabs selectedValue={system} onTabSelect={(_, d) => setSystem(d.value as System)}>
        {(['linux', 'windows', 'macos', 'foreground'] as System[]).map((o) => <Tab key={o} value={o}>{s[o]}</Tab>)}
      </Tabs>
      <Text>{note}</Text>
      <CopyLine text={commands[system](token.text)} label={s.command} />
      <Text size={200}>{secret}</Text>
      <Progress token={token} />
      {again && <div><Button onClick={again}>{s.again}</Button></div>}
    </div>
  )
}

// Progress tells how far it is: the token unused, a connector enrolled, a connector that answers probes.
function Progress({ token }: { token: Token }) {
  const styles = useStyles()
  const s = t.connectors.enrol
  const { mayNot } = useSession()
  const now = useObject('showToken', token.id, { every: quick })
  const connector = useObject('showConnector', now.data?.usedBy, { every: quick })
  const approve = useWrite('approveConnector')
  const k = connector.data
  if (k?.status.label === 'active') return <MessageBar intent="success" layout="multiline" role="status"><MessageBarBody>{s.active(k.name)}</MessageBarBody></MessageBar>
  if (k?.status.label === 'waiting') {
    return (
      <>
        <MessageBar intent="warning" layout="multiline" role="status">
          <MessageBarBody>{s.held(k.name)}</MessageBarBody>
          <MessageBarActions><Guarded size="small" why={mayNot('approveConnector')} onClick={() => approve.mutate({ id: k.id })}>{t.connectors.action.approve}</Guarded></MessageBarActions>
        </MessageBar>
        <Failure problem={approve.error} />
      </>
    )
  }
  if (k) return <div role="status" className={styles.left}><Spinner size="tiny" labelPosition="after" label={k.status.why ? s.degraded(k.name, k.status.why) : s.enrolled(k.name)} /></div>
  const problem = now.error ?? connector.error
  if (problem && !problem.lost) return <Failure problem={problem} />
  if (new Date(token.expires).getTime() < Date.now()) return <MessageBar intent="warning" role="status"><MessageBarBody>{s.expired}</MessageBarBody></MessageBar>
  return <div role="status" className={styles.left}><Spinner size="tiny" labelPosition="after" label={<>{s.waiting} … {s.expires} <Ago time={token.expires} />.</>} /></div>
}
