import { Button, Field, Input, SpinButton } from '@fluentui/react-components'
import { useState } from 'react'
import type { Schema } from '../../api/client'
import { Busy } from '../../parts/busy'
import { Conflict, shown } from '../../parts/conflict'
import { useSaving } from '../../parts/edit'
import { Failure, useToast } from '../../parts/feedback'
import { Panel } from '../../parts/panel'
import { t } from '../../strings'

export function Rename({ connector, close }: { connector: Schema['Connector']; close: () => void }) {
  const s = t.connectors.rename
  const [mine, setMine] = useState({ name: connector.name, priority: connector.priority ?? 0 })
  const saving = useSaving('showConnector', 'updateConnector', connector as never)
  const toast = useToast()
  const save = async (what = mine) => {
    if (!(await saving.save(what))) return
    toast(t.connectors.renamed(what.name))
    close()
  }
  const wrong = (name: string) => saving.problem?.field(name)
  return (
    <Panel title={s.title(connector.name)} size="small" close={close} footer={
      <>
        <Button appearance="primary" type="submit" form="rename" disabledFocusable={saving.busy}>{saving.busy ? <Busy /> : t.action.save}</Button>
        <Button onClick={close}>{t.action.cancel}</Button>
      </>
    }>
      <form noValidate id="rename" onSubmit={(e) => { e.preventDefault(); void save() }}>
        <Field label={s.name} required validationMessage={wrong('name')}><Input value={mine.name} maxLength={128} onChange={(_, d) => setMine({ ...mine, name: d.value })} /></Field>
        <Field label={s.priority} hint={s.priorityHint} validationMessage={wrong('priority')}>
          <SpinButton min={0} max={100} value={mine.priority} onChange={(_, d) => setMine({ ...mine, priority: d.value ?? Number(d.displayValue) })} />
        </Field>
      </form>
      {!wrong('name') && !wrong('priority') && <Failure problem={saving.problem} retry={() => void save()} />}
      <Conflict saving={saving} mine={mine} title={(n) => (n === 'name' ? s.name : s.priority)} shownValue={(_, v) => shown(v)} merged={(next) => { setMine(next as typeof mine); void save(next as typeof mine) }} />
    </Panel>
  )
}
