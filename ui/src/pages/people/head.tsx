// The head of the pages about people, and the way between them.
import { Tab } from '@fluentui/react-components'
import type { ReactNode } from 'react'
import { PageHead } from '../../parts/page'
import { Tabs } from '../../parts/tabs'
import { navigate, useAddress } from '../../router'
import { t } from '../../strings'

export const views = ['users', 'groups', 'roles', 'requests', 'devices', 'providers'] as const

export function Head({ updated, actions, lead = t.people.lead }: { updated?: number; actions?: ReactNode; lead?: string }) {
  const { parts } = useAddress()
  const at = views.find((v) => v === parts[1]) ?? 'users'
  return (
    <>
      <PageHead title={t.people.title} lead={lead} updated={updated} actions={actions} />
      <Tabs selectedValue={at} onTabSelect={(_, d) => navigate(d.value === 'users' ? '/people' : `/people/${String(d.value)}`)}>{views.map((v) => <Tab key={v} value={v}>{t.people.views[v]}</Tab>)}</Tabs>
    </>
  )
}
