import { Button, Field, Input, MessageBar, MessageBarBody, Spinner, Text } from '@fluentui/react-components'
import { useEffect, useState } from 'react'
import type { Schema } from '../../api/client'
import { useWrite } from '../../api/queries'
import { Failure, useToast } from '../../parts/feedback'
import { Panel } from '../../parts/panel'
import { useLeaving } from '../../router'
import { t } from '../../strings'

type Export = Schema['Export']
const s = t.settings.exports

// Test sends one event and shows what the destination said.
export function Test({ export: e, close }: { export: Export; close: () => void }) {
  const test = useWrite('testExport')
  const run = () => test.mutate({ id: e.id, patience: 60 })
  useEffect(run, []) // once: the panel is opened to send one
  return (
    <Panel title={s.test.title(e.name)} close={close} footer={<Button onClick={run} disabledFocusable={test.isPending}>{s.test.again}</Button>}>
      <Text>{s.test.text}</Text>
      {test.isPending && <Spinner size="tiny" labelPosition="after" label={s.test.busy} />}
      {test.isSuccess && <MessageBar intent="success" layout="multiline" role="status"><MessageBarBody>{s.test.good} {test.data?.answer && `${s.test.answer} ${test.data.answer}`}</MessageBarBody></MessageBar>}
      <Failure problem={test.error} title={s.test.bad} />
    </Panel>
  )
}

export function Secret({ export: e, close }: { export: Export; close: () => void }) {
  const [secret, setSecret] = useState('')
  const write = useWrite('setExportSecret')
  const toast = useToast()
  useLeaving(secret !== '', t.unsaved)
  const save = () => write.mutate({ id: e.id, version: e.version, body: { secret } }, { onSuccess: () => { toast(secret ? s.secretSet(e.name) : s.secretGone(e.name)); close() } })
  return (
    <Panel title={s.secret.title(e.name)} close={close} footer={
      <><Button appearance="primary" type="submit" form="secret" disabledFocusable={write.isPending}>{s.secret.save}</Button><Button onClick={close}>{t.action.cancel}</Button></>
    }>
      <form noValidate id="secret" onSubmit={(event) => { event.preventDefault(); save() }}>
        <Field label={s.secret.label} hint={s.secret.hint} validationMessage={write.error?.field('secret')}><Input type="password" autoComplete="new-password" value={secret} onChange={(_, d) => setSecret(d.value)} /></Field>
      </form>
      {!write.error?.field('secret') && <Failure problem={write.error} retry={save} />}
    </Panel>
  )
}
