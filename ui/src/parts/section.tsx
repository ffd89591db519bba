// The top of one part of a page: what it is about, what can be done, how fresh it is; and why somebody does not see it.
import { MessageBar, MessageBarBody, Text, makeStyles, tokens } from '@fluentui/react-components'
import type { ReactNode } from 'react'
import type { Operation, Problem } from '../api/client'
import { Ago, Failure } from './feedback'
import { useSession } from '../session'
import { t } from '../strings'

const useStyles = makeStyles({
  head: { display: 'flex', flexDirection: 'column', gap: '8px', alignItems: 'flex-start', margin: '12px 0' },
  lead: { color: tokens.colorNeutralForeground2, maxWidth: '80ch' },
  bar: { display: 'flex', flexWrap: 'wrap', gap: '8px' },
  box: { marginTop: '12px' },
})

interface Props { operation: Operation; lead: string; actions?: ReactNode; read: { error: Problem | null; data: unknown; dataUpdatedAt: number; refetch: () => unknown }; children: ReactNode }

export function Section({ operation, lead, actions, read, children }: Props) {
  const styles = useStyles()
  const { mayNot } = useSession()
  const why = mayNot(operation)
  if (why) return <div className={styles.box}><MessageBar intent="info" layout="multiline"><MessageBarBody>{why}</MessageBarBody></MessageBar></div>
  return (
    <>
      <div className={styles.head}>
        <Text className={styles.lead}>{lead}</Text>
        {actions && <div className={styles.bar}>{actions}</div>}
        {read.dataUpdatedAt > 0 && <Text size={200}>{t.list.updated('')}<Ago time={read.dataUpdatedAt} /></Text>}
      </div>
      <Failure problem={read.error} retry={() => void read.refetch()} title={read.data === undefined ? t.error.unread : t.error.title} />
      {children}
    </>
  )
}
