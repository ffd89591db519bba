// How a user signs in, and where the user is signed in.
import { MessageBar, MessageBarBody, Text } from '@fluentui/react-components'
import { KeyRegular, PersonKeyRegular, PhoneRegular } from '@fluentui/react-icons'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call, type Schema } from '../../api/client'
import { often, useObject } from '../../api/queries'
import { Busy } from '../../parts/busy'
import { Confirm } from '../../parts/confirm'
import { Ago, Failure, Guarded, useToast } from '../../parts/feedback'
import { useSession } from '../../session'
import { t } from '../../strings'
import { useListStyles } from './membership'
import type { User } from './users'

const s = t.people

export function Methods({ user: u, provider }: { user: User; provider: string }) {
  const styles = useListStyles()
  const { mayNot } = useSession()
  const m = s.methods
  const why = mayNot('showUserFactors')
  const found = useObject('showUserFactors', u.id, { every: 2 * often, enabled: why === '' })
  const factors = found.data?.factors ?? []
  return (
    <section aria-label={m.title}>
      <Text as="h2" size={400} weight="semibold" className={styles.h2} block>{m.title}</Text>
      <ul className={styles.list}>
        <li className={styles.one}><KeyRegular /><b>{m.password}</b><span className={styles.grow}>{provider ? m.provider(provider) : u.passwordSet ? <>{m.passwordSet} <Ago time={u.passwordSet} /></> : m.noPassword}</span></li>
        {factors.map((f) => (
          <li key={f.id} className={styles.one}>{f.kind === 'passkey' ? <PersonKeyRegular /> : <PhoneRegular />}<b>{s.factor[f.kind] ?? f.kind}</b><span className={styles.grow}>{f.name}</span>
            <Text size={200}>{m.added} <Ago time={f.added} />, {f.lastUsed ? <>{m.used} <Ago time={f.lastUsed} /></> : m.neverUsed}</Text></li>
        ))}
      </ul>
      {why && <MessageBar intent="info" layout="multiline"><MessageBarBody>{why}</MessageBarBody></MessageBar>}
      <Failure problem={found.error} title={t.error.unread} retry={() => void found.refetch()} />
      {found.data && <Text>{factors.length === 0 ? m.none : m.codes(found.data.recoveryCodes)}</Text>}
    </section>
  )
}

const browsers: [RegExp, string][] = [[/Edg\//, 'Edge'], [/OPR\//, 'Opera'], [/Firefox\//, 'Firefox'], [/Chrome\//, 'Chrome'], [/Safari\//, 'Safari']]
const systems: [RegExp, string][] = [[/Android/, 'Android'], [/iPhone|iPad/, 'iOS'], [/Windows/, 'Windows'], [/Mac OS X/, 'macOS'], [/CrOS/, 'ChromeOS'], [/Linux/, 'Linux']]

export function nameOf(x: Schema['Session']): string {
  if (x.name) return x.name
  const [browser, system] = [browsers, systems].map((list) => list.find(([pattern]) => pattern.test(x.userAgent))?.[1])
  return browser && system ? s.sessions.on(browser, system) : x.userAgent || s.sessions.unknownAgent
}

export function Sessions({ user: u }: { user: User }) {
  const styles = useListStyles()
  const { mayNot } = useSession()
  const c = s.sessions
  const [ending, setEnding] = useState<Schema['Session'] | null>(null)
  const queries = useQueryClient()
  const toast = useToast()
  const why = mayNot('listUserSessions')
  const found = useObject('listUserSessions', u.id, { every: often, enabled: why === '' })
  const items = found.data?.items ?? []
  return (
    <section aria-label={c.title}>
      <Text as="h2" size={400} weight="semibold" className={styles.h2} block>{c.title}</Text>
      {why && <MessageBar intent="info" layout="multiline"><MessageBarBody>{why}</MessageBarBody></MessageBar>}
      <Failure problem={found.error} title={t.error.unread} retry={() => void found.refetch()} />
      {why === '' && found.isPending && <Busy />}
      {found.data && items.length === 0 && <p>{c.none}</p>}
      <ul className={styles.list}>
        {items.map((x) => (
          <li key={x.id} className={styles.one}>
            <span className={styles.grow}><b title={x.userAgent}>{nameOf(x)}</b> <Text size={200}>{x.kind === 'program' ? c.program : c.browser}, {c.from} {x.address}, {(x.methods ?? []).map((m) => c.methods[m] ?? m).join(', ')}; {c.since} <Ago time={x.authenticated} />, {c.used} <Ago time={x.lastUsed} />, {c.ends} <Ago time={x.expires} /></Text></span>
            <Guarded size="small" why={mayNot('revokeUserSessions')} aria-label={c.end(nameOf(x))} onClick={() => setEnding(x)}>{c.endShort}</Guarded>
          </li>
        ))}
      </ul>
      {ending && <Confirm title={s.ask.end} text={`${nameOf(ending)}: ${s.ask.endText}`} action={s.ask.endAction} close={() => setEnding(null)}
        run={async () => { await call('revokeUserSessions', { id: u.id, query: { session: ending.id } }); toast(s.ended); await queries.invalidateQueries({ queryKey: ['listUserSessions', u.id] }) }} />}
    </section>
  )
}
