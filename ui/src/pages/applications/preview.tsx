// Whose destinations would become whose, and who would lose access, before the segments of a private application are saved.
import { Spinner, Table, TableBody, TableCell, TableHeader, TableHeaderCell, TableRow, Text, makeStyles, tokens } from '@fluentui/react-components'
import { useMutation } from '@tanstack/react-query'
import { useEffect } from 'react'
import { call, type Problem, type Schema } from '../../api/client'
import { Failure, Guarded } from '../../parts/feedback'
import { useSession } from '../../session'
import { t } from '../../strings'
import { segmentsOf, wrongLines, type Draft } from './fields'

const useStyles = makeStyles({
  box: { marginTop: '16px', display: 'flex', flexDirection: 'column', alignItems: 'flex-start', gap: '8px', maxWidth: '960px' },
  wide: { width: '100%', overflowX: 'auto' },
  value: { overflowWrap: 'anywhere' },
  wrong: { color: tokens.colorPaletteRedForeground1 },
})

type Change = Schema['SegmentChange']

export function Preview({ draft, id, atOnce = false }: { draft: Draft; id?: string; atOnce?: boolean }) {
  const styles = useStyles()
  const s = t.applications.preview
  const { mayNot } = useSession()
  const body: Schema['SegmentTrial'] = { application: id, name: draft.name || undefined, kind: draft.kind as 'private', segments: segmentsOf(draft.segments) }
  const look = useMutation<Schema['SegmentPreview'], Problem, Schema['SegmentTrial']>({ mutationFn: (trial) => call('previewSegments', { body: trial }) })
  const stale = look.variables !== undefined && JSON.stringify(look.variables) !== JSON.stringify(body)
  const { mutate } = look
  useEffect(() => { if (atOnce) mutate(body) }, [atOnce]) // once, when the dialog opens
  const owner = (o: Change['from'] | undefined) => (o ? s.by(o.name, o.segment) : s.nobody)
  const rows = [...(look.data?.changes ?? []).map((c) => ({ c, to: owner(c.to) })), ...(look.data?.covered ?? []).map((c) => ({ c: { ...c, from: c.to, losing: [], losingCount: 0, gainingCount: 0 }, to: s.keeps }))]
  return (
    <section className={styles.box} aria-label={s.title}>
      {!atOnce && <Guarded why={mayNot('previewSegments')} disabledFocusable={look.isPending} onClick={() => mutate(body)}>{s.run}</Guarded>}
      {look.isPending && <Spinner size="tiny" label={s.running} />}
      {look.error && wrongLines(look.error) ? <Text role="alert" className={styles.wrong}>{wrongLines(look.error)}</Text> : <Failure problem={look.error} />}
      {stale && <Text size={200}>{s.stale}</Text>}
      {look.data && rows.length === 0 && <Text>{s.none}</Text>}
      {rows.length > 0 && (
        <div className={styles.wide} tabIndex={0} role="group" aria-label={s.title}>
          <Table size="small" aria-label={s.title}>
            <TableHeader><TableRow>{[s.example, s.from, s.to, s.losing, s.gaining].map((x) => <TableHeaderCell key={x}>{x}</TableHeaderCell>)}</TableRow></TableHeader>
            <TableBody>{rows.map(({ c, to }, i) => (
              <TableRow key={i}>
                <TableCell className={styles.value}>{c.example}</TableCell><TableCell className={styles.value}>{owner(c.from)}</TableCell><TableCell className={styles.value}>{to}</TableCell>
                <TableCell className={styles.value}>{c.losingCount ? s.people((c.losing ?? []).slice(0, 5).join(', '), c.losingCount - Math.min(5, (c.losing ?? []).length)) : s.nobody}</TableCell><TableCell>{c.gainingCount}</TableCell>
              </TableRow>
            ))}</TableBody>
          </Table>
          {look.data!.more > 0 && <Text>{s.more(look.data!.more)}</Text>}
        </div>
      )}
    </section>
  )
}
