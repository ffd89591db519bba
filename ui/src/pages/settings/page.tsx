// What the service as a whole has.
import { Tab } from '@fluentui/react-components'
import { PageHead } from '../../parts/page'
import { Tabs } from '../../parts/tabs'
import { navigate, useAddress } from '../../router'
import { t } from '../../strings'
import { About } from './about'
import { Authority } from './authority'
import { BackupView } from './backup'
import { BrandingView } from './branding'
import { Certificates } from './certificates'
import { Exports } from './exports'
import { Gateways } from './gateways'
import { RetentionView } from './retention'
import { ServiceView } from './service'

const s = t.settings
const views = { exports: Exports, retention: RetentionView, certificates: Certificates, authority: Authority, gateways: Gateways, service: ServiceView, branding: BrandingView, backup: BackupView, about: About }
type View = keyof typeof views

export default function Settings() {
  const { parts } = useAddress()
  const at: View = parts[1] && parts[1] in views ? parts[1] as View : 'exports'
  const Shown = views[at]
  return (
    <>
      <PageHead title={s.title} lead={s.lead} />
      <Tabs selectedValue={at} onTabSelect={(_, d) => navigate(`/settings/${String(d.value)}`)}>{Object.keys(views).map((name) => <Tab key={name} value={name}>{s.views[name]}</Tab>)}</Tabs>
      <Shown key={at} />
    </>
  )
}
