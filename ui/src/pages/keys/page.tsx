// Enrolment tokens, API keys, and the access keys of users.
import { Select, Tab, makeStyles } from '@fluentui/react-components'
import type { ReactNode } from 'react'
import { PageHead } from '../../parts/page'
import { Tabs } from '../../parts/tabs'
import { navigate, useAddress } from '../../router'
import { t } from '../../strings'
import { AccessKeys } from './access'
import { ApiKeys } from './api'
import { Tokens } from './tokens'

const s = t.keys
const views = { tokens: Tokens, api: ApiKeys, access: AccessKeys }
type View = keyof typeof views

const useStyles = makeStyles({ filters: { display: 'flex', flexWrap: 'wrap', gap: '8px', alignItems: 'center', margin: '12px 0' } })

export default function Keys() {
  const { parts } = useAddress()
  const at: View = parts[1] && parts[1] in views ? parts[1] as View : 'tokens'
  const Shown = views[at]
  return (
    <>
      <PageHead title={s.title} lead={s.lead} />
      <Tabs selectedValue={at} onTabSelect={(_, d) => navigate(d.value === 'tokens' ? '/keys' : `/keys/${String(d.value)}`)}>{Object.keys(views).map((name) => <Tab key={name} value={name}>{s.views[name]}</Tab>)}</Tabs>
      <Shown key={at} />
    </>
  )
}

export function Filters({ value, set, states, children }: { value: string; set: (v: string) => void; states: Record<string, string>; children?: ReactNode }) {
  return (
    <div className={useStyles().filters} role="search">
      <Select aria-label={s.filter} value={value} onChange={(_, d) => set(d.value)}><option value="">{s.any}</option>{Object.entries(states).map(([v, text]) => <option key={v} value={v}>{text}</option>)}</Select>
      {children}
    </div>
  )
}
