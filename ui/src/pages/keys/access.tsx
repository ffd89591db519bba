import { Text } from '@fluentui/react-components'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call, type Schema } from '../../api/client'
import { often, usePages } from '../../api/queries'
import { Confirm } from '../../parts/confirm'
import { Ago, useToast } from '../../parts/feedback'
import { ActionMenu } from '../../parts/menu'
import { useNames } from '../../parts/names'
import { Rows, type Column } from '../../parts/rows'
import { Search } from '../../parts/search'
import { Section } from '../../parts/section'
import { Label } from '../../parts/status'
import { Anchor, useFilter } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { over } from './api'
import { Filters } from './page'
import { useStyles } from './tokens'

type Key = Schema['AccessKey']
const s = t.keys.access

export function AccessKeys() {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [search, setSearch] = useFilter('search')
  const [expired, setExpired] = useFilter('expired')
  const [removing, setRemoving] = useState<Key | null>(null)
  const list = usePages('listAccessKeys', { sort: 'name', search, expired }, { every: 2 * often, enabled: mayNot('listAccessKeys') === '' })
  const users = useNames('showUser', list.items.map((k) => k.user))
  const applications = useNames('showApplication', list.items.map((k) => k.application))
  const queries = useQueryClient()
  const toast = useToast()
  const columns: Column<Key>[] = [
    { key: 'name', title: s.column.name, width: 'minmax(0, 3fr)', show: (k) => <Text weight="semibold">{k.name}</Text> },
    { key: 'user', title: s.column.user, width: 'minmax(0, 2fr)', show: (k) => <Anchor className={styles.link} href={`/people/users/${k.user}?tab=sign-in`}>{users(k.user)}</Anchor> },
    { key: 'application', title: s.column.application, width: 'minmax(0, 2fr)', show: (k) => <Anchor className={styles.link} href={`/applications/${k.application}`}>{applications(k.application)}</Anchor> },
    { key: 'state', title: s.column.state, width: 'minmax(0, 2fr)', show: (k) => <Label label={over(k.expires) ? 'failed' : 'active'} text={t.keys.api.states[String(over(k.expires))]} /> },
    { key: 'expires', title: s.column.expires, width: 'minmax(0, 2fr)', minor: true, show: (k) => <Ago time={k.expires} /> },
    { key: 'used', title: s.column.used, width: 'minmax(0, 2fr)', minor: true, show: (k) => <Ago time={k.lastUsed} never={t.never} /> },
  ]
  const words = t.people.keys
  return (
    <Section operation="listAccessKeys" lead={s.lead} read={{ error: list.problem ?? null, data: list.data, dataUpdatedAt: list.dataUpdatedAt, refetch: list.refetch }}>
      <Filters value={expired} set={setExpired} states={t.keys.api.states}><Search value={search} set={setSearch} className={styles.search} /></Filters>
      {(!list.problem || list.items.length > 0) && (
        <Rows label={t.keys.views.access!} items={list.items} columns={columns} id={(k) => k.id} name={(k) => k.name} loading={list.isPending} open="" setOpen={() => undefined} empty={search || expired ? s.none : s.empty}
          actions={(k) => <ActionMenu name={k.name} choices={[{ title: t.keys.remove, needs: 'deleteAccessKey', run: () => setRemoving(k) }]} />}
          more={{ has: list.hasNextPage, busy: list.isFetchingNextPage, load: () => void list.fetchNextPage() }} />
      )}
      {removing && <Confirm title={`${words.remove(removing.name)}?`} text={words.removeText} action={t.keys.remove} close={() => setRemoving(null)}
        run={async () => { await call('deleteAccessKey', { id: removing.id, version: removing.version }); toast(words.removed(removing.name)); await queries.invalidateQueries({ queryKey: ['listAccessKeys'] }) }} />}
    </Section>
  )
}
