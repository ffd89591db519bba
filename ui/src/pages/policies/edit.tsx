import { Button, Text, makeStyles } from '@fluentui/react-components'
import { useState } from 'react'
import { Busy } from '../../parts/busy'
import { Conflict } from '../../parts/conflict'
import { changes, useSaving } from '../../parts/edit'
import { Failure, Guarded, useToast } from '../../parts/feedback'
import { Review } from '../../parts/review'
import { useLeaving } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { asTyped, draftOf, shownOf, titles, useNaming, type Draft, type Policy } from './fields'
import { Form } from './form'

const s = t.policies
const useStyles = makeStyles({ foot: { display: 'flex', gap: '8px', marginTop: '16px', flexWrap: 'wrap', alignItems: 'center' } })

export function Edit({ policy }: { policy: Policy }) {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [start, setStart] = useState(() => draftOf(policy))
  const [draft, setDraft] = useState(start)
  const [review, setReview] = useState(false)
  const saving = useSaving('showPolicy', 'updatePolicy', { ...start, id: policy.id, version: policy.version }, asTyped)
  const named = useNaming(both(start, draft))
  const toast = useToast()
  const changed = Object.keys(changes(start, draft))
  useLeaving(changed.length > 0, t.unsaved)
  const save = async (what: Draft = draft) => {
    setReview(false)
    if (!(await saving.save(what))) return
    toast(s.saved(what.name))
    setStart(what)
  }
  const shown = (name: string, value: unknown) => shownOf(named, name, value)
  const atField = saving.problem && Object.keys(titles).some((name) => saving.problem?.field(name))
  return (
    <form noValidate onSubmit={(e) => { e.preventDefault(); setReview(true) }}>
      <Form draft={draft} set={setDraft} problem={saving.problem} named={named} />
      {!atField && <Failure problem={saving.problem} retry={() => void save()} />}
      <Conflict saving={saving} mine={draft} title={(n) => titles[n] ?? n} shownValue={shown} merged={(next) => { setDraft(next as Draft); void save(next as Draft) }} />
      <div className={styles.foot}>
        <Guarded appearance="primary" type="submit" why={mayNot('updatePolicy')} disabledFocusable={saving.busy || changed.length === 0}>{saving.busy ? <Busy /> : t.review.open}</Guarded>
        <Button disabled={changed.length === 0} onClick={() => { setDraft(start); saving.reset() }}>{t.action.undo}</Button>
        <Text size={200} aria-live="polite">{changed.length === 0 ? t.review.nothing : changed.map((n) => titles[n] ?? n).join(', ')}</Text>
      </div>
      {review && <Review was={start} is={draft} changed={changed} titles={titles} shown={shown} close={() => setReview(false)} save={() => void save()} />}
    </form>
  )
}

// both has what either names, so that all of it can be called by its name.
const both = (a: Draft, b: Draft) => Object.fromEntries((['applications', 'users', 'groups', 'exceptUsers', 'exceptGroups'] as const).map((name) => [name, [...a[name], ...b[name]]]))
