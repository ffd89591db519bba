// Published applications: the list, one of them, a new one.
import { useAddress } from '../../router'
import { Discovery } from './discovery'
import { ApplicationList } from './list'
import { NewApplication } from './new'
import { ApplicationView } from './view'

export default function Applications() {
  const { parts } = useAddress()
  const id = parts[1]
  if (!id) return <ApplicationList />
  if (id === 'new') return <NewApplication />
  if (id === 'discovery') return <Discovery />
  return <ApplicationView key={id} id={id} />
}
