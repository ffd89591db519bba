// Choosing connectors for a group, of however many there are: found by name, those that were chosen stay in sight.
import { Checkbox, SearchBox, Text } from '@fluentui/react-components'
import { useEffect, useState } from 'react'
import type { Schema } from '../../api/client'
import { useFirstOf } from '../../api/queries'
import { Choices } from '../../parts/choices'
import { Failure } from '../../parts/feedback'
import { t } from '../../strings'

type Connector = Schema['Connector']
const shown = 50

export function MemberChoice({ groups, chosen, set }: { groups: Schema['ConnectorGroup'][]; chosen: Connector[]; set: (chosen: Connector[]) => void }) {
  const s = t.connectors.groups.form
  const [text, setText] = useState('')
  const [search, setSearch] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => setSearch(text.trim()), 200)
    return () => clearTimeout(timer)
  }, [text])
  const found = useFirstOf('listConnectors', shown, { sort: 'name', search })
  const items = [...chosen, ...(found.data?.items ?? []).filter((k) => !chosen.some((c) => c.id === k.id))]
  const many = search !== '' || found.data?.more
  return (
    <Choices title={s.members} hint={s.membersHint}>
      {many && <SearchBox aria-label={s.findMembers} placeholder={s.findMembers} value={text} onChange={(_, d) => setText(d.value)} />}
      <Failure problem={found.data ? null : found.error} retry={() => void found.refetch()} title={t.error.unread} />
      {found.data && items.length === 0 && (search ? s.nobody : s.noMembers)}
      {items.map((k) => (
        <div key={k.id}>
          <Checkbox checked={chosen.some((c) => c.id === k.id)} onChange={(_, d) => set(d.checked === true ? [...chosen, k] : chosen.filter((c) => c.id !== k.id))}
            label={`${k.name} (${t.connectors.labels[k.status.label] ?? k.status.label}, ${s.in(groups.find((g) => g.id === k.connectorGroup)?.name ?? t.unknown)})`} />
        </div>
      ))}
      {found.data?.more && <Text size={200}>{s.tooMany}</Text>}
    </Choices>
  )
}
