// How long logs are kept: what is set, what is in force and why.
import { Button, Field, Input, MessageBar, MessageBarBody, Text, makeStyles, tokens } from '@fluentui/react-components'
import { useEffect, useState } from 'react'
import type { Problem, Schema } from '../../api/client'
import { useObject } from '../../api/queries'
import { bytes, days } from '../../format'
import { Busy } from '../../parts/busy'
import { Confirm } from '../../parts/confirm'
import { Conflict } from '../../parts/conflict'
import { useHeld, useSaving, type Fields } from '../../parts/edit'
import { Failure, Guarded, useToast } from '../../parts/feedback'
import { History } from '../../parts/history'
import { Section } from '../../parts/section'
import { useLeaving } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'

type Retention = Schema['Retention']
type Kept = Schema['Kept']
const s = t.settings.retention
const mebibyte = 2 ** 20
const names = ['auditDays', 'signInDays', 'trafficDays', 'trafficBytes'] as const
type Name = (typeof names)[number]
type Draft = Record<Name, string>

const useStyles = makeStyles({
  form: { display: 'grid', gridTemplateColumns: 'repeat(auto-fill, minmax(min(320px, 100%), 1fr))', gap: '16px 24px', maxWidth: '960px', alignItems: 'start' },
  force: { display: 'block', marginTop: '4px', color: tokens.colorNeutralForeground2 },
  bar: { display: 'flex', flexWrap: 'wrap', gap: '8px', marginTop: '16px' },
  box: { display: 'flex', flexDirection: 'column', gap: '12px', maxWidth: '960px' },
})

// What is typed is text: of the size in mebibytes. Empty is what is usual.
const draftOf = (r: Retention): Draft => ({ auditDays: typed(r.auditDays), signInDays: typed(r.signInDays), trafficDays: typed(r.trafficDays), trafficBytes: typed((r.trafficBytes ?? 0) / mebibyte) })
const typed = (n: number | undefined) => (n ? String(n) : '')
// What is no number is sent as it is: the API says what is wrong with it.
const sent = (name: string, text: unknown) => {
  const value = String(text ?? '').trim()
  if (!/^\d+$/.test(value)) return value === '' ? null : value
  return Number(value) * (name === 'trafficBytes' ? mebibyte : 1)
}
const form = {
  read: (object: Fields) => ({ ...draftOf(object as unknown as Retention) }) as Fields,
  send: (patch: Fields) => Object.fromEntries(Object.entries(patch).map(([name, text]) => [name, sent(name, text)])),
}
const forceOf = (r: Retention): Record<Name, Kept> => ({ auditDays: r.inForce.audit, signInDays: r.inForce.signIns, trafficDays: r.inForce.traffic, trafficBytes: r.inForce.trafficSize })
const amount = (k: Kept) => (k.off ? s.off : k.bytes ? bytes(k.bytes) : days(k.seconds ?? 0))

export function RetentionView() {
  const read = useObject('showRetention', '')
  const { object, hold } = useHeld(read.data)
  return <Section operation="showRetention" lead={s.lead} read={read}>{object && <Edit key={object.version} retention={object} hold={hold} />}</Section>
}

function Edit({ retention: r, hold }: { retention: Retention; hold: (r: Retention | null) => void }) {
  const styles = useStyles()
  const { mayNot } = useSession()
  const toast = useToast()
  const [draft, setTyped] = useState(() => draftOf(r))
  const [asked, setAsked] = useState(false)
  const [past, setPast] = useState(false)
  const saving = useSaving('showRetention', 'updateRetention', { ...draftOf(r), id: r.id, version: r.version }, form)
  const changed = JSON.stringify(draft) !== JSON.stringify(draftOf(r))
  useLeaving(changed, t.unsaved)
  useEffect(() => hold(changed ? r : null), [changed, hold, r])
  const force = forceOf(r)
  const flagged = names.filter((n) => force[n].by === 'flag')
  // less says whether something that is kept now would go: whoever shortens it hears that before.
  const less = names.some((n) => {
    const wanted = Number(draft[n] || 0) * (n === 'trafficBytes' ? mebibyte : 86_400)
    return force[n].by !== 'flag' && draft[n] !== draftOf(r)[n] && (wanted === 0 ? force[n].by === 'setting' : wanted < (force[n].bytes ?? force[n].seconds ?? 0))
  })
  const save = async (what: Draft = draft) => {
    if (!(await saving.save(what as unknown as Fields))) return
    toast(s.saved)
    hold(null)
  }
  const submit = () => { if (changed) { if (less) setAsked(true); else void save() } }
  const field = (name: Name) => saving.problem?.field(name)
  return (
    <div className={styles.box}>
      {flagged.length > 0 && <MessageBar intent="info" layout="multiline"><MessageBarBody>{s.flagged}</MessageBarBody></MessageBar>}
      <form noValidate onSubmit={(e) => { e.preventDefault(); submit() }}>
        <div className={styles.form}>
          {names.map((name) => (
            <div key={name}>
              <Field label={s.fields[name]} hint={s.hints[name]} validationMessage={field(name)}>
                <Input inputMode="numeric" value={draft[name]} placeholder={s.usual} contentAfter={<Text size={200}>{name === 'trafficBytes' ? s.mebibytes : s.days}</Text>}
                  onChange={(_, d) => { setTyped({ ...draft, [name]: d.value }); saving.reset() }} />
              </Field>
              <Text size={200} className={styles.force} data-in-force={name}>{s.inForce(amount(force[name]), force[name].by === 'flag' ? s.byFlag(force[name].flag ?? '') : force[name].by === 'setting' ? s.bySetting : s.byNothing)}</Text>
            </div>
          ))}
        </div>
        {!names.some(field) && <Failure problem={saving.problem as Problem | null} retry={() => void save()} />}
        <Conflict saving={saving} mine={draft} title={(n) => s.fields[n as Name] ?? n} shownValue={(_, v) => String(v || s.usual)} merged={(next: Fields) => { setTyped(next as unknown as Draft); void save(next as unknown as Draft) }} />
        <div className={styles.bar}>
          <Guarded appearance="primary" type="submit" why={mayNot('updateRetention')} disabledFocusable={saving.busy || !changed}>{saving.busy ? <Busy /> : t.action.save}</Guarded>
          <Button disabled={!changed} onClick={() => { setTyped(draftOf(r)); saving.reset() }}>{t.action.undo}</Button>
          <Button onClick={() => setPast(true)}>{t.history.title}</Button>
        </div>
      </form>
      {asked && <Confirm title={s.ask} text={s.askText} action={s.askAction} close={() => setAsked(false)} run={() => save()} />}
      {past && <History title={t.settings.views.retention!} id="" version={r.version} list="listRetentionHistory" undo="undoRetention" close={() => setPast(false)}
        shownValue={(name, value) => (value === undefined || value === null ? s.usual : name === 'trafficBytes' ? bytes(Number(value)) : s.dayCount(Number(value)))} />}
    </div>
  )
}
