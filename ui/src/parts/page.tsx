// The head of a page: where one is, its name, what can be done, and how fresh it is.
import { Breadcrumb, BreadcrumbButton, BreadcrumbDivider, BreadcrumbItem, Text, makeStyles, tokens } from '@fluentui/react-components'
import { Fragment, type ReactNode } from 'react'
import { ago, useNow } from '../format'
import { follow } from '../router'
import { t } from '../strings'

const useStyles = makeStyles({
  head: { display: 'flex', flexDirection: 'column', gap: '4px', marginBottom: '12px' },
  title: { display: 'flex', alignItems: 'baseline', flexWrap: 'wrap', gap: '4px 16px' },
  lead: { color: tokens.colorNeutralForeground2, maxWidth: '72ch' },
  fresh: { color: tokens.colorNeutralForeground2 },
  bar: { display: 'flex', flexWrap: 'wrap', gap: '8px', alignItems: 'center', marginTop: '8px' },
  h1: { margin: 0, overflowWrap: 'anywhere' },
})

interface Crumb { title: string; href: string }

export function PageHead({ title, crumbs = [], lead, actions, updated }: { title: string; crumbs?: Crumb[]; lead?: ReactNode; actions?: ReactNode; updated?: number }) {
  const styles = useStyles()
  return (
    <div className={styles.head}>
      {crumbs.length > 0 && (
        <Breadcrumb size="small">
          {crumbs.map((c) => (
            <Fragment key={c.href}>
              <BreadcrumbItem><BreadcrumbButton href={c.href} onClick={follow as never}>{c.title}</BreadcrumbButton></BreadcrumbItem>
              <BreadcrumbDivider />
            </Fragment>
          ))}
          <BreadcrumbItem><BreadcrumbButton current>{title}</BreadcrumbButton></BreadcrumbItem>
        </Breadcrumb>
      )}
      <div className={styles.title}>
        <Text as="h1" size={600} weight="semibold" className={styles.h1}>{title}</Text>
        {updated ? <Fresh at={updated} /> : null}
      </div>
      {lead && <Text className={styles.lead}>{lead}</Text>}
      {actions && <div className={styles.bar}>{actions}</div>}
    </div>
  )
}

function Fresh({ at }: { at: number }) {
  const styles = useStyles()
  const now = useNow(1000)
  return <Text size={200} className={styles.fresh}>{t.list.updated(ago(Math.min(at, now), now))}</Text>
}
