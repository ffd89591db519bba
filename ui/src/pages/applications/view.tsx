import { Button, Menu, MenuItem, MenuList, MenuPopover, MenuTrigger, Spinner, Tab, makeStyles } from '@fluentui/react-components'
import { MoreHorizontalRegular, OpenRegular } from '@fluentui/react-icons'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call, problemOf, type Operation, type Problem, type Schema } from '../../api/client'
import { often, useAll, useObject } from '../../api/queries'
import { Confirm } from '../../parts/confirm'
import { Fact, Facts } from '../../parts/facts'
import { Ago, Failure, useToast } from '../../parts/feedback'
import { History } from '../../parts/history'
import { PageHead } from '../../parts/page'
import { download, yaml } from '../../parts/yaml'
import { navigate, useFilter } from '../../router'
import { useSession } from '../../session'
import { t } from '../../strings'
import { Edit } from './edit'
import { isPrivate, shownOf, writeSegment } from './fields'
import { State } from './list'
import { People } from './people'
import { Policies } from './policies'
import { Reach } from './reach'
import { Tabs } from '../../parts/tabs'
import { Traffic } from '../../parts/traffic'
import { WhatIf } from '../../parts/whatif'

const useStyles = makeStyles({ traffic: { marginTop: '24px' } })
const tabs = ['overview', 'settings', 'people', 'policies', 'test'] as const

// Segments lists the first of them; all are among the settings.
function Segments({ of }: { of: Schema['Segment'][] }) {
  const some = 20
  return (
    <>
      {of.slice(0, some).map((x) => <div key={writeSegment(x)}><code>{writeSegment(x)}</code></div>)}
      {of.length > some && <div>{t.applications.more(of.length - some)}</div>}
    </>
  )
}

export function ApplicationView({ id }: { id: string }) {
  const s = t.applications
  const styles = useStyles()
  const [tab, setTab] = useFilter('tab')
  const [asked, setAsked] = useState<'history' | 'remove' | ''>('')
  const [failed, setFailed] = useState<Problem | null>(null)
  const { mayNot } = useSession()
  const queries = useQueryClient()
  const toast = useToast()
  const app = useObject('showApplication', id, { every: 2 * often })
  const groups = useAll('listConnectorGroups', { sort: 'name' })
  const a = app.data
  const crumbs = [{ title: s.title, href: '/applications' }]
  if (!a) return app.error ? <><PageHead title={s.title} /><Failure problem={app.error} title={app.error.gone ? s.missing : t.error.unread} retry={() => void app.refetch()} /></> : <Spinner label={t.list.loading} />

  const run = (what: () => Promise<unknown>) => () => { setFailed(null); void what().catch((e: unknown) => setFailed(problemOf(e))) }
  const toggle = run(async () => {
    await call('updateApplication', { id, version: a.version, body: { disabled: !a.disabled } })
    toast(a.disabled ? s.enabled(a.name) : s.disabled(a.name))
    await queries.invalidateQueries()
  })
  const save = run(async () => {
    const whole = await call('exportConfiguration') as unknown as Schema['Document']
    const one = (whole.applications ?? []).filter((x) => x.name === a.name)
    download(`${a.name}.yaml`, 'applications:' + yaml(one, '  '))
  })
  const item = (title: string, operation: Operation, what: () => void) => {
    const why = mayNot(operation)
    return <MenuItem disabled={why !== ''} subText={why || undefined} onClick={what}>{title}</MenuItem>
  }
  const shown = (name: string, value: unknown) => shownOf(groups.data ?? [], name, value)
  const hidden = isPrivate(a)
  const at = tabs.find((x) => x === tab) ?? 'overview'
  return (
    <>
      <PageHead title={a.name} crumbs={crumbs} updated={app.dataUpdatedAt} actions={
        <>
          <State application={a} />
          {!hidden && <Button as="a" icon={<OpenRegular />} href={a.externalUrl} target="_blank" rel="noreferrer">{s.action.open}</Button>}
          <Menu>
            <MenuTrigger disableButtonEnhancement><Button icon={<MoreHorizontalRegular />} aria-label={t.list.actions(a.name)} /></MenuTrigger>
            <MenuPopover>
              <MenuList>
                {item(s.action.duplicate, 'createApplication', () => navigate(`/applications/new?from=${id}`))}
                {item(s.action.export, 'exportConfiguration', save)}
                {item(s.action.history, 'listApplicationHistory', () => setAsked('history'))}
                {item(a.disabled ? s.action.enable : s.action.disable, 'updateApplication', toggle)}
                {item(s.action.remove, 'deleteApplication', () => setAsked('remove'))}
              </MenuList>
            </MenuPopover>
          </Menu>
        </>
      } />
      <Failure problem={failed} />
      {app.error && <Failure problem={app.error} title={app.error.gone ? t.conflict.gone : t.error.title} />}
      <Tabs selectedValue={at} onTabSelect={(_, d) => setTab(d.value === 'overview' ? '' : String(d.value))}>
        {tabs.map((x) => <Tab key={x} value={x}>{s.tabs[x]}</Tab>)}
      </Tabs>
      <div style={{ marginTop: 16 }}>
        {at === 'overview' && (
          <>
            <Facts>
              {hidden ? (
                <>
                  <Fact title={s.form.kind}>{s.form.kinds[a.kind ?? '']}</Fact>
                  <Fact title={s.form.segments}><Segments of={a.segments ?? []} /></Fact>
                </>
              ) : (
                <>
                  <Fact title={s.facts.external}>{a.externalUrl}</Fact>
                  <Fact title={s.facts.internal}>{a.internalUrl}</Fact>
                </>
              )}
              <Fact title={s.facts.group}>{shown('connectorGroup', a.connectorGroup)}</Fact>
              {!hidden && <Fact title={s.facts.sign}>{a.preAuthentication === 'passthrough' ? s.form.passthrough : s.form.signIn}</Fact>}
              <Fact title={s.facts.changed}><Ago time={a.updated} /></Fact>
              <Fact title={s.facts.version}>{a.version}</Fact>
              <Fact title={s.facts.id}><code>{a.id}</code></Fact>
            </Facts>
            {!hidden && <Reach id={id} />}
            <div className={styles.traffic}><Traffic of="showApplicationSeries" id={id} /></div>
          </>
        )}
        {at === 'settings' && groups.data && <Edit key={a.id} application={a} groups={groups.data} />}
        {at === 'people' && <People application={a} />}
        {at === 'policies' && <Policies application={a} />}
        {at === 'test' && <WhatIf application={a} lead={s.explain.lead} />}
      </div>
      {asked === 'history' && <History title={a.name} id={id} version={a.version} list="listApplicationHistory" undo="undoApplication" close={() => setAsked('')} shownValue={shown} />}
      {asked === 'remove' && <Confirm title={s.ask.remove(a.name)} text={s.ask.removeText} action={s.action.remove} close={() => setAsked('')} run={async () => {
        await call('deleteApplication', { id, version: a.version })
        toast(s.removed(a.name))
        navigate('/applications')
        await queries.invalidateQueries({ predicate: (q) => q.queryKey[1] !== id })
      }} />}
    </>
  )
}
