import { Text, makeStyles } from '@fluentui/react-components'
import type { Schema } from '../../api/client'
import { useObject, useSummary } from '../../api/queries'
import { milliseconds, number, onDay, when } from '../../format'
import { Fact, Facts } from '../../parts/facts'
import { Ago } from '../../parts/feedback'
import { Label } from '../../parts/status'
import { t } from '../../strings'
import { Load } from './load'

const useStyles = makeStyles({
  list: { margin: '4px 0 0', paddingLeft: '20px' },
  box: { display: 'flex', flexDirection: 'column', gap: '16px' },
})

export function Detail({ connector: k, group }: { connector: Schema['Connector']; group: string | undefined }) {
  const styles = useStyles()
  const s = t.connectors.detail
  const applications = useSummary().data?.connectorGroups?.find((g) => g.id === k.connectorGroup)?.applications
  const ill = ['inactive', 'degraded', 'archived'].includes(k.status.label)
  const doctor = useObject('showConnectorDiagnosis', k.id, { enabled: ill })
  const unreached = k.status.unreached ?? []
  const causes = t.connectors.causes[k.status.label] ?? []
  const found = (doctor.data?.findings ?? []).filter((f) => f.severity === 'error' || f.severity === 'warning')
  return (
    <div className={styles.box}>
      {causes.length > 0 && <div><Text weight="semibold">{s.causes}</Text><ul className={styles.list}>{causes.map((c) => <li key={c}>{c}</li>)}</ul></div>}
      {found.length > 0 && (
        <div>
          <Text weight="semibold">{s.lastDoctor} (<Ago time={doctor.data!.time} />)</Text>
          <ul className={styles.list}>{found.map((f) => <li key={f.code + (f.subject ?? '')}><Label label={f.severity} text={f.code} /> {f.detail} {f.cure}</li>)}</ul>
        </div>
      )}
      <Facts>
        <Fact title={s.seen}><Ago time={k.lastSeen} never={t.never} /></Fact>
        <Fact title={s.address}>{k.address || t.unknown}</Fact>
        <Fact title={s.machine}>{k.host.machineName || t.unknown}</Fact>
        <Fact title={s.system}>{[k.host.os, k.host.arch].filter(Boolean).join(' / ') || t.unknown}</Fact>
        <Fact title={s.version}>{k.host.version || t.unknown}</Fact>
        <Fact title={s.tunnels}>{number(k.status.tunnels)}</Fact>
        <Fact title={s.streams}>{number(k.status.streams)}</Fact>
        <Fact title={s.echo}><Ago time={k.status.echo} never={t.never} /></Fact>
        <Fact title={s.roundTrip}>{k.status.roundTrip ? milliseconds(k.status.roundTrip) : t.unknown}</Fact>
        <Fact title={s.way}>{k.status.way || (k.status.tunnels > 0 ? s.direct : t.unknown)}</Fact>
        <Fact title={s.certificate}>{k.certificate.serial ? <>{s.validUntil(onDay(k.certificate.notAfter))}<br /><Text size={200}>{s.serial} <code>{k.certificate.serial}</code></Text></> : t.unknown}</Fact>
        <Fact title={s.group}>{group ?? t.unknown}</Fact>
        <Fact title={s.applications}>
          {applications === undefined ? t.unknown : s.reaches(applications)}
        </Fact>
        <Fact title={s.unreached}>
          {unreached.length === 0 ? s.allReached : <ul className={styles.list}>{unreached.map((u) => <li key={u.application}><b>{u.name ?? u.application}</b>: {u.message} <Text size={200}>({u.code}{u.since && <>, {s.since} <Ago time={u.since} /></>})</Text></li>)}</ul>}
        </Fact>
        {k.sessionLogUntil && new Date(k.sessionLogUntil) > new Date() && <Fact title={s.sessionLog}>{s.until(when(k.sessionLogUntil))}</Fact>}
        <Fact title={s.priority}>{k.priority === undefined ? t.unknown : number(k.priority)}</Fact>
        <Fact title={s.enrolled}>{when(k.created)}</Fact>
        <Fact title={s.id}><code>{k.id}</code></Fact>
      </Facts>
      <Load id={k.id} />
    </div>
  )
}
