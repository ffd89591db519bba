// Published applications: the list, one of them, a new one.
import { useAddress } from '../../router'
import { ApplicationList } from './list'
import { NewApplication } from './new'
import { ApplicationView } from './view'

export default function Applications() {
  const { parts } = useAddress()
  const id = parts[1]
  if (!id) return <ApplicationList />
  if (id === 'new') return <NewApplication />
  return <ApplicationView key={id} id={id} />
}
