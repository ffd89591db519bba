// Where logs are sent, how far that is, and what is wrong with it.
import { Button, Menu, MenuDivider, MenuItem, MenuList, MenuPopover, MenuTrigger, Text, makeStyles, tokens } from '@fluentui/react-components'
import { AddRegular, MoreHorizontalRegular } from '@fluentui/react-icons'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call, problemOf, sentence, type Operation, type Problem, type Schema } from '../../api/client'
import { often, useAll } from '../../api/queries'
import { number, when } from '../../format'
import { Confirm } from '../../parts/confirm'
import { Fact, Facts } from '../../parts/facts'
import { Ago, Failure, Guarded, useToast } from '../../parts/feedback'
import { History } from '../../parts/history'
import { Rows, type Column } from '../../parts/rows'
import { Label } from '../../parts/status'
import { useFilter } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { ExportForm } from './exportform'
import { Secret, Test } from './exporttasks'
import { Section } from '../../parts/section'

type Export = Schema['Export']
const s = t.settings.exports
type What = 'test' | 'edit' | 'secret' | 'history' | 'remove'

const useStyles = makeStyles({
  minor: { display: 'block', color: tokens.colorNeutralForeground2 },
  detail: { display: 'flex', flexDirection: 'column', gap: '12px' },
  list: { listStyle: 'none', margin: 0, padding: 0 },
  line: { padding: '4px 0', overflowWrap: 'anywhere' },
})

const failing = (e: Export) => (e.states ?? []).filter((x) => x.failing)
const waiting = (e: Export) => (e.states ?? []).reduce((n, x) => n + x.waiting, 0)

export function Exports() {
  const { mayNot } = useSession()
  const [open, setOpen] = useFilter('open')
  const [task, setTask] = useState<{ what: What; export: Export } | null>(null)
  const [adding, setAdding] = useState(false)
  const [failed, setFailed] = useState<Problem | null>(null)
  const allowed = mayNot('listExports') === ''
  const list = useAll('listExports', { sort: 'name' }, { every: often, enabled: allowed })
  const queries = useQueryClient()
  const toast = useToast()
  const reread = () => queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'showMe' })
  const toggle = async (e: Export) => {
    setFailed(null)
    try {
      await call('updateExport', { id: e.id, version: e.version, body: { disabled: !e.disabled } })
      toast(e.disabled ? s.enabled(e.name) : s.disabled(e.name))
    } catch (error) {
      setFailed(problemOf(error))
    }
    await reread()
  }
  const columns: Column<Export>[] = [
    { key: 'name', title: s.column.name, width: 'minmax(0, 2fr)', show: (e) => <Text weight="semibold">{e.name}</Text> },
    { key: 'state', title: s.column.state, width: 'minmax(0, 3fr)', show: (e) => <State of={e} /> },
    { key: 'kind', title: s.column.kind, width: 'minmax(0, 2fr)', show: (e) => s.kinds[e.kind] ?? e.kind },
    { key: 'streams', title: s.column.streams, width: 'minmax(0, 2fr)', minor: true, show: (e) => (e.streams ?? []).map((x) => s.streams[x] ?? x).join(', ') },
    { key: 'url', title: s.column.url, width: 'minmax(0, 3fr)', show: (e) => e.url },
  ]
  const x = task?.export
  return (
    <Section operation="listExports" lead={s.lead} read={list} actions={<Guarded appearance="primary" icon={<AddRegular />} why={mayNot('createExport')} onClick={() => setAdding(true)}>{s.add}</Guarded>}>
      <Failure problem={failed} />
      {(list.data || list.isPending) && (
        <Rows label={t.settings.views.exports!} items={list.data ?? []} columns={columns} id={(e) => e.id} name={(e) => e.name} loading={list.isPending} open={open} setOpen={setOpen} empty={s.empty}
          detail={(e) => <Detail of={e} />} actions={(e) => <ExportMenu of={e} start={(what) => setTask({ what, export: e })} toggle={() => void toggle(e)} />} />
      )}
      {adding && <ExportForm close={() => setAdding(false)} />}
      {x && task.what === 'edit' && <ExportForm export={x} close={() => setTask(null)} />}
      {x && task.what === 'test' && <Test export={x} close={() => setTask(null)} />}
      {x && task.what === 'secret' && <Secret export={x} close={() => setTask(null)} />}
      {x && task.what === 'history' && <History title={x.name} id={x.id} version={x.version} list="listExportHistory" undo="undoExport" close={() => setTask(null)} />}
      {x && task.what === 'remove' && <Confirm title={s.ask.remove(x.name)} text={s.ask.removeText} action={s.action.remove} close={() => setTask(null)}
        run={async () => { await call('deleteExport', { id: x.id, version: x.version }); toast(s.removed(x.name)); await reread() }} />}
    </Section>
  )
}

function State({ of: e }: { of: Export }) {
  const styles = useStyles()
  if (e.disabled) return <Label label="disabled" text={s.state.off} />
  const bad = failing(e)
  if (bad.length > 0) return <><Label label="failed" text={s.state.failing} /><Text size={200} className={styles.minor}>{bad[0]!.error && sentence(bad[0]!.error)}</Text></>
  if (waiting(e) === 0 && !(e.states ?? []).some((x) => x.sent)) return <Label label="unknown" text={s.state.nothing} />
  return waiting(e) > 0 ? <Label label="waiting" text={`${s.state.waiting}: ${number(waiting(e))}`} /> : <Label label="active" text={s.state.sends} />
}

function Detail({ of: e }: { of: Export }) {
  const styles = useStyles()
  const f = s.facts
  return (
    <div className={styles.detail}>
      <div>
        <Text weight="semibold">{s.progress}</Text>
        <ul className={styles.list} aria-label={s.progress}>
          {(e.states ?? []).map((x) => (
            <li key={x.stream + (x.gateway ?? '')} className={styles.line}>
              <b>{s.streams[x.stream] ?? x.stream}</b> {x.gateway} {s.seq(number(x.seq))}, {s.waiting(number(x.waiting))}, {x.sent ? <>{s.sent} <Ago time={x.sent} /></> : s.nothingYet}
              {x.missed > 0 && <>, {s.missed(number(x.missed))}</>}
              {x.failing && <>, <b>{s.since}</b> <Ago time={x.failing} />{x.error && `: ${sentence(x.error)}`}</>}
            </li>
          ))}
        </ul>
      </div>
      <Facts>
        <Fact title={f.secret}>{e.hasSecret ? f.has : f.hasNone}</Fact>
        {e.kind === 'webhook' && <Fact title={f.array}>{e.array ? t.yes : t.no}</Fact>}
        {e.kind === 'mail' && <><Fact title={f.from}>{e.from}</Fact><Fact title={f.to}>{(e.to ?? []).join(', ')}</Fact><Fact title={f.user}>{e.user || t.none}</Fact></>}
        <Fact title={f.private}>{e.allowPrivate ? t.yes : t.no}</Fact>
        <Fact title={f.loopback}>{e.allowLoopback ? t.yes : t.no}</Fact>
        <Fact title={f.ca}>{e.ca ? t.yes : t.no}</Fact>
        <Fact title={f.changed}>{when(e.updated)}</Fact>
        <Fact title={f.id}>{e.id}</Fact>
      </Facts>
    </div>
  )
}

function ExportMenu({ of: e, start, toggle }: { of: Export; start: (what: What) => void; toggle: () => void }) {
  const { mayNot } = useSession()
  const item = (title: string, operation: Operation, run: () => void) => {
    const why = mayNot(operation)
    return <MenuItem disabled={why !== ''} title={why || undefined} subText={why || undefined} onClick={run}>{title}</MenuItem>
  }
  return (
    <Menu>
      <MenuTrigger disableButtonEnhancement><Button appearance="subtle" icon={<MoreHorizontalRegular />} aria-label={t.list.actions(e.name)} /></MenuTrigger>
      <MenuPopover>
        <MenuList>
          {item(s.action.test, 'testExport', () => start('test'))}
          {item(s.action.edit, 'updateExport', () => start('edit'))}
          {item(s.action.secret, 'setExportSecret', () => start('secret'))}
          {item(e.disabled ? s.action.enable : s.action.disable, 'updateExport', toggle)}
          {item(s.action.history, 'listExportHistory', () => start('history'))}
          <MenuDivider />
          {item(s.action.remove, 'deleteExport', () => start('remove'))}
        </MenuList>
      </MenuPopover>
    </Menu>
  )
}
