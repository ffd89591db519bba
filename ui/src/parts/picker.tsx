// Finding users and groups by what is typed; the service searches.
import { Combobox, Option, OptionGroup } from '@fluentui/react-components'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { call, type Schema } from '../api/client'
import { t } from '../strings'

export interface Picked { kind: 'user' | 'group'; id: string; name: string }
const shown = 20

export function Picker({ pick, users: people = true, groups = true, label, without = [], id, hint }: { pick: (p: Picked) => void; users?: boolean; groups?: boolean; label: string; without?: string[]; id?: string; hint?: string }) {
  const [text, setText] = useState('')
  const [search, setSearch] = useState('')
  const [open, setOpen] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setSearch(text), 200)
    return () => clearTimeout(timer)
  }, [text])
  const found = useQuery({
    queryKey: ['picker', search, people, groups], enabled: open, placeholderData: keepPreviousData, // nobody is looked for before somebody asks
    queryFn: async ({ signal }) => {
      const query = { search, sort: 'name', limit: shown }
      const [users, teams] = await Promise.all([people ? call('listUsers', { query, signal }) : null, groups ? call('listGroups', { query, signal }) : null])
      return { users: users?.items ?? [], groups: teams?.items ?? [] }
    },
  })
  const title = (u: Schema['User']) => (u.displayName ? `${u.displayName} (${u.name})` : u.name)
  // Until the answer is there, those found before that fit what is typed: what is pressed is there, and nobody else is picked by it.
  const waits = found.isPending || found.isPlaceholderData || search !== text
  const fits = (name: string) => !waits || name.toLowerCase().includes(text.toLowerCase())
  const users = (found.data?.users ?? []).filter((u) => !without.includes(u.id) && fits(title(u)))
  const teams = (found.data?.groups ?? []).filter((g) => !without.includes(g.id) && fits(g.name))
  return (
    <Combobox id={id} aria-label={label} placeholder={hint ?? (people ? t.applications.people.pickHint : t.people.membership.pickHint)} value={text} freeform open={open} onOpenChange={(_, d) => setOpen(d.open)} onChange={(e) => { setText(e.target.value); setOpen(true) }}
      onOptionSelect={(_, d) => {
        const [kind, key] = (d.optionValue ?? '').split(':')
        if (key) pick({ kind: kind as 'user', id: key, name: d.optionText ?? key })
        setText('')
      }}>
      {users.length > 0 && <OptionGroup label={t.applications.people.user}>{users.map((u) => <Option key={u.id} value={`user:${u.id}`} text={u.name}>{title(u)}</Option>)}</OptionGroup>}
      {teams.length > 0 && <OptionGroup label={t.applications.people.group}>{teams.map((g) => <Option key={g.id} value={`group:${g.id}`} text={g.name}>{g.name}</Option>)}</OptionGroup>}
      {users.length + teams.length === 0 && <Option key="none" value="" text={text} disabled>{waits ? t.list.loading : t.applications.people.nobody}</Option>}
    </Combobox>
  )
}

