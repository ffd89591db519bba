// The service's own authority, the exchange of its root in steps, and its signing keys.
import { MessageBar, MessageBarBody, Text, makeStyles, tokens } from '@fluentui/react-components'
import { useState } from 'react'
import { call, type Operation, type Schema } from '../../api/client'
import { often, useObject } from '../../api/queries'
import { useNow, when } from '../../format'
import { Confirm } from '../../parts/confirm'
import { Ago, Guarded, useToast } from '../../parts/feedback'
import { Label } from '../../parts/status'
import { Anchor } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { useQueryClient } from '@tanstack/react-query'
import { Section } from '../../parts/section'

type Whole = Schema['Authority']
const s = t.settings.authority
const x = s.exchange

const useStyles = makeStyles({
  cards: { display: 'flex', flexDirection: 'column', gap: '16px' },
  card: { backgroundColor: tokens.colorNeutralBackground1, border: `1px solid ${tokens.colorNeutralStroke2}`, borderRadius: tokens.borderRadiusLarge, padding: '16px', display: 'flex', flexDirection: 'column', alignItems: 'flex-start', gap: '8px' },
  h2: { margin: 0 },
  list: { listStyle: 'none', margin: 0, padding: 0, width: '100%' },
  one: { display: 'flex', flexWrap: 'wrap', gap: '4px 12px', alignItems: 'center', padding: '8px 0', borderBottom: `1px solid ${tokens.colorNeutralStroke2}`, overflowWrap: 'anywhere' },
  code: { fontFamily: 'monospace', fontSize: tokens.fontSizeBase200, overflowWrap: 'anywhere', minWidth: 0 },
  grow: { flexGrow: 1, minWidth: 0 },
  bar: { display: 'flex', flexWrap: 'wrap', gap: '8px' },
  link: { color: tokens.colorBrandForegroundLink },
})

interface Asked { title: string; text: string; action: string; run: () => Promise<unknown>; done: (answer: unknown) => string }

export function Authority() {
  const styles = useStyles()
  const { mayNot } = useSession()
  const [asked, setAsked] = useState<Asked | null>(null)
  const found = useObject('showAuthority', '', { every: often, enabled: mayNot('showAuthority') === '' })
  const queries = useQueryClient()
  const toast = useToast()
  return (
    <Section operation="showAuthority" lead={s.lead} read={found}>
      {found.data && (
        <div className={styles.cards}>
          <Roots of={found.data} ask={setAsked} />
          <Exchange of={found.data} ask={setAsked} />
          <Keys of={found.data} ask={setAsked} />
        </div>
      )}
      {asked && <Confirm title={asked.title} text={asked.text} action={asked.action} close={() => setAsked(null)} run={async () => { toast(asked.done(await asked.run())); await queries.invalidateQueries() }} />}
    </Section>
  )
}

function Ask({ operation, title, ask, what, primary }: { operation: Operation; title: string; ask: (a: Asked) => void; what: Asked; primary?: boolean }) {
  const { mayNot } = useSession()
  return <Guarded size="small" appearance={primary ? 'primary' : undefined} why={mayNot(operation)} onClick={() => ask(what)}>{title}</Guarded>
}

function Roots({ of: a, ask }: { of: Whole; ask: (a: Asked) => void }) {
  const styles = useStyles()
  const roots = a.roots ?? []
  const word = (i: number) => (i > 0 ? s.next : roots.length > 1 ? s.before : s.inForce)
  return (
    <section className={styles.card} aria-label={s.roots}>
      <Text as="h2" size={400} weight="semibold" className={styles.h2}>{s.roots}</Text>
      <ul className={styles.list}>
        {roots.map((r, i) => <li key={r.fingerprint} className={styles.one}><Label label={roots.length === 1 || i > 0 ? 'active' : 'draining'} text={word(i)} /><span className={styles.code}>{r.fingerprint}</span><Text>{s.column.ends} {when(r.notAfter)} (<Ago time={r.notAfter} />)</Text></li>)}
      </ul>
      <Text as="h2" size={400} weight="semibold" className={styles.h2}>{s.issuing}</Text>
      <ul className={styles.list}>
        <li className={styles.one}><span className={styles.code}>{a.issuing.fingerprint}</span><Text className={styles.grow}>{s.column.ends} {when(a.issuing.notAfter)} (<Ago time={a.issuing.notAfter} />)</Text>
          <Ask operation="rotateIssuing" title={s.renew} ask={ask} what={{ title: s.askRenew, text: s.askRenewText, action: s.renew, run: () => call('rotateIssuing'), done: () => s.renewed }} /></li>
      </ul>
    </section>
  )
}

function Exchange({ of: a, ask }: { of: Whole; ask: (a: Asked) => void }) {
  const styles = useStyles()
  const e = a.exchange
  const left = e ? (e.waiting ?? []).length + (e.tokens ?? []).length + e.devices : 0
  return (
    <section className={styles.card} aria-label={x.title}>
      <Text as="h2" size={400} weight="semibold" className={styles.h2}>{x.title}</Text>
      <ol>{x.steps.map((step, i) => <li key={step} aria-current={(e ? (left > 0 ? 1 : 2) : -1) === i ? 'step' : undefined}><Text weight={(e ? (left > 0 ? 1 : 2) : -1) === i ? 'semibold' : 'regular'}>{step}</Text></li>)}</ol>
      {!e && <Text>{x.none}</Text>}
      {e && <Text>{x.started} <Ago time={e.started} />.</Text>}
      {e && left === 0 && <MessageBar intent="success" layout="multiline"><MessageBarBody>{x.everyone}</MessageBarBody></MessageBar>}
      {e && left > 0 && (
        <>
          <Text>{x.waiting}</Text>
          <ul className={styles.list} aria-label={x.waiting}>
            {(e.waiting ?? []).map((k) => <li key={k.id} className={styles.one}><Text>{x.connector}</Text><Anchor className={styles.link} href={`/connectors?open=${k.id}`}>{k.name}</Anchor><Text>{k.disabled ? x.disabled : <>{x.notYet} <Ago time={k.lastSeen} never={t.never} /></>}</Text></li>)}
            {e.devices > 0 && <li className={styles.one}><Text>{x.devices(e.devices)}</Text></li>}
            {(e.tokens ?? []).map((k) => <li key={k.id} className={styles.one}><Text>{x.token}</Text><b>{k.name}</b><Text>{x.expires} <Ago time={k.expires} /></Text></li>)}
          </ul>
        </>
      )}
      <div className={styles.bar}>
        {!e && <Ask operation="exchangeRoot" title={x.begin} ask={ask} what={{ title: x.askBegin, text: x.askBeginText, action: x.begin, run: () => call('exchangeRoot'), done: () => x.began }} />}
        {e && left === 0 && <Ask primary operation="finishExchange" title={x.finish} ask={ask} what={{ title: x.askFinish, text: x.askFinishText, action: x.finish, run: () => call('finishExchange', { body: {} }), done: () => x.finished }} />}
        {e && left > 0 && <Ask operation="finishExchange" title={x.force} ask={ask} what={{ title: x.askForce, text: x.askForceText(left), action: x.force, run: () => call('finishExchange', { body: { force: true } }), done: () => x.finished }} />}
      </div>
    </section>
  )
}

function Keys({ of: a, ask }: { of: Whole; ask: (a: Asked) => void }) {
  const styles = useStyles()
  const now = useNow(1000)
  const keys = a.keys ?? []
  const newest = new Map<string, string>()
  for (const k of keys) if (!newest.has(k.use)) newest.set(k.use, k.id)
  const state = (k: Schema['SigningKey']) => (k.from && new Date(k.from).getTime() > now ? s.signsFrom(when(k.from)) : k.until ? s.goodUntil(when(k.until)) : s.signs)
  return (
    <section className={styles.card} aria-label={s.keys}>
      <Text as="h2" size={400} weight="semibold" className={styles.h2}>{s.keys}</Text>
      <ul className={styles.list}>
        {keys.map((k) => {
          const use = s.uses[k.use] ?? k.use
          return (
            <li key={k.use + k.id} className={styles.one}>
              <b>{use}</b><span className={styles.code}>{k.id}</span><Text className={styles.grow}>{state(k)}</Text>
              {newest.get(k.use) === k.id && <Ask operation="rotateSigningKey" title={s.rotateUse(use)} ask={ask} what={{ title: s.askRotate(use), text: s.askRotateText, action: s.rotate, run: () => call('rotateSigningKey', { body: { use: k.use } }), done: (key) => s.rotated((key as Schema['SigningKey']).id) }} />}
            </li>
          )
        })}
      </ul>
    </section>
  )
}
