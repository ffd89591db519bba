// What holds for postern-client on all devices: the switch that turns all off, and what users may not do.
import { Button, Checkbox, Field, MessageBar, MessageBarBody, Text, Textarea, makeStyles, tokens } from '@fluentui/react-components'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call, type Schema } from '../../api/client'
import { often, useObject } from '../../api/queries'
import { Confirm } from '../../parts/confirm'
import { Failure, Guarded, useToast } from '../../parts/feedback'
import { History } from '../../parts/history'
import { useSession } from '../../session'
import { t } from '../../strings'

type Clients = Schema['Clients']
type Doing = 'off' | 'on' | 'lock' | 'history' | null
const s = t.people.clients

const useStyles = makeStyles({
  box: { border: `1px solid ${tokens.colorNeutralStroke2}`, borderRadius: tokens.borderRadiusMedium, padding: '12px', margin: '12px 0', display: 'flex', flexDirection: 'column', gap: '8px' },
  bar: { display: 'flex', flexWrap: 'wrap', gap: '8px' },
  form: { display: 'flex', flexDirection: 'column', gap: '8px' },
})

export function ClientsPanel() {
  const styles = useStyles()
  const { mayNot } = useSession()
  const read = useObject('showClients', '', { every: 2 * often, enabled: mayNot('showClients') === '' })
  const [doing, setDoing] = useState<Doing>(null)
  const c = read.data
  const why = mayNot('updateClients')
  if (mayNot('showClients')) return null
  return (
    <section className={styles.box} aria-label={s.title}>
      <Failure problem={read.error} retry={() => void read.refetch()} />
      {c?.off && <MessageBar intent="warning" layout="multiline"><MessageBarBody>{s.offNow} {c.offReason && s.reasonIs(c.offReason)}</MessageBarBody></MessageBar>}
      {c && !c.off && <Text>{s.onNow(c.connected)}</Text>}
      {c && <Text>{c.locked?.length ? s.locked(c.locked.map((name) => s.switches[name] ?? name).join(', ')) : s.nothingLocked}</Text>}
      <div className={styles.bar}>
        {c?.off ? <Guarded appearance="primary" why={why} onClick={() => setDoing('on')}>{s.turnOn}</Guarded> : <Guarded why={why} disabledFocusable={!c} onClick={() => setDoing('off')}>{s.turnOff}</Guarded>}
        <Guarded why={why} disabledFocusable={!c} onClick={() => setDoing('lock')}>{s.lock}</Guarded>
        <Button disabled={!c} onClick={() => setDoing('history')}>{t.history.title}</Button>
      </div>
      {c && <Task key={doing} doing={doing} clients={c} close={() => setDoing(null)} />}
    </section>
  )
}

function Task({ doing, clients: c, close }: { doing: Doing; clients: Clients; close: () => void }) {
  const styles = useStyles()
  const queries = useQueryClient()
  const toast = useToast()
  const [held] = useState(c) // what was asked about: a change by somebody else meanwhile is told, not overwritten
  const [reason, setReason] = useState(c.offReason ?? '')
  const [locked, setLocked] = useState<string[]>(c.locked ?? [])
  const save = async (body: Schema['ClientsPatch'], text: string) => {
    await call('updateClients', { version: held.version, body })
    await queries.invalidateQueries({ queryKey: ['showClients'] })
    toast(text)
  }
  switch (doing) {
    case 'off': return (
      <Confirm title={s.ask.off} action={s.turnOff} close={close} run={() => save({ off: true, offReason: reason || null }, s.isOff)} text={(
        <div className={styles.form}>
          <Text>{s.ask.offText(held.connected)}</Text>
          <Field label={s.reason} hint={s.reasonHint}><Textarea value={reason} maxLength={500} onChange={(_, d) => setReason(d.value)} /></Field>
        </div>
      )} />
    )
    case 'on': return <Confirm title={s.ask.on} text={s.ask.onText} action={s.turnOn} close={close} run={() => save({ off: false, offReason: null }, s.isOn)} />
    case 'lock': return (
      <Confirm title={s.lock} action={t.action.save} close={close} run={() => save({ locked: locked.length ? locked as NonNullable<Clients['locked']> : null }, s.lockSaved)} text={(
        <div className={styles.form} role="group" aria-label={s.lock}>
          <Text>{s.ask.lockText}</Text>
          {Object.entries(s.switches).map(([name, text]) => (
            <Checkbox key={name} label={text} checked={locked.includes(name)} onChange={(_, d) => setLocked(d.checked ? [...locked, name] : locked.filter((n) => n !== name))} />
          ))}
        </div>
      )} />
    )
    case 'history': return <History title={s.title} id="" version={c.version} list="listClientsHistory" undo="undoClients" close={close}
      shownValue={(name, value) => (name === 'off' ? s.offOn[String(!!value)]! : Array.isArray(value) ? value.map((v) => s.switches[String(v)] ?? String(v)).join(', ') : String(value ?? t.history.nothing))} />
    default: return null
  }
}
