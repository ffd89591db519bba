// What each connector sees of an application before it is saved: it really resolves, connects, agrees on TLS and asks once.
import { Spinner, Text, makeStyles, tokens } from '@fluentui/react-components'
import { useMutation } from '@tanstack/react-query'
import { call, type Problem, type Schema } from '../../api/client'
import { milliseconds, onDay } from '../../format'
import { Ago, Failure, Guarded } from '../../parts/feedback'
import { Label } from '../../parts/status'
import { useSession } from '../../session'
import { t } from '../../strings'
import { titles, type Draft } from './fields'

const useStyles = makeStyles({
  box: { marginTop: '16px', display: 'flex', flexDirection: 'column', alignItems: 'flex-start', gap: '8px', maxWidth: '720px' },
  list: { listStyle: 'none', margin: 0, padding: 0, width: '100%' },
  one: { padding: '8px 0', borderBottom: `1px solid ${tokens.colorNeutralStroke2}`, overflowWrap: 'anywhere' },
  head: { display: 'flex', flexWrap: 'wrap', gap: '4px 12px', alignItems: 'center' },
  lines: { margin: '4px 0 0', paddingLeft: '20px' },
})

// inputOf is what of a draft matters to its connectors.
const inputOf = (d: Draft): Schema['ApplicationTest'] => ({
  internalUrl: d.internalUrl, externalUrl: d.hostHeader === 'external' ? d.externalUrl : undefined, connectorGroup: d.connectorGroup || undefined,
  hostHeader: d.hostHeader || undefined, backendProtocol: d.backendProtocol || undefined, skipVerify: d.skipVerify || undefined, backendCa: d.backendCa || undefined,
})

export function useTrial(draft: Draft) {
  const input = inputOf(draft)
  const test = useMutation<Schema['ApplicationTested'], Problem, Schema['ApplicationTest']>({ mutationFn: (body) => call('testApplication', { body, patience: 40 }) })
  const stale = test.variables !== undefined && JSON.stringify(test.variables) !== JSON.stringify(input)
  return { test, stale, run: () => test.mutate(input) }
}

export function Trial({ trial: { test, stale, run } }: { trial: ReturnType<typeof useTrial> }) {
  const styles = useStyles()
  const s = t.applications.trial
  const { mayNot } = useSession()
  const items = test.data?.items ?? []
  const atField = test.error && Object.keys(titles).some((name) => test.error.field(name))
  return (
    <section className={styles.box} aria-label={s.title}>
      <Guarded why={mayNot('testApplication')} disabledFocusable={test.isPending} onClick={run}>{s.run}</Guarded>
      {test.isPending && <Spinner size="tiny" labelPosition="after" label={s.running} />}
      {!atField && <Failure problem={test.error} retry={run} />}
      {test.data && !test.isPending && (
        <div role="status">
          <Text size={200}>{s.asked} <Ago time={test.submittedAt} />{stale && `. ${s.stale}`}</Text>
          {items.length === 0 && <p>{s.none}</p>}
          <ul className={styles.list}>{items.map((k) => <li key={k.connector} className={styles.one}><One seen={k} /></li>)}</ul>
        </div>
      )}
    </section>
  )
}

function One({ seen: k }: { seen: Schema['ApplicationTrial'] }) {
  const styles = useStyles()
  const s = t.applications.trial
  const [c, a] = [k.certificate, k.answer]
  const took = [k.resolve, k.connect, k.handshake].every((n) => n === undefined) ? undefined : (k.resolve ?? 0) + (k.connect ?? 0) + (k.handshake ?? 0)
  return (
    <>
      <div className={styles.head}>
        <Label label={k.label} text={t.applications.reach.labels[k.label]} /><Text weight="semibold">{k.name}</Text>{k.backup && <Text size={200}>{t.applications.reach.backup}</Text>}
        {k.phase && <Text>{s.phases[k.phase] ?? k.phase}</Text>}
      </div>
      <ul className={styles.lines}>
        {k.why && <li>{k.why} {k.code && <code>{k.code}</code>}</li>}
        {k.address && <li>{s.connected(k.address, took === undefined ? t.unknown : milliseconds(took))}</li>}
        {c && <li>{s.certificate(c.subject || (c.names ?? []).join(', '), c.issuer)} {s.dates(onDay(c.notBefore), onDay(c.notAfter))} {c.trusted ? s.trusted : <b>{s.untrusted} {c.problem}</b>}</li>}
        {a?.error && <li>{a.error}</li>}
        {a?.status !== undefined && <li>{s.answered(a.status, a.protocol ?? '', milliseconds(a.took))} {a.location && s.leads(a.location)}</li>}
      </ul>
    </>
  )
}
