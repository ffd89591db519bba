// Policies: the list, one of them, a new one.
import { useAddress } from '../../router'
import { PolicyList } from './list'
import { NewPolicy } from './new'
import { PolicyView } from './view'

export default function Policies() {
  const { parts } = useAddress()
  const id = parts[1]
  if (!id) return <PolicyList />
  if (id === 'new') return <NewPolicy />
  return <PolicyView key={id} id={id} />
}
