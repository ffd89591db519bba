// People: users and groups, roles, access requests, devices, and the identity providers that know them.
import { useAddress } from '../../router'
import { Devices } from './devices'
import { GroupView } from './group'
import { Groups } from './groups'
import { Providers } from './providers'
import { Requests } from './requests'
import { Roles } from './roles'
import { UserView } from './user'
import { Users } from './users'

export default function People() {
  const { parts } = useAddress()
  const id = parts[2]
  switch (parts[1]) {
    case 'groups': return id ? <GroupView key={id} id={id} /> : <Groups />
    case 'roles': return <Roles />
    case 'requests': return <Requests />
    case 'devices': return <Devices />
    case 'providers': return <Providers />
    default: return id ? <UserView key={id} id={id} /> : <Users />
  }
}
