import { Spinner, Text, makeStyles } from '@fluentui/react-components'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { call, type Problem, type Schema } from '../../api/client'
import { Explained } from '../../parts/explanation'
import { Failure, Guarded } from '../../parts/feedback'
import { Picker, type Picked } from '../../parts/picker'
import { useSession } from '../../session'
import { t } from '../../strings'

const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', alignItems: 'flex-start', gap: '12px', maxWidth: '720px' },
  row: { display: 'flex', gap: '8px', flexWrap: 'wrap', alignItems: 'center' },
})

export function Explain({ application }: { application: Schema['Application'] }) {
  const styles = useStyles()
  const s = t.applications.explain
  const { mayNot } = useSession()
  const [who, setWho] = useState<Picked | null>(null)
  const test = useMutation<Schema['Explanation'], Problem, string>({ mutationFn: (user) => call('explainAccess', { query: { user, application: application.id }, patience: 40 }) })
  const e = test.data
  return (
    <div className={styles.box}>
      <Text>{s.lead}</Text>
      <div className={styles.row}>
        <Picker label={s.user} groups={false} pick={setWho} />
        {who && <Text weight="semibold">{who.name}</Text>}
        <Guarded appearance="primary" why={mayNot('explainAccess')} disabledFocusable={!who || test.isPending} onClick={() => who && test.mutate(who.id)}>{s.run}</Guarded>
      </div>
      {test.isPending && <Spinner size="tiny" label={s.running} />}
      <Failure problem={test.error} />
      {e && !test.isPending && <Explained of={e} />}
    </div>
  )
}
