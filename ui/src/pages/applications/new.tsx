import { Button, makeStyles } from '@fluentui/react-components'
import { useState } from 'react'
import type { Schema } from '../../api/client'
import { useAll, useObject, useWrite } from '../../api/queries'
import { Busy } from '../../parts/busy'
import { Failure, Guarded, useToast } from '../../parts/feedback'
import { PageHead } from '../../parts/page'
import { navigate, useAddress, useLeaving } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { draftOf, inputOf, isPrivate, titles, type Draft } from './fields'
import { Form } from './form'
import { Preview } from './preview'
import { Trial, useTrial } from './trial'

const useStyles = makeStyles({ foot: { display: 'flex', gap: '8px', marginTop: '16px', flexWrap: 'wrap' } })

export function NewApplication() {
  const s = t.applications
  const { query } = useAddress()
  const from = query.get('from') ?? undefined
  const groups = useAll('listConnectorGroups', { sort: 'name' })
  const source = useObject('showApplication', from)
  return (
    <>
      <PageHead title={s.form.newTitle} crumbs={[{ title: s.title, href: '/applications' }]} />
      <Failure problem={groups.error ?? source.error} retry={() => { void groups.refetch(); void source.refetch() }} title={t.error.unread} />
      {(!from || source.data) && groups.data && (
        <Create kinds groups={groups.data} start={source.data ? draftOf({ ...source.data, name: s.copyOf(source.data.name) }) : draftOf()} cancel={() => navigate('/applications')} done={(a) => navigate(`/applications/${a.id}`, { force: true })} />
      )}
    </>
  )
}

// Create is the form of a new application; the first steps use it, too.
export function Create({ groups, start, done, cancel, kinds = false }: { groups: Schema['ConnectorGroup'][]; start: Draft; done: (a: Schema['Application']) => void; cancel?: () => void; kinds?: boolean }) {
  const styles = useStyles()
  const s = t.applications
  const { mayNot } = useSession()
  const [draft, setDraft] = useState(start)
  const write = useWrite('createApplication')
  const trial = useTrial(draft)
  const toast = useToast()
  useLeaving(!write.isSuccess && JSON.stringify(draft) !== JSON.stringify(start), t.unsaved)
  const create = () => write.mutate({ body: inputOf(draft) }, { onSuccess: (a) => { toast(s.published(a.name)); done(a) } })
  const atField = write.error && Object.keys(titles).some((name) => write.error.field(name))
  return (
    <form noValidate onSubmit={(e) => { e.preventDefault(); create() }}>
      <Form draft={draft} set={setDraft} problem={write.error ?? trial.test.error} groups={groups} kinds={kinds} />
      {isPrivate(draft) ? <Preview draft={draft} /> : <Trial trial={trial} />}
      {!atField && <Failure problem={write.error} retry={create} />}
      <div className={styles.foot}>
        <Guarded appearance="primary" type="submit" why={mayNot('createApplication')} disabledFocusable={write.isPending}>{write.isPending ? <Busy /> : s.form.create}</Guarded>
        {cancel && <Button onClick={cancel}>{t.action.cancel}</Button>}
      </div>
    </form>
  )
}
