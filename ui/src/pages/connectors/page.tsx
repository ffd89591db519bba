// Connectors and their groups.
import { Tab } from '@fluentui/react-components'
import { AddRegular } from '@fluentui/react-icons'
import { useState } from 'react'
import { useAll, often } from '../../api/queries'
import { Guarded } from '../../parts/feedback'
import { PageHead } from '../../parts/page'
import { useFilter } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { AddConnector } from './add'
import { ConnectorList } from './list'
import { GroupForm } from './groupform'
import { GroupList } from './groups'
import { Tabs } from '../../parts/tabs'

export default function Connectors() {
  const [view, setView] = useFilter('view')
  const [adding, setAdding] = useState<'connector' | 'group' | ''>('')
  const { mayNot } = useSession()
  const groups = useAll('listConnectorGroups', { sort: 'name' }, { every: 2 * often })
  const s = t.connectors
  return (
    <>
      <PageHead title={s.title} lead={s.lead} updated={groups.dataUpdatedAt} actions={
        <>
          <Guarded appearance="primary" icon={<AddRegular />} why={mayNot('createToken')} onClick={() => setAdding('connector')}>{s.add}</Guarded>
          <Guarded icon={<AddRegular />} why={mayNot('createConnectorGroup')} onClick={() => setAdding('group')}>{s.newGroup}</Guarded>
        </>
      } />
      <Tabs selectedValue={view === 'groups' ? 'groups' : 'connectors'} onTabSelect={(_, d) => setView(d.value === 'groups' ? 'groups' : '')}>
        <Tab value="connectors">{s.views.connectors}</Tab>
        <Tab value="groups">{s.views.groups}</Tab>
      </Tabs>
      {view === 'groups' ? <GroupList groups={groups} /> : <ConnectorList groups={groups.data ?? []} />}
      {adding === 'connector' && <AddConnector groups={groups.data ?? []} close={() => setAdding('')} />}
      {adding === 'group' && <GroupForm groups={groups.data ?? []} close={() => setAdding('')} />}
    </>
  )
}
