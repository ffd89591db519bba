// The frame around every page: header, navigation, what is wrong with the connection or the session.
import {
  Button, Drawer, DrawerBody, DrawerHeader, DrawerHeaderTitle, Menu, MenuDivider, MenuGroup, MenuGroupHeader, MenuItem, MenuItemRadio, MenuList,
  MenuPopover, MenuTrigger, MessageBar, MessageBarBody, MessageBarTitle, Spinner, Text, Toaster, makeStyles, tokens,
} from '@fluentui/react-components'
import { AppsListRegular, BoardRegular, Dismiss24Regular, DocumentTextRegular, KeyMultipleRegular, NavigationRegular, PeopleRegular, PersonCircleRegular, PlugConnectedRegular, RocketRegular, SettingsRegular, ShieldTaskRegular } from '@fluentui/react-icons'
import { Component, lazy, Suspense, useEffect, useState, type ReactNode } from 'react'
import './app.css'
import { problemOf } from './api/client'
import { useSummary } from './api/queries'
import { ago, useNow } from './format'
import { SignInAgain } from './parts/again'
import { Failure, toasterId } from './parts/feedback'
import { Rollout } from './parts/rollout'
import { follow, navigate, useAddress } from './router'
import { SessionProvider, roleNames, signInAddress, useSession } from './session'
import { t } from './strings'
import { useTheme, type Choice } from './theme'

const Applications = lazy(() => import('./pages/applications/page'))
const Connectors = lazy(() => import('./pages/connectors/page'))
const Keys = lazy(() => import('./pages/keys/page'))
const Logs = lazy(() => import('./pages/logs/page'))
const Overview = lazy(() => import('./pages/overview/page'))
const People = lazy(() => import('./pages/people/page'))
const Policies = lazy(() => import('./pages/policies/page'))
const Settings = lazy(() => import('./pages/settings/page'))
const FirstSteps = lazy(() => import('./pages/first/page'))

// pages are what the navigation leads to: nothing stands here that is not built.
const pages = [
  { path: 'overview', title: t.nav.overview, icon: <BoardRegular />, page: Overview },
  { path: 'first-steps', title: t.nav.firstSteps, icon: <RocketRegular />, page: FirstSteps },
  { path: 'applications', title: t.nav.applications, icon: <AppsListRegular />, page: Applications },
  { path: 'connectors', title: t.nav.connectors, icon: <PlugConnectedRegular />, page: Connectors },
  { path: 'people', title: t.nav.people, icon: <PeopleRegular />, page: People },
  { path: 'policies', title: t.nav.policies, icon: <ShieldTaskRegular />, page: Policies },
  { path: 'keys', title: t.nav.keys, icon: <KeyMultipleRegular />, page: Keys },
  { path: 'logs', title: t.nav.logs, icon: <DocumentTextRegular />, page: Logs },
  { path: 'settings', title: t.nav.settings, icon: <SettingsRegular />, page: Settings },
]

const useStyles = makeStyles({
  header: {
    display: 'flex', alignItems: 'center', gap: '8px', height: '48px', padding: '0 12px', position: 'sticky', top: 0, zIndex: 100,
    backgroundColor: tokens.colorNeutralBackground1, borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
  },
  brand: { display: 'flex', alignItems: 'center', gap: '8px', textDecoration: 'none', color: tokens.colorNeutralForeground1, flexGrow: 1, minWidth: 0 },
  center: { color: tokens.colorNeutralForeground2, '@media (max-width: 480px)': { display: 'none' } },
  menuButton: { '@media (min-width: 900px)': { display: 'none' } },
  body: { display: 'flex', alignItems: 'stretch', minHeight: 'calc(100vh - 48px)' },
  side: {
    width: '216px', flexShrink: 0, padding: '12px 8px', borderRight: `1px solid ${tokens.colorNeutralStroke2}`,
    '@media (max-width: 899px)': { display: 'none' },
  },
  sticky: { position: 'sticky', top: '60px' },
  list: { listStyle: 'none', margin: 0, padding: 0, display: 'flex', flexDirection: 'column', gap: '2px' },
  link: {
    display: 'flex', alignItems: 'center', gap: '10px', padding: '8px 10px', borderRadius: tokens.borderRadiusMedium, textDecoration: 'none', fontSize: tokens.fontSizeBase300,
    color: tokens.colorNeutralForeground1, borderLeft: '3px solid transparent',
    ':hover': { backgroundColor: tokens.colorNeutralBackground2Hover },
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}` },
  },
  here: { backgroundColor: tokens.colorNeutralBackground2Selected, borderLeftColor: tokens.colorBrandStroke1, fontWeight: tokens.fontWeightSemibold },
  main: { flexGrow: 1, minWidth: 0, padding: '16px 24px 48px', '@media (max-width: 640px)': { padding: '12px 12px 48px' } },
  bars: { display: 'flex', flexDirection: 'column', gap: '8px' },
  waiting: { display: 'flex', justifyContent: 'center', padding: '96px 16px' },
  account: { maxWidth: '280px', padding: '6px 8px' },
  block: { display: 'block' },
})

function Nav({ onFollow }: { onFollow?: () => void }) {
  const styles = useStyles()
  const { parts } = useAddress()
  return (
    <ul className={styles.list}>
      {pages.map((p) => {
        const here = parts[0] === p.path
        return (
          <li key={p.path}>
            <a className={here ? `${styles.link} ${styles.here}` : styles.link} href={`/${p.path}`} aria-current={here ? 'page' : undefined}
              onClick={(e) => { follow(e); onFollow?.() }}>
              {p.icon}<span>{p.title}</span>
            </a>
          </li>
        )
      })}
    </ul>
  )
}

function ThemeMenu() {
  const { choice, choose } = useTheme()
  return (
    <MenuGroup>
      <MenuGroupHeader>{t.theme.label}</MenuGroupHeader>
      {(['system', 'light', 'dark'] as Choice[]).map((c) => <MenuItemRadio key={c} name="theme" value={c} onClick={() => choose(c)}>{t.theme[c as 'system']}</MenuItemRadio>)}
      <span hidden>{choice}</span>
    </MenuGroup>
  )
}

function Account() {
  const styles = useStyles()
  const { me, signOut } = useSession()
  const { choice } = useTheme()
  const roles = (me.roles ?? []).map((r) => roleNames[r] ?? r).join(', ') || t.session.noRoles
  return (
    <Menu checkedValues={{ theme: [choice] }} onCheckedValueChange={() => undefined}>
      <MenuTrigger disableButtonEnhancement>
        <Button appearance="subtle" icon={<PersonCircleRegular />} aria-label={`${t.session.account}: ${me.name}`}>{me.name}</Button>
      </MenuTrigger>
      <MenuPopover>
        <div className={styles.account}>
          <Text className={styles.block} size={200}>{t.session.signedInAs}</Text>
          <Text className={styles.block} weight="semibold">{me.name}</Text>
          <Text className={styles.block} size={200}>{roles}</Text>
        </div>
        <MenuList>
          <MenuDivider />
          <ThemeMenu />
          <MenuDivider />
          <MenuItem onClick={() => void signOut()}>{t.session.signOut}</MenuItem>
        </MenuList>
      </MenuPopover>
    </Menu>
  )
}

// Lost says that the service is away, and since when nothing is known to be true.
function Lost() {
  const { lost } = useSession()
  const now = useNow()
  if (!lost) return null
  return (
    <MessageBar intent="error" layout="multiline">
      <MessageBarBody><MessageBarTitle>{t.service.lostTitle}</MessageBarTitle> {t.service.lost(ago(lost, now))}</MessageBarBody>
    </MessageBar>
  )
}

// Guard shows a page that is broken as broken, and leaves the others alone.
class Guard extends Component<{ children: ReactNode; at: string }, { broken: string }> {
  override state = { broken: '' }
  static getDerivedStateFromError(error: unknown) { return { broken: problemOf(error).message || 'error' } }
  override componentDidUpdate(before: { at: string }) {
    if (before.at !== this.props.at && this.state.broken) this.setState({ broken: '' })
  }
  override render() {
    if (!this.state.broken) return this.props.children
    return (
      <MessageBar intent="error" layout="multiline">
        <MessageBarBody><MessageBarTitle>{t.error.crashed}</MessageBarTitle> {this.state.broken} <Button size="small" onClick={() => location.reload()}>{t.error.reload}</Button></MessageBarBody>
      </MessageBar>
    )
  }
}

// Start leads to the first steps while there are some to do, and else to what is looked at most.
function Start() {
  const styles = useStyles()
  const { data, error, refetch } = useSummary()
  useEffect(() => {
    if (data) navigate(data.connectors.all > 0 && data.applications.all > 0 ? '/overview' : '/first-steps', { replace: true })
  }, [data])
  if (error) return <Failure problem={error} title={t.error.unread} retry={() => void refetch()} />
  return <div className={styles.waiting}><Spinner label={t.session.starting} /></div>
}

function Content() {
  const { parts } = useAddress()
  const styles = useStyles()
  const at = pages.find((p) => p.path === parts[0])
  useEffect(() => { document.title = `${at?.title ?? t.center} · ${t.product}` }, [at])
  if (!parts[0]) return <Start />
  if (!at) return <Text as="h1" size={500}>{t.error.notFound}</Text>
  return (
    <Guard at={at.path}>
      <Suspense key={at.path} fallback={<div className={styles.waiting}><Spinner label={t.session.starting} /></div>}><at.page /></Suspense>
    </Guard>
  )
}

function Frame() {
  const styles = useStyles()
  const [open, setOpen] = useState(false)
  return (
    <>
      <a className="skip" href="#content">{t.nav.skip}</a>
      <header className={styles.header}>
        <Button className={styles.menuButton} appearance="subtle" icon={<NavigationRegular />} aria-label={t.nav.open} onClick={() => setOpen(true)} />
        <a className={styles.brand} href="/" onClick={follow}>
          <img src="/favicon.svg" width={24} height={24} alt="" /><Text weight="semibold" size={400}>{t.product}</Text><Text className={styles.center}>{t.center}</Text>
        </a>
        <Rollout />
        <Account />
      </header>
      <Drawer type="overlay" position="start" size="small" open={open} onOpenChange={(_, d) => setOpen(d.open)}>
        <DrawerHeader>
          <DrawerHeaderTitle action={<Button appearance="subtle" aria-label={t.nav.close} icon={<Dismiss24Regular />} onClick={() => setOpen(false)} />}>{t.product}</DrawerHeaderTitle>
        </DrawerHeader>
        <DrawerBody><nav aria-label={t.nav.label}><Nav onFollow={() => setOpen(false)} /></nav></DrawerBody>
      </Drawer>
      <div className={styles.body}>
        <nav className={styles.side} aria-label={t.nav.label}><div className={styles.sticky}><Nav /></div></nav>
        <main className={styles.main} id="content" tabIndex={-1}>
          <div className={styles.bars}><Lost /></div>
          <Content />
        </main>
      </div>
      <SignInAgain />
      <Toaster toasterId={toasterId} position="bottom-end" />
    </>
  )
}

function SignedOut() {
  const styles = useStyles()
  return (
    <main className={styles.waiting}>
      <div>
        <Text as="h1" size={600} weight="semibold" className={styles.block}>{t.session.signedOutTitle}</Text>
        <p>{t.session.signedOut}</p>
        <Button as="a" appearance="primary" href={signInAddress('/')}>{t.session.signIn}</Button>
      </div>
    </main>
  )
}

export function App() {
  const styles = useStyles()
  const { parts } = useAddress()
  if (parts[0] === 'signed-out') return <SignedOut />
  return (
    <SessionProvider waiting={(error, retry) => (
      <main className={styles.waiting}>
        {error && !problemOf(error).expired ? <Failure problem={problemOf(error)} retry={retry} /> : <Spinner label={t.session.starting} />}
      </main>
    )}>
      <Frame />
    </SessionProvider>
  )
}
