import { Button, makeStyles } from '@fluentui/react-components'
import { useState } from 'react'
import { useObject, useWrite } from '../../api/queries'
import { Busy } from '../../parts/busy'
import { Failure, Guarded, useToast } from '../../parts/feedback'
import { PageHead } from '../../parts/page'
import { navigate, useAddress, useLeaving } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { draftOf, inputOf, titles, useNaming, type Draft } from './fields'
import { Form } from './form'

const s = t.policies
const useStyles = makeStyles({ foot: { display: 'flex', gap: '8px', marginTop: '16px', flexWrap: 'wrap' } })

// NewPolicy begins with what another one has (from), or with the application that it is to be for.
export function NewPolicy() {
  const { query } = useAddress()
  const from = query.get('from') ?? undefined
  const application = query.get('application')
  const source = useObject('showPolicy', from)
  return (
    <>
      <PageHead title={s.form.newTitle} crumbs={[{ title: s.title, href: '/policies' }]} lead={s.lead} />
      <Failure problem={source.error} retry={() => void source.refetch()} title={t.error.unread} />
      {(!from || source.data) && <Create start={source.data ? { ...draftOf(source.data), name: s.copyOf(source.data.name), mode: 'report-only' } : draftOf(application ? { applications: [application], everyone: true } : undefined)} />}
    </>
  )
}

function Create({ start: given }: { start: Draft }) {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [start] = useState(given)
  const [draft, setDraft] = useState(start)
  const named = useNaming(draft)
  const write = useWrite('createPolicy')
  const toast = useToast()
  useLeaving(!write.isSuccess && JSON.stringify(draft) !== JSON.stringify(start), t.unsaved)
  const create = () => write.mutate({ body: inputOf(draft) }, { onSuccess: (p) => { toast(s.made(p.name)); navigate(`/policies/${p.id}`, { force: true }) } })
  const atField = write.error && Object.keys(titles).some((name) => write.error.field(name))
  return (
    <form noValidate onSubmit={(e) => { e.preventDefault(); create() }}>
      <Form draft={draft} set={setDraft} problem={write.error} named={named} />
      {!atField && <Failure problem={write.error} retry={create} />}
      <div className={styles.foot}>
        <Guarded appearance="primary" type="submit" why={mayNot('createPolicy')} disabledFocusable={write.isPending}>{write.isPending ? <Busy /> : s.form.create}</Guarded>
        <Button onClick={() => navigate('/policies')}>{t.action.cancel}</Button>
      </div>
    </form>
  )
}
