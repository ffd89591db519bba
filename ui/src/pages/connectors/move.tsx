import { Button, Field, Radio, RadioGroup, Text } from '@fluentui/react-components'
import { useState } from 'react'
import type { Schema } from '../../api/client'
import { useWrite } from '../../api/queries'
import { Failure, useToast } from '../../parts/feedback'
import { Panel } from '../../parts/panel'
import { t } from '../../strings'

export function Move({ connector: k, groups, close }: { connector: Schema['Connector']; groups: Schema['ConnectorGroup'][]; close: () => void }) {
  const s = t.connectors
  const [to, setTo] = useState(k.connectorGroup)
  const write = useWrite('updateConnector')
  const toast = useToast()
  const move = async () => {
    const name = groups.find((g) => g.id === to)?.name ?? to
    await write.mutateAsync({ id: k.id, version: k.version, body: { connectorGroup: to } }).then(() => { toast(s.moved(k.name, name)); close() }, () => undefined)
  }
  return (
    <Panel title={s.move.title(k.name)} size="small" close={close} footer={
      <>
        <Button appearance="primary" disabledFocusable={write.isPending || to === k.connectorGroup} onClick={() => void move()}>{s.action.move}</Button>
        <Button onClick={close}>{t.action.cancel}</Button>
      </>
    }>
      <Text>{s.move.text}</Text>
      <Field label={s.group}>
        <RadioGroup value={to} onChange={(_, d) => setTo(d.value)}>{groups.map((g) => <Radio key={g.id} value={g.id} label={g.name} />)}</RadioGroup>
      </Field>
      <Failure problem={write.error} />
    </Panel>
  )
}
