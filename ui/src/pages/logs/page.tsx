// The logs: what people did, how they signed in, what was changed, what was wrong.
import { Button, Input, Tab, makeStyles, tokens } from '@fluentui/react-components'
import { SearchRegular } from '@fluentui/react-icons'
import { useState, type ReactNode } from 'react'
import { PageHead } from '../../parts/page'
import { Tabs } from '../../parts/tabs'
import { navigate, useAddress, useFilter } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { Chain } from './chain'
import { AlertDetail, AuditDetail, SignInDetail, TrafficDetail, alertColumns, alertTitle, auditColumns, auditTitle, signInColumns, signInTitle, trafficColumns, trafficTitle } from './entries'
import { alerts, audit, kindNames, signIns, traffic, type Name } from './kinds'
import { Log } from './list'
import { Way } from './way'

const s = t.logs
const useStyles = makeStyles({
  find: { display: 'flex', gap: '8px', flexWrap: 'wrap', alignItems: 'center' },
  link: { color: tokens.colorBrandForegroundLink },
  input: { width: '280px', maxWidth: '100%' },
})

export default function Logs() {
  const { parts } = useAddress()
  const { mayNot } = useSession()
  const chosen = kindNames.find((name) => name === parts[1])
  const [reference] = useFilter('reference')
  if (parts[1] === 'way') return <><PageHead title={reference ? s.way.title(reference) : s.way.open} crumbs={[{ title: s.title, href: '/logs' }]} actions={<Find />} />{reference && <Way key={reference} reference={reference} />}</>
  const at = chosen ?? (mayNot('listTraffic') ? mayNot('listSignIns') ? 'alerts' : 'sign-ins' : 'traffic')
  const head = (updated: number) => (
    <>
      <PageHead title={s.title} lead={s.lead} updated={updated || undefined} actions={<Find />} />
      <Tabs selectedValue={at} onTabSelect={(_, d) => navigate(`/logs/${String(d.value)}`)}>{kindNames.map((name) => <Tab key={name} value={name}>{s.kinds[name]}</Tab>)}</Tabs>
    </>
  )
  return <One key={at} name={at} head={head} />
}

function One({ name, head }: { name: Name; head: (updated: number) => ReactNode }) {
  switch (name) {
    case 'traffic': return <Log kind={traffic} head={head} columns={trafficColumns} title={trafficTitle} detail={(e, narrow) => <TrafficDetail entry={e} narrow={narrow} />}
      names={(e) => ({ [e.user ?? '']: e.userName, [e.application ?? '']: e.applicationName, [e.connector ?? '']: e.connectorName, [e.device ?? '']: e.deviceName })} />
    case 'sign-ins': return <Log kind={signIns} head={head} columns={signInColumns} title={signInTitle} detail={(e, narrow) => <SignInDetail entry={e} narrow={narrow} />}
      names={(e) => ({ [e.user ?? '']: e.userName, [e.application ?? '']: e.applicationName })} />
    case 'audit': return <Log kind={audit} head={head} columns={auditColumns} title={auditTitle} detail={(e, narrow) => <AuditDetail entry={e} narrow={narrow} />}
      names={(e) => ({ [e.actor.id ?? '']: e.actor.name, [e.object ?? '']: e.name })}><Chain /></Log>
    case 'alerts': return <Log kind={alerts} head={head} columns={alertColumns} title={alertTitle} detail={(e) => <AlertDetail entry={e} />} names={() => ({})} />
  }
}

// Find leads from the reference of an error page to everything that is known of it.
function Find() {
  const styles = useStyles()
  const [reference] = useFilter('reference')
  const [text, setText] = useState(reference)
  return (
    <form className={styles.find} role="search" aria-label={s.way.open} onSubmit={(e) => { e.preventDefault(); if (text.trim()) navigate(`/logs/way?reference=${encodeURIComponent(text.trim())}`) }}>
      <Input className={styles.input} aria-label={s.way.open} placeholder={s.way.hint} value={text} spellCheck={false} onChange={(_, d) => setText(d.value)} />
      <Button type="submit" icon={<SearchRegular />}>{s.way.find}</Button>
    </form>
  )
}
