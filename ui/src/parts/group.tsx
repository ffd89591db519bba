// One group of users, by its id or found by what is typed.
import { Tag } from '@fluentui/react-components'
import { useObject } from '../api/queries'
import { t } from '../strings'
import { Picker } from './picker'

export function GroupName({ id }: { id: string }) {
  const group = useObject('showGroup', id)
  return <>{group.data?.name ?? (group.error?.gone ? id : t.unknown)}</>
}

// GroupChoice is one group or none.
export function GroupChoice({ label, value, set }: { label: string; value: string; set: (id: string) => void }) {
  if (!value) return <Picker label={label} hint={label} users={false} pick={(g) => set(g.id)} />
  return <Tag dismissible aria-label={`${t.action.clear}: ${label}`} onClick={() => set('')}><GroupName id={value} /></Tag>
}
