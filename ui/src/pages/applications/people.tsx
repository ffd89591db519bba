// Who may use an application: assignments of users and groups, with an end if there is to be one.
import { Field, Input, Text, makeStyles } from '@fluentui/react-components'
import { DismissRegular, PeopleTeamRegular, PersonRegular } from '@fluentui/react-icons'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call, problemOf, type Problem, type Schema } from '../../api/client'
import { often, usePages, useWrite } from '../../api/queries'
import { onDay } from '../../format'
import { Failure, Guarded, useToast } from '../../parts/feedback'
import { Picker, type Picked } from '../../parts/picker'
import { Rows, type Column } from '../../parts/rows'
import { useSession } from '../../session'
import { t } from '../../strings'

const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', gap: '16px', maxWidth: '720px' },
  row: { display: 'flex', gap: '12px', flexWrap: 'wrap', alignItems: 'end' },
  one: { display: 'flex', gap: '8px', alignItems: 'center' },
  name: { flexGrow: 1, minWidth: 0, overflowWrap: 'anywhere' },
  h2: { margin: 0 },
})

export function People({ application: a }: { application: Schema['Application'] }) {
  const styles = useStyles()
  const s = t.applications.people
  const { mayNot } = useSession()
  const [who, setWho] = useState<Picked | null>(null)
  const [until, setUntil] = useState('')
  const [failed, setFailed] = useState<Problem | null>(null)
  const list = usePages('listAssignments', { application: a.id }, { every: 2 * often })
  const add = useWrite('createAssignment')
  const queries = useQueryClient()
  const toast = useToast()
  const nameOf = (x: Schema['Assignment']) => x.userName ?? x.groupName ?? x.user ?? x.group ?? t.unknown
  const columns: Column<Schema['Assignment']>[] = [
    { key: 'name', title: s.pick, width: 'minmax(0, 1fr)', show: (x) => (
      <span className={styles.one}>
        {x.user ? <PersonRegular aria-label={s.user} /> : <PeopleTeamRegular aria-label={s.group} />}
        <span className={styles.name}><Text weight="semibold">{nameOf(x)}</Text> <Text size={200}>{x.expires ? s.until(onDay(x.expires)) : s.forever}{x.request && `, ${s.byRequest}`}</Text></span>
      </span>
    ) },
  ]
  const assign = () => who && add.mutate(
    { body: { application: a.id, [who.kind]: who.id, expires: until ? new Date(`${until}T23:59:59`).toISOString() : undefined } },
    { onSuccess: () => { toast(s.added(who.name)); setWho(null); setUntil('') } },
  )
  const remove = async (x: Schema['Assignment']) => {
    setFailed(null)
    try {
      await call('deleteAssignment', { id: x.id, version: x.version })
      toast(s.removed(nameOf(x)))
    } catch (error) {
      setFailed(problemOf(error))
    }
    await queries.invalidateQueries({ queryKey: ['listAssignments'] })
  }
  return (
    <div className={styles.box}>
      {a.preAuthentication === 'passthrough' && <Text>{s.passthrough}</Text>}
      <form noValidate className={styles.row} onSubmit={(e) => { e.preventDefault(); assign() }}>
        <Field label={s.pick}><Picker label={s.pick} pick={setWho} without={list.items.map((x) => x.user ?? x.group ?? '')} /></Field>
        {who && <Text weight="semibold">{who.name}</Text>}
        <Field label={s.expires} hint={s.expiresHint} validationMessage={add.error?.field('expires')}><Input type="date" value={until} onChange={(_, d) => setUntil(d.value)} /></Field>
        <Guarded appearance="primary" type="submit" why={mayNot('createAssignment')} disabledFocusable={!who || add.isPending}>{s.add}</Guarded>
      </form>
      <Failure problem={failed ?? (add.error?.field('expires') ? null : add.error)} />
      <Text as="h2" size={400} weight="semibold" className={styles.h2}>{s.title}</Text>
      <Failure problem={list.problem} retry={() => void list.refetch()} title={t.error.unread} />
      {(!list.problem || list.items.length > 0) && (
        <Rows label={s.title} items={list.items} columns={columns} id={(x) => x.id} name={nameOf} loading={list.isPending} empty={s.none} open="" setOpen={() => undefined}
          actions={(x) => <Guarded appearance="subtle" size="small" icon={<DismissRegular />} why={mayNot('deleteAssignment')} aria-label={s.remove(nameOf(x))} onClick={() => void remove(x)} />}
          more={{ has: list.hasNextPage, busy: list.isFetchingNextPage, load: () => void list.fetchNextPage() }} />
      )}
    </div>
  )
}

