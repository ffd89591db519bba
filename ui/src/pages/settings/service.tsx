// What the service that answers was started with, and what follows when that changes.
import { Text, makeStyles, tokens } from '@fluentui/react-components'
import { useQuery } from '@tanstack/react-query'
import { call, type Problem, type Schema } from '../../api/client'
import { often, useObject } from '../../api/queries'
import { number } from '../../format'
import { CopyLine, Failure } from '../../parts/feedback'
import { Rows, type Column } from '../../parts/rows'
import { Section } from '../../parts/section'
import { useFilter } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'

type Setting = Schema['Setting']
const s = t.settings.service
const useStyles = makeStyles({
  h2: { margin: '16px 0 8px', display: 'block' },
  card: { backgroundColor: tokens.colorNeutralBackground1, border: `1px solid ${tokens.colorNeutralStroke2}`, borderRadius: tokens.borderRadiusLarge, padding: '16px', display: 'flex', flexDirection: 'column', gap: '8px', maxWidth: '960px', marginBottom: '16px' },
  value: { overflowWrap: 'anywhere' },
  list: { margin: 0, paddingLeft: '20px' },
})

export function ServiceView() {
  const styles = useStyles()
  const read = useObject('showSettings', '')
  const [open, setOpen] = useFilter('open')
  const items = read.data?.items ?? []
  const of = (name: string) => items.find((i) => i.name === name)?.value ?? ''
  const columns: Column<Setting>[] = [
    { key: 'name', title: s.column.name, width: 'minmax(0, 3fr)', show: (i) => <Text weight="semibold">{s.names[i.name] ?? i.name}</Text> },
    { key: 'value', title: s.column.value, width: 'minmax(0, 4fr)', show: (i) => <Text className={styles.value}>{i.value || s.empty[i.name] || t.none}</Text> },
    { key: 'set', title: s.column.set, width: 'minmax(0, 2fr)', minor: true, show: (i) => (i.set ? s.given : s.usual) },
    { key: 'flag', title: s.column.flag, width: 'minmax(0, 3fr)', minor: true, show: (i) => `--${i.name}` },
  ]
  return (
    <Section operation="showSettings" lead={s.lead} read={read}>
      {read.data && (
        <>
          <section className={styles.card}>
            <Text as="h2" size={400} weight="semibold" style={{ margin: 0 }}>{s.url}</Text>
            <CopyLine text={of('url')} label={s.url} />
            <Text>{s.urlText}</Text>
            <Known />
          </section>
          <section className={styles.card}>
            <Text as="h2" size={400} weight="semibold" style={{ margin: 0 }}>{s.adminUrl}</Text>
            <CopyLine text={of('admin-url')} label={s.adminUrl} />
            <Text>{s.adminUrlText}</Text>
          </section>
          <Text as="h2" size={400} weight="semibold" className={styles.h2}>{s.all}</Text>
          <Rows label={s.all} items={items} columns={columns} id={(i) => i.name} name={(i) => i.name} open={open} setOpen={setOpen} empty="" detail={(i) => <Text>{s.meaning[i.name] ?? s.names[i.name]}</Text>} />
        </>
      )}
    </Section>
  )
}

// Known says which connectors have said that they have the configuration, and so the URL, that is in force.
function Known() {
  const styles = useStyles()
  const { mayNot } = useSession()
  const found = useQuery<Schema['Rollout'], Problem>({ queryKey: ['showRollout', 'newest'], queryFn: ({ signal }) => call('showRollout', { signal }), refetchInterval: often, enabled: mayNot('showRollout') === '' })
  const r = found.data
  if (found.error) return <Failure problem={found.error} retry={() => void found.refetch()} />
  if (!r) return null
  const late = r.connectors.late ?? []
  return (
    <div role="status">
      <Text>{late.length === 0 && r.unknown === 0 ? (r.connectors.all > 0 ? s.allKnow : s.nobodyKnows) : s.lateKnow}</Text>
      {late.length > 0 && <ul className={styles.list}>{late.map((k) => <li key={k.id}>{k.name}</li>)}{r.connectors.more ? <li>{t.rollout.more(number(r.connectors.more))}</li> : null}</ul>}
      {r.unknown > 0 && <Text block>{t.rollout.unknown(number(r.unknown))}</Text>}
      {r.away > 0 && <Text block>{s.away(number(r.away))}</Text>}
    </div>
  )
}
