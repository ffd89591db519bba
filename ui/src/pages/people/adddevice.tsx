// How somebody gets a device: what they type on their machine to reach private applications, and how many are there by now.
import { Tab, Text, makeStyles } from '@fluentui/react-components'
import { useState } from 'react'
import { useObject } from '../../api/queries'
import { CopyLine, Failure } from '../../parts/feedback'
import { Panel } from '../../parts/panel'
import { Tabs } from '../../parts/tabs'
import { useSession } from '../../session'
import { t } from '../../strings'

const quick = 2000 // milliseconds between two looks while somebody waits
const s = t.people.addDevice

const useStyles = makeStyles({ box: { display: 'flex', flexDirection: 'column', gap: '12px' } })

const proxies = (program: string) => (url: string) => [`${program} login ${url}`, `${program} up --socks 1080 --http 8080`]
const commands = {
  linux: (url: string) => ['sudo ./postern-client install', `./postern-client login ${url}`],
  unprivileged: proxies('./postern-client'),
  windows: proxies('.\\postern-client.exe'),
  macos: proxies('./postern-client'),
}
type System = keyof typeof commands

export function AddDevice({ close }: { close: () => void }) {
  return <Panel title={s.title} close={close} size="large"><GetClient /></Panel>
}

export function GetClient() {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [system, setSystem] = useState<System>('linux')
  const settings = useObject('showSettings', '', { enabled: mayNot('showSettings') === '' })
  const clients = useObject('showClients', '', { every: quick, enabled: mayNot('showClients') === '' })
  const url = settings.data?.items?.find((i) => i.name === 'url')?.value || s.anyURL
  return (
    <div className={styles.box}>
      <Text>{s.what}</Text>
      <Tabs selectedValue={system} onTabSelect={(_, d) => setSystem(d.value as System)}>
        {(Object.keys(commands) as System[]).map((o) => <Tab key={o} value={o}>{s.systems[o]}</Tab>)}
      </Tabs>
      <Text>{s.notes[system]}</Text>
      {commands[system](url).map((line, i) => <CopyLine key={line} text={line} label={s.command(i + 1)} />)}
      <Text size={200}>{s.authority}</Text>
      <Failure problem={clients.error} />
      {clients.data && <Text role="status">{clients.data.off ? t.people.clients.offNow : s.connected(clients.data.connected)}</Text>}
    </div>
  )
}
