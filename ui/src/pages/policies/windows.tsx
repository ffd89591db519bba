// Times of the week, each with its days and time zone.
import { Button, Checkbox, Combobox, Field, Input, Option, Text, makeStyles } from '@fluentui/react-components'
import { DismissRegular } from '@fluentui/react-icons'
import { useState } from 'react'
import { Choices } from '../../parts/choices'
import { t } from '../../strings'

const f = t.policies.form
const zones = ['UTC', ...Intl.supportedValuesOf('timeZone').filter((z) => z !== 'UTC')]
const shown = 20

const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', gap: '8px' },
  days: { display: 'flex', flexWrap: 'wrap' },
  row: { display: 'flex', gap: '8px 12px', flexWrap: 'wrap', alignItems: 'end' },
  one: { display: 'flex', gap: '8px', alignItems: 'center', overflowWrap: 'anywhere' },
})

export function Windows({ value, put, problem }: { value: string[]; put: (windows: string[]) => void; problem?: string }) {
  const styles = useStyles()
  const [days, setDays] = useState(['mon', 'tue', 'wed', 'thu', 'fri'])
  const [begin, setBegin] = useState('08:00')
  const [end, setEnd] = useState('18:00')
  const [zone, setZone] = useState(() => Intl.DateTimeFormat().resolvedOptions().timeZone)
  const [open, setOpen] = useState(false)
  const [wrong, setWrong] = useState(false)
  const add = () => {
    const bad = days.length === 0 || !begin || !end || !zones.includes(zone)
    setWrong(bad)
    if (bad) return
    const window = `${days.length === 7 ? 'daily' : Object.keys(f.day).filter((d) => days.includes(d)).join(',')} ${begin}-${end} ${zone}`
    if (!value.includes(window)) put([...value, window])
  }
  const found = zones.filter((z) => z.toLowerCase().includes(zone.trim().toLowerCase().replaceAll(' ', '_')))
  return (
    <Choices title={f.windows} hint={f.windowsHint}>
      <div className={styles.box}>
        {value.map((w) => (
          <div key={w} className={styles.one}><Text>{w}</Text><Button appearance="subtle" size="small" icon={<DismissRegular />} aria-label={f.removeWindow(w)} onClick={() => put(value.filter((x) => x !== w))} /></div>
        ))}
        {problem && <Text role="alert">{problem}</Text>}
        <div className={styles.days} role="group" aria-label={f.days}>
          {Object.entries(f.day).map(([day, name]) => <Checkbox key={day} label={name} checked={days.includes(day)} onChange={(_, d) => setDays(d.checked ? [...days, day] : days.filter((x) => x !== day))} />)}
        </div>
        <div className={styles.row}>
          <Field label={f.begin}><Input type="time" value={begin} onChange={(_, d) => setBegin(d.value)} /></Field>
          <Field label={f.end}><Input type="time" value={end} onChange={(_, d) => setEnd(d.value)} /></Field>
          <Field label={f.zone}>
            <Combobox freeform value={zone} open={open} onOpenChange={(_, d) => setOpen(d.open)} onChange={(e) => { setZone(e.target.value); setOpen(true) }} onOptionSelect={(_, d) => { if (d.optionValue) setZone(d.optionValue) }}>
              {found.slice(0, shown).map((z) => <Option key={z} value={z}>{z}</Option>)}
              {found.length === 0 && <Option value={zone} text={zone} disabled>{f.zoneNone}</Option>}
            </Combobox>
          </Field>
          <Button onClick={add}>{f.addWindow}</Button>
        </div>
        {wrong && <Text role="alert">{f.badWindow}</Text>}
      </div>
    </Choices>
  )
}
