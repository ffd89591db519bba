import { Button, Text, makeStyles } from '@fluentui/react-components'
import { useState } from 'react'
import { useQueries } from '@tanstack/react-query'
import { call, type Schema } from '../../api/client'
import { Busy } from '../../parts/busy'
import { Conflict } from '../../parts/conflict'
import { changes, useSaving } from '../../parts/edit'
import { Failure, Guarded, useToast } from '../../parts/feedback'
import { Review } from '../../parts/review'
import { useLeaving } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { asTyped, draftOf, isPrivate, shownOf, titles, type Application, type Draft } from './fields'
import { Form } from './form'
import { Preview } from './preview'
import { Trial, useTrial } from './trial'

const useStyles = makeStyles({ foot: { display: 'flex', gap: '8px', marginTop: '16px', flexWrap: 'wrap', alignItems: 'center' } })

export function Edit({ application, groups }: { application: Application; groups: Schema['ConnectorGroup'][] }) {
  const styles = useStyles()
  const s = t.applications
  const { mayNot } = useSession()
  const [start, setStart] = useState(() => draftOf(application))
  const [draft, setDraft] = useState(start)
  const [review, setReview] = useState(false)
  const saving = useSaving('showApplication', 'updateApplication', { ...application, ...start } as never, asTyped)
  const trial = useTrial(draft)
  const toast = useToast()
  const patch = changes(start, draft)
  const changed = Object.keys(patch)
  useLeaving(changed.length > 0, t.unsaved)
  const owners = useQueries({ queries: [
    ...start.ownerUsers.map((id) => ({ queryKey: ['showUser', id], queryFn: () => call('showUser', { id }) as Promise<{ id: string; name: string }> })),
    ...start.ownerGroups.map((id) => ({ queryKey: ['showGroup', id], queryFn: () => call('showGroup', { id }) as Promise<{ id: string; name: string }> })),
  ] })
  const save = async (what: Draft = draft) => {
    setReview(false)
    if (!(await saving.save(what))) return
    toast(s.saved(what.name))
    setStart(what)
    setDraft(what)
  }
  const atField = saving.problem && Object.keys(titles).some((name) => saving.problem!.field(name))
  const why = mayNot('updateApplication')
  return (
    <form noValidate onSubmit={(e) => { e.preventDefault(); if (changed.length > 0) setReview(true) }}>
      <Form draft={draft} set={setDraft} problem={saving.problem ?? trial.test.error} groups={groups} owners={owners.flatMap((o) => o.data ?? [])} />
      {!atField && <Failure problem={saving.problem} retry={() => void save()} />}
      {isPrivate(draft) ? <Preview draft={draft} id={application.id} /> : <Trial trial={trial} />}
      <Conflict saving={saving} mine={draft} title={(n) => titles[n] ?? n} shownValue={(n, v) => shownOf(groups, n, v)} merged={(next) => { setDraft(next as Draft); void save(next as Draft) }} />
      <div className={styles.foot}>
        <Guarded appearance="primary" type="submit" why={why} disabledFocusable={saving.busy || changed.length === 0}>{saving.busy ? <Busy /> : t.review.open}</Guarded>
        <Button disabled={changed.length === 0} onClick={() => { setDraft(start); saving.reset() }}>{t.action.undo}</Button>
        <Text size={200} aria-live="polite">{changed.length === 0 ? t.review.nothing : changed.map((n) => titles[n] ?? n).join(', ')}</Text>
      </div>
      {review && (
        <Review was={start} is={draft} changed={changed} titles={titles} shown={(n, v) => shownOf(groups, n, v)} close={() => setReview(false)} save={() => void save()}>
          {patch.segments !== undefined && <Preview draft={draft} id={application.id} atOnce />}
        </Review>
      )}
    </form>
  )
}
